//! The columns of an inventory that no rule is about, of one server in one piece of memory.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Cells by heading, in the order of the headings.
///
/// A fleet has many servers, each of them some thirty such cells, and few of these are ever looked at: so headings and
/// cells stand behind each other in one text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    text: Box<str>,
    /// Where each heading ends in the text, and its cell.
    ends: Box<[(u32, u32)]>,
}

impl Attributes {
    /// The headings and their cells, by heading.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut begin = 0;
        self.ends.iter().map(move |(heading, cell)| {
            let (middle, end) = (*heading as usize, *cell as usize);
            let part = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default();
            let both = (part(begin, middle), part(middle, end));
            begin = end;
            both
        })
    }

    /// The cell under a heading, as the inventory spells it.
    #[must_use]
    pub fn get(&self, heading: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == heading).map(|(_, cell)| cell)
    }
}

/// Of several cells under the same heading the last one counts.
impl<'a> FromIterator<(&'a str, &'a str)> for Attributes {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(cells: T) -> Self {
        let mut cells: Vec<(&str, &str)> = cells.into_iter().collect();
        cells.sort_by_key(|(heading, _)| *heading);
        cells.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = later.1;
            }
            same
        });
        let bytes = cells.iter().map(|(heading, cell)| heading.len() + cell.len()).sum();
        let mut packed = Packed::with_room(bytes, cells.len());
        for (heading, cell) in cells {
            packed.text.push_str(heading);
            let middle = packed.length();
            packed.text.push_str(cell);
            packed.ends.push((middle, packed.length()));
        }
        packed.done()
    }
}

/// Attributes while they are put together.
struct Packed {
    text: String,
    ends: Vec<(u32, u32)>,
}

impl Packed {
    fn with_room(bytes: usize, cells: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(cells) }
    }

    fn length(&self) -> u32 {
        // No row of a file is longer than four gigabytes.
        u32::try_from(self.text.len()).unwrap_or(u32::MAX)
    }

    fn done(self) -> Attributes {
        Attributes { text: self.text.into_boxed_str(), ends: self.ends.into_boxed_slice() }
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Cells)
    }
}

struct Cells;

impl<'de> Visitor<'de> for Cells {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a text under each heading")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let mut packed = Packed::with_room(1024, 32);
        while map.next_key_seed(Onto(&mut packed.text))?.is_some() {
            let middle = packed.length();
            map.next_value_seed(Onto(&mut packed.text))?;
            packed.ends.push((middle, packed.length()));
        }
        let read = packed.done();
        // PostgreSQL keeps objects in an order of its own.
        let in_order = read.iter().zip(read.iter().skip(1)).all(|(one, next)| one.0 < next.0);
        Ok(if in_order { read } else { read.iter().collect() })
    }
}

/// Reads a text onto the end of another.
struct Onto<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Onto<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Onto<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_a_map_of_texts(cells in prop::collection::vec(("\\PC{0,3}", "\\PC{0,9}"), 0..20)) {
            let map: BTreeMap<&str, &str> = cells.iter().map(|(heading, cell)| (heading.as_str(), cell.as_str())).collect();
            let attributes: Attributes = cells.iter().map(|(heading, cell)| (heading.as_str(), cell.as_str())).collect();
            prop_assert_eq!(attributes.iter().collect::<Vec<_>>(), map.clone().into_iter().collect::<Vec<_>>());
            for (heading, cell) in &map {
                prop_assert_eq!(attributes.get(heading), Some(*cell));
            }
            let text = serde_json::to_string(&attributes).unwrap();
            prop_assert_eq!(&text, &serde_json::to_string(&map).unwrap());
            prop_assert_eq!(&serde_json::from_str::<Attributes>(&text).unwrap(), &attributes);
            let backwards: Vec<String> =
                map.iter().rev().map(|(heading, cell)| format!("{}:{}", serde_json::json!(heading), serde_json::json!(cell))).collect();
            prop_assert_eq!(serde_json::from_str::<Attributes>(&format!("{{{}}}", backwards.join(","))).unwrap(), attributes);
        }
    }

    #[test]
    fn what_is_no_map_of_texts_is_refused() {
        for text in ["[]", "{\"rack\": 4}", "{\"rack\": null}", "\"rack\""] {
            assert!(serde_json::from_str::<Attributes>(text).is_err(), "{text}");
        }
        assert_eq!(
            format!("{:?}", Attributes::from_iter([("rack", "4"), ("note", "x"), ("rack", "5")])),
            r#"{"note": "x", "rack": "5"}"#
        );
    }
}
