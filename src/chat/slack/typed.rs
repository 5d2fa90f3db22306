//! Words as a person typed them: without Slack's links, mentions and escapes around them.

/// The lines that were typed; `bot` is our own user id, whose mention is left out.
pub(super) fn lines(text: &str, bot: &str) -> Vec<String> {
    let text = unescaped(&without_tokens(text, bot));
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | ','));
    unquoted(text).lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Takes off the marks of code around all of it: whoever copies a command from an answer gets them along.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inside = |mark: &str| {
        let inside = text.strip_prefix(mark)?.strip_suffix(mark)?;
        (!inside.contains('`')).then_some(inside)
    };
    inside("```").or_else(|| inside("`")).unwrap_or(text)
}

/// Puts what was typed in place of Slack's `<…>`: `<http://db01.example.org|db01.example.org>` was `db01.example.org`.
fn without_tokens(text: &str, bot: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        match after.split_once('>') {
            Some((token, behind)) => {
                out.push_str(&typed(token, bot));
                rest = behind;
            }
            None => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn typed(token: &str, bot: &str) -> String {
    let (target, label) =
        token.split_once('|').map_or((token, None), |(target, label)| (target, Some(label)));
    let named = |mark: char, id: &str| format!("{mark}{}", label.unwrap_or(id).trim_start_matches(mark));
    if let Some(user) = target.strip_prefix('@') {
        return if user == bot { String::new() } else { named('@', user) };
    }
    if let Some(channel) = target.strip_prefix('#') {
        return named('#', channel);
    }
    if let Some(special) = target.strip_prefix('!') {
        return label.map_or_else(|| format!("@{special}"), str::to_owned);
    }
    label.unwrap_or_else(|| target.strip_prefix("mailto:").unwrap_or(target)).to_owned()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        lines(text, "U0BOT")
    }

    #[test]
    fn links_mentions_and_escapes_become_what_was_typed() {
        assert_eq!(
            read("approve <http://web01.example.org|web01.example.org> because \"R&amp;D &lt;3\""),
            ["approve web01.example.org because \"R&D <3\""]
        );
        assert_eq!(read("<@U0BOT> status"), ["status"]);
        assert_eq!(read("<@U0BOT|patchbot>: status"), ["status"]);
        assert_eq!(read("ask <@U1|ada> or <@U2> in <#C1|ops>, <!here>"), ["ask @ada or @U2 in #ops, @here"]);
        assert_eq!(
            read("<!subteam^S1|@dba> <mailto:a@b.test|a@b.test> <https://x.test>"),
            ["@dba a@b.test https://x.test"]
        );
        assert_eq!(read("1 &lt; 2 < 3"), ["1 < 2 < 3"]);
        assert_eq!(read("&amp;lt;"), ["&lt;"], "once is enough");
    }

    #[test]
    fn what_was_copied_from_an_answer_is_understood() {
        assert_eq!(read("`approve web01`"), ["approve web01"]);
        assert_eq!(read("```approve web01\napprove web02```"), ["approve web01", "approve web02"]);
        assert_eq!(read("`approve` `web01`"), ["`approve` `web01`"]);
        assert_eq!(read(" \n status \n\n"), ["status"]);
        assert_eq!(read("<@U0BOT>"), Vec::<String>::new());
    }
}
