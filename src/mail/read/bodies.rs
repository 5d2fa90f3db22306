//! Which parts of a message are its text: one plain text, one HTML, at most.

use std::collections::BTreeSet;

use super::Flag;
use super::flowed::unflow;
use super::html::seen;
use super::mime::{Leaf, Part};

/// The texts of a message.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    pub(super) plain: Option<String>,
    pub(super) html: Option<String>,
    pub(super) calendar: Option<String>,
    pub(super) flags: BTreeSet<Flag>,
}

impl Bodies {
    pub(super) fn gather(part: &Part<'_>) -> Self {
        let mut bodies = Self::default();
        bodies.take(part);
        bodies
    }

    fn take(&mut self, part: &Part<'_>) {
        match part {
            Part::Leaf(leaf) => self.take_leaf(leaf),
            Part::Several { subtype, parts, .. } => match subtype.as_str() {
                // The first part is what the others belong to, or what is signed.
                "related" | "signed" => parts.iter().take(1).for_each(|part| self.take(part)),
                "encrypted" => {
                    self.flags.insert(Flag::Encrypted);
                }
                _ => parts.iter().for_each(|part| self.take(part)),
            },
        }
    }

    fn take_leaf(&mut self, leaf: &Leaf<'_>) {
        match leaf.kind.as_str() {
            "application/pkcs7-mime" | "application/x-pkcs7-mime" => {
                self.flags.insert(Flag::Encrypted);
            }
            "application/ms-tnef" | "application/vnd.ms-tnef" => {
                self.flags.insert(Flag::Winmail);
            }
            "text/calendar" if self.calendar.is_none() => self.calendar = Some(leaf.text().text),
            "text/plain" if !leaf.attached => {
                let content = leaf.text();
                let text = match leaf.keyword("format").as_str() {
                    "flowed" => unflow(&content.text, leaf.keyword("delsp") == "yes"),
                    _ => content.text,
                };
                self.note_damage(content.damaged);
                Self::keep(&mut self.plain, text, &mut self.flags);
            }
            "text/html" if !leaf.attached => {
                let content = leaf.text();
                self.note_damage(content.damaged);
                let seen = seen(&content.text);
                if seen.hidden {
                    self.flags.insert(Flag::Hidden);
                }
                if seen.struck {
                    self.flags.insert(Flag::Struck);
                }
                Self::keep(&mut self.html, seen.text, &mut self.flags);
            }
            _ => {}
        }
    }

    fn note_damage(&mut self, damaged: bool) {
        if damaged {
            self.flags.insert(Flag::Damaged);
        }
    }

    fn keep(place: &mut Option<String>, text: String, flags: &mut BTreeSet<Flag>) {
        let blank =
            |text: &str| text.chars().all(|c| c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}');
        match place {
            Some(kept) if blank(kept) => *place = Some(text),
            Some(_) if blank(&text) => {}
            Some(_) => {
                flags.insert(Flag::SeveralTexts);
            }
            None => *place = Some(text),
        }
    }
}
