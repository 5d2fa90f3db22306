//! The notices people get: what each one says, as data that templates turn into mails and messages.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::answer::Verdict;

/// A time as a person reads it: in the reader's or the server's zone, with UTC beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownTime {
    /// In the server's zone: `Thu 3 Dec 2026, 20:00`.
    pub server: String,
    /// The server's zone: `America/New_York`.
    pub server_zone: String,
    /// In the reader's zone, when it is known and differs: `Fri 4 Dec 2026, 02:00`.
    pub reader: Option<String>,
    /// The reader's zone, when it is known and differs.
    pub reader_zone: Option<String>,
    /// In UTC: `Fri 4 Dec 2026, 01:00`.
    pub utc: String,
    /// The instant itself, for calendar entries.
    pub at: DateTime<Utc>,
}

/// One window, as a numbered line of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowLine {
    /// The line's number in this notice, from 1.
    pub number: usize,
    /// The server's name.
    pub server: String,
    /// The host group, when it has one.
    pub host_group: Option<String>,
    /// The quarter: `2027-Q1`.
    pub quarter: String,
    /// The revision that this notice shows; an approval by reply is bound to it.
    pub revision: i64,
    /// The state in a word or two: `proposed`, `approved by ada@example.org`.
    pub state: String,
    /// When it starts.
    pub start: ShownTime,
    /// When it ends at the latest.
    pub end: ShownTime,
    /// What the last look at the server found, as a full sentence; absent when nobody has looked lately.
    #[serde(default)]
    pub today: Option<String>,
}

/// Many windows of one owner in one mail: the monthly notice and the request for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// How the reader is called.
    pub reader: String,
    /// The quarter: `2027-Q1`.
    pub quarter: String,
    /// The windows, in numbered lines.
    pub windows: Vec<WindowLine>,
    /// The last moment to answer, as text in the reader's zone with UTC beside it.
    pub deadline: String,
    /// What happens without an answer, as a full sentence.
    pub silence: String,
    /// How often these windows can still be moved, and until when, as a full sentence.
    #[serde(default)]
    pub moves: Option<String>,
    /// Why the reader gets it, when it was for somebody else at first; a full sentence.
    #[serde(default)]
    pub note: Option<String>,
    /// What the reader is asked.
    #[serde(default)]
    pub asked: Asked,
}

/// What a digest asks its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Whether the times suit, and which other ones do: an owner.
    #[default]
    Decision,
    /// Which other times suit: an owner of servers that others approve.
    Time,
    /// Yes or no: somebody whom the rules name to approve.
    YesOrNo,
}

/// The windows of the week that begins: nothing is asked, but everything can still be answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeekAhead {
    /// How the reader is called.
    pub reader: String,
    /// The quarter: `2027-Q1`.
    pub quarter: String,
    /// The windows, in numbered lines.
    pub windows: Vec<WindowLine>,
    /// What will happen, one sentence each.
    pub sentences: Vec<String>,
    /// What the reader can do, one sentence each.
    pub next: Vec<String>,
}

/// One window's notice: the reminder before it, its start, its missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowNotice {
    /// How the reader is called.
    pub reader: String,
    /// The window.
    pub window: WindowLine,
    /// What will happen or has happened, one sentence each.
    pub sentences: Vec<String>,
    /// What the reader can do, one sentence each.
    pub next: Vec<String>,
    /// Whether an answer to this notice can still decide something.
    pub answerable: bool,
}

/// A decision was taken: told to every owner of the server, whoever took it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionNotice {
    /// How the reader is called.
    pub reader: String,
    /// The window as it is now.
    pub window: WindowLine,
    /// `approved`, `declined`, `moved`, `deferred`, `withdrawn`.
    pub what: String,
    /// Who decided.
    pub by: String,
    /// Through which channel: `by mail`.
    pub channel: String,
    /// When it was decided.
    pub decided_at: ShownTime,
    /// The reason given.
    pub reason: Option<String>,
    /// When it was moved: the time before.
    pub before: Option<ShownTime>,
    /// What the reader can do, one sentence each.
    pub next: Vec<String>,
}

/// What was decided about one of several windows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedLine {
    /// The window as it is now.
    pub window: WindowLine,
    /// `approved`, `declined`, `moved`, `deferred`, `withdrawn`.
    pub what: String,
    /// The reason given.
    pub reason: Option<String>,
    /// When it was moved: the time before.
    pub before: Option<ShownTime>,
}

/// Several decisions that somebody took at once: told to every other owner in one mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionsNotice {
    /// How the reader is called.
    pub reader: String,
    /// The quarter: `2027-Q1`.
    pub quarter: String,
    /// Who decided.
    pub by: String,
    /// Through which channel: `by mail`.
    pub channel: String,
    /// When it was decided.
    pub decided_at: ShownTime,
    /// What was decided, in numbered lines.
    pub decided: Vec<DecidedLine>,
    /// The windows as they are now, in numbered lines: the same ones.
    pub windows: Vec<WindowLine>,
    /// What the reader can do, one sentence each.
    pub next: Vec<String>,
}

/// One finding of a pre-check or a validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingLine {
    /// `block`, `warn` or `ok`.
    pub level: String,
    /// The check: `disk /var`.
    pub check: String,
    /// What was found: `96 % used, 85 % allowed`.
    pub found: String,
    /// What to do about it; empty when nothing is to be done.
    pub remedy: String,
}

/// The pre-checks found something before the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrecheckAlert {
    /// How the reader is called.
    pub reader: String,
    /// The window.
    pub window: WindowLine,
    /// Whether the run will be blocked unless it is mended.
    pub blocked: bool,
    /// What was found.
    pub findings: Vec<FindingLine>,
    /// What the reader can do, one sentence each.
    pub next: Vec<String>,
}

/// One package that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageLine {
    /// The package's name.
    pub name: String,
    /// The version before; absent when it is new.
    pub before: Option<String>,
    /// The version after; absent when it is gone.
    pub after: Option<String>,
}

/// A run ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletionNotice {
    /// How the reader is called.
    pub reader: String,
    /// The window.
    pub window: WindowLine,
    /// When the run started and ended.
    pub started: ShownTime,
    /// When the run ended.
    pub ended: ShownTime,
    /// The packages that changed.
    pub packages: Vec<PackageLine>,
    /// Whether the server was rebooted.
    pub rebooted: bool,
    /// The kernel before and after: `6.1.0-29 -> 6.1.0-30`, or one version when it did not change.
    pub kernel: String,
    /// What else differs from before (units, ports, mounts), one line each.
    pub differences: Vec<String>,
}

/// A run failed, or stopped because a person must look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureNotice {
    /// How the reader is called.
    pub reader: String,
    /// The window.
    pub window: WindowLine,
    /// The step that failed: `pre-check`, `install`, `reboot`, `validation`.
    pub step: String,
    /// What went wrong, one sentence each.
    pub reasons: Vec<String>,
    /// The state the server is in now, one sentence each.
    pub state: Vec<String>,
    /// The last lines of the host's log.
    pub log: Vec<String>,
    /// What to do, one sentence each.
    pub next: Vec<String>,
}

/// The answer to a reply: what was understood, done, refused and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// How the reader is called.
    pub reader: String,
    /// How it ended.
    pub verdict: Verdict,
    /// The reply as it was read, after quotes and signature were cut, one line each.
    pub said: Vec<String>,
    /// What happened, one sentence each.
    pub lines: Vec<String>,
    /// What can be answered, one sentence each.
    pub next: Vec<String>,
    /// The windows that an answer to this transcript can decide about.
    pub windows: Vec<WindowLine>,
    /// What is asked to be confirmed: the exact commands.
    #[serde(default)]
    pub confirms: Vec<String>,
    /// What changes in the reader's calendar.
    #[serde(default)]
    pub entries: Vec<EntryChange>,
}

/// What changes in a calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryChange {
    /// The window.
    pub window: WindowLine,
    /// What is done to its entry.
    pub act: EntryAct,
}

/// What is done to a window's entry in a calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryAct {
    /// It stands there as settled.
    Settled,
    /// It stands there as proposed.
    Proposed,
    /// It is taken out.
    TakenOut,
    /// The time that the reader's calendar proposed is declined, and why.
    CounterDeclined(String),
}

/// A row of numbers in a report for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// What is counted: a host group, or everything.
    pub what: String,
    /// Windows in all.
    pub all: u32,
    /// Patched.
    pub patched: u32,
    /// Approved and still to come.
    pub approved: u32,
    /// Waiting for an answer, or without a time.
    pub waiting: u32,
    /// Declined.
    pub declined: u32,
    /// Failed, missed, or waiting for a person.
    pub failed: u32,
}

/// A paragraph of a report: a heading, and one line each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// Whether somebody should act on it.
    pub urgent: bool,
    /// The lines.
    pub lines: Vec<String>,
}

/// What operators are told in the morning, on Mondays, and on the first of the month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How the reader is called.
    pub reader: String,
    /// The quarter: `2027-Q1`.
    pub quarter: String,
    /// What it covers: `Mon 23 Nov 2026, 08:00 to Tue 24 Nov 2026, 08:00 Europe/Berlin`.
    pub span: String,
    /// The whole in one sentence.
    pub summary: String,
    /// The quarter in numbers, all of it first, then by host group.
    pub tallies: Vec<Tally>,
    /// What happened, what comes, and what needs a person.
    pub sections: Vec<Section>,
}

/// Something that operators should see at once, for installations without a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertNotice {
    /// How the reader is called.
    pub reader: String,
    /// The headline, in a sentence.
    pub headline: String,
    /// More sentences, one line each.
    pub lines: Vec<String>,
}

/// Somebody in chat says to be the reader; the code proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCode {
    /// How the reader is called.
    pub reader: String,
    /// The chat platform: `Slack`.
    pub platform: String,
    /// The account, as the platform shows its id.
    pub account: String,
    /// The code. It is made when the mail leaves, and kept nowhere.
    #[serde(default)]
    pub code: String,
    /// How many minutes the code is good for.
    pub minutes: i64,
}

/// Something that concerns a person besides the quarter's own notices: a trade that is offered, a plan that changed, a
/// colleague who is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordNotice {
    /// How the reader is called.
    pub reader: String,
    /// What it is about: the subject, without a full stop.
    pub headline: String,
    /// What has happened or is asked, one sentence each.
    pub sentences: Vec<String>,
    /// The windows it is about, in numbered lines.
    pub windows: Vec<WindowLine>,
    /// What the reader can do, one sentence each.
    pub next: Vec<String>,
}

/// Everything that is mailed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// The quarter's servers of an owner, with proposed times.
    MonthlyNotice(Digest),
    /// The windows of the coming week that still need an answer.
    ApprovalRequest(Digest),
    /// The servers that still have no time or no answer.
    WeeklyFollowup(Digest),
    /// The windows of the week that begins.
    WeeklyReminder(WeekAhead),
    /// A day before the window.
    DailyReminder(WindowNotice),
    /// The run starts now.
    Starting(WindowNotice),
    /// The window was not started, and why.
    Missed(WindowNotice),
    /// Somebody decided.
    Decision(DecisionNotice),
    /// Somebody decided about several windows at once.
    Decisions(DecisionsNotice),
    /// The pre-checks found something.
    PrecheckAlert(PrecheckAlert),
    /// The run ended well.
    CompletionNotice(CompletionNotice),
    /// The run failed.
    FailureNotice(FailureNotice),
    /// The answer to a reply.
    Transcript(Transcript),
    /// What happened since yesterday morning, for operators.
    DailyReport(Report),
    /// What happened in the last week, for operators.
    WeeklyReport(Report),
    /// How the quarter stands, for operators.
    MonthlyReport(Report),
    /// How the quarter ended and what the next one begins with, for operators.
    QuarterReport(Report),
    /// Something operators should see at once.
    OperatorAlert(AlertNotice),
    /// The code that links an account in chat.
    LinkCode(LinkCode),
    /// A trade, a changed plan, a colleague's absence.
    Word(WordNotice),
}

impl Notice {
    /// The notice's name: the folder of its templates and the kind in the database.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::MonthlyNotice(_) => "monthly_notice",
            Self::ApprovalRequest(_) => "approval_request",
            Self::WeeklyFollowup(_) => "weekly_followup",
            Self::WeeklyReminder(_) => "weekly_reminder",
            Self::DailyReminder(_) => "daily_reminder",
            Self::Starting(_) => "starting",
            Self::Missed(_) => "missed",
            Self::Decision(_) => "decision",
            Self::Decisions(_) => "decisions",
            Self::PrecheckAlert(_) => "precheck_alert",
            Self::CompletionNotice(_) => "completion_notice",
            Self::FailureNotice(_) => "failure_notice",
            Self::Transcript(_) => "transcript",
            Self::DailyReport(_) => "daily_report",
            Self::WeeklyReport(_) => "weekly_report",
            Self::MonthlyReport(_) => "monthly_report",
            Self::QuarterReport(_) => "quarter_report",
            Self::OperatorAlert(_) => "operator_alert",
            Self::LinkCode(_) => "link_code",
            Self::Word(_) => "word",
        }
    }

    /// The windows the notice shows; an answer to it is about them.
    #[must_use]
    pub fn windows(&self) -> &[WindowLine] {
        match self {
            Self::MonthlyNotice(digest) | Self::ApprovalRequest(digest) | Self::WeeklyFollowup(digest) => {
                &digest.windows
            }
            Self::WeeklyReminder(week) => &week.windows,
            Self::DailyReminder(one) | Self::Starting(one) | Self::Missed(one) => {
                std::slice::from_ref(&one.window)
            }
            Self::Decision(decision) => std::slice::from_ref(&decision.window),
            Self::Decisions(decisions) => &decisions.windows,
            Self::PrecheckAlert(alert) => std::slice::from_ref(&alert.window),
            Self::CompletionNotice(done) => std::slice::from_ref(&done.window),
            Self::FailureNotice(failure) => std::slice::from_ref(&failure.window),
            Self::Transcript(transcript) => &transcript.windows,
            Self::Word(word) => &word.windows,
            Self::DailyReport(_)
            | Self::WeeklyReport(_)
            | Self::MonthlyReport(_)
            | Self::QuarterReport(_)
            | Self::OperatorAlert(_)
            | Self::LinkCode(_) => &[],
        }
    }

    /// The same notice for somebody else, with these windows and the reason why he gets it.
    #[must_use]
    pub fn handed_on(&self, reader: &str, windows: Vec<WindowLine>, why: &str) -> Self {
        let mut notice = self.clone();
        let first = windows.first().cloned();
        match &mut notice {
            Self::MonthlyNotice(digest) | Self::ApprovalRequest(digest) | Self::WeeklyFollowup(digest) => {
                reader.clone_into(&mut digest.reader);
                digest.note = Some(why.to_owned());
                digest.windows = windows;
            }
            Self::WeeklyReminder(week) => {
                reader.clone_into(&mut week.reader);
                week.sentences.push(why.to_owned());
                week.windows = windows;
            }
            Self::DailyReminder(one) | Self::Starting(one) | Self::Missed(one) => {
                reader.clone_into(&mut one.reader);
                one.sentences.push(why.to_owned());
                one.window = first.unwrap_or_else(|| one.window.clone());
            }
            Self::Word(word) => {
                reader.clone_into(&mut word.reader);
                word.sentences.push(why.to_owned());
                word.windows = windows;
            }
            Self::PrecheckAlert(alert) => {
                reader.clone_into(&mut alert.reader);
                alert.next.push(why.to_owned());
                alert.window = first.unwrap_or_else(|| alert.window.clone());
            }
            Self::Decision(_)
            | Self::Decisions(_)
            | Self::CompletionNotice(_)
            | Self::FailureNotice(_)
            | Self::Transcript(_)
            | Self::DailyReport(_)
            | Self::WeeklyReport(_)
            | Self::MonthlyReport(_)
            | Self::QuarterReport(_)
            | Self::OperatorAlert(_)
            | Self::LinkCode(_) => {}
        }
        notice
    }

    /// The same notice without some of its windows; none when it is about nothing else.
    #[must_use]
    pub fn without(&self, gone: impl Fn(&WindowLine) -> bool) -> Option<Self> {
        let left: Vec<WindowLine> = self.windows().iter().filter(|line| !gone(line)).cloned().collect();
        if left.is_empty() {
            return None;
        }
        let mut notice = self.clone();
        match &mut notice {
            Self::MonthlyNotice(digest) | Self::ApprovalRequest(digest) | Self::WeeklyFollowup(digest) => {
                digest.windows = left;
                // It may name those that are gone.
                digest.moves = None;
            }
            Self::WeeklyReminder(week) => week.windows = left,
            Self::Word(word) => word.windows = left,
            // All others are about one window, or tell what was.
            _ => {}
        }
        Some(notice)
    }

    /// Whether it tells what is to come, so that it is worth nothing once that has changed.
    #[must_use]
    pub fn grows_old(&self) -> bool {
        self.asks() && !matches!(self, Self::Missed(_))
    }

    /// Whether it asks its reader for an answer, so that somebody else must be asked when he cannot be reached.
    #[must_use]
    pub fn asks(&self) -> bool {
        matches!(
            self,
            Self::MonthlyNotice(_)
                | Self::ApprovalRequest(_)
                | Self::WeeklyFollowup(_)
                | Self::WeeklyReminder(_)
                | Self::DailyReminder(_)
                | Self::Missed(_)
                | Self::PrecheckAlert(_)
        )
    }
}
