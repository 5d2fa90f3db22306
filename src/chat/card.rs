//! A window's card: what everybody sees of it in chat, in every state, with the buttons that make sense there.
//!
//! Pure and without a platform's markup. A card tells what the mails tell, because whoever answers in chat may have
//! read nothing else.

mod draft;
mod times;

use patchbot_commands::ServerName;

use super::facts::Facts;
use super::press::{Act, Press};
use super::screen::{Button, Screen, Style};
use super::text::{Line, Paragraph, Span};
use crate::app::run::next_after_failure;
use crate::domain::ids::{Revision, WindowId};
use crate::domain::moves::a_week_later;
use crate::domain::window::{Approver, WindowState};
use draft::{Draft, failure};

/// The plan that a card shows; a click is about this one and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The window.
    pub window: WindowId,
    /// The revision of its plan.
    pub revision: Revision,
}

/// One thing that a card tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is: `When`.
    pub label: &'static str,
    /// What is so.
    pub text: String,
}

/// A window as it is shown in chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// What it is about.
    pub shown: Shown,
    /// The server and where its window stands, in one sentence.
    pub title: String,
    /// What is known, one below the other.
    pub facts: Vec<Fact>,
    /// Lists with a heading each: findings, packages, the host's log.
    pub lists: Vec<(String, Paragraph)>,
    /// What can be clicked.
    pub buttons: Vec<Button>,
    /// What can be said, and what comes next.
    pub footer: Vec<Line>,
}

impl Card {
    /// What stands above the buttons.
    #[must_use]
    pub fn body(&self) -> Vec<Paragraph> {
        let facts = self.facts.iter().map(|fact| {
            Line(vec![Span::Strong(format!("{}:", fact.label)), Span::Plain(format!(" {}", fact.text))])
        });
        let mut body =
            vec![Paragraph::Lines(vec![Line::strong(&self.title)]), Paragraph::Lines(facts.collect())];
        for (heading, list) in &self.lists {
            body.push(Paragraph::Lines(vec![Line::strong(heading)]));
            body.push(list.clone());
        }
        body
    }

    /// The card as it is shown.
    #[must_use]
    pub fn screen(&self) -> Screen {
        Screen {
            body: self.body(),
            buttons: self.buttons.clone(),
            footer: self.footer.clone(),
            ..Screen::default()
        }
    }

    /// The card as plain text, with its buttons in brackets; `command` is what stands before words to type.
    #[must_use]
    pub fn text(&self, command: &str) -> String {
        self.screen().text(command)
    }
}

/// Makes the card of a window from what is known of it.
#[must_use]
pub fn window_card(facts: &Facts) -> Card {
    let Draft { told, lists, .. } = Draft::of(facts);
    Card {
        shown: Shown { window: facts.window.id, revision: facts.window.revision },
        title: title(facts),
        facts: told,
        lists,
        buttons: buttons(facts),
        footer: footer(facts, &typed_name(&facts.server.name)),
    }
}

/// Many windows on one card: a numbered line for each, and what can be done about all of them.
#[must_use]
pub fn bulk_card(all: &[Facts]) -> Screen {
    let waiting = all.iter().filter(|facts| is_open(facts)).count();
    let title = match (all.len(), waiting) {
        (many, 0) => format!("👍 {many} servers, none waits for an approval"),
        (many, 1) => format!("⏳ {many} servers, 1 waits for your approval"),
        (many, waits) => format!("⏳ {many} servers, {waits} wait for your approval"),
    };
    let mut screen = Screen::of(vec![Paragraph::Lines(vec![Line::strong(title)])]);
    let quarter = all.first().map(|facts| facts.quarter.clone()).unwrap_or_default();
    screen.body.push(Paragraph::Lines(vec![Line::plain(format!("Quarter {quarter}"))]));
    let lines = (1..).zip(all).map(|(number, facts): (usize, _)| {
        let when = facts.window.plan.map(|plan| times::times(plan.starts_at, plan.ends_at, plan.zone));
        let when = when.unwrap_or_else(|| "no time yet".to_owned());
        Line(vec![
            Span::Plain(format!("{number}. ")),
            Span::Strong(facts.server.name.clone()),
            Span::Plain(format!(" — {when} — {}", facts.window.state.phrase())),
        ])
    });
    screen.body.push(Paragraph::Lines(lines.collect()));
    if let Some(silence) = all.iter().find(|facts| is_open(facts)).and_then(draft::silence_line) {
        screen.body.push(Paragraph::Lines(vec![Line::plain(silence)]));
    }
    if waiting > 0 {
        screen
            .buttons
            .push(Button::new(format!("Approve all ({waiting})"), Press::All).styled(Style::Primary));
    }
    let ended = |facts: &Facts| facts.window.state.is_settled();
    if !all.iter().all(ended) {
        screen.buttons.push(Button::new("Choose…", Press::Choose));
    }
    let (first, second) = examples(all.len(), waiting > 0);
    screen.footer = vec![
        Line::plain("Or answer this message with ")
            .with(Span::Write(first))
            .with(Span::Plain(" or ".to_owned()))
            .with(Span::Write(second)),
    ];
    screen
}

/// What can be written as an answer to a card of so many servers.
pub(super) fn examples(servers: usize, some_wait: bool) -> (String, String) {
    let first = match (some_wait, servers) {
        (true, many @ 4..) => format!("approve 1-{}, {many}", many.saturating_sub(2)),
        (true, _) => "approve 1-2".to_owned(),
        (false, _) => "withdraw 1-2".to_owned(),
    };
    (first, "defer 2 by 1 week".to_owned())
}

/// Whether a window waits for an approval that can still be given.
fn is_open(facts: &Facts) -> bool {
    facts.window.state == WindowState::Proposed && !has_begun(facts) && facts.window.plan.is_some()
}

/// A server's name as it is typed in a command.
fn typed_name(name: &str) -> String {
    ServerName::parse(name).map_or_else(|_| name.to_owned(), |name| name.to_string())
}

fn has_begun(facts: &Facts) -> bool {
    facts.window.plan.is_some_and(|plan| plan.starts_at <= facts.now)
}

fn title(facts: &Facts) -> String {
    let name = &facts.server.name;
    match &facts.window.state {
        WindowState::Unscheduled => format!("⏳ {name} has no time yet"),
        WindowState::Proposed if has_begun(facts) => {
            format!("⚠️ {name} was not approved before its time came")
        }
        WindowState::Proposed => format!("⏳ {name} waits for approval"),
        WindowState::Approved(approval) if approval.by == Approver::Silence => {
            format!("👍 {name} counts as approved")
        }
        WindowState::Approved(_) => format!("👍 {name} is approved"),
        WindowState::Locked(_) => format!("🔒 {name} is approved, and its schedule is locked"),
        WindowState::Running { .. } => format!("🔧 {name} is being patched now"),
        WindowState::Completed => format!("✅ {name} is patched"),
        WindowState::Failed { .. } => format!("❗ {name} could not be patched"),
        WindowState::Missed { .. } => format!("⚠️ {name} was not patched"),
        WindowState::NeedsHuman { .. } => format!("❗ {name} needs a person now"),
        WindowState::Declined(_) => format!("🚫 {name} is declined: it is not patched in this window"),
        WindowState::Deferred { until, .. } => {
            format!("⏸️ {name} is put off until {}", until.format("%a %-d %b %Y"))
        }
        WindowState::Cancelled { .. } => format!("🚫 The window of {name} is cancelled"),
    }
}

fn buttons(facts: &Facts) -> Vec<Button> {
    let shown = Shown { window: facts.window.id, revision: facts.window.revision };
    let about = |label: &str, act: Act| Button::new(label, Press::About(act, shown));
    let approve = || about("Approve", Act::Approve).styled(Style::Primary);
    let other_time = || about("Move…", Act::Move);
    let decline = || about("Decline…", Act::Decline).styled(Style::Danger);
    let why = || about("Why?", Act::Why);
    match &facts.window.state {
        WindowState::Proposed | WindowState::Approved(_) | WindowState::Locked(_) if has_begun(facts) => {
            vec![why()]
        }
        WindowState::Proposed => vec![approve(), other_time(), decline(), why()],
        WindowState::Unscheduled | WindowState::Approved(_) => vec![other_time(), decline(), why()],
        WindowState::Locked(_) => vec![decline(), why()],
        WindowState::Missed { .. } => vec![other_time(), why()],
        WindowState::Declined(_)
        | WindowState::Deferred { .. }
        | WindowState::Failed { .. }
        | WindowState::NeedsHuman { .. } => vec![why()],
        WindowState::Running { .. } | WindowState::Completed | WindowState::Cancelled { .. } => Vec::new(),
    }
}

/// What can be said about a window as it is now, and what comes by itself.
fn footer(facts: &Facts, name: &str) -> Vec<Line> {
    let line = |text: &str, words: String| Line::plain(text).with(Span::Say(words));
    let again = a_week_later(facts.window.plan, facts.now, facts.server.zone);
    let other_time = |text: &str| {
        line(text, format!("move {name} to {again}"))
            .with(Span::Plain(" (put your date and time)".to_owned()))
    };
    let slots = || line("Free times: ", format!("slots {name}"));
    match (&facts.window.state, facts.window.plan) {
        (WindowState::Unscheduled, _) | (WindowState::Proposed, None) => vec![
            slots(),
            line("To give it a time: ", format!("move {name} to {again}"))
                .with(Span::Plain(" (put your date and time)".to_owned())),
        ],
        (WindowState::Proposed, Some(_)) if has_begun(facts) => vec![other_time("Another time: ")],
        (WindowState::Proposed, Some(_)) => vec![
            other_time("Another time: "),
            line("The same time one week later: ", format!("defer {name} by 1 week")),
            slots(),
            line("A no with its reason: ", format!("decline {name} because \"…\"")),
        ],
        (WindowState::Approved(_), Some(_)) => vec![
            line("To take the approval back: ", format!("withdraw {name}")),
            other_time("Another time, which needs a new approval: "),
        ],
        (WindowState::Approved(_) | WindowState::Locked(_), _) => {
            vec![line("A no with its reason: ", format!("decline {name} because \"…\""))]
        }
        (WindowState::Declined(_) | WindowState::Deferred { .. }, _) => {
            vec![line("To take that back: ", format!("withdraw {name}"))]
        }
        (WindowState::Missed { .. }, Some(_)) => vec![other_time("Another time: "), slots()],
        (WindowState::Missed { .. }, None) => vec![slots()],
        (WindowState::Failed { .. } | WindowState::NeedsHuman { .. }, _) => {
            match facts.run.as_ref().and_then(failure) {
                Some((run, step, _)) => next_after_failure(name, step, &run.state, &again)
                    .iter()
                    .map(|sentence| Line::sentence(sentence))
                    .collect(),
                None => vec![line("What was done and when: ", format!("history {name}"))],
            }
        }
        (WindowState::Running { .. }, _) => {
            vec![Line::plain("This card changes when it is done, and the owners get a mail.")]
        }
        (WindowState::Completed, _) => {
            vec![line("What was done and when: ", format!("history {name}"))]
        }
        (WindowState::Cancelled { .. }, _) => {
            vec![line("What is known of the server: ", format!("show {name}"))]
        }
    }
}

#[cfg(test)]
mod tests;
