//! The command language of patchbot: what owners and operators can say by mail, in chat and in the terminal.
//!
//! Each command is one file of this folder with its [`Spec`]; [`CATALOG`] lists them all, and help, manifests and
//! documentation are generated from it. The crate has no dependencies: it can neither do I/O nor ask for the time,
//! so times stay unresolved ([`When`]) until the domain resolves them.

mod grammar;

pub use grammar::address::PersonAddress;
pub use grammar::code::Code;
pub use grammar::error::{ParseError, Problem};
pub use grammar::group::GroupName;
pub use grammar::lex::{MAX_LINE, Span};
pub use grammar::meaning::is_exclusion;
pub use grammar::name::ServerName;
pub use grammar::quarter::QuarterName;
pub use grammar::reason::Reason;
pub use grammar::reply::{AskBack, NotUnderstood, folded, is_confirmation, is_understood, parse_reply};
pub use grammar::spec::{Arg, ArgKind, Effect, Example, Spec, Surface, reference};
pub use grammar::target::{LineRange, Target};
pub use grammar::when::{Date, Day, WallTime, Weekday, When, ZoneWord};

pub use defer::Later;
pub use link::Introduction;

use std::collections::HashMap;
use std::sync::LazyLock;

use grammar::lex::Words;

/// What a command's file provides: its description, its parser, and (by `Display`) its canonical spelling.
trait Say: Sized {
    const SPEC: Spec;
    /// Reads what stands behind the command's word.
    fn parse(words: &mut Words) -> Result<Self, ParseError>;
}

macro_rules! commands {
    ($($module:ident::$name:ident),+ $(,)?) => {
        $(mod $module; pub use $module::$name;)+

        /// Something said to patchbot, understood but not yet decided.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Command {
            $(#[doc = concat!("See [`", stringify!($name), "`].")] $name($name),)+
        }

        /// Every command, in the order help shows them.
        pub const CATALOG: &[&Spec] = &[$(&<$name as Say>::SPEC),+];

        impl Command {
            /// The command's description.
            #[must_use]
            pub fn spec(&self) -> &'static Spec {
                match self { $(Self::$name(_) => &<$name as Say>::SPEC,)+ }
            }

            fn parse_words(words: &mut Words) -> Result<Self, ParseError> {
                let Some(word) = words.next() else { return Err(words.error_here(Problem::Empty)) };
                let folded = word.folded();
                $(if <$name as Say>::SPEC.is_called(&folded) && !word.quoted {
                    words.usage(<$name as Say>::SPEC.usage);
                    let command = <$name as Say>::parse(words)?;
                    words.finish()?;
                    return Ok(Self::$name(command));
                })+
                Err(words.error_at(word.span, Problem::UnknownCommand { word: word.text }))
            }
        }

        impl std::fmt::Display for Command {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self { $(Self::$name(command) => command.fmt(f),)+ }
            }
        }
    };
}

commands! {
    approve::Approve,
    decline::Decline,
    reschedule::Reschedule,
    defer::Defer,
    withdraw::Withdraw,
    undo::Undo,
    swap::Swap,
    delegate::Delegate,
    away::Away,
    back::Back,
    status::Status,
    mine::Mine,
    list::List,
    show::Show,
    slots::Slots,
    why::Why,
    history::History,
    calendar::Calendar,
    report::Report,
    whoami::Whoami,
    subscribe::Subscribe,
    link::Link,
    unlink::Unlink,
    zone::Zone,
    quiet::Quiet,
    now::Now,
    overrule::Override,
    abort::Abort,
    skip::Skip,
    retry::Retry,
    rollback::Rollback,
    confirm::Confirm,
    cancel::Cancel,
    help::Help,
}

impl Command {
    /// What a decision about windows is about, and its reason; nothing for every other command.
    #[must_use]
    pub fn decided_about(&self) -> Option<(&Target, Option<&Reason>)> {
        match self {
            Self::Approve(it) => Some((&it.target, it.reason.as_ref())),
            Self::Decline(it) => Some((&it.target, it.reason.as_ref())),
            Self::Withdraw(it) => Some((&it.target, it.reason.as_ref())),
            Self::Reschedule(it) => Some((&it.target, it.reason.as_ref())),
            Self::Defer(it) => Some((&it.target, it.reason.as_ref())),
            Self::Undo(it) => Some((&it.target, it.reason.as_ref())),
            _ => None,
        }
    }
}

/// Understands one line, as typed after `/patch`, to `patchbot say` or in a direct message.
///
/// # Errors
/// When anything of the line is not understood: the sentence says what, where, and what can be said instead.
pub fn parse(line: &str) -> Result<Command, ParseError> {
    let mut words = Words::read(line)?;
    words.drop_closing_mark();
    Command::parse_words(&mut words)
}

/// Finds a command's description by any of its words.
#[must_use]
pub fn spec_of(word: &str) -> Option<&'static Spec> {
    static SPECS: LazyLock<HashMap<&'static str, &'static Spec>> =
        LazyLock::new(|| CATALOG.iter().flat_map(|spec| spec.words().map(|word| (word, *spec))).collect());
    SPECS.get(&*folded(word)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_example_is_understood_and_says_what_it_means() {
        for spec in CATALOG {
            assert!(!spec.examples.is_empty(), "{} has no example", spec.name);
            for example in spec.examples {
                let command = parse(example.line).unwrap_or_else(|error| panic!("{}: {error}", example.line));
                assert_eq!(command.spec().name, spec.name, "{}", example.line);
                let again = command.to_string();
                assert_eq!(parse(&again).as_ref(), Ok(&command), "{} is printed as {again}", example.line);
            }
        }
    }

    #[test]
    fn a_line_is_taken_apart_into_its_arguments_and_put_together_again() {
        for spec in CATALOG {
            for example in spec.examples {
                let canonical = parse(example.line).unwrap().to_string();
                let filled = spec.filled(&canonical);
                let again = spec.line(|name| {
                    filled.iter().find(|(arg, _)| arg.name == name).map(|(arg, value)| match arg.kind {
                        ArgKind::Reason => value.trim_matches('"'),
                        _ => *value,
                    })
                });
                assert_eq!(parse(&again), parse(&canonical), "{canonical} became {filled:?} and {again}");
            }
        }
    }

    #[test]
    fn no_two_commands_share_a_word() {
        let mut words: Vec<&str> = CATALOG.iter().flat_map(|spec| spec.words()).collect();
        words.sort_unstable();
        let all = words.len();
        words.dedup();
        assert_eq!(words.len(), all);
    }

    #[test]
    fn the_reference_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let written = std::fs::read_to_string(path).unwrap_or_default();
        let wanted = reference(CATALOG);
        if written != wanted {
            std::fs::write(path, wanted).unwrap();
            panic!("commands/README.md was out of date and has been written anew; look at it and commit it");
        }
    }

    #[test]
    fn leftover_words_are_errors() {
        insta::assert_snapshot!(parse("approve web01 but only after 22:00").unwrap_err().to_string(),
            @r#"I do not understand "but" in "approve web01 but only after 22:00". Usage: approve [servers] [because "…"]"#);
        insta::assert_snapshot!(parse("withdraw web01 no wait").unwrap_err().to_string(),
            @r#"I do not understand "no" in "withdraw web01 no wait". Usage: withdraw [servers] [because "…"]"#);
    }

    #[test]
    fn a_mistyped_word_gets_the_nearest_one() {
        insta::assert_snapshot!(parse("aprove web01").unwrap_err().to_string(),
            @r#"I do not know "aprove". Did you mean "approve"? Say "help" for everything that can be said."#);
        insta::assert_snapshot!(parse("日本語チームです extra").unwrap_err().to_string(),
            @r#"I do not know "日本語チームです". Say "help" for everything that can be said."#);
    }

    #[test]
    fn typographic_quotes_dashes_and_blanks_mean_the_plain_ones() {
        let plain = parse(r#"move web01 to 2026-12-04 20:00 because "release""#).unwrap();
        assert_eq!(parse("move\u{a0}web01 to 2026\u{2011}12\u{2013}04 20:00 because “release”"), Ok(plain));
    }

    #[test]
    fn an_error_points_at_the_word_under_any_script() {
        insta::assert_snapshot!(parse("approve wéb01").unwrap_err().pointed(), @r#"
        "wéb01" is not a server name: it contains "é", which is not a plain letter. Usage: approve [servers] [because "…"]
          approve wéb01
                  ^^^^^
        "#);
    }

    #[test]
    fn a_question_may_end_with_a_question_mark_but_a_decision_may_not() {
        assert_eq!(parse("why web01?"), parse("why web01"));
        insta::assert_snapshot!(parse("approve web01?").unwrap_err().to_string(),
            @r#"A decision cannot be a question: leave out the "?" in "approve web01?". Usage: approve [servers] [because "…"]"#);
    }

    fn near_grammar() -> impl Strategy<Value = String> {
        let words = prop::sample::select(vec![
            "approve", "decline", "swap", "with", "delegate", "away", "until", "back", "bob@example.org",
            "move", "defer", "withdraw", "undo", "status", "list", "slots", "why", "help", "group", "link",
            "now", "confirm", "quiet", "zone", "web01", "db01.example.org", "all", "except", "to", "by",
            "because", "\"", "“", "”", "2026-12-04", "20:00", "25:99", "Friday", "in", "2", "weeks", "1-4,7",
            ",", ";", "?", "!", "Europe/Berlin", "é", "\u{202e}", "\u{200b}", "2027-Q1", "tomorrow", "not",
            "4", "Dec", "2026", "👍",
        ]);
        prop::collection::vec(words, 0..10).prop_map(|words| words.join(" "))
    }

    /// Replies that begin in every way in which a reply can begin, with marks and blanks that some would not see.
    fn near_reply() -> impl Strategy<Value = String> {
        let begins = prop::sample::select(vec![
            "", " ", ",", ".", "!", ";", "\n", "'", "\u{2019}", "\u{200b}", "\u{feff}", "\u{ad}", "#", "(",
            "-", "> ", "\"", "ok", "Ok.", "yes,", "sure!", "please ", "pls.", "Kindly ", "hi\n",
            "Hello Ada,\n", "good morning\n", "Dear ", "yep ",
        ]);
        let words: Vec<String> = CATALOG
            .iter()
            .flat_map(|spec| {
                spec.words()
                    .map(str::to_owned)
                    .chain(spec.examples.iter().map(|example| example.line.to_owned()))
            })
            .chain(
                [
                    "1 ok", "2-3 approved", "#4 no", "1. ok", "lines 1, 2 ok", "Line 3 decline", "go ahead",
                    "Go ahead!", "PROCEED", "don\u{2019}t approve", "Don't approve", "dont approve",
                    "I approve", "i do not approve", "no: release", "not approved", "thanks", "Ada",
                ]
                .map(str::to_owned),
            )
            .collect();
        let ends = prop::sample::select(vec![
            "", ".", "!", "?", " thanks", "\nThanks\nAda", ";", "; approve web01", " web01",
        ]);
        (prop::collection::vec(begins, 0..4), prop::sample::select(words), ends)
            .prop_map(|(begins, words, end)| format!("{}{words}{end}", begins.concat()))
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_panics(line in any::<String>()) {
            if let Err(error) = parse(&line) { let _ = error.pointed(); }
            prop_assert_eq!(is_understood(&line), parse_reply(&line).is_ok());
        }

        #[test]
        fn what_is_understood_is_known_by_its_first_word(reply in near_reply()) {
            prop_assert_eq!(is_understood(&reply), parse_reply(&reply).is_ok(), "{:?}", reply);
        }

        #[test]
        fn what_is_nearly_a_command_is_printed_and_read_back_the_same(line in near_grammar()) {
            match parse(&line) {
                Ok(command) => prop_assert_eq!(parse(&command.to_string()), Ok(command)),
                Err(error) => prop_assert!(!error.pointed().is_empty()),
            }
            prop_assert_eq!(is_understood(&line), parse_reply(&line).is_ok());
        }
    }
}
