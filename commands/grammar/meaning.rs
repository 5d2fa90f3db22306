//! English words that change what a sentence means; none of them is ever taken for a server's name or set aside.

/// Words that set a condition or leave something open.
const CONDITIONS: &[&str] = &[
    "if", "but", "unless", "only", "after", "before", "once", "until", "till", "when", "whenever",
    "provided", "assuming", "except", "however", "although", "instead", "as", "maybe", "perhaps", "probably",
    "later", "wait", "hold", "first", "then", "should", "could", "would", "might", "other", "rather",
    "while", "tonight", "next",
];
const NEGATIONS: &[&str] = &[
    "no", "not", "never", "none", "nor", "neither", "nobody", "nothing", "cannot", "without", "dont", "wont",
    "cant", "nope",
];
/// Beginnings of words that take a yes back.
const NEGATING_STEMS: &[&str] = &["disapprov", "unapprov", "disagree", "reject", "declin", "refus"];

/// Whether a folded word negates.
pub(crate) fn is_negation(word: &str) -> bool {
    NEGATIONS.contains(&word)
        || word.ends_with("n't")
        || matches!(word, "deny" | "denied" | "denying")
        || NEGATING_STEMS.iter().any(|stem| word.starts_with(stem))
}

/// Whether a folded word sets a condition.
pub(crate) fn is_condition(word: &str) -> bool {
    CONDITIONS.contains(&word)
}

/// Words that take something out of what is said beside them, or add to it as an afterthought.
const EXCLUSIONS: &[&str] = &[
    "exclude", "excludes", "excluded", "excluding", "exclusion", "leave", "leaves", "leaving", "skip",
    "skips", "skipping", "skipped", "minus", "apart", "besides", "omit", "omits", "omitting", "omitted",
    "spare", "alone", "untouched", "stays", "ps",
];

/// Whether a folded word leaves something out.
#[must_use]
pub fn is_exclusion(word: &str) -> bool {
    EXCLUSIONS.contains(&word)
}
