//! The description of a command, from which help, manifests and documentation are made.

use std::fmt::Write as _;

use super::reason::Reason;

/// Who a command is for, by what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Only looks.
    Read,
    /// Takes a decision about a window.
    Decide,
    /// Runs the quarter and the night.
    Operate,
    /// Changes inventory, identities or policy.
    Administer,
    /// Changes something about the one who says it, and nobody else.
    Oneself,
}

impl Effect {
    /// Who may, as it stands in the reference.
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Read => "everybody, about what they may see",
            Self::Decide => "owners of the server, operators",
            Self::Operate => "operators",
            Self::Administer => "administrators",
            Self::Oneself => "everybody, about themselves",
        }
    }
}

/// Where a command can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// As a reply to a notice mail.
    Mail,
    /// In Slack and Discord.
    Chat,
    /// With `patchbot say`.
    Terminal,
}

/// What an argument takes, so that a form can offer it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgKind {
    /// Servers: names, `all`, a host group, or lines of a notice.
    Servers,
    /// One server's name.
    Server,
    /// A time a window can move to.
    Time,
    /// A reason, which is quoted.
    Reason,
    /// A word that is said or not.
    Flag,
    /// A quarter's name.
    Quarter,
    /// A command's word.
    Command,
    /// A time zone's name.
    Zone,
    /// Other words, of which these are the usual ones.
    Words(&'static [&'static str]),
}

/// One argument of a command, for typed options and forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: ArgKind,
    /// The word that stands before it in a line; empty when none does.
    pub before: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Whether the command needs it.
    pub required: bool,
}

/// A line that is understood, and what it does. Each is a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// The line.
    pub line: &'static str,
    /// What it does.
    pub means: &'static str,
}

/// The description of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// The word.
    pub name: &'static str,
    /// Other words for the same.
    pub aliases: &'static [&'static str],
    /// The form, in one line.
    pub usage: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// The arguments, in order.
    pub args: &'static [Arg],
    /// Lines that are understood.
    pub examples: &'static [Example],
    /// Where it can be said.
    pub surfaces: &'static [Surface],
    /// What it does, which says who may.
    pub effect: Effect,
}

/// Mail, chat and the terminal.
pub(crate) const EVERYWHERE: &[Surface] = &[Surface::Mail, Surface::Chat, Surface::Terminal];
/// Where somebody is there to confirm what is dangerous: a mail can be misread, and nobody waits for its answer.
pub(crate) const WHERE_SOMEBODY_IS: &[Surface] = &[Surface::Chat, Surface::Terminal];
/// Where an account is that could be linked.
pub(crate) const IN_CHAT: &[Surface] = &[Surface::Chat];

impl Spec {
    /// The name and the aliases.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Puts a line together from the arguments that were filled in, in the order in which they are said.
    #[must_use]
    pub fn line<'a>(&self, filled: impl Fn(&str) -> Option<&'a str>) -> String {
        let mut line = self.name.to_owned();
        for arg in self.args {
            let Some(value) = filled(arg.name).map(str::trim).filter(|value| !value.is_empty()) else {
                continue;
            };
            if !arg.before.is_empty() {
                line.push(' ');
                line.push_str(arg.before);
            }
            line.push(' ');
            match arg.kind {
                ArgKind::Reason => match Reason::new(value) {
                    Ok(reason) => line.push_str(&reason.to_string()),
                    Err(_) => line.push_str(value),
                },
                ArgKind::Flag => line.push_str(arg.name),
                ArgKind::Servers
                | ArgKind::Server
                | ArgKind::Time
                | ArgKind::Quarter
                | ArgKind::Command
                | ArgKind::Zone
                | ArgKind::Words(_) => line.push_str(value),
            }
        }
        line
    }

    /// Takes a line in its canonical words apart into the arguments that it fills in.
    #[must_use]
    pub fn filled<'a>(&self, line: &'a str) -> Vec<(&'static Arg, &'a str)> {
        let mut found = Vec::new();
        let mut rest = line.strip_prefix(self.name).unwrap_or(line).trim();
        // From the last one on: a word that stands before an argument does not occur in those before it.
        for arg in self.args.iter().rev().filter(|arg| !arg.before.is_empty()) {
            let mark = format!("{} ", arg.before);
            let at = match arg.kind {
                // A reason may hold every other word.
                ArgKind::Reason => rest.find(&format!("{mark}\"")),
                _ => rest.rfind(&mark),
            };
            let begins = |at: &usize| *at == 0 || rest.get(..*at).is_some_and(|head| head.ends_with(' '));
            if let Some((head, value)) = at.filter(begins).and_then(|at| rest.split_at_checked(at)) {
                found.push((arg, value.get(mark.len()..).unwrap_or_default()));
                rest = head.trim_end();
            }
        }
        for arg in self.args.iter().filter(|arg| arg.before.is_empty()) {
            match arg.kind {
                ArgKind::Flag => {
                    let flag = rest.split(' ').next().filter(|word| *word == arg.name);
                    if let Some(flag) = flag {
                        found.push((arg, flag));
                        rest = rest.get(flag.len()..).unwrap_or_default().trim_start();
                    }
                }
                _ if !rest.is_empty() => found.push((arg, std::mem::take(&mut rest))),
                _ => {}
            }
        }
        found.sort_by_key(|(arg, _)| self.args.iter().position(|other| other.name == arg.name));
        found
    }

    /// Whether a word, folded to lower case, is this command.
    #[must_use]
    pub fn is_called(&self, folded: &str) -> bool {
        self.words().any(|word| word == folded)
    }
}

/// The reference of all commands as Markdown.
#[must_use]
pub fn reference(catalog: &[&Spec]) -> String {
    let mut text = String::from(
        "<!-- Written by a test from the descriptions in this folder; edit those. -->\n\
         # The command language\n\n\
         The same words everywhere: as a reply to a notice mail, after `/patch` in Slack and Discord, and with\n\
         `patchbot say` in the terminal. The whole line must be understood; a word that is left over is an error.\n\n\
         * **servers** are names (`web01`, `web01 web02`, `web01, web02 and web03`), `all`, `all except db01`, a host\n\
         \x20 group (`group web`), or, in an answer to a notice or a card, the numbers of its lines (`1-4, 7`). Without servers a command means what the notice,\n\
         \x20 card or thread shows.\n\
         * **time** is `2026-12-04 20:00`, with a zone behind it if it is not the server's (`2026-12-04 20:00 UTC`);\n\
         \x20 in chat and terminal also `Friday 20:00`, `Fri 4 Dec 2026 20:00`, `tomorrow 20:00`, `in 3 days`.\n\
         * **reason** stands behind `because`, in quotes or to the end of the line.\n",
    );
    for spec in catalog {
        let _ = write!(text, "\n## {}\n\n{}\n\n", spec.name, spec.about);
        let _ = writeln!(text, "    {}\n", spec.usage);
        if !spec.aliases.is_empty() {
            let aliases: Vec<String> = spec.aliases.iter().map(|alias| format!("`{alias}`")).collect();
            let _ = writeln!(text, "Also: {}.", aliases.join(", "));
        }
        let _ = writeln!(text, "For: {}.\n", spec.effect.phrase());
        for arg in spec.args {
            let needed = if arg.required { "" } else { " (optional)" };
            let _ = writeln!(text, "* *{}*{needed}: {}", arg.name, arg.about);
        }
        if !spec.args.is_empty() {
            text.push('\n');
        }
        text.push_str("| said | means |\n|---|---|\n");
        for example in spec.examples {
            let _ = writeln!(text, "| `{}` | {} |", example.line, example.means);
        }
    }
    text
}
