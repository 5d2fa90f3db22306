//! Notices become subject, text and HTML, by templates that are strict about undefined variables.
//!
//! The templates of `templates/` are built in; a directory may replace any of them, and is tried out with a sample of
//! every notice before a single mail goes out. No line of a rendered text is a command: mail programs that quote
//! without `>` would otherwise put words into the mouth of whoever answers.

mod filters;
mod reference;
mod samples;
mod words;

use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;

use crate::domain::notice::Notice;

pub use reference::reference;
pub use samples::{Sample, samples};
pub use words::{Way, ways};

/// What stands at the top of every notice that can be answered. Whatever is found below it in a reply is ours.
pub const ANSWER_ABOVE: &str = "~~~ Please write your answer above this line ~~~";

/// What the mails of one installation have in common, and where this one is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Footing {
    /// The name the mails are signed with: `patchbot`.
    pub sender: String,
    /// Whom to ask: `ops@example.org`.
    pub contact: String,
    /// Where an answer is read; none when this notice cannot be answered.
    pub reply: Option<ReplyTo>,
}

/// Where and under which token an answer is read.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ReplyTo {
    /// The plus address: `patchbot+abcd…@example.org`.
    pub address: String,
    /// The token as it ends the subject: `[#ABCD…]`.
    pub tag: String,
}

impl std::fmt::Debug for ReplyTo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReplyTo(…)")
    }
}

/// A notice in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line; ends with the token when the notice can be answered.
    pub subject: String,
    /// The text, readable without HTML.
    pub text: String,
    /// The HTML, readable without pictures.
    pub html: String,
}

/// Templates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The directory or a file of it cannot be read.
    #[error("the template {path} cannot be read ({why}); make it readable for the service user, or leave `templates` out of the configuration", path = .path.display())]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// A file that replaces nothing.
    #[error("{path} replaces no template of this program{suggestion}; see templates/README.md for their names", path = .path.display())]
    UnknownFile {
        /// The file.
        path: PathBuf,
        /// `; did you mean …`, or nothing.
        suggestion: String,
    },
    /// A template that does not work.
    #[error(
        "the template {name}{line} does not work: {why}; compare it with the variables listed in templates/README.md"
    )]
    Template {
        /// The template's name.
        name: String,
        /// `, line 12,` when it is known.
        line: String,
        /// What is wrong.
        why: String,
    },
    /// A template prints words that would be taken for an answer when they are quoted.
    #[error(
        "the template {name} prints the line \"{line}\", which is a command; put the words in quotes inside a sentence, because some mail programs quote without a mark"
    )]
    SpeaksACommand {
        /// The template's name.
        name: String,
        /// The line.
        line: String,
    },
}

macro_rules! template {
    ($name:expr) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $name)))
    };
}
macro_rules! templates {
    ($($notice:literal),+ $(,)?) => {
        &[
            template!("layout/base.txt.j2"),
            template!("layout/base.html.j2"),
            template!("layout/parts.txt.j2"),
            template!("layout/parts.html.j2"),
            $(
                template!(concat!("mail/", $notice, "/subject.txt.j2")),
                template!(concat!("mail/", $notice, "/body.txt.j2")),
                template!(concat!("mail/", $notice, "/body.html.j2")),
            )+
        ]
    };
}

/// Every built-in template by its name.
const BUILT_IN: &[(&str, &str)] = templates![
    "monthly_notice", "approval_request", "daily_reminder", "starting", "missed", "decision",
    "precheck_alert", "completion_notice", "failure_notice", "transcript",
];

/// Turns notices into mails.
#[derive(Debug)]
pub struct Renderer {
    templates: Environment<'static>,
}

impl Renderer {
    /// Loads the built-in templates, puts those of `replacements` in their place, and renders every sample with them.
    ///
    /// # Errors
    /// When a replacement cannot be read, replaces nothing, or does not work.
    pub fn new(replacements: Option<&Path>) -> Result<Self, RenderError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
            templates.set_syntax(syntax);
        }
        filters::add_to(&mut templates);
        for (name, source) in BUILT_IN {
            templates.add_template(name, source).map_err(|why| template_error(name, &why))?;
        }
        if let Some(directory) = replacements {
            for path in files(directory)? {
                let name = known_name(directory, &path)?;
                let source = std::fs::read_to_string(&path)
                    .map_err(|why| RenderError::Unreadable { path: path.clone(), why })?;
                templates.add_template_owned(name, source).map_err(|why| template_error(name, &why))?;
            }
        }
        let renderer = Self { templates };
        renderer.try_out()?;
        Ok(renderer)
    }

    /// Renders a notice.
    ///
    /// # Errors
    /// When a template does not work with this notice.
    pub fn render(&self, notice: &Notice, footing: &Footing) -> Result<Rendered, RenderError> {
        let rendered = self.render_as_written(notice, footing)?;
        // Sentences come from elsewhere, and a log or a quoted reply may hold anything.
        let text = rendered
            .text
            .lines()
            .map(|line| if speaks(line) { format!("» {line}\n") } else { format!("{line}\n") });
        Ok(Rendered { text: text.collect(), ..rendered })
    }

    fn render_as_written(&self, notice: &Notice, footing: &Footing) -> Result<Rendered, RenderError> {
        let name = notice.name();
        let ways = if footing.reply.is_some() { ways(notice) } else { Vec::new() };
        let one = |part: &str, subject: &str| {
            let name = format!("mail/{name}/{part}.j2");
            let template = self.templates.get_template(&name).map_err(|why| template_error(&name, &why))?;
            template
                .render(context! { n => Serde(notice), foot => Serde(footing), ways => Serde(&ways), subject, answer_above => ANSWER_ABOVE })
                .map_err(|why| template_error(&name, &why))
        };
        let subject = one("subject.txt", "")?.split_whitespace().collect::<Vec<_>>().join(" ");
        let subject = match &footing.reply {
            Some(reply) => format!("{subject} {}", reply.tag),
            None => subject,
        };
        let (text, html) = (one("body.txt", &subject)?, one("body.html", &subject)?);
        Ok(Rendered { text: tidy(&text), html, subject })
    }

    fn try_out(&self) -> Result<(), RenderError> {
        for sample in samples() {
            let rendered = self.render_as_written(&sample.notice, &sample.footing)?;
            if let Some(line) = rendered.text.lines().find(|line| speaks(line)) {
                let name = format!("mail/{}/body.txt.j2", sample.notice.name());
                return Err(RenderError::SpeaksACommand { name, line: line.to_owned() });
            }
        }
        Ok(())
    }
}

/// Whether a line would be acted on if it were all that is left of a reply.
fn speaks(line: &str) -> bool {
    let bare = line.trim_start_matches(['>', ' ', '\t']);
    patchbot_commands::parse_reply(bare).is_ok()
}

/// No blanks at the ends of lines, no two blank lines together: what templates leave behind.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut blank = true;
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && blank) {
            tidied.push_str(line);
            tidied.push('\n');
        }
        blank = line.is_empty();
    }
    while tidied.ends_with("\n\n") {
        tidied.pop();
    }
    tidied
}

fn template_error(name: &str, error: &minijinja::Error) -> RenderError {
    // The error's own name is the included template when one is involved.
    let name = error.name().unwrap_or(name).to_owned();
    let line = error.line().map(|line| format!(", line {line},")).unwrap_or_default();
    let mut why = error
        .detail()
        .map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    if let Some(source) = std::error::Error::source(error) {
        why = format!("{why} ({source})");
    }
    RenderError::Template { name, line, why }
}

/// Every file below a directory, in order; names that begin with a dot are nobody's templates.
fn files(directory: &Path) -> Result<Vec<PathBuf>, RenderError> {
    let unreadable = |why| RenderError::Unreadable { path: directory.to_owned(), why };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}

fn known_name(directory: &Path, path: &Path) -> Result<&'static str, RenderError> {
    let name = path.strip_prefix(directory).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let known = BUILT_IN.iter().map(|(name, _)| *name);
    if let Some(known) = known.clone().find(|known| *known == name) {
        return Ok(known);
    }
    let nearest = known
        .map(|known| (strsim::damerau_levenshtein(known, &name), known))
        .min()
        .filter(|(distance, _)| *distance <= 12)
        .map(|(_, known)| format!("; did you mean {known}"));
    Err(RenderError::UnknownFile { path: path.to_owned(), suggestion: nearest.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes every sample to a folder, to be looked at: `PREVIEW=/tmp/x cargo test --lib look_at`.
    #[test]
    fn every_sample_renders_with_the_built_in_templates() {
        let renderer = Renderer::new(None).unwrap_or_else(|why| panic!("{why}"));
        for sample in samples() {
            let rendered = renderer.render(&sample.notice, &sample.footing).unwrap();
            if let Some(folder) = std::env::var_os("PREVIEW") {
                let folder = PathBuf::from(folder);
                std::fs::write(folder.join(format!("{}.html", sample.name)), &rendered.html).unwrap();
                std::fs::write(
                    folder.join(format!("{}.txt", sample.name)),
                    format!("{}\n\n{}", rendered.subject, rendered.text),
                )
                .unwrap();
            }
        }
    }
}
