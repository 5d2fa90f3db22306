//! Enough of CSS to know that an element is not seen, or seen struck out.

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memchr_iter;

use super::html::Key;

/// What a style does to an element's text. What hides wins over what strikes out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hidden {
    #[default]
    No,
    Struck,
    Unseen,
}

/// The rules of a page's style sheets that hide or strike out.
#[derive(Debug, Default)]
pub(super) struct Styles {
    classes: HashMap<String, Hidden>,
    ids: HashMap<String, Hidden>,
    names: HashMap<String, Hidden>,
}

impl Styles {
    /// Reads the style sheets in a page.
    pub(super) fn gather(html: &str) -> Self {
        let mut this = Self::default();
        let mut rest = html;
        while let Some((_, tail)) = split_at_tag(rest, "<style") {
            let Some((sheet, after)) = split_at_tag(tail, "</style") else { break };
            let sheet = sheet.split_once('>').map_or("", |(_, sheet)| sheet);
            this.read(&lower(sheet));
            rest = after;
        }
        this
    }

    fn read(&mut self, sheet: &str) {
        for block in without_comments(sheet).split('}') {
            let Some((head, declarations)) = block.rsplit_once('{') else { continue };
            let hidden = judge(declarations);
            if hidden == Hidden::No {
                continue;
            }
            let selectors = head.rsplit_once('{').map_or(head, |(_, selectors)| selectors);
            for selector in selectors.split(',') {
                // Only the last element of a selector is styled.
                let last =
                    selector.split([' ', '>', '+', '~', '\n', '\t', '\r']).rfind(|part| !part.is_empty());
                let Some(last) = last else { continue };
                let last = last.split(['[', ':']).next().unwrap_or_default();
                let begins = last.find(['.', '#']).unwrap_or(0);
                let last = last.get(begins..).unwrap_or_default();
                let (rules, name) = match (last.strip_prefix('.'), last.strip_prefix('#')) {
                    (Some(class), _) => (&mut self.classes, class),
                    (_, Some(id)) => (&mut self.ids, id),
                    _ => (&mut self.names, last),
                };
                rules.insert(name.to_owned(), hidden);
            }
        }
    }

    /// What the page does to elements of a name.
    pub(super) fn of_name(&self, name: &str) -> Hidden {
        rule(&self.names, name)
    }

    /// What an attribute does to its element.
    pub(super) fn of(&self, key: Key, value: &str) -> Hidden {
        match key {
            Key::Hidden => Hidden::Unseen,
            Key::Style => judge(value),
            Key::Class if !self.classes.is_empty() => {
                let classes = value.split_whitespace().take(20);
                classes.map(|class| rule(&self.classes, class)).max().unwrap_or_default()
            }
            Key::Class => Hidden::No,
            Key::Id => rule(&self.ids, value),
        }
    }
}

fn rule(rules: &HashMap<String, Hidden>, name: &str) -> Hidden {
    if rules.is_empty() {
        return Hidden::No;
    }
    rules.get(&*lower(name)).copied().unwrap_or_default()
}

/// ASCII letters in lower case, as most of them are already.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// What stands before a tag and behind it, however its letters are written.
fn split_at_tag<'a>(html: &'a str, tag: &str) -> Option<(&'a str, &'a str)> {
    memchr_iter(b'<', html.as_bytes()).find_map(|at| {
        let (before, tagged) = html.split_at_checked(at)?;
        let (found, after) = tagged.split_at_checked(tag.len())?;
        found.eq_ignore_ascii_case(tag).then_some((before, after))
    })
}

fn without_comments(sheet: &str) -> String {
    let mut bare = String::with_capacity(sheet.len());
    let mut rest = sheet;
    while let Some((before, tail)) = rest.split_once("/*") {
        bare.push_str(before);
        rest = tail.split_once("*/").map_or("", |(_, after)| after);
    }
    bare.push_str(rest);
    bare
}

/// The properties that can hide or strike out.
const JUDGED: &[&str] = &[
    "display", "visibility", "mso-hide", "opacity", "max-height", "max-width", "font-size", "color",
    "-webkit-text-fill-color", "text-indent", "clip", "text-decoration", "text-decoration-line",
];

/// What a list of declarations does.
fn judge(declarations: &str) -> Hidden {
    let mut struck = false;
    for declaration in declarations.split(';') {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let property = property.trim();
        let Some(property) = JUDGED.iter().find(|name| property.eq_ignore_ascii_case(name)) else { continue };
        match seen_as(property, &bare(value.split('!').next().unwrap_or_default())) {
            Hidden::Unseen => return Hidden::Unseen,
            Hidden::Struck => struck = true,
            Hidden::No => {}
        }
    }
    if struck { Hidden::Struck } else { Hidden::No }
}

/// What one property does with a value.
fn seen_as(property: &str, value: &str) -> Hidden {
    let zero = || value.starts_with('0') && value.chars().all(|c| !matches!(c, '1'..='9'));
    let unseen = match property {
        "display" => value == "none",
        "visibility" => matches!(value, "hidden" | "collapse"),
        "mso-hide" => value == "all",
        "opacity" | "max-height" | "max-width" => zero(),
        "font-size" => zero() || matches!(value, "1px" | "1pt" | "1%"),
        "color" | "-webkit-text-fill-color" => value == "transparent",
        "text-indent" => value.starts_with("-9"),
        "clip" => value.starts_with("rect(0"),
        _ if value.contains("line-through") => return Hidden::Struck,
        _ => false,
    };
    if unseen { Hidden::Unseen } else { Hidden::No }
}

/// A value in lower case and without blanks.
fn bare(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    if value.contains(char::is_whitespace) {
        Cow::Owned(value.split_whitespace().collect::<String>().to_ascii_lowercase())
    } else {
        lower(value)
    }
}
