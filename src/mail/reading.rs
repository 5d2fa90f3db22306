//! A raw message in one step: read, gate, token, trim, command language. Pure, so that a message can be replayed.
//!
//! A reading is not a decision. The caller still asks [`super::auth`] who the sender is, looks the token up, and asks
//! back when a reading carries flags.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use patchbot_commands::{Command, NotUnderstood, Target, is_confirmation, is_understood, parse_reply};

use super::calendar::CalendarAnswer;
use super::ours::Ours;
use super::read::{AutoReply, Delivery, Flag, Inbound, InboundMail, Leads, Machine, Unreadable, read};
use super::token::{self, Token, TokenProblem};
use super::trim::{same_words, trim};
use crate::domain::ids::NoticeId;
use crate::domain::person::Address;

/// What a message comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It is not acted on and never answered.
    Dropped(Dropped),
    /// Somebody typed something.
    Typed(Box<Typed>),
}

/// Why a message is not acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dropped {
    /// It came from us.
    OwnMail,
    /// An automatic answer; an absence is worth telling the operators.
    AutoReply(Box<AutoReply>),
    /// Something about the delivery of a notice.
    Bounce(Box<Delivery>),
    /// A receipt.
    Receipt,
    /// A list, or mail in bulk.
    List,
    /// It could be read in two ways, or not at all.
    Unreadable(Unreadable),
}

impl Dropped {
    /// The reason's name in the database and in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::OwnMail => "own_mail",
            Self::AutoReply(reply) if reply.away => "out_of_office",
            Self::AutoReply(_) => "auto_reply",
            Self::Bounce(_) => "bounce",
            Self::Receipt => "receipt",
            Self::List => "list",
            Self::Unreadable(Unreadable::TooLarge | Unreadable::HeadersTooLarge) => "too_large",
            Self::Unreadable(Unreadable::TooDeep | Unreadable::TooManyParts) => "too_many_parts",
            Self::Unreadable(Unreadable::BadHeaders(_)) => "bad_headers",
            Self::Unreadable(Unreadable::Fault) => "fault",
        }
    }
}

/// What somebody typed, with everything that is needed to decide whether it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// Whom it claims to be from.
    pub from: Address,
    /// The subject, decoded.
    pub subject: String,
    /// Its id, without brackets; what our answer refers to.
    pub message_id: String,
    /// What it answers, the newest first, without brackets.
    pub answers: Vec<String>,
    /// When it says it was sent.
    pub sent: Option<DateTime<Utc>>,
    /// The token of the notice that is answered.
    pub token: Result<Option<Token>, TokenProblem>,
    /// The notices it answers by their Message-ID, the newest first: the fallback when there is no token.
    pub notices: Vec<NoticeId>,
    /// What was typed.
    pub text: String,
    /// Lines of signatures, footers and legal notices that were cut from it; the quote is not in them.
    pub set_aside: Vec<String>,
    /// What the typed words mean.
    pub commands: Result<Vec<Command>, NotUnderstood>,
    /// Whether that is nothing but "confirm".
    pub confirms: bool,
    /// What its sender's calendar says; never a decision.
    pub calendar: Option<CalendarAnswer>,
    /// Why it must be asked about before anything of it is done.
    pub flags: BTreeSet<Flag>,
}

impl Typed {
    /// The commands, when nothing stands against acting on them but the sender's proof and the token's state.
    #[must_use]
    pub fn plain_commands(&self) -> Option<&[Command]> {
        let doubtful = !self.flags.is_empty() || self.token.is_err();
        if doubtful { None } else { self.commands.as_deref().ok() }
    }

    /// Why nothing of it is done before it is asked about, in sentences; nothing when it is plain.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        let mut sentences: Vec<String> = self.flags.iter().map(|flag| flag.sentence().to_owned()).collect();
        if let Err(problem) = &self.token {
            let problem = problem.to_string();
            let mut letters = problem.chars();
            sentences
                .extend(letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())));
        }
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }
}

/// Reads a raw message.
#[must_use]
pub fn reading(raw: &[u8], ours: &Ours) -> Reading {
    match read(raw, ours) {
        Err(why) => Reading::Dropped(Dropped::Unreadable(why)),
        Ok(Inbound::Machine(machine)) => Reading::Dropped(match machine {
            Machine::Own => Dropped::OwnMail,
            Machine::Delivery(delivery) => Dropped::Bounce(delivery),
            Machine::Receipt => Dropped::Receipt,
            Machine::AutoReply(reply) => Dropped::AutoReply(reply),
            Machine::List => Dropped::List,
        }),
        Ok(Inbound::Human(mail)) => Reading::Typed(Box::new(typed(*mail, ours))),
    }
}

/// Nobody types more than this for an answer.
const LONGEST: usize = 16_000;

fn typed(mail: InboundMail, ours: &Ours) -> Typed {
    let InboundMail {
        from,
        subject,
        recipients,
        message_id,
        answers,
        sent,
        plain,
        html,
        calendar,
        mut flags,
    } = mail;
    let blank =
        |text: &String| text.chars().all(|c| !c.is_alphanumeric() && (c.is_whitespace() || c.is_control()));
    let html = html.filter(|text| !blank(text));
    let plain = plain.filter(|text| !blank(text)).or_else(|| html.clone()).unwrap_or_default();
    let mut trimmed = trim(&plain);
    if trimmed.text.len() > LONGEST {
        trimmed.too_long = true;
        trimmed.text = trimmed.text.chars().take(LONGEST).collect();
    }
    let commands = parse_reply(&trimmed.text);
    if let Some(html) = html.filter(|html| *html != plain && !trimmed.too_long) {
        let other = trim(&html);
        let agree = same_words(&trimmed.text, &other.text)
            || commands.is_ok() && parse_reply(&other.text) == commands;
        if !agree {
            flags.insert(Flag::Disagree);
        }
    }
    if trimmed.too_long {
        flags.insert(Flag::TooLong);
    }
    if trimmed.interleaved && !names_its_servers(&commands) {
        flags.insert(Flag::Interleaved);
    }
    if trimmed.goes_on || trimmed.cut.iter().any(|line| is_understood(line)) {
        flags.insert(Flag::BelowSignature);
    }
    Typed {
        token: token::find(&subject, recipients.iter().map(String::as_str), ours.mailbox()),
        notices: notices(&answers, ours),
        confirms: is_confirmation(&trimmed.text),
        text: trimmed.text,
        set_aside: trimmed.cut,
        from,
        subject,
        message_id,
        answers,
        sent,
        commands,
        calendar,
        flags,
    }
}

/// The notices of ours that a message answers, each once.
#[must_use]
pub fn notices(answers: &[String], ours: &Ours) -> Vec<NoticeId> {
    let mut found = Vec::new();
    for notice in answers.iter().filter_map(|id| ours.notice_of(id)) {
        if !found.contains(&notice) {
            found.push(notice);
        }
    }
    found
}

/// Whether the fields of these names alone lead to the notice that the whole message leads to.
///
/// With the names that the sender's proof covers it says whether the sender himself named the notice: else somebody could
/// take an honest "approved" and add the line that makes it an answer to one of ours.
#[must_use]
pub fn is_led_by(names: &[&str], raw: &[u8], typed: &Typed, ours: &Ours) -> bool {
    let leads = Leads::of(raw, names);
    let token = token::find(&leads.subject, leads.recipients.iter().map(String::as_str), ours.mailbox());
    // What it answers is looked at only where there is no token.
    token == typed.token && (matches!(token, Ok(Some(_))) || notices(&leads.answers, ours) == typed.notices)
}

/// Whether an answer between the lines of the quote says by itself what it is about.
fn names_its_servers(commands: &Result<Vec<Command>, NotUnderstood>) -> bool {
    let named = |target: &Target| matches!(target, Target::Servers(_) | Target::Lines(_));
    commands.as_ref().is_ok_and(|commands| {
        commands.iter().all(|command| match command {
            Command::Delegate(it) => named(&it.target),
            other => other.decided_about().is_none_or(|(target, _)| named(target)),
        })
    })
}
