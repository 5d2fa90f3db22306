//! The description of a command, from which help, manifests and documentation are made.

use std::fmt::Write as _;

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

/// One argument of a command, for typed options and forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
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

impl Spec {
    /// The name and the aliases.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
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
         * **servers** are names (`web01`, `web01 web02`, `web01, web02 and web03`), `all`, `all except db01`, or, in an\n\
         \x20 answer to a notice, the numbers of its lines (`1-4, 7`). Without servers a command means what the notice,\n\
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
