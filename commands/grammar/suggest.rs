//! "Did you mean": the nearest known word, when one is near enough.

/// The candidate at most two edits away, or one for short words; the first of the nearest.
///
/// Asked about every line of a mail that is no command, so nothing is counted further than it can matter.
pub(crate) fn nearest(word: &str, candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let letters: Vec<char> = word.chars().collect();
    let allowed = if letters.len() <= 3 { 1 } else { 2 };
    candidates
        .filter(|candidate| candidate.len().abs_diff(letters.len()) <= allowed)
        .filter_map(|candidate| Some((distance(&letters, candidate, allowed)?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment); none when there are more than
/// `most`.
fn distance(a: &[char], b: &str, most: usize) -> Option<usize> {
    let b: Vec<char> = b.chars().collect();
    let mut two_back: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut current: Vec<usize> = Vec::with_capacity(last.len());
    let mut previous = None;
    for (row, ca) in a.iter().enumerate() {
        current.clear();
        current.push(row + 1);
        for (column, cb) in b.iter().enumerate() {
            let at = |list: &[usize], index: usize| list.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, column) + usize::from(ca != cb))
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped = column > 0 && previous == Some(cb) && b.get(column - 1) == Some(ca);
            if swapped {
                best = best.min(at(&two_back, column - 1) + 1);
            }
            current.push(best);
        }
        // A swap reaches two rows back, so both must be beyond it.
        let beyond = |list: &[usize]| list.iter().all(|edits| *edits > most);
        if beyond(&current) && beyond(&last) {
            return None;
        }
        previous = Some(ca);
        std::mem::swap(&mut two_back, &mut last);
        std::mem::swap(&mut last, &mut current);
    }
    last.last().copied().filter(|edits| *edits <= most)
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn one_slip_of_the_finger_is_one_edit() {
        let edits = |a: &str, b| distance(&a.chars().collect::<Vec<_>>(), b, 3);
        assert_eq!(edits("approve", "approve"), Some(0));
        assert_eq!(edits("aprove", "approve"), Some(1));
        assert_eq!(edits("apporve", "approve"), Some(1));
        assert_eq!(edits("", "why"), Some(3));
        assert_eq!(edits("délai", "delay"), Some(2));
        assert_eq!(edits("patching", "why"), None);
    }

    #[test]
    fn the_first_of_the_nearest_is_meant() {
        let words = ["why", "show", "slots", "status"];
        let meant = |word| nearest(word, words.into_iter());
        assert_eq!(
            ["whi", "sohw", "stauts", "stots", "x", "patching"].map(meant),
            [Some("why"), Some("show"), Some("status"), Some("slots"), None, None]
        );
    }
}
