//! The list of every notice's variables for whoever writes templates, taken from the samples.

use std::collections::BTreeMap;

use serde_json::Value;

use super::samples;

/// What `templates/README.md` holds.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(HEAD);
    let mut notices: Vec<(&str, BTreeMap<String, String>)> = Vec::new();
    for sample in samples() {
        let name = sample.notice.name();
        if !notices.iter().any(|(known, _)| *known == name) {
            notices.push((name, BTreeMap::new()));
        }
        let Some((_, variables)) = notices.iter_mut().find(|(known, _)| *known == name) else { continue };
        let value = serde_json::to_value(&sample.notice).unwrap_or_default();
        collect("n", &value, variables);
    }
    for (name, variables) in notices {
        page.push_str(&format!("\n## {name}\n\n| variable | for example |\n|---|---|\n"));
        for (path, example) in variables {
            page.push_str(&format!("| `{path}` | {example} |\n"));
        }
    }
    page
}

fn collect(path: &str, value: &Value, variables: &mut BTreeMap<String, String>) {
    let mut note = |example: String| {
        let known = variables.entry(path.to_owned()).or_default();
        if known.is_empty() || known == "may be absent" {
            *known = example;
        }
    };
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter().filter(|(name, _)| *name != "notice") {
                collect(&format!("{path}.{name}"), field, variables);
            }
        }
        Value::Array(items) => match items.first() {
            Some(_) => items.iter().for_each(|item| collect(&format!("{path}[]"), item, variables)),
            None => note("may be empty".to_owned()),
        },
        Value::Null => note("may be absent".to_owned()),
        Value::String(text) => note(text.replace('|', "\\|")),
        other => note(other.to_string()),
    }
}

const HEAD: &str = "<!-- Written by a test from the samples in src/render; edit those. -->
# Templates of the notices

Each notice has a folder in `mail/` with `subject.txt.j2`, `body.txt.j2` and `body.html.j2`; `layout/` holds what they
share. They are built into the program. To change one, put a file of the same name into the directory that
`templates` of the configuration names; `patchbot check-config` renders every notice with it and says what is wrong.

* The language is Jinja (minijinja). A variable that is not listed here is an error, never an empty place.
* `body.html.j2` escapes what it prints; the others do not.
* No line of a text may be a command (`approve`, `no`, …): some mail programs quote without `>`, and the owner would
  seem to have said it. Put such words in quotes inside a sentence.
* No pictures, and nothing that is hidden or struck out: an answer that quotes it would be asked back.
* A button's label must not be a command either, for the same reason.

Filters beyond the usual ones: `servers` (3 → \"3 servers\"), `many` (whether a list is so long that the way to answer
stands above it), `tone` (how a state is coloured), `until` (`{{ w.start.server | until(w.end.server) }}`),
`typed` (`{{ w.start.at | typed(w.start.server_zone) }}` → \"2026-12-03 20:00\"), `mailto`
(`{{ \"approve all\" | mailto(foot.reply.address, subject) }}`: a link that opens a finished reply).

## In every notice

| variable | meaning |
|---|---|
| `n` | the notice itself, see below |
| `subject` | the finished subject with its token; empty while the subject is made |
| `answer_above` | the line above which an answer is written; keep it at the top, replies are cut there |
| `ways` | how it can be answered, the usual answer first; empty when it cannot |
| `ways[].words`, `ways[].means`, `ways[].label` | the exact words, what they mean, what the button says |
| `foot.sender`, `foot.contact` | who writes, and whom to ask |
| `foot.reply.address`, `foot.reply.tag` | where an answer is read, and the token; `foot.reply` is absent when it cannot be answered |
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_variables_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/README.md");
        let written = std::fs::read_to_string(path).unwrap_or_default();
        let wanted = reference();
        if written != wanted {
            std::fs::write(path, wanted).unwrap();
            panic!("templates/README.md was out of date and has been written anew; look at it and commit it");
        }
    }
}
