//! Makes the helper's command lines. Every argument has a type that was checked; the line is quoted for a shell.

use std::fmt;

use chrono::{DateTime, Utc};

use super::HELPER_PATH;
use crate::domain::facts::BootId;
use crate::domain::ids::RunId;
use crate::domain::policy::Scope;

/// A text that must not stand in a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no {what}; {rule}")]
pub struct ArgumentError {
    /// As it was given.
    pub text: String,
    /// What it should have been.
    pub what: &'static str,
    /// How such a thing is written.
    pub rule: &'static str,
}

macro_rules! argument {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $fits:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads it.
            ///
            /// # Errors
            /// When it is not written as it must be.
            pub fn parse(text: &str) -> Result<Self, ArgumentError> {
                let fits: fn(&str) -> bool = $fits;
                if fits(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    let text = super::answer::shortened(text);
                    Err(ArgumentError { text, what: $what, rule: $rule })
                }
            }

            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// Whether a text starts with a letter or digit and goes on with those and the given characters.
fn plain(text: &str, first: &str, more: &str, longest: usize) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || first.contains(c));
    starts && text.len() <= longest && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

argument!(
    /// The name of a package, without wildcards. A minus at the end would tell apt to remove it.
    PackageName,
    "name of a package",
    "it consists of letters, digits and . + - _ : and does not end in -",
    |text| plain(text, "", "+._:-", 200) && !text.ends_with('-')
);

argument!(
    /// The name of a package, in which `*` stands for anything.
    PackagePattern,
    "name or pattern of packages",
    "it consists of letters, digits and . + - _ : and *, and does not end in -",
    |text| plain(text, "*", "+._:-*", 200) && !text.ends_with('-')
);

argument!(
    /// The name of a service.
    ServiceName,
    "name of a service",
    "it consists of letters, digits and @ : _ . -",
    |text| plain(text, "", "@:_.-", 200)
);

argument!(
    /// The name of a server, as it is given to the site's scripts.
    ServerName,
    "name of a server",
    "it consists of letters, digits and . _ -",
    |text| plain(text, "", "._-", 253)
);

argument!(
    /// The site's own patch script. Only two folders are allowed, because the helper runs it as root.
    ScriptPath,
    "script that may be run",
    "it lies in /opt/scripts or /etc/patching/scripts, and its path consists of letters, digits and . _ - /",
    |text| {
        let below = ["/opt/scripts/", "/etc/patching/scripts/"].iter().any(|folder| {
            text.strip_prefix(folder).is_some_and(|name| !name.is_empty() && !name.ends_with('/'))
        });
        let fine = text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c));
        below && fine && !text.contains("..") && !text.contains("//") && text.len() <= 400
    }
);

/// Which updates are installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Everything that is newer.
    All,
    /// Only what comes from a security origin.
    Security,
    /// Only these packages.
    Packages(Vec<PackageName>),
    /// Whatever the site's own script does.
    Script(ScriptPath),
}

impl TryFrom<&Scope> for Selection {
    type Error = ArgumentError;

    fn try_from(scope: &Scope) -> Result<Self, ArgumentError> {
        Ok(match scope {
            Scope::All => Self::All,
            Scope::Security => Self::Security,
            Scope::Packages(names) => {
                Self::Packages(names.iter().map(|name| PackageName::parse(name)).collect::<Result<_, _>>()?)
            }
            Scope::Script(path) => Self::Script(ScriptPath::parse(path)?),
        })
    }
}

/// What a run is to do on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Apply {
    /// The run; the host starts it once.
    pub run: RunId,
    /// The last moment, by the host's own clock, at which installing may begin.
    pub not_after: DateTime<Utc>,
    /// Which updates.
    pub selection: Selection,
    /// Packages that are not touched.
    pub exclude: Vec<PackagePattern>,
    /// The server's name, for the site's scripts and hooks.
    pub server: Option<ServerName>,
    /// How long to wait for another package manager to end, in seconds.
    pub lock_wait: u32,
}

/// A command of the helper, ready to be run over SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    verb: &'static str,
    arguments: Vec<String>,
}

impl Command {
    /// Asks for the helper's version and the host's clock and boot.
    #[must_use]
    pub fn hello() -> Self {
        Self { verb: "hello", arguments: Vec::new() }
    }

    /// Asks for all facts, with the states of these services.
    #[must_use]
    pub fn facts(services: &[ServiceName]) -> Self {
        let arguments = services.iter().flat_map(|name| ["--service".to_owned(), name.to_string()]).collect();
        Self { verb: "facts", arguments }
    }

    /// Starts a run's work.
    #[must_use]
    pub fn apply(apply: &Apply) -> Self {
        let mut arguments = vec![apply.run.to_string(), "--not-after".to_owned(), seconds(apply.not_after)];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        match &apply.selection {
            Selection::All => {}
            Selection::Security => option("--scope", "security".to_owned()),
            Selection::Packages(names) => option("--scope", format!("packages:{}", joined(names))),
            Selection::Script(path) => option("--script", path.to_string()),
        }
        if !apply.exclude.is_empty() {
            option("--exclude", joined(&apply.exclude));
        }
        if let Some(server) = &apply.server {
            option("--server", server.to_string());
        }
        option("--lock-wait", apply.lock_wait.min(7200).to_string());
        Self { verb: "apply", arguments }
    }

    /// Asks what became of a run, with the last lines of its log.
    #[must_use]
    pub fn status(run: RunId, log_lines: u16) -> Self {
        let arguments = vec![run.to_string(), "--log-lines".to_owned(), log_lines.min(1000).to_string()];
        Self { verb: "status", arguments }
    }

    /// Restarts the host, if it is still the boot `boot` and not later than `not_after` by its own clock.
    #[must_use]
    pub fn reboot(run: RunId, boot: BootId, not_after: DateTime<Utc>) -> Self {
        let arguments = vec![run.to_string(), boot.to_string(), "--not-after".to_owned(), seconds(not_after)];
        Self { verb: "reboot", arguments }
    }

    /// Runs the site's hooks for the time after a run's reboot.
    #[must_use]
    pub fn after_reboot(run: RunId) -> Self {
        Self { verb: "after-reboot", arguments: vec![run.to_string()] }
    }

    /// The verb, which the answer repeats.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        self.verb
    }

    /// The line for the host's shell, with sudo.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = format!("sudo -n {HELPER_PATH} {}", self.verb);
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(&quoted(argument));
        }
        line
    }
}

fn seconds(at: DateTime<Utc>) -> String {
    at.timestamp().max(0).to_string()
}

fn joined<T: fmt::Display>(names: &[T]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Quotes a word for a POSIX shell. Words of harmless characters stay as they are.
fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "._:,/@=+-".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn run() -> RunId {
        RunId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001))
    }

    fn at() -> DateTime<Utc> {
        "2026-12-03T19:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_command_lines_are_these() {
        let apply = Apply {
            run: run(),
            not_after: at(),
            selection: Selection::Packages(vec![
                PackageName::parse("openssl").unwrap(),
                PackageName::parse("libstdc++6").unwrap(),
            ]),
            exclude: vec![PackagePattern::parse("postgresql*").unwrap()],
            server: Some(ServerName::parse("web01.example.org").unwrap()),
            lock_wait: 300,
        };
        let lines = [
            Command::hello(),
            Command::facts(&[ServiceName::parse("nginx").unwrap()]),
            Command::apply(&apply),
            Command::apply(&Apply {
                selection: Selection::Script(ScriptPath::parse("/opt/scripts/patch_server.sh").unwrap()),
                exclude: Vec::new(),
                ..apply
            }),
            Command::status(run(), 20),
            Command::reboot(run(), BootId(Uuid::from_u128(7)), at()),
            Command::after_reboot(run()),
        ]
        .map(|command| command.line());
        insta::assert_snapshot!(lines.join("\n"), @r"
        sudo -n /usr/local/sbin/patchbot-host hello
        sudo -n /usr/local/sbin/patchbot-host facts --service nginx
        sudo -n /usr/local/sbin/patchbot-host apply 01920000-0000-7000-8000-000000000001 --not-after 1796324400 --scope packages:openssl,libstdc++6 --exclude 'postgresql*' --server web01.example.org --lock-wait 300
        sudo -n /usr/local/sbin/patchbot-host apply 01920000-0000-7000-8000-000000000001 --not-after 1796324400 --script /opt/scripts/patch_server.sh --server web01.example.org --lock-wait 300
        sudo -n /usr/local/sbin/patchbot-host status 01920000-0000-7000-8000-000000000001 --log-lines 20
        sudo -n /usr/local/sbin/patchbot-host reboot 01920000-0000-7000-8000-000000000001 00000000-0000-0000-0000-000000000007 --not-after 1796324400
        sudo -n /usr/local/sbin/patchbot-host after-reboot 01920000-0000-7000-8000-000000000001
        ");
    }

    #[test]
    fn hostile_arguments_have_no_type() {
        for text in ["", "-rf", "a b", "a;reboot", "a\nb", "$(id)", "foo-", "a/b", "a=1", "ä", "a,b"] {
            assert!(PackageName::parse(text).is_err(), "{text:?}");
            assert!(PackagePattern::parse(text).is_err(), "{text:?}");
        }
        assert!(PackageName::parse("linux-*").is_err());
        for text in
            ["/bin/sh", "/opt/scripts/", "/opt/scripts/../../bin/sh", "/opt/scripts//x", "/opt/scripts/a b"]
        {
            assert!(ScriptPath::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(
            PackageName::parse("foo-").unwrap_err().to_string(),
            "\"foo-\" is no name of a package; it consists of letters, digits and . + - _ : and does not end in -"
        );
    }

    proptest! {
        #[test]
        fn a_quoted_word_is_one_word_for_a_shell(word in "\\PC{0,40}") {
            let line = quoted(&word);
            // what a POSIX shell does with the two forms that are produced
            let read = if line.starts_with('\'') {
                line.trim_start_matches('\'').to_owned().len() <= line.len()
                    && line.replace(r"'\''", "\u{1}").matches('\'').count() == 2
            } else {
                line == word && !word.contains(|c: char| c.is_whitespace() || "'\"\\$`;&|<>()*?[]#~!{}".contains(c))
            };
            prop_assert!(read, "{line}");
        }
    }
}
