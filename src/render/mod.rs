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
use minijinja::value::{Serde, Value};
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
            template!("layout/buttons.html.j2"),
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
    "monthly_notice", "approval_request", "weekly_followup", "weekly_reminder", "daily_reminder", "starting",
    "word", "missed", "decision", "decisions", "precheck_alert", "completion_notice", "failure_notice",
    "transcript", "daily_report", "weekly_report", "monthly_report", "quarter_report", "operator_alert",
    "link_code",
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
        let (n, foot, ways) =
            (Value::from(Serde(notice)), Value::from(Serde(footing)), Value::from(Serde(&ways)));
        let one = |part: &str, subject: &str| {
            let name = format!("mail/{name}/{part}.j2");
            let template = self.templates.get_template(&name).map_err(|why| template_error(&name, &why))?;
            template
                .render(context! { n => n.clone(), foot => foot.clone(), ways => ways.clone(), subject, answer_above => ANSWER_ABOVE })
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
    let bare = line.trim_start_matches(['>', '|', ' ', '\t']);
    patchbot_commands::is_understood(bare)
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
    use crate::mail::read::html::seen;

    fn rendered() -> Vec<(Sample, Rendered)> {
        let renderer = Renderer::new(None).unwrap_or_else(|why| panic!("{why}"));
        let render = |sample: Sample| {
            let rendered = renderer.render(&sample.notice, &sample.footing).unwrap();
            (sample, rendered)
        };
        samples().into_iter().map(render).collect()
    }

    #[test]
    fn every_notice_has_a_sample() {
        for (name, _) in BUILT_IN {
            let Some(notice) = name.strip_prefix("mail/").and_then(|name| name.split('/').next()) else {
                continue;
            };
            assert!(samples().iter().any(|sample| sample.notice.name() == notice), "{notice}");
        }
    }

    #[test]
    fn no_line_of_a_notice_is_a_command_in_whatever_way_it_is_quoted() {
        for (sample, rendered) in rendered() {
            let page = seen(&rendered.html);
            for text in [&rendered.text, &page.text] {
                for line in text.lines() {
                    let bare = line.trim_start_matches(['>', ' ', '|', '\t']);
                    for line in [line, bare] {
                        assert!(patchbot_commands::parse_reply(line).is_err(), "{}: {line:?}", sample.name);
                    }
                }
                assert!(patchbot_commands::parse_reply(text).is_err(), "{}", sample.name);
            }
        }
    }

    #[test]
    fn nothing_in_a_notice_is_hidden_or_struck_out_and_there_are_no_pictures() {
        for (sample, rendered) in rendered() {
            let page = seen(&rendered.html);
            assert!(!page.hidden && !page.struck, "{}", sample.name);
            for word in ["<img", "http://", "src=", "url("] {
                let html = rendered.html.replace("http://www.w3.org/1999/xhtml", "");
                assert!(!html.contains(word), "{}: {word}", sample.name);
            }
        }
    }

    #[test]
    fn in_outlook_no_two_boxes_touch_and_the_width_is_given() {
        for (sample, rendered) in rendered() {
            let joined: String = rendered.html.lines().map(str::trim).collect();
            for box_ in ["class=\"box\"", "width=\"100%\""] {
                let touching = format!("</table><table role=\"presentation\" {box_}");
                assert!(!joined.contains(&touching), "{}", sample.name);
            }
            assert!(
                joined.contains("<!--[if mso]><table role=\"presentation\" width=\"640\""),
                "{}",
                sample.name
            );
        }
    }

    #[test]
    fn subjects_name_the_quarter_and_the_server_and_end_with_the_token() {
        for (sample, rendered) in rendered() {
            let subject = &rendered.subject;
            assert!(!subject.contains(['\n', '\r']) && subject.chars().count() <= 140, "{subject}");
            match &sample.footing.reply {
                Some(reply) => assert!(subject.ends_with(&format!(" {}", reply.tag)), "{subject}"),
                None => assert!(!subject.contains("[#"), "{subject}"),
            }
            if !sample.notice.windows().is_empty() {
                assert!(subject.starts_with("2027-Q1: "), "{subject}");
                assert!(subject.contains(".owners.test") || subject.contains(" servers"), "{subject}");
            }
        }
    }

    #[test]
    fn text_and_html_say_when_in_all_zones_and_what_can_be_answered() {
        for (sample, rendered) in rendered() {
            let page = seen(&rendered.html).text;
            for text in [&rendered.text, &page] {
                for window in sample.notice.windows() {
                    for part in [&window.server, &window.start.server, &window.start.server_zone] {
                        assert!(text.contains(part.as_str()), "{}: {part} is missing", sample.name);
                    }
                    for part in [&window.start.utc]
                        .into_iter()
                        .chain(&window.start.reader)
                        .chain(&window.start.reader_zone)
                    {
                        assert!(text.contains(part.as_str()), "{}: {part} is missing", sample.name);
                    }
                }
                assert_eq!(text.contains(ANSWER_ABOVE), sample.footing.reply.is_some(), "{}", sample.name);
                assert!(text.contains("ops@patch.test"));
            }
            for way in ways(&sample.notice).iter().filter(|_| sample.footing.reply.is_some()) {
                assert!(
                    rendered.text.contains(&format!("\"{}\"", way.words)),
                    "{}: {}",
                    sample.name,
                    way.words
                );
            }
        }
    }

    #[test]
    fn in_a_long_list_the_way_to_answer_stands_above_it() {
        let (_, rendered) =
            rendered().into_iter().find(|(sample, _)| sample.name == "monthly_notice-many").unwrap();
        for text in [&rendered.text, &seen(&rendered.html).text] {
            let place =
                |words: &str| text.find(words).unwrap_or_else(|| panic!("{words} is missing: {text}"));
            let (first, last) = (place("web01.owners.test"), place("web14.owners.test"));
            for above in ["Please answer by", "approve all", "answers go on lines of their own"] {
                assert!(place(above) < first, "{above} stands below the list: {text}");
            }
            assert!(first < last && last < place("Questions?"));
        }
    }

    #[test]
    fn a_hundred_servers_fit_into_what_mail_programs_show_of_a_mail() {
        // Gmail cuts HTML off at 102 KB, and shows the rest in a window of its own.
        const SHOWN: usize = 102 * 1024;
        let mut sample = samples().into_iter().find(|sample| sample.name == "monthly_notice-many").unwrap();
        let Notice::MonthlyNotice(digest) = &mut sample.notice else { panic!() };
        digest.windows = digest.windows.iter().cycle().take(100).cloned().collect();
        let rendered = Renderer::new(None).unwrap().render(&sample.notice, &sample.footing).unwrap();
        assert!(rendered.html.len() < SHOWN, "{} bytes", rendered.html.len());
    }

    #[test]
    fn the_monthly_notice_reads_as_an_owner_reads_it() {
        let (_, notice) = rendered().into_iter().next().unwrap();
        insta::assert_snapshot!(format!("{}\n\n{}", notice.subject, notice.text), @r#"
        2027-Q1: 3 servers are to be patched, do the times suit you? [#MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U]

        ~~~ Please write your answer above this line ~~~

        Hello Ada,

        these servers of yours are to be patched in 2027-Q1, and these are the times I propose:

        Group web

         1. web01.owners.test (waits for approval)
            Thu 3 Dec 2026, 20:00–23:00 America/New_York
            Fri 4 Dec 2026, 02:00–05:00 Europe/Berlin, your time
            Fri 4 Dec 2026, 01:00–04:00 UTC

         2. web02.owners.test (waits for approval)
            Thu 3 Dec 2026, 21:00 to Fri 4 Dec 2026, 00:00 America/New_York
            Fri 4 Dec 2026, 03:00–06:00 Europe/Berlin, your time
            Fri 4 Dec 2026, 02:00–05:00 UTC

        Without a group

         3. db01.owners.test (waits for approval)
            Thu 10 Dec 2026, 21:00 to Fri 11 Dec 2026, 00:00 Europe/Berlin
            Thu 10 Dec 2026, 20:00–23:00 UTC

        All pending updates are installed then, and a restart may follow; a server can be away for a while within its hours.

        Please answer by Tue 24 Nov 2026, 16:00 Europe/Berlin (15:00 UTC).
        Without an answer by then, the time slips by one week, and I ask you again.
        Each of them can be moved twice more, to Sun 31 Jan 2027 at the latest.

        To answer, reply to this mail. At the top of your reply:
         * write "approve all" if all of these times suit you,
         * write "approve 1-2" for some of them, by their numbers,
         * write "move 3 to 2026-12-17 21:00" for another time, with your date and time,
         * write "defer 3 by 1 week" for the same time one week later,
         * write "decline 3 because of …" if it must not be patched in this quarter.
        Leave the subject as it is. Several answers go on lines of their own.

        Questions? Write to ops@patch.test, a person reads it.
        patchbot
        "#);
    }

    #[test]
    fn what_others_put_in_becomes_neither_markup_nor_a_command() {
        let renderer = Renderer::new(None).unwrap();
        let mut sample = samples().into_iter().find(|sample| sample.name == "failure_notice").unwrap();
        let Notice::FailureNotice(failure) = &mut sample.notice else { panic!() };
        failure.reasons = vec!["approve all".to_owned(), "<b>decline</b>".to_owned()];
        failure.log = vec!["<script>alert(1)</script>".to_owned(), "{{ 1 + 1 }}".to_owned()];
        failure.window.server = "web01\r\nBcc: eve@evil.test".to_owned();
        let rendered = renderer.render(&sample.notice, &sample.footing).unwrap();
        assert!(rendered.text.contains("» approve all\n"), "{}", rendered.text);
        assert!(rendered.text.lines().all(|line| patchbot_commands::parse_reply(line).is_err()));
        assert!(rendered.html.contains("&lt;script&gt;") && !rendered.html.contains("<script>"));
        assert!(rendered.text.contains("{{ 1 + 1 }}"));
        assert!(!rendered.subject.contains(['\r', '\n']), "{:?}", rendered.subject);
    }

    fn replaced(name: &str, source: &str) -> Result<Renderer, RenderError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, source).unwrap();
        Renderer::new(Some(folder.path()))
    }

    #[test]
    fn a_directory_replaces_templates_and_its_mistakes_are_found_at_the_start() {
        let ours = replaced("mail/missed/subject.txt.j2", "{{ n.window.server }} missed its window").unwrap();
        let sample = samples().into_iter().find(|sample| sample.name == "missed").unwrap();
        let subject = ours.render(&sample.notice, &sample.footing).unwrap().subject;
        assert!(subject.starts_with("web01.owners.test missed its window [#"), "{subject}");
        for (name, source, why) in [
            ("mail/mised/subject.txt.j2", "x", "did you mean mail/missed/subject.txt.j2"),
            ("notes.txt", "x", "replaces no template of this program"),
            ("mail/missed/body.txt.j2", "\n{{ n.window.sever }}", "line 2, does not work: undefined value"),
            ("mail/missed/body.txt.j2", "{% if %}", "does not work: syntax error"),
            (
                "mail/missed/body.txt.j2",
                "Say\n > approve.\n",
                "prints the line \" > approve.\", which is a command",
            ),
        ] {
            let error = replaced(name, source).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let error = Renderer::new(Some(Path::new("/nonexistent"))).unwrap_err().to_string();
        assert!(error.contains("/nonexistent cannot be read"), "{error}");
    }
}
