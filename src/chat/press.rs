//! What a click, a choice and a form mean, and how that is written on the wire: a name and a value.
//!
//! Everything that is needed later is in there or in the database, so that a button which was posted before a restart
//! still works, and one that another version has posted is refused in words.

use uuid::Uuid;

use super::card::Shown;
use crate::domain::ids::{Revision, WindowId};
use crate::domain::request::Verb;

/// Something done to one window with a click.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Consent to the plan that is shown.
    Approve,
    /// Choose another time.
    Move,
    /// Choose a time that is not among those offered.
    Other,
    /// Say no.
    Decline,
    /// Take the last decision back.
    Undo,
    /// Ask what stands between the server and its patching.
    Why,
    /// Show the window's card.
    Open,
    /// Ask for the way back from the last run.
    Rollback,
    /// Something dangerous, which asks for a reason.
    Danger(Verb),
}

impl Act {
    const SAFE: [Self; 8] = [
        Self::Approve,
        Self::Move,
        Self::Other,
        Self::Decline,
        Self::Undo,
        Self::Why,
        Self::Open,
        Self::Rollback,
    ];

    /// The act's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Move => "move",
            Self::Other => "other",
            Self::Decline => "decline",
            Self::Undo => "undo",
            Self::Why => "why",
            Self::Open => "open",
            Self::Rollback => "rollback",
            Self::Danger(verb) => verb.as_str(),
        }
    }

    /// Reads an act's name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::SAFE
            .into_iter()
            .find(|act| act.as_str() == name)
            .or_else(|| Verb::from_name(name).map(Self::Danger))
    }
}

/// What a click means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Press {
    /// Something about one window, as it is shown.
    About(Act, Shown),
    /// Words, as if they had been typed.
    Say(String),
    /// Approve every window that the message shows.
    All,
    /// The same of this message, after it was asked whether that is meant.
    Sure(String),
    /// Choose among the windows that the message shows.
    Choose,
    /// Fill in a command.
    Fill(String),
}

/// What choosing from a list on a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The new time of a window.
    Time(Shown),
    /// The window to look at.
    Window,
}

/// A form, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormId {
    /// Another time for a window.
    Move(Shown),
    /// A no.
    Decline(Shown),
    /// A reason for something dangerous.
    Danger(Verb, Shown),
    /// The arguments of a command.
    Command(String),
    /// A decision about some of the windows that a message shows.
    Choose(String),
}

/// A window and a revision on the wire.
fn written(shown: Shown) -> String {
    format!("{}/{}", shown.window.0.simple(), shown.revision)
}

fn read(value: &str) -> Option<Shown> {
    let (window, revision) = value.split_once('/')?;
    Some(Shown { window: WindowId(window.parse::<Uuid>().ok()?), revision: Revision(revision.parse().ok()?) })
}

impl Press {
    /// The name and the value on the wire.
    #[must_use]
    pub fn wire(&self) -> (&str, String) {
        match self {
            Self::About(act, shown) => (act.as_str(), written(*shown)),
            Self::Say(words) => ("say", words.clone()),
            Self::All => ("all", "all".to_owned()),
            Self::Sure(message) => ("sure", message.clone()),
            Self::Choose => ("choose", "choose".to_owned()),
            Self::Fill(command) => ("fill", command.clone()),
        }
    }

    /// Reads a click back; nothing when another version has made it.
    #[must_use]
    pub fn from_wire(name: &str, value: &str) -> Option<Self> {
        // Several buttons of a kind on one message are told apart by a number behind their name.
        let name = name.split_once('#').map_or(name, |(name, _)| name);
        match name {
            "say" => Some(Self::Say(value.to_owned())),
            "all" => Some(Self::All),
            "sure" => Some(Self::Sure(value.to_owned())),
            "choose" => Some(Self::Choose),
            "fill" => Some(Self::Fill(value.to_owned())),
            name => Some(Self::About(Act::from_name(name)?, read(value)?)),
        }
    }

    /// What is asked before the click counts, where a click by mistake would do much.
    #[must_use]
    pub fn question(&self) -> Option<&'static str> {
        match self {
            Self::All => Some("Approve everything on this card that waits for an approval?"),
            _ => None,
        }
    }
}

impl Pick {
    /// The name and the value on the wire.
    #[must_use]
    pub fn wire(self) -> (&'static str, String) {
        match self {
            Self::Time(shown) => ("time", written(shown)),
            Self::Window => ("window", "window".to_owned()),
        }
    }

    /// Reads what was chosen from back.
    #[must_use]
    pub fn from_wire(name: &str, value: &str) -> Option<Self> {
        match name {
            "time" => read(value).map(Self::Time),
            "window" => Some(Self::Window),
            _ => None,
        }
    }
}

impl FormId {
    /// The form's name and what it is about, on the wire.
    #[must_use]
    pub fn wire(&self) -> (&str, String) {
        match self {
            Self::Move(shown) => ("move", written(*shown)),
            Self::Decline(shown) => ("decline", written(*shown)),
            Self::Danger(verb, shown) => (verb.as_str(), written(*shown)),
            Self::Command(name) => ("fill", name.clone()),
            Self::Choose(message) => ("choose", message.clone()),
        }
    }

    /// Reads a form's name back; nothing when another version has made it.
    #[must_use]
    pub fn from_wire(name: &str, value: &str) -> Option<Self> {
        match name {
            "move" => read(value).map(Self::Move),
            "decline" => read(value).map(Self::Decline),
            "fill" => Some(Self::Command(value.to_owned())),
            "choose" => Some(Self::Choose(value.to_owned())),
            name => Some(Self::Danger(Verb::from_name(name)?, read(value)?)),
        }
    }
}

/// A value that a list on a message can hold for a window.
#[must_use]
pub fn window_value(shown: Shown) -> String {
    written(shown)
}

/// Reads a window's value back.
#[must_use]
pub fn window_of(value: &str) -> Option<Shown> {
    read(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_wire_is_read_back_and_is_short_enough_for_every_platform() {
        let shown = Shown { window: WindowId(Uuid::max()), revision: Revision(i64::MAX) };
        let mut presses: Vec<Press> = Act::SAFE.into_iter().map(|act| Press::About(act, shown)).collect();
        presses.extend(Verb::ALL.map(|verb| Press::About(Act::Danger(verb), shown)));
        presses.extend([
            Press::Say("confirm 7F3K".to_owned()),
            Press::All,
            Press::Sure("1234567890123456789/1234567890123456789".to_owned()),
            Press::Choose,
            Press::Fill("move".to_owned()),
        ]);
        for press in presses {
            let (name, value) = press.wire();
            assert!(name.len() + value.len() < 100, "{name} {value}");
            assert_eq!(Press::from_wire(name, &value).as_ref(), Some(&press));
            assert_eq!(Press::from_wire(&format!("{name}#3"), &value).as_ref(), Some(&press));
        }
        assert_eq!(Press::from_wire("levitate", "x"), None);
        for form in [
            FormId::Move(shown),
            FormId::Decline(shown),
            FormId::Danger(Verb::Now, shown),
            FormId::Command("move".to_owned()),
        ] {
            let (name, value) = form.wire();
            assert_eq!(FormId::from_wire(name, &value).as_ref(), Some(&form));
        }
    }

    #[test]
    fn buttons_that_an_earlier_version_posted_still_work() {
        let shown = Shown { window: WindowId(Uuid::from_u128(7)), revision: Revision(2) };
        let value = format!("{}/2", Uuid::from_u128(7));
        assert_eq!(Press::from_wire("approve", &value), Some(Press::About(Act::Approve, shown)));
    }
}
