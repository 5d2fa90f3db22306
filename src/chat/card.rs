//! A window's card: what everybody sees of it in chat, in every state, with the buttons that make sense there.
//!
//! Pure and without a platform's markup. A card tells what the mails tell, because whoever answers in chat may have
//! read nothing else.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use patchbot_commands::ServerName;

use super::facts::{Facts, LastDecision};
use super::text::{Line, Paragraph, Span, plain};
use crate::app::clockwork::reboot_sentence;
use crate::app::prechecks::finding_lines;
use crate::app::run::{Report, next_after_failure, state_after};
use crate::domain::answer::Channel;
use crate::domain::decision::Decided;
use crate::domain::ids::{Revision, WindowId};
use crate::domain::notice::PackageLine;
use crate::domain::policy::{RebootRule, Scope, Silence};
use crate::domain::run::{Reboot, RunState, Step};
use crate::domain::shown::{line, typed};
use crate::domain::timeline::answer_by;
use crate::domain::window::{Approver, Plan, WindowState};
use crate::store::records::{PrecheckRow, RunRow};

/// More items than this belong into a mail.
const MOST_ITEMS: usize = 20;
/// So many lines of a host's log.
const MOST_LOG: usize = 8;

/// What a click on a button means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Consent to the plan that the card shows.
    Approve,
    /// Say no.
    Decline,
    /// Ask what stands between the server and its patching.
    Why,
}

impl Act {
    /// The act's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Decline => "decline",
            Self::Why => "why",
        }
    }

    /// Reads an act's name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Approve, Self::Decline, Self::Why].into_iter().find(|act| act.as_str() == name)
    }
}

/// A button on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// What a click means.
    pub act: Act,
    /// What is written on it.
    pub label: &'static str,
    /// The question that is asked before the click counts.
    pub question: Option<String>,
}

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

    /// The card as plain text, with its buttons in brackets; `command` is what stands before words to type.
    #[must_use]
    pub fn text(&self, command: &str) -> String {
        let buttons: Vec<String> = self.buttons.iter().map(|button| format!("[{}]", button.label)).collect();
        let mut text = plain(&self.body(), command);
        for more in [buttons.join(" "), plain(&[Paragraph::Lines(self.footer.clone())], command)] {
            if !more.is_empty() {
                text.push('\n');
                text.push_str(&more);
            }
        }
        text
    }
}

/// Makes the card of a window from what is known of it.
#[must_use]
pub fn window_card(facts: &Facts) -> Card {
    let mut draft =
        Draft { facts, told: Vec::new(), lists: Vec::new(), name: typed_name(&facts.server.name) };
    draft.tell_all();
    Card {
        shown: Shown { window: facts.window.id, revision: facts.window.revision },
        title: title(facts),
        facts: draft.told,
        lists: draft.lists,
        buttons: buttons(facts),
        footer: footer(facts, &draft.name),
    }
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
        WindowState::Cancelled { .. } => format!("🚫 The window of {name} is cancelled"),
    }
}

fn buttons(facts: &Facts) -> Vec<Button> {
    let approve = Button { act: Act::Approve, label: "Approve", question: None };
    let decline = Button {
        act: Act::Decline,
        label: "Decline",
        question: Some(format!(
            "Say no? {} is then not patched in {}. You can take it back before the start.",
            facts.server.name, facts.window.quarter
        )),
    };
    let why = Button { act: Act::Why, label: "Why?", question: None };
    match &facts.window.state {
        WindowState::Proposed | WindowState::Approved(_) | WindowState::Locked(_) if has_begun(facts) => {
            vec![why]
        }
        WindowState::Proposed => vec![approve, decline, why],
        WindowState::Unscheduled | WindowState::Approved(_) | WindowState::Locked(_) => vec![decline, why],
        WindowState::Declined(_)
        | WindowState::Failed { .. }
        | WindowState::Missed { .. }
        | WindowState::NeedsHuman { .. } => vec![why],
        WindowState::Running { .. } | WindowState::Completed | WindowState::Cancelled { .. } => Vec::new(),
    }
}

/// A card while it is being written.
struct Draft<'a> {
    facts: &'a Facts,
    told: Vec<Fact>,
    lists: Vec<(String, Paragraph)>,
    name: String,
}

impl Draft<'_> {
    fn tell(&mut self, label: &'static str, text: impl Into<String>) {
        self.told.push(Fact { label, text: text.into() });
    }

    /// What matters most stands first: when, what was or is to be decided, and what happens.
    fn tell_all(&mut self) {
        let facts = self.facts;
        if let Some(plan) = facts.window.plan {
            self.tell("When", times(plan.starts_at, plan.ends_at, plan.zone));
            let differs = |zone: &Tz| {
                let wall = |zone: Tz| plan.starts_at.with_timezone(&zone).naive_local();
                *zone != Tz::UTC && wall(*zone) != wall(plan.zone)
            };
            if let Some(zone) = facts.reader.filter(differs) {
                let yours = pair(plan.starts_at, plan.ends_at, zone, None);
                self.tell("Your time", format!("{yours} {}", zone.name()));
            }
        }
        match &facts.window.state {
            WindowState::Unscheduled | WindowState::Proposed => self.tell_waiting(),
            WindowState::Approved(_) | WindowState::Locked(_) => self.tell_approved(),
            WindowState::Running { .. } => self.tell_running(),
            WindowState::Completed => self.tell_completed(),
            WindowState::Failed { reason } | WindowState::NeedsHuman { reason } => self.tell_failed(reason),
            WindowState::Missed { reason } => {
                self.tell("Why", format!("{reason}. Nothing on the server was changed."));
                self.tell_decision();
            }
            WindowState::Cancelled { reason } => {
                self.tell("Why", reason);
                self.tell_decision();
            }
            WindowState::Declined(_) => self.tell_decision(),
        }
        match facts.owners.as_slice() {
            [] => self.tell("Owners", "nobody; only operators can decide"),
            [only] => self.tell("Owner", only),
            owners => self.tell("Owners", owners.join(", ")),
        }
        if let Some(group) = &facts.server.host_group {
            self.tell("Host group", group);
        }
        self.tell("Quarter", &facts.quarter);
    }

    fn tell_waiting(&mut self) {
        let facts = self.facts;
        match facts.window.plan {
            None => self.tell("Without a time", "it is not patched."),
            Some(_) if has_begun(facts) => self.tell("Without an approval", "nothing was installed."),
            Some(plan) => self.tell_deadline(&plan),
        }
        if let Some(name) = &facts.crossed_by {
            let crossed = format!(
                "{name} moved it across the freeze of the patch week, so somebody else must approve it."
            );
            self.tell("Second person", crossed);
        }
        self.tell_decision();
        if !has_begun(facts) {
            self.tell("What happens", self.planned());
        }
        self.tell_check();
    }

    fn tell_deadline(&mut self, plan: &Plan) {
        let facts = self.facts;
        let deadline = answer_by(plan, &facts.policy);
        let by = line(deadline, plan.zone);
        if deadline <= facts.now {
            let late = "it is not patched unless somebody approves before it starts.";
            self.tell("Answer by", format!("{by}. That has passed: {late}"));
            return;
        }
        let silence = match facts.policy.silence {
            // Silence is no second person.
            Silence::Approve if facts.crossed_by.is_none() => {
                "Without an answer by then I take it as approved, and patch it at the time shown."
            }
            Silence::Approve | Silence::Hold => {
                "Without an answer by then it is not patched, and I tell the operators."
            }
        };
        self.tell("Answer by", format!("{by}. {silence}"));
    }

    fn tell_approved(&mut self) {
        let facts = self.facts;
        self.tell_decision();
        self.tell("What happens", self.planned());
        let Some(plan) = facts.window.plan else { return };
        let ahead = span(facts.policy.precheck_before);
        let closes = plan.starts_at.checked_sub_signed(facts.policy.lock_before).unwrap_or(plan.starts_at);
        let next = match (&facts.window.state, &facts.check) {
            (WindowState::Locked(_), _) => "Only a no is still possible, until the start.".to_owned(),
            (_, Some(_)) => format!("It is closed for changes from {} on.", line(closes, plan.zone)),
            (_, None) => format!(
                "{ahead} before the start I check whether it is ready. It is closed for changes from {} on.",
                line(closes, plan.zone)
            ),
        };
        self.tell("Until then", next);
        self.tell_check();
    }

    fn tell_check(&mut self) {
        let Some(check) = &self.facts.check else { return };
        let when = line(check.taken_at, self.facts.server.zone);
        let findings = findings(check);
        let verdict = match (check.blocked, findings.is_empty()) {
            (true, _) => "it cannot be patched as it is. The check is made again at the start.",
            (false, true) => "passed.",
            (false, false) => "passed, with remarks.",
        };
        self.tell("Checked", format!("{when}: {verdict}"));
        self.list("What the check found:", findings);
    }

    fn tell_running(&mut self) {
        let facts = self.facts;
        if let Some(run) = &facts.run {
            self.tell("Started", line(run.started_at, facts.server.zone));
        }
        let happens = match &facts.run {
            Some(run) => what_happens(&run.plan.scope, &run.plan.exclude, run.plan.reboot),
            None => self.planned(),
        };
        self.tell("What happens", happens);
        self.tell_decision();
    }

    /// What happens in the window, by the rules as they are now.
    fn planned(&self) -> String {
        let policy = &self.facts.policy;
        let reboot = self.facts.server.reboot.unwrap_or(policy.reboot);
        what_happens(&policy.scope, &policy.exclude, reboot)
    }

    fn tell_completed(&mut self) {
        let Some(run) = &self.facts.run else { return self.tell_decision() };
        let zone = self.facts.server.zone;
        let report = Report::of(run.report.as_ref());
        self.tell("Started", line(run.started_at, zone));
        if let Some(ended) = run.ended_at {
            self.tell("Ended", line(ended, zone));
        }
        if let RunState::Succeeded { reboot } = &run.state {
            self.tell("Rebooted", rebooted(reboot));
        }
        if !report.kernel.is_empty() {
            self.tell("Kernel", &report.kernel);
        }
        if report.packages.is_empty() {
            self.tell("Packages", "none changed: everything was up to date.");
        } else {
            let heading = match report.packages.len() {
                1 => "One package changed:".to_owned(),
                many => format!("{many} packages changed:"),
            };
            self.list(&heading, report.packages.iter().map(package).collect());
        }
        if report.differences.is_empty() {
            self.tell("Services, ports, mounts", "the same as before.");
        } else {
            self.list("What else is different from before:", report.differences.clone());
        }
        self.tell_decision();
    }

    fn tell_failed(&mut self, headline: &str) {
        let Some((run, step, reasons)) = self.facts.run.as_ref().and_then(failure) else {
            self.tell("Why", headline);
            return self.tell_decision();
        };
        let report = Report::of(run.report.as_ref());
        self.tell("Stopped at", step.phrase());
        let now = match report.state.as_slice() {
            [] => state_after(step).to_owned(),
            lines => lines.join(" "),
        };
        self.tell("How it stands", now);
        self.tell_decision();
        self.list("What went wrong:", reasons.to_vec());
        if !report.log.is_empty() {
            let skipped = report.log.len().saturating_sub(MOST_LOG);
            let lines = report.log.iter().skip(skipped).cloned().collect();
            self.lists.push(("The last lines of its log:".to_owned(), Paragraph::Verbatim(lines)));
        }
    }

    fn tell_decision(&mut self) {
        let zone = self.facts.server.zone;
        if let Some(decision) = &self.facts.decision {
            let mut told = decided(decision, zone);
            if let Some(before) = decision.before {
                told.push_str(&format!("; the time before was {}", line(before, zone)));
            }
            self.tell("Last decision", told);
            return;
        }
        // A window can be made with a consent from the inventory.
        match &self.facts.window.state {
            WindowState::Approved(approval) | WindowState::Locked(approval) => {
                let told = format!("approved by {}, {}", approval.phrase(), line(approval.at, zone));
                self.tell("Last decision", told);
            }
            WindowState::Declined(refused) => {
                let told = format!("{}, {}", self.facts.window.state.phrase(), line(refused.at, zone));
                self.tell("Last decision", told);
            }
            WindowState::Unscheduled
            | WindowState::Proposed
            | WindowState::Running { .. }
            | WindowState::Completed
            | WindowState::Failed { .. }
            | WindowState::Missed { .. }
            | WindowState::NeedsHuman { .. }
            | WindowState::Cancelled { .. } => {}
        }
    }

    fn list(&mut self, heading: &str, mut items: Vec<String>) {
        if items.is_empty() {
            return;
        }
        let more = items.len().saturating_sub(MOST_ITEMS);
        items.truncate(MOST_ITEMS);
        if more > 0 {
            items.push(format!("… and {more} more; the mail to the owners lists them all"));
        }
        let items = items.into_iter().map(Line::plain).collect();
        self.lists.push((heading.to_owned(), Paragraph::List(items)));
    }
}

fn failure(run: &RunRow) -> Option<(&RunRow, Step, &[String])> {
    match &run.state {
        RunState::Failed { step, reasons } | RunState::NeedsHuman { step, reasons } => {
            Some((run, *step, reasons))
        }
        RunState::Prechecking
        | RunState::Applying { .. }
        | RunState::Rebooting { .. }
        | RunState::Validating { .. }
        | RunState::Succeeded { .. }
        | RunState::Missed { .. } => None,
    }
}

fn findings(check: &PrecheckRow) -> Vec<String> {
    let findings: Vec<_> = serde_json::from_value(check.findings.clone()).unwrap_or_default();
    finding_lines(&findings)
        .into_iter()
        .map(|finding| {
            let word = if finding.level == "block" { "stops it" } else { "remark" };
            let remedy =
                if finding.remedy.is_empty() { String::new() } else { format!(". {}", finding.remedy) };
            format!("{word} — {}: {}{remedy}", finding.check, finding.found)
        })
        .collect()
}

fn package(package: &PackageLine) -> String {
    match (&package.before, &package.after) {
        (Some(before), Some(after)) => format!("{} {before} → {after}", package.name),
        (None, Some(after)) => format!("{} {after} (new)", package.name),
        (Some(before), None) => format!("{} {before} (removed)", package.name),
        (None, None) => package.name.clone(),
    }
}

fn rebooted(reboot: &Reboot) -> &'static str {
    match reboot {
        Reboot::Done => "yes",
        Reboot::NotNeeded => "not needed, so not done",
        Reboot::LeftToOwner => {
            "no. A reboot is needed, and this server's rule is never: it is left to the owner."
        }
        Reboot::Withheld => "no. A reboot is needed, and it could not have ended inside the window.",
    }
}

/// Who decided what, when and through which channel.
fn decided(decision: &LastDecision, zone: Tz) -> String {
    let at = line(decision.at, zone);
    let because = decision.reason.as_ref().map(|why| format!(", because \"{why}\"")).unwrap_or_default();
    match (decision.what, decision.channel) {
        (Decided::AutoApproved, _) | (_, Channel::Clock) => {
            format!("nobody answered by the deadline, so by the rule of its host group it is approved; {at}")
        }
        (what, channel) => {
            format!("{} by {} {}, {at}{because}", what.as_str(), decision.by, channel.phrase())
        }
    }
}

fn what_happens(scope: &Scope, exclude: &[String], reboot: RebootRule) -> String {
    let mut text = match scope {
        Scope::All => "Its updates are installed, without any work of yours.".to_owned(),
        Scope::Security => "Its security updates are installed, without any work of yours.".to_owned(),
        Scope::Packages(names) => format!("These packages are updated: {}.", names.join(", ")),
        Scope::Script(path) => format!("The script {path} is run, without any work of yours."),
    };
    if !exclude.is_empty() {
        text.push_str(&format!(" Never touched: {}.", exclude.join(", ")));
    }
    text.push(' ');
    text.push_str(reboot_sentence(reboot));
    text
}

/// What can be said about a window as it is now, and what comes by itself.
fn footer(facts: &Facts, name: &str) -> Vec<Line> {
    let line = |text: &str, words: String| Line::plain(text).with(Span::Say(words));
    let other_time = |text: &str, plan: Plan| {
        let later = plan.starts_at.checked_add_signed(TimeDelta::weeks(1)).unwrap_or(plan.starts_at);
        line(text, format!("move {name} to {}", typed(later, plan.zone)))
            .with(Span::Plain(" (put your date and time)".to_owned()))
    };
    let slots = || line("Free times: ", format!("slots {name}"));
    let plan = facts.window.plan;
    match (&facts.window.state, plan) {
        (WindowState::Unscheduled, _) | (WindowState::Proposed, None) => vec![
            slots(),
            line("To give it a time: ", format!("move {name} to 2026-12-03 20:00"))
                .with(Span::Plain(" (put your date and time)".to_owned())),
        ],
        (WindowState::Proposed, Some(plan)) if has_begun(facts) => vec![other_time("Another time: ", plan)],
        (WindowState::Proposed, Some(plan)) => vec![
            other_time("Another time: ", plan),
            line("The same time one week later: ", format!("defer {name} by 1 week")),
            slots(),
            line("A no with its reason: ", format!("decline {name} because \"…\"")),
        ],
        (WindowState::Approved(_), Some(plan)) => vec![
            line("To take the approval back: ", format!("withdraw {name}")),
            other_time("Another time, which needs a new approval: ", plan),
        ],
        (WindowState::Approved(_) | WindowState::Locked(_), _) => {
            vec![line("A no with its reason: ", format!("decline {name} because \"…\""))]
        }
        (WindowState::Declined(_), _) => vec![line("To take that back: ", format!("withdraw {name}"))],
        (WindowState::Missed { .. }, Some(plan)) => vec![other_time("Another time: ", plan), slots()],
        (WindowState::Missed { .. }, None) => vec![slots()],
        (WindowState::Failed { .. } | WindowState::NeedsHuman { .. }, _) => {
            match facts.run.as_ref().and_then(failure) {
                Some((run, step, _)) => next_after_failure(name, step, &run.state)
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

/// A window's times: `Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)`.
fn times(start: DateTime<Utc>, end: DateTime<Utc>, zone: Tz) -> String {
    let here = pair(start, end, zone, None);
    if zone == Tz::UTC {
        return format!("{here} UTC");
    }
    let date = start.with_timezone(&zone).date_naive();
    format!("{here} {} ({} UTC)", zone.name(), pair(start, end, Tz::UTC, Some(date)))
}

/// Two instants on one zone's walls; dates that are `known` already are left out.
fn pair(start: DateTime<Utc>, end: DateTime<Utc>, zone: Tz, known: Option<NaiveDate>) -> String {
    let (start, end) = (start.with_timezone(&zone), end.with_timezone(&zone));
    let first = match known {
        None => "%a %-d %b %Y, %H:%M",
        Some(date) if date == start.date_naive() => "%H:%M",
        Some(_) => "%a %-d %b, %H:%M",
    };
    let last = if start.date_naive() == end.date_naive() { "–%H:%M" } else { " to %a %-d %b, %H:%M" };
    format!("{}{}", start.format(first), end.format(last))
}

/// A length of time in words: `5 hours`, `90 minutes`.
fn span(length: TimeDelta) -> String {
    let minutes = length.num_minutes();
    let (count, unit) = if minutes % 60 == 0 { (length.num_hours(), "hour") } else { (minutes, "minute") };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests;
