//! Lists of phrases that the beginnings of lines are compared with.

/// A list in alphabetical order, so that a line is compared with a few of its entries and not with each.
pub(super) struct Beginnings(Vec<&'static str>);

impl Beginnings {
    pub(super) fn new(list: &[&'static str]) -> Self {
        let mut list = list.to_vec();
        list.sort_unstable();
        // What begins with another entry says nothing new, and without it at most one entry is the beginning of a text:
        // the last of those that do not come behind it.
        list.dedup_by(|entry, before| entry.starts_with(*before));
        Self(list)
    }

    /// Whether a text begins with one of the entries.
    pub(super) fn begin(&self, text: &str) -> bool {
        let behind = self.0.partition_point(|entry| *entry <= text);
        behind.checked_sub(1).and_then(|last| self.0.get(last)).is_some_and(|entry| text.starts_with(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_begins_with_an_entry_when_one_of_them_is_its_beginning(
            list in prop::collection::vec(prop::sample::select(vec!["a", "ab", "abc", "b", "ba", "é", "éa", "z"]), 0..8),
            text in "[abcéz]{0,4}",
        ) {
            let one = list.iter().any(|entry| text.starts_with(entry));
            prop_assert_eq!(Beginnings::new(&list).begin(&text), one);
        }
    }
}
