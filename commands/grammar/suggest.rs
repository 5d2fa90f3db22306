//! "Did you mean": the nearest known word, when one is near enough.

/// The candidate at most two edits away, or one for short words; the first of the nearest.
pub(crate) fn nearest(word: &str, candidates: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let allowed = if word.chars().count() <= 3 { 1 } else { 2 };
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut two_back: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, ca) in a.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, cb) in b.iter().enumerate() {
            let at = |list: &[usize], index: usize| list.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, column) + usize::from(ca != *cb))
                .min(at(&last, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped = column > 0 && previous == Some(*cb) && b.get(column - 1) == Some(&ca);
            if swapped {
                best = best.min(at(&two_back, column - 1) + 1);
            }
            current.push(best);
        }
        previous = Some(ca);
        two_back = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn one_slip_of_the_finger_is_one_edit() {
        assert_eq!(distance("approve", "approve"), 0);
        assert_eq!(distance("aprove", "approve"), 1);
        assert_eq!(distance("apporve", "approve"), 1);
        assert_eq!(distance("", "why"), 3);
        assert_eq!(distance("délai", "delay"), 2);
    }
}
