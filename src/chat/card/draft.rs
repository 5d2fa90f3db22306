//! What a card tells in each state, fact by fact.

use chrono_tz::Tz;

use super::times::{pair, span, times};
use super::{Fact, has_begun};
use crate::app::clockwork::reboot_sentence;
use crate::app::prechecks::finding_lines;
use crate::app::run::{Report, state_after};
use crate::chat::facts::{Facts, LastDecision};
use crate::chat::text::{Line, Paragraph};
use crate::domain::answer::Channel;
use crate::domain::decision::Decided;
use crate::domain::notice::PackageLine;
use crate::domain::policy::{RebootRule, Scope, Silence};
use crate::domain::run::{Reboot, RunState, Step};
use crate::domain::shown::line;
use crate::domain::timeline::answer_by;
use crate::domain::window::{Plan, WindowState};
use crate::store::records::{PrecheckRow, RunRow};

/// More items than this belong into a mail.
const MOST_ITEMS: usize = 20;
/// So many lines of a host's log.
const MOST_LOG: usize = 8;

/// A card while it is being written.
pub(super) struct Draft<'a> {
    facts: &'a Facts,
    pub(super) told: Vec<Fact>,
    pub(super) lists: Vec<(String, Paragraph)>,
}

impl<'a> Draft<'a> {
    /// Writes all that is known.
    pub(super) fn of(facts: &'a Facts) -> Self {
        let mut draft = Self { facts, told: Vec::new(), lists: Vec::new() };
        draft.tell_all();
        draft
    }

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
            WindowState::Deferred { reason, .. } => {
                self.tell("Why", reason);
                self.tell_decision();
            }
        }
        if let Some(beside) = self.beside() {
            self.tell("Blast radius", beside);
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

    /// What else is patched at the same time, while that can still be changed.
    fn beside(&self) -> Option<String> {
        let facts = self.facts;
        facts.window.plan.filter(|_| !facts.window.state.is_settled() && !has_begun(facts))?;
        let group = facts.server.host_group.as_deref().unwrap_or("its host group");
        let others = match (facts.beside.group.as_slice(), facts.beside.all) {
            ([], 0) => return Some("no other server is patched in that hour.".to_owned()),
            ([], 1) => "1 other server is patched in that hour, of another host group.".to_owned(),
            ([], many) => format!("{many} other servers are patched in that hour, none of {group}."),
            (names, many) => format!(
                "{} of {group} in the same hour; {many} other {} in all.",
                names.join(", "),
                if many == 1 { "server" } else { "servers" }
            ),
        };
        Some(others)
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
            Silence::Slip => "Without an answer by then it moves a week on, and I ask again.",
            Silence::Escalate => {
                "Without an answer by then I ask the second owner, then the operators; it is not patched without an answer."
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
            (_, Some(check)) if !self.is_rehearsal(check) => {
                format!("It is closed for changes from {} on.", line(closes, plan.zone))
            }
            (_, Some(_) | None) => format!(
                "{ahead} before the start I check whether it is ready. It is closed for changes from {} on.",
                line(closes, plan.zone)
            ),
        };
        self.tell("Until then", next);
        self.tell_check();
    }

    /// Whether a look at the server came before the check that counts: some hours before the start.
    fn is_rehearsal(&self, check: &PrecheckRow) -> bool {
        let facts = self.facts;
        let counts = facts
            .window
            .plan
            .and_then(|plan| plan.starts_at.checked_sub_signed(facts.policy.precheck_before));
        counts.is_some_and(|counts| check.taken_at < counts)
    }

    fn tell_check(&mut self) {
        let Some(check) = &self.facts.check else { return };
        let when = line(check.taken_at, self.facts.server.zone);
        let findings = findings(check);
        let rehearsal = self.is_rehearsal(check);
        let verdict = match (check.blocked, findings.is_empty()) {
            (true, _) if rehearsal => "as it is now, it could not be patched. There is time to mend that.",
            (true, _) => "it cannot be patched as it is. The check is made again at the start.",
            (false, true) => "passed.",
            (false, false) => "passed, with remarks.",
        };
        self.tell(if rehearsal { "Rehearsed" } else { "Checked" }, format!("{when}: {verdict}"));
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
            | WindowState::Deferred { .. }
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

/// What silence means for a window that waits, with its deadline; nothing once that has passed.
pub(super) fn silence_line(facts: &Facts) -> Option<String> {
    let plan = facts.window.plan?;
    let deadline = answer_by(&plan, &facts.policy);
    let means = match facts.policy.silence {
        Silence::Approve => "what is not answered counts as approved, and is patched at the times shown",
        Silence::Hold => "what is not answered is not patched, and the operators are told",
        Silence::Slip => "what is not answered moves a week on, and is asked about again",
        Silence::Escalate => {
            "what is not answered goes to the second owner, then to the operators, and is not patched without an answer"
        }
    };
    (deadline > facts.now).then(|| format!("The first deadline is {}; {means}.", line(deadline, plan.zone)))
}

/// Where and why a run ended badly.
pub(super) fn failure(run: &RunRow) -> Option<(&RunRow, Step, &[String])> {
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
