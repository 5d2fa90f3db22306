//! `format=flowed`: lines that a mail program broke only to send them are joined again (RFC 3676).

/// Joins flowed lines; quoted lines are joined only with lines quoted as deeply.
pub(super) fn unflow(text: &str, delete_space: bool) -> String {
    let mut joined = String::with_capacity(text.len());
    // How deeply the line being joined is quoted; none between paragraphs.
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let body = line.trim_start_matches('>');
        let depth = line.len().saturating_sub(body.len());
        let body = body.strip_prefix(' ').unwrap_or(body);
        let continues = open == Some(depth);
        if !continues {
            if open.is_some() {
                joined.push('\n');
            }
            if depth > 0 {
                joined.push_str(&">".repeat(depth));
                joined.push(' ');
            }
        }
        // The mark of a signature ends in a blank and is not flowed.
        let flows = body.ends_with(' ') && body != "-- ";
        match (flows, delete_space) {
            (true, true) => joined.push_str(body.strip_suffix(' ').unwrap_or(body)),
            _ => joined.push_str(body),
        }
        if flows {
            open = Some(depth);
        } else {
            open = None;
            joined.push('\n');
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_breaks_go_and_hard_ones_stay() {
        let text = "move web01 to \n2026-12-04 20:00\n\n-- \nAda\n> a quote that \n> goes on\n>> deeper \n> back\n From me\n";
        assert_eq!(
            unflow(text, false),
            "move web01 to 2026-12-04 20:00\n\n-- \nAda\n> a quote that goes on\n>> deeper \n> back\nFrom me\n"
        );
        assert_eq!(unflow("ap \nprove\n", true), "approve\n");
        assert_eq!(unflow("ends open ", false), "ends open ");
    }
}
