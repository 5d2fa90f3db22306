//! A trimmed mail body becomes commands: all of it is understood, or none of it is acted on.
//!
//! Only greetings, politeness and sign-offs are set aside. A word that could change the meaning ("but", "not", "after")
//! and is not part of a command's form makes the whole reply a question back to its writer.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use super::error::{ParseError, Problem};
use super::lex::Span;
use super::meaning::{self, is_negation};
use super::reason::Reason;
use super::target::{LineRange, Target};
use crate::{Approve, Command, Decline, Surface, parse};

/// A reply that was not understood as a whole: nothing of it is acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood {
    /// The line it hangs on; empty when it is the reply as a whole.
    pub line: String,
    /// Why.
    pub why: AskBack,
}

/// Why a reply is answered with a question instead of being acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskBack {
    /// No words are left after quotes, greeting and signature were set aside.
    Nothing,
    /// "ok", "yes", "thanks" or a thumb alone: pleasant, but no decision.
    Bare,
    /// It is a question.
    Question,
    /// It sets a condition that cannot be kept track of.
    Condition,
    /// It says yes and contains a negation.
    Negated,
    /// It says yes and leaves something out, or gives line numbers or servers where a reason stands.
    Excepts,
    /// Two commands touch the same servers, or one does not say which servers it means.
    Contradiction,
    /// A command that cannot be given by mail.
    NotByMail(&'static str),
    /// There is more text than a decision has.
    TooMuch,
    /// A line is no command.
    NotACommand(Box<ParseError>),
}

/// More lines than a digest's answer has are a letter, not a decision.
const MOST_LINES: usize = 40;

/// Understands a reply from which quotes and signatures have been cut.
///
/// # Errors
/// When any part of it is not understood, or when its parts contradict each other.
pub fn parse_reply(text: &str) -> Result<Vec<Command>, NotUnderstood> {
    let whole = |why| NotUnderstood { line: String::new(), why };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() > MOST_LINES {
        return Err(whole(AskBack::TooMuch));
    }
    let lines = without_sign_off(without_greeting(&lines))?;
    let mut commands = Vec::new();
    for line in lines {
        for clause in line.split(';').map(str::trim).filter(|clause| !clause.is_empty()) {
            let command =
                parse_clause(clause).map_err(|why| NotUnderstood { line: clause.to_owned(), why })?;
            if !command.spec().surfaces.contains(&Surface::Mail) {
                let why = AskBack::NotByMail(command.spec().name);
                return Err(NotUnderstood { line: clause.to_owned(), why });
            }
            commands.push(command);
        }
    }
    if commands.is_empty() {
        return Err(whole(if text.trim().is_empty() { AskBack::Nothing } else { AskBack::Bare }));
    }
    if contradict(&commands) { Err(whole(AskBack::Contradiction)) } else { Ok(commands) }
}

/// Whether a text would be acted on as a reply. It is asked of every line that is printed in a notice and cut from a reply,
/// so most are dismissed by their first word.
#[must_use]
pub fn is_understood(text: &str) -> bool {
    may_be_understood(text) && parse_reply(text).is_ok()
}

/// The first words of everything that is understood, but for numbers.
static FIRST_WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let phrases = [GREETINGS, BEFORE, YES, NO, LINES].into_iter().flatten().copied();
    let commands = crate::CATALOG.iter().flat_map(|spec| spec.words());
    phrases.chain(commands).filter_map(|phrase| phrase.split(separates).next()).collect()
});

fn separates(c: char) -> bool {
    !c.is_alphanumeric()
}

/// Whether a text begins as something does that is understood: `false` means that it certainly is not.
fn may_be_understood(text: &str) -> bool {
    let first = text.split(separates).find(|word| !word.is_empty()).unwrap_or_default();
    first.starts_with(|c: char| c.is_ascii_digit()) || FIRST_WORDS.contains(&*folded(first))
}

/// Whether a reply says nothing but that what was asked is meant: "confirm", "Yes, I confirm. Thanks, Ada".
#[must_use]
pub fn is_confirmation(text: &str) -> bool {
    const CONFIRM: &str = "confirm";
    if !text.as_bytes().windows(CONFIRM.len()).any(|word| word.eq_ignore_ascii_case(CONFIRM.as_bytes())) {
        return false;
    }
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let Ok([only]) = without_sign_off(without_greeting(&lines)) else { return false };
    let plain = |c: char| c.is_alphanumeric() || c.is_whitespace() || matches!(c, ',' | '.' | '!');
    only.chars().all(plain)
        && matches!(
            said(without_politeness(only)).as_str(),
            CONFIRM | "confirmed" | "i confirm" | "i confirm that"
        )
}

/// A text in lower case, as words are compared; most are already.
#[must_use]
pub fn folded(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

/// The words of a line, folded, without the punctuation around them, with one blank between them.
fn said(line: &str) -> String {
    let mut said = String::with_capacity(line.len());
    for word in line.split(|c: char| c.is_whitespace() || c == ',') {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        if word.is_empty() {
            continue;
        }
        if !said.is_empty() {
            said.push(' ');
        }
        if word.contains('\u{2019}') {
            said.push_str(&word.replace('\u{2019}', "'").to_lowercase());
        } else {
            said.push_str(&folded(word));
        }
    }
    said
}

/// The words of what was said.
fn words(said: &str) -> impl Iterator<Item = &str> {
    said.split(' ').filter(|word| !word.is_empty())
}

const GREETINGS: &[&str] =
    &["hi", "hello", "hey", "dear", "hallo", "good morning", "good afternoon", "good evening"];
const SIGN_OFFS: &[&str] = &[
    "thanks", "thank you", "many thanks", "thanks and regards", "thanks and best regards",
    "thanks in advance", "thanks a lot", "thx", "best", "best regards", "kind regards", "warm regards",
    "regards", "best wishes", "cheers", "sincerely", "yours sincerely", "br", "kr", "thank you very much",
    "thank you and best regards", "with kind regards", "with best regards", "have a nice day",
    "have a good day", "have a nice weekend", "all the best",
];
fn sets_a_condition(said: &str) -> bool {
    words(said).any(meaning::is_condition)
}

/// Whether a line is nothing but a name or a greeting's address: few words, none of which says anything.
fn is_only_a_name(said: &str, most: usize) -> bool {
    words(said).count() <= most
        && words(said).all(|word| {
            !is_negation(word)
                && !meaning::is_condition(word)
                && !meaning::is_exclusion(word)
                && crate::spec_of(word).is_none()
                && !matches!(word, "ok" | "okay" | "yes" | "proceed" | "go" | "ahead" | "stop" | "cancel")
                && !word.chars().any(|c| c.is_ascii_digit())
        })
}

/// What is said behind a greeting, when it begins with one.
fn behind_greeting(said: &str) -> Option<&str> {
    GREETINGS.iter().find_map(|greeting| {
        let rest = said.strip_prefix(greeting)?;
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix(' ') }
    })
}

fn without_greeting<'a, 'b>(lines: &'a [&'b str]) -> &'a [&'b str] {
    match lines.split_first() {
        Some((first, rest)) if !first.contains('?') => {
            let said = said(first);
            let greets = behind_greeting(&said).is_some_and(|name| is_only_a_name(name, 4));
            if greets { rest } else { lines }
        }
        _ => lines,
    }
}

/// Cuts the sign-off and the name below it; anything below that is not a name makes the reply unclear.
fn without_sign_off<'a, 'b>(lines: &'a [&'b str]) -> Result<&'a [&'b str], NotUnderstood> {
    let is_sign_off =
        |line: &&str| !line.contains(['?', '\u{ff1f}']) && SIGN_OFFS.contains(&said(line).as_str());
    let Some(at) = lines.iter().position(is_sign_off) else { return Ok(lines) };
    let (body, signed) = lines.split_at(at);
    let strange = signed.iter().skip(1).enumerate().find(|(index, line)| {
        *index >= 3 || line.contains('?') || !(is_only_a_name(&said(line), 5) || is_sign_off(line))
    });
    match strange {
        Some((_, line)) => Err(NotUnderstood { line: (*line).to_owned(), why: AskBack::TooMuch }),
        None => Ok(body),
    }
}

/// Politeness that may stand before a command.
const BEFORE: &[&str] = &["please", "pls", "kindly", "hi", "hello", "ok", "okay", "yes", "yep", "sure"];

/// A clause without the politeness before and behind its command.
fn without_politeness(clause: &str) -> &str {
    const BEHIND: &[&str] =
        &["thank you very much", "thanks a lot", "thank you", "thanks", "thx", "please", "cheers"];
    let mut rest = clause.trim();
    loop {
        let before = rest;
        for word in BEFORE {
            let boundary = |tail: &&str| tail.starts_with([' ', ',', '.', '!']) || tail.is_empty();
            if let Some(tail) = strip_prefix_folded(rest, word).filter(boundary) {
                rest = tail.trim_start_matches([' ', ',', '.', '!']);
            }
        }
        for phrase in BEHIND {
            let trimmed = rest.trim_end_matches(['.', '!', ' ', ',']);
            let boundary = |head: &&str| head.is_empty() || head.ends_with([' ', ',', '.', '!']);
            if let Some(head) = strip_suffix_folded(trimmed, phrase).filter(boundary) {
                rest = head.trim_end_matches([' ', ',']);
            }
        }
        if rest == before {
            return rest.trim_end_matches(['.', '!', ' ', ',']);
        }
    }
}

fn strip_prefix_folded<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..)).flatten()
}

fn strip_suffix_folded<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    let tail = text.get(at..)?;
    tail.eq_ignore_ascii_case(suffix).then(|| text.get(..at)).flatten()
}

const YES: &[&str] = &[
    "approve", "approved", "i approve", "go ahead", "proceed", "approved go ahead", "approved proceed",
    "approved please go ahead", "approved please proceed",
];
const NO: &[&str] = &[
    "no", "decline", "declined", "i decline", "not approved", "no not approved", "do not approve",
    "don't approve", "dont approve", "i do not approve", "i don't approve", "no do not approve",
    "no don't approve",
];

fn parse_clause(clause: &str) -> Result<Command, AskBack> {
    let whole = said(clause);
    if clause.contains(['?', '\u{ff1f}']) && whole != "status" {
        return Err(AskBack::Question);
    }
    let bare = without_politeness(clause);
    if !bare.contains(char::is_alphanumeric) {
        return Err(AskBack::Bare);
    }
    let command = match phrase(bare)? {
        Some(command) => command,
        None => parse(bare).map_err(|error| classify(&whole, error))?,
    };
    if let Command::Approve(approve) = &command {
        let excludes = matches!(&approve.target, Target::All { except } | Target::Group { except, .. } if !except.is_empty());
        if !excludes && words(&whole).any(is_negation) {
            return Err(AskBack::Negated);
        }
        if let Some(reason) = &approve.reason {
            let reason = said(reason.as_str());
            if sets_a_condition(&reason) {
                return Err(AskBack::Condition);
            }
            if words(&reason).next().is_some_and(is_number) || words(&reason).any(meaning::is_exclusion) {
                return Err(AskBack::Excepts);
            }
        }
        if !excludes && words(&whole).any(meaning::is_exclusion) {
            return Err(AskBack::Excepts);
        }
    }
    Ok(command)
}

/// `3`, `1-4`: what is taken for a line's number where lines are named.
fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.chars().all(|c| c.is_ascii_digit() || c == '-')
}

/// `3`, `web01`, `mail.example.org`: what is taken for a line or a server where they are named.
fn could_be_a_target(word: &str) -> bool {
    word.contains(|c: char| c.is_ascii_digit() || c == '.')
}

/// Why a clause that is no command is none, in the words most useful to its writer.
fn classify(said: &str, error: ParseError) -> AskBack {
    if sets_a_condition(said)
        && words(said).any(|word| crate::spec_of(word).is_some() || word == "yes" || word == "ok")
    {
        return AskBack::Condition;
    }
    not_a_command(error)
}

fn not_a_reason(clause: &str, why: &'static str) -> AskBack {
    let problem = Problem::BadReason(why);
    not_a_command(ParseError {
        problem,
        span: Span { start: 0, end: clause.len() },
        line: clause.to_owned(),
        usage: None,
    })
}

fn not_a_command(error: ParseError) -> AskBack {
    AskBack::NotACommand(Box::new(error))
}

/// The fixed phrases, and the numbered lines of a digest; each may carry a reason.
fn phrase(clause: &str) -> Result<Option<Command>, AskBack> {
    let (head, reason) = split_reason(clause);
    // What cannot be kept as a reason is not left out: it may hold what the decision hangs on.
    let reason = || reason.clone().map_err(|why| not_a_reason(clause, why));
    // A mark before the words ("| approve", "> approve") says that they are somebody else's.
    let plain = |c: char| {
        c.is_alphanumeric() || c.is_whitespace() || matches!(c, ',' | '.' | '!' | '\'' | '\u{2019}')
    };
    let whole = if head.chars().all(plain) { said(head) } else { String::new() };
    // Behind a colon stand servers or lines as well as reasons: "approve: web01" means one, and without it all.
    let behind_colon = clause.get(head.len()..).and_then(|tail| tail.strip_prefix(": ")).unwrap_or_default();
    if YES.contains(&whole.as_str()) && !behind_colon.is_empty() {
        return Err(AskBack::Excepts);
    }
    if NO.contains(&whole.as_str()) && words(&said(behind_colon)).next().is_some_and(could_be_a_target) {
        return Err(not_a_reason(
            clause,
            "What stands behind the colon could be servers or a reason. Name servers right behind the word, as \"decline 3\"; \
             a reason comes behind \"because\".",
        ));
    }
    if YES.contains(&whole.as_str()) {
        return Ok(Some(Command::Approve(Approve { target: Target::These, reason: reason()? })));
    }
    if NO.contains(&whole.as_str()) {
        return Ok(Some(Command::Decline(Decline { target: Target::These, reason: reason()? })));
    }
    let Some((lines, verb)) = leading_lines(head) else { return Ok(None) };
    let target = Target::Lines(lines);
    let verb = verb.trim_start_matches([' ', ':', '-', '=', '–', '—']);
    // So does a mark between a number and its word: "1 > ok", and "1 ~~ok~~" is struck out.
    let word = if verb.chars().all(plain) { said(verb) } else { String::new() };
    match word.as_str() {
        "ok" | "okay" | "yes" | "approve" | "approved" | "go ahead" => {
            Ok(Some(Command::Approve(Approve { target, reason: reason()? })))
        }
        "no" | "decline" | "declined" | "not approved" => {
            Ok(Some(Command::Decline(Decline { target, reason: reason()? })))
        }
        // "5 move 2026-12-14 22:00" is "move 5 2026-12-14 22:00".
        _ => {
            let (name, rest) = verb.split_once(' ').unwrap_or((verb, ""));
            let because = reason()?.map(|reason| format!(" because {reason}")).unwrap_or_default();
            // The number of days must not be taken for one more line.
            let by = if rest.starts_with(|c: char| c.is_ascii_digit())
                && rest.ends_with(|c: char| c.is_alphabetic())
            {
                "by "
            } else {
                ""
            };
            match crate::spec_of(name) {
                Some(spec) if spec.name == "defer" => {
                    parse(&format!("defer{target} {by}{rest}{because}")).map(Some).map_err(not_a_command)
                }
                Some(spec) => {
                    parse(&format!("{}{target} {rest}{because}", spec.name)).map(Some).map_err(not_a_command)
                }
                None => Ok(None),
            }
        }
    }
}

/// Splits `head because reason` and `head: reason`.
fn split_reason(clause: &str) -> (&str, Result<Option<Reason>, &'static str>) {
    let because = clause.to_ascii_lowercase().find(" because ").map(|at| (at, " because ".len()));
    // The colon of "1: ok" belongs to the number.
    let is_behind_lines = |at: &usize| {
        let head = clause.get(..*at).map(said).unwrap_or_default();
        words(&head).all(|word| is_number(word) || matches!(word, "and" | "line" | "lines"))
    };
    let colon =
        clause.match_indices(": ").map(|(at, _)| at).find(|at| !is_behind_lines(at)).map(|at| (at, 2));
    let Some((at, length)) = [because, colon].into_iter().flatten().min() else { return (clause, Ok(None)) };
    let (Some(head), Some(tail)) = (clause.get(..at), clause.get(at.saturating_add(length)..)) else {
        return (clause, Ok(None));
    };
    (head, Reason::new(tail.trim().trim_matches(['"', '“', '”'])).map(Some))
}

/// What may stand before the numbers of lines.
const LINES: &[&str] = &["lines ", "line "];

/// Splits `1-4, 7 rest` into its lines and the rest.
fn leading_lines(clause: &str) -> Option<(Vec<LineRange>, &str)> {
    let mut rest = LINES.iter().find_map(|word| strip_prefix_folded(clause, word)).unwrap_or(clause);
    let mut lines = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        rest = strip_prefix_folded(rest, "and ").filter(|_| !lines.is_empty()).unwrap_or(rest);
        let end = rest.find([' ', ',']).unwrap_or(rest.len());
        let word: String = rest
            .get(..end)?
            .chars()
            .map(|c| if matches!(c, '\u{2010}'..='\u{2015}') { '-' } else { c })
            .collect();
        // Mail programs turn "1 ok" into the list item "1. ok", and people type "#1" and "1)".
        let word = word.trim_start_matches('#').trim_end_matches(['.', ')', ':']);
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let digits =
            |part: &str| !part.is_empty() && part.len() <= 4 && part.chars().all(|c| c.is_ascii_digit());
        if !digits(first) || !digits(last) {
            break;
        }
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        if first == 0 || last < first {
            return None;
        }
        lines.push(LineRange { first, last });
        rest = rest.get(end..)?;
    }
    (!lines.is_empty() && !rest.is_empty()).then_some((lines, rest))
}

/// Several commands in one reply must each name their servers, and no server twice.
fn contradict(commands: &[Command]) -> bool {
    if commands.len() < 2 {
        return false;
    }
    let mut named: Vec<String> = Vec::new();
    for command in commands {
        let Some((target, _)) = command.decided_about() else { return true };
        let keys: Vec<String> = match target {
            Target::These | Target::All { .. } | Target::Group { .. } => return true,
            Target::Servers(names) => names.iter().map(ToString::to_string).collect(),
            Target::Lines(lines) => {
                lines.iter().flat_map(|line| line.first..=line.last).map(|line| format!("#{line}")).collect()
            }
        };
        if keys.iter().any(|key| named.contains(key)) {
            return true;
        }
        named.extend(keys);
    }
    false
}

impl fmt::Display for AskBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Your reply has no words of its own, so nothing was decided."),
            Self::Bare => {
                f.write_str("That could mean \"seen\" as well as \"approved\", so nothing was decided.")
            }
            Self::Question => f.write_str("That is a question, so nothing was decided."),
            Self::Condition => f.write_str(
                "That sets a condition, and I cannot watch over conditions, so nothing was decided.",
            ),
            Self::Negated => {
                f.write_str("That says yes and contains a \"no\" or \"not\", so nothing was decided.")
            }
            Self::Excepts => f.write_str(
                "That says yes, and I cannot be sure for which servers, so nothing was decided; name them behind the \
                 word, as \"approve 1-3\" or \"approve all except\" and a name.",
            ),
            Self::Contradiction => {
                f.write_str("That says two things that may touch the same servers, so nothing was decided.")
            }
            Self::NotByMail(name) => {
                let surfaces = crate::spec_of(name).map_or(&[][..], |spec| spec.surfaces);
                let or_terminal =
                    if surfaces.contains(&Surface::Terminal) { " or in the terminal" } else { "" };
                write!(
                    f,
                    "\"{name}\" cannot be said by mail, so nothing was decided; say it in chat{or_terminal}."
                )
            }
            Self::TooMuch => {
                f.write_str("There is more in your reply than a decision, so nothing was decided.")
            }
            Self::NotACommand(error) => write!(f, "{error}"),
        }
    }
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line.as_str() {
            "" => self.why.fmt(f),
            line => write!(f, "\"{line}\": {}", self.why),
        }
    }
}

impl std::error::Error for NotUnderstood {}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reply comes to: the commands, or the kind of question back.
    fn outcome(reply: &str) -> String {
        match parse_reply(reply) {
            Ok(commands) => commands.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            Err(NotUnderstood { why: AskBack::NotACommand(_), .. }) => "ask back: no command".to_owned(),
            Err(NotUnderstood { why, .. }) => {
                let kind = format!("{why:?}").to_lowercase();
                format!("ask back: {}", kind.split('(').next().unwrap())
            }
        }
    }

    #[test]
    fn plain_consent_is_understood_in_its_usual_words() {
        for reply in [
            "approve",
            "Approved",
            "approved.",
            "Approved!",
            "yes, approved",
            "Yes approved.",
            "ok please go ahead",
            "please go ahead",
            "Please proceed.",
            "OK, please go ahead. Thanks!",
            "Hi,\n\napproved\n\nThanks,\nAda",
            "Approved, thank you.",
            "Hello team,\nplease go ahead\nBest regards\nAda Example",
            "APPROVE",
            "Approved. Thank you very much.",
        ] {
            assert_eq!(outcome(reply), "approve", "{reply:?}");
        }
    }

    #[test]
    fn every_way_to_say_no_is_a_no() {
        for reply in [
            "no", "No.", "declined", "not approved", "do not approve", "Don't approve",
            "don\u{2019}t approve", "No, not approved", "decline",
        ] {
            assert_eq!(outcome(reply), "decline", "{reply:?}");
        }
        assert_eq!(outcome("no: quarter-end closing"), "decline because \"quarter-end closing\"");
        assert_eq!(outcome("Declined because of the release"), "decline because \"of the release\"");
    }

    #[test]
    fn what_stands_behind_a_colon_never_widens_a_yes() {
        for reply in [
            "approve: web01",
            "approve: web01 and web02",
            "Approved: 1-2",
            "Go ahead: web01",
            "approve: please exclude oracle",
            "approve: oracle is excluded",
            "go ahead: everything apart from mail",
            "approve because 1-2",
            "approve because tested on staging, leave out mail",
            "approved because they are idle, exclude oracle",
            "approve all because 3 is done",
        ] {
            assert_eq!(outcome(reply), "ask back: excepts", "{reply:?}");
        }
        for reply in ["no: web02", "decline: 3", "no: web02 has a release"] {
            assert_eq!(outcome(reply), "ask back: no command", "{reply:?}");
        }
        assert_eq!(
            outcome("1 ok: tested; 2 no: release"),
            "approve 1 because \"tested\"; decline 2 because \"release\""
        );
        assert_eq!(outcome("1: ok\n2: no"), "approve 1; decline 2");
        assert_eq!(outcome("6: no: release"), "decline 6 because \"release\"");
    }

    #[test]
    fn a_mark_between_a_number_and_its_word_is_asked_about() {
        for reply in ["1 ❌ approve", "1 👎 ok", "1 ~~ok~~", "2 [ ] approve", "1 ≠ ok", "1 > ok"] {
            assert!(parse_reply(reply).is_err(), "{reply:?}");
        }
        for reply in ["1 - ok", "1: ok", "1) ok", "#1 ok", "1 = ok", "1 – ok"] {
            assert_eq!(outcome(reply), "approve 1", "{reply:?}");
        }
    }

    #[test]
    fn what_is_left_out_above_or_below_a_yes_is_not_set_aside() {
        for reply in [
            "approve all\n\nThanks\nexclude oracle",
            "approve all\n\nThanks\nleave mail alone",
            "approve all\n\nThanks\nminus mail",
            "approve all\n\nBest regards\nAda\noracle stays untouched",
            "approve all\n\nThanks,\nAda\n\nPS oracle excluded",
            "Hi mail excluded\napprove all",
        ] {
            assert!(parse_reply(reply).is_err(), "{reply:?}");
        }
    }

    #[test]
    fn servers_and_times_are_taken_exactly() {
        assert_eq!(outcome("approve web01, web02 and db01"), "approve web01 web02 db01");
        assert_eq!(outcome("Please approve web01"), "approve web01");
        assert_eq!(outcome("move to 2026-12-04 20:00"), "move to 2026-12-04 20:00");
        assert_eq!(
            outcome("please reschedule web01 to 2026-12-04 20:00 Europe/Berlin"),
            "move web01 to 2026-12-04 20:00 Europe/Berlin"
        );
        assert_eq!(outcome("defer 2 weeks"), "defer by 2 weeks");
        assert_eq!(outcome("Postpone by a week, please"), "defer by 1 week");
        assert_eq!(outcome("status?"), "status");
    }

    #[test]
    fn numbered_lines_of_a_digest_are_answered_one_by_one() {
        assert_eq!(
            outcome("1-4,7 ok; 5 move 2026-12-14 22:00; 6 no: release"),
            "approve 1-4 7; move 5 to 2026-12-14 22:00; decline 6 because \"release\""
        );
        assert_eq!(
            outcome("1 approved\n2 declined\n3 defer 2 weeks"),
            "approve 1; decline 2; defer 3 by 2 weeks"
        );
    }

    #[test]
    fn numbers_may_look_as_lists_make_them() {
        assert_eq!(
            outcome("1. ok\n2. no: release\n3. move 2026-12-14 22:00"),
            "approve 1; decline 2 because \"release\"; move 3 to 2026-12-14 22:00"
        );
        assert_eq!(outcome("1) approve\n#2 decline"), "approve 1; decline 2");
        assert_eq!(outcome("1: ok"), "approve 1");
        // A list of its own numbering says nothing about the notice's lines.
        assert_eq!(outcome("1. approve web01"), "ask back: no command");
        assert_eq!(outcome("1. 12. 2026 ok"), "approve 1 12 2026");
    }

    #[test]
    fn a_confirmation_is_that_and_nothing_else() {
        for said in
            ["confirm", "Confirmed.", "Hi,\n\nyes, I confirm. Thanks!\n\nBest regards\nAda", "Please confirm"]
        {
            assert!(is_confirmation(said), "{said}");
        }
        for said in [
            "", "yes", "confirm?", "I cannot confirm", "confirm web01", "not confirmed", "confirm\nconfirm",
            "> confirm", "do confirm but later",
        ] {
            assert!(!is_confirmation(said), "{said}");
        }
    }

    #[test]
    fn a_reason_that_cannot_be_kept_is_not_left_out() {
        // Found by fuzzing: it was kept with a character that no database takes.
        assert_eq!(outcome("decline 6: dk \0 dk6"), "ask back: no command");
        assert_eq!(outcome("no: it \u{202e}syas woh"), "ask back: no command");
        // What stands behind so many words may be what the decision hangs on.
        let long = "fine with us, ".repeat(40);
        for reply in [format!("approve: {long} but only after the release"), format!("3 ok because {long}")] {
            assert!(parse_reply(&reply).is_err(), "{reply}");
        }
        assert_eq!(outcome("decline because \"\""), "ask back: no command");
    }

    #[test]
    fn what_can_be_misread_is_asked_back() {
        for (reply, kind) in [
            ("ok", "bare"),
            ("thanks", "bare"),
            ("Yes", "bare"),
            ("👍", "bare"),
            ("", "nothing"),
            ("\n \n", "nothing"),
            ("Is this the one with the reboot?", "question"),
            ("approve?", "question"),
            ("approve\nThanks?", "question"),
            ("status of web01?", "question"),
            ("approved but only after the release", "condition"),
            ("approve if the backup is done", "condition"),
            ("yes, but not before 22:00", "condition"),
            ("approve because fine, but only after 22:00", "condition"),
            ("approve web01; decline web01", "contradiction"),
            ("approve\ndecline", "contradiction"),
            ("approve\nmove web01 to 2026-12-04 20:00", "contradiction"),
            ("no problem, go ahead", "no command"),
            ("I never said you may proceed", "no command"),
            ("genehmigt", "no command"),
            ("| approve", "no command"),
            ("> approved", "no command"),
            ("* yes, approved", "no command"),
            ("approve web*", "no command"),
            ("disapprove", "no command"),
            ("approve next week", "condition"),
            ("Approved\n\nThanks\nAda\nPlease wait until Monday though", "toomuch"),
        ] {
            assert_eq!(outcome(reply), format!("ask back: {kind}"), "{reply:?}");
        }
    }

    #[test]
    fn exclusions_are_understood_so_that_they_can_be_confirmed() {
        assert_eq!(outcome("approve all except db01"), "approve all except db01");
        assert_eq!(outcome("approve all but not db01"), "approve all except db01");
    }

    #[test]
    fn a_no_anywhere_near_a_yes_never_approves() {
        for reply in [
            "not approve", "I do not approve web01", "approve not", "approve web01 never", "approve none",
            "no approve", "please don't proceed", "do not go ahead", "don't go ahead",
            "approve because we do not care",
        ] {
            assert!(!outcome(reply).starts_with("approve"), "{reply:?} -> {}", outcome(reply));
        }
    }
}
