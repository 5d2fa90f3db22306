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
}

/// Everything that is mailed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// The quarter's servers of an owner, with proposed times.
    MonthlyNotice(Digest),
    /// The windows of the coming week that still need an answer.
    ApprovalRequest(Digest),
    /// A day before the window.
    DailyReminder(WindowNotice),
    /// The run starts now.
    Starting(WindowNotice),
    /// The window was not started, and why.
    Missed(WindowNotice),
    /// Somebody decided.
    Decision(DecisionNotice),
    /// The pre-checks found something.
    PrecheckAlert(PrecheckAlert),
    /// The run ended well.
    CompletionNotice(CompletionNotice),
    /// The run failed.
    FailureNotice(FailureNotice),
    /// The answer to a reply.
    Transcript(Transcript),
}

impl Notice {
    /// The notice's name: the folder of its templates and the kind in the database.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::MonthlyNotice(_) => "monthly_notice",
            Self::ApprovalRequest(_) => "approval_request",
            Self::DailyReminder(_) => "daily_reminder",
            Self::Starting(_) => "starting",
            Self::Missed(_) => "missed",
            Self::Decision(_) => "decision",
            Self::PrecheckAlert(_) => "precheck_alert",
            Self::CompletionNotice(_) => "completion_notice",
            Self::FailureNotice(_) => "failure_notice",
            Self::Transcript(_) => "transcript",
        }
    }

    /// The windows the notice shows; an answer to it is about them.
    #[must_use]
    pub fn windows(&self) -> &[WindowLine] {
        match self {
            Self::MonthlyNotice(digest) | Self::ApprovalRequest(digest) => &digest.windows,
            Self::DailyReminder(one) | Self::Starting(one) | Self::Missed(one) => {
                std::slice::from_ref(&one.window)
            }
            Self::Decision(decision) => std::slice::from_ref(&decision.window),
            Self::PrecheckAlert(alert) => std::slice::from_ref(&alert.window),
            Self::CompletionNotice(done) => std::slice::from_ref(&done.window),
            Self::FailureNotice(failure) => std::slice::from_ref(&failure.window),
            Self::Transcript(transcript) => &transcript.windows,
        }
    }
}
