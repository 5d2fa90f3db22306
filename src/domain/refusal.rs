//! Every "no" of the domain, with its sentence and the next step.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::answer::{Answer, Verdict};
use super::exception::day_name;
use super::ids::Revision;
use super::quarter::Quarter;
use super::rule::Broken;
use super::shown::{line, typed};
use super::window::Window;

/// A request that was understood and is refused; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody is known under this identity.
    Stranger,
    /// No such server, or none that this person may see: the two are not told apart.
    UnknownServer {
        /// As it was typed.
        name: String,
        /// Names that the person may mean.
        near: Vec<String>,
    },
    /// A short name fits several servers.
    SeveralServers {
        /// As it was typed.
        name: String,
        /// The full names.
        fits: Vec<String>,
    },
    /// Somebody else's server.
    NotYours {
        /// The server.
        server: String,
    },
    /// Nobody is known by this address, so nobody can decide under it.
    UnknownPerson {
        /// The address.
        address: String,
    },
    /// One's own address where another person's is needed.
    Yourself,
    /// A last day that is over.
    DayOver {
        /// The day.
        day: NaiveDate,
    },
    /// No server is known by this name.
    NoSuchServer {
        /// As it was typed.
        name: String,
    },
    /// A server with itself, or one that has given up its time.
    NoTrade {
        /// Why not.
        why: String,
    },
    /// An exception that would end inside the quarter, or before it began.
    NotBeyond {
        /// The server.
        server: String,
        /// The last day that was said.
        until: NaiveDate,
        /// The quarter in words.
        quarter: String,
        /// The first day that an exception can end on.
        first: NaiveDate,
    },
    /// An exception that would last too long.
    TooFar {
        /// The server.
        server: String,
        /// The last day that was said.
        until: NaiveDate,
        /// The last day that an exception can end on.
        last: NaiveDate,
    },
    /// Somebody has asked for the same already.
    AskedAlready {
        /// The server.
        server: String,
        /// Who.
        by: String,
        /// Until when it would be put off.
        until: NaiveDate,
    },
    /// One half of a trade cannot be taken back.
    SwapNotUndone {
        /// The server.
        server: String,
    },
    /// Only operators may.
    OperatorsOnly,
    /// Only administrators may.
    AdministratorsOnly,
    /// No server was named where none is shown.
    WhichServer,
    /// The person has no server that it could be about.
    NothingOfYours,
    /// None of the windows it could be about belongs to this host group.
    NothingInGroup {
        /// The host group, as it was typed.
        group: String,
    },
    /// A line number that the notice does not have, or there is no notice.
    NoSuchLine {
        /// The number.
        line: u16,
        /// The lines of the notice that can be decided about; none without a notice.
        of: Vec<u16>,
    },
    /// A server that the answered notice does not show.
    NotInNotice {
        /// The server.
        server: String,
    },
    /// The server has no window in the quarter.
    NoWindow {
        /// The server.
        server: String,
        /// The quarter.
        quarter: Quarter,
    },
    /// A rule of the host group.
    Rule(Broken),
    /// The time crosses rules that only a reason opens.
    CrossingNeedsReason {
        /// The first of them.
        rule: Broken,
    },
    /// Owners have moved it as often as they may.
    NoMovesLeft {
        /// The server.
        server: String,
        /// How often they may.
        allowed: u32,
    },
    /// Only certain people may approve.
    NotAnApprover {
        /// The server.
        server: String,
        /// Who may.
        approvers: Vec<String>,
    },
    /// Who is only named to approve says yes or no; the time is the owners' to choose.
    OnlyApproves {
        /// The server.
        server: String,
    },
    /// The same person cannot consent twice.
    ConsentedAlready {
        /// The server.
        server: String,
        /// How many more are needed.
        more: u32,
    },
    /// The window has no time yet.
    NoTimeYet {
        /// The server.
        server: String,
    },
    /// The same was decided before.
    AlreadyDecided {
        /// The server.
        server: String,
        /// `approved by ada@example.org by mail`.
        state: String,
        /// When.
        at: DateTime<Utc>,
        /// The server's zone.
        zone: Tz,
    },
    /// An owner said no; a yes needs that to be taken back first.
    Contradiction {
        /// The server.
        server: String,
        /// Who said no.
        by: String,
    },
    /// There is neither an approval nor a refusal to take back.
    NothingToWithdraw {
        /// The server.
        server: String,
        /// Where the window stands.
        state: String,
    },
    /// Only the one who declined, or an operator, can take that back.
    NotYourDecline {
        /// The server.
        server: String,
        /// Who declined.
        by: String,
    },
    /// There is no decision of a person that could be undone.
    NothingToUndo {
        /// The server.
        server: String,
    },
    /// Somebody else took the decision.
    NotYourDecision {
        /// The server.
        server: String,
        /// Who decided.
        by: String,
    },
    /// Something happened to the window after the decision.
    ChangedSince {
        /// The server.
        server: String,
        /// What cannot be undone: `the move`.
        what: &'static str,
    },
    /// The time for undoing it by oneself is over; the wish was passed on to the operators.
    UndoOver {
        /// The server.
        server: String,
        /// What cannot be undone: `the move`.
        what: &'static str,
        /// Until when it could be.
        until: DateTime<Utc>,
        /// The server's zone.
        zone: Tz,
    },
    /// The window's run has begun.
    AlreadyStarted {
        /// The server.
        server: String,
    },
    /// The window is over.
    Over {
        /// The server.
        server: String,
        /// Where it stands.
        state: String,
    },
    /// After a failure an operator must look first.
    OperatorFirst {
        /// The server.
        server: String,
        /// Where it stands.
        state: String,
    },
    /// The answered notice showed another plan than the present one.
    StaleRevision {
        /// The server.
        server: String,
        /// The revision the notice showed.
        shown: Revision,
        /// The present one.
        now: Revision,
        /// The present plan's start, when there is one.
        starts_at: Option<DateTime<Utc>>,
        /// The server's zone.
        zone: Tz,
    },
    /// The clocks skip this time.
    NoSuchLocalTime {
        /// As it was asked: `2027-03-28 02:30`.
        asked: String,
        /// The zone.
        zone: Tz,
        /// The last half hour before and the first after the gap.
        instead: Vec<DateTime<Utc>>,
    },
    /// The clocks show this time twice.
    TwiceThatNight {
        /// As it was asked: `2026-10-25 02:30`.
        asked: String,
        /// The zone.
        zone: Tz,
        /// The last half hour before and the first after the repeated hour.
        instead: Vec<DateTime<Utc>>,
    },
    /// The weekday does not fit the date.
    WeekdayMismatch {
        /// `Fri`.
        said: String,
        /// The date.
        date: NaiveDate,
    },
    /// "Friday" said on a Friday.
    WhichDay {
        /// Today, as a date.
        today: NaiveDate,
        /// A week from today.
        next: NaiveDate,
    },
    /// A zone that is not known or stands for several.
    UnknownZone(String),
    /// Conditions that cannot be read; why, as a phrase.
    BadFilter(String),
    /// The time has passed.
    Past {
        /// The time.
        at: DateTime<Utc>,
        /// The server's zone.
        zone: Tz,
    },
    /// Too near: pre-checks and lock could not happen.
    TooSoon {
        /// The earliest start.
        earliest: DateTime<Utc>,
        /// The server's zone.
        zone: Tz,
    },
    /// The schedule is locked shortly before the start.
    Locked {
        /// The server.
        server: String,
        /// The start.
        starts_at: DateTime<Utc>,
        /// The server's zone.
        zone: Tz,
    },
    /// The current patch week is closed for owners' changes.
    Frozen {
        /// From when changes are possible.
        until: NaiveDate,
        /// Whether it is the present time or the new one that lies in the freeze.
        which: Frozen,
    },
    /// An operator may cross the freeze, and must say why.
    FreezeNeedsReason,
    /// Who moved a window across a freeze cannot approve it.
    SecondPerson {
        /// The server.
        server: String,
    },
    /// A time outside the window's quarter.
    OutsideQuarter {
        /// The quarter with its dates.
        quarter: String,
    },
    /// The new time is the present one.
    SameTime {
        /// The server.
        server: String,
    },
    /// Too many servers in that hour.
    SlotFull {
        /// The hour's beginning.
        hour: DateTime<Utc>,
        /// How many may start in an hour.
        limit: u32,
        /// The server's zone.
        zone: Tz,
    },
    /// By mail, what could be misread is done only after it was confirmed.
    Confirm {
        /// Why it is asked, as a full sentence.
        why: String,
        /// The exact commands that would be done.
        commands: Vec<String>,
    },
    /// A notice can be answered with a decision once.
    TokenUsed,
    /// The window a notice was about is over.
    TokenExpired,
    /// The same request came a second time.
    Repeated {
        /// The server.
        server: String,
    },
    /// A command that asks for the role of somebody else.
    NotHere {
        /// The command's word.
        command: &'static str,
    },
    /// The rules want a reason.
    ReasonNeeded {
        /// What needs it: `To decline web01`.
        what: String,
    },
    /// Something dangerous that makes no sense as things stand.
    CannotNow {
        /// The server.
        server: String,
        /// Why, as the rest of a sentence.
        why: String,
    },
    /// No request waits under this code.
    NoSuchRequest {
        /// The code.
        code: String,
    },
    /// The request does not wait any more.
    RequestOver {
        /// The code.
        code: String,
        /// How it ended, as the rest of a sentence.
        how: String,
    },
    /// Who asked cannot be the second person.
    OwnRequest {
        /// The code.
        code: String,
    },
    /// Who asked has not confirmed it himself yet.
    NotYourRequest {
        /// The code.
        code: String,
        /// Who asked.
        by: String,
    },
    /// The code for linking an account is not right, or not good any more.
    WrongCode,
    /// Too many codes were asked for, or too many wrong ones said.
    TooManyCodes,
    /// Nothing is linked that could be unlinked.
    NotLinked,
}

/// Which of two times lies in the freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frozen {
    /// The window's present time.
    Old,
    /// The time asked for.
    New,
}

impl From<Broken> for Refusal {
    fn from(broken: Broken) -> Self {
        Self::Rule(broken)
    }
}

impl std::fmt::Display for Refusal {
    /// The sentence for the person who asked.
    #[expect(clippy::too_many_lines, reason = "one place for every sentence")]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stranger => f.write_str("I do not know you yet, so I cannot tell which servers are yours."),
            Self::UnknownServer { name, .. } => write!(f, "I know no server of yours called \"{name}\"."),
            Self::SeveralServers { name, .. } => write!(f, "\"{name}\" fits several servers."),
            Self::NotYours { server } => write!(f, "{server} is not yours to decide about."),
            Self::OperatorsOnly => f.write_str("Only operators can do that."),
            Self::AdministratorsOnly => f.write_str("Only administrators can do that."),
            Self::WhichServer => f.write_str("No server is named, so I do not know which one you mean."),
            Self::UnknownPerson { address } => write!(f, "I know nobody by the address {address}."),
            Self::Yourself => f.write_str("That is your own address; you decide already."),
            Self::DayOver { day } => write!(f, "{} is over.", day.format("%a %-d %b %Y")),
            Self::NoSuchServer { name } => write!(f, "I know no server called \"{name}\"."),
            Self::NoTrade { why } => f.write_str(why),
            Self::NotBeyond { server, until, quarter, .. } => {
                write!(f, "{} is not beyond the quarter of {server}, {quarter}.", day_name(*until))
            }
            Self::TooFar { server, until, last } => write!(
                f,
                "{server} can be put off until {} at the latest; {} is too far.",
                day_name(*last),
                day_name(*until)
            ),
            Self::AskedAlready { server, by, until } => write!(
                f,
                "{by} has asked already to put {server} off until {}; an operator other than {by} has to grant it.",
                day_name(*until)
            ),
            Self::SwapNotUndone { server } => {
                write!(f, "The time of {server} was traded; one half of a trade cannot be undone.")
            }
            Self::NothingOfYours => f.write_str("You have no window that this could be about."),
            Self::NothingInGroup { group } => {
                write!(f, "You have no window in the host group \"{group}\" that this could be about.")
            }
            Self::NoSuchLine { line, of } if of.is_empty() => {
                write!(
                    f,
                    "\"{line}\" would be a line of a notice, and there is no notice here; name the server."
                )
            }
            Self::NoSuchLine { line, of } if (1..).zip(of).all(|(number, other)| number == *other) => {
                write!(f, "There is no line {line} in the notice you answered: it has {}.", of.len())
            }
            Self::NoSuchLine { line, of } => {
                let of: Vec<String> = of.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "Line {line} of the notice you answered cannot be decided about; these can: {}.",
                    of.join(", ")
                )
            }
            Self::NotInNotice { server } => write!(f, "{server} is not in the notice you answered."),
            Self::NoWindow { server, quarter } => write!(f, "{server} has no window in {quarter}."),
            Self::Rule(broken) => broken.fmt(f),
            Self::CrossingNeedsReason { rule } => {
                write!(f, "That crosses the rule {}, which needs a reason: {rule}", rule.rule())
            }
            Self::NoMovesLeft { server, allowed: 0 } => write!(f, "Owners cannot move {server}."),
            Self::NoMovesLeft { server, allowed } => {
                write!(f, "{server} was moved {allowed} times already, as often as owners may.")
            }
            Self::NotAnApprover { server, approvers } => {
                write!(f, "{server} is approved by {} or an operator.", approvers.join(", "))
            }
            Self::OnlyApproves { server } => {
                write!(f, "You are asked to approve {server}; when it is patched is chosen by its owners.")
            }
            Self::ConsentedAlready { server, more: 1 } => {
                write!(f, "You have approved {server} already; one more person must.")
            }
            Self::ConsentedAlready { server, more } => {
                write!(f, "You have approved {server} already; {more} more people must.")
            }
            Self::NoTimeYet { server } => write!(f, "{server} has no time yet."),
            Self::AlreadyDecided { server, state, at, zone } => {
                write!(f, "{server} is already {state}, since {}.", line(*at, *zone))
            }
            Self::Contradiction { server, by } => {
                write!(f, "{by} declined {server}; a no stands until it is taken back.")
            }
            Self::NothingToWithdraw { server, state } => {
                write!(f, "There is nothing to take back for {server}: it {}.", verb_phrase(state))
            }
            Self::NotYourDecline { server, by } => {
                write!(f, "{by} declined {server}; only {by} or an operator can take that back.")
            }
            Self::NothingToUndo { server } => {
                write!(f, "There is no decision about {server} that could be undone.")
            }
            Self::NotYourDecision { server, by } => {
                write!(
                    f,
                    "The last decision about {server} was taken by {by}; only {by} or an operator can undo it."
                )
            }
            Self::ChangedSince { server, what } => {
                write!(f, "Something has happened to {server} since, so {what} cannot be undone any more.")
            }
            Self::UndoOver { server, what, until, zone } => write!(
                f,
                "For {server}, {what} could be undone until {}. I have passed your wish on to the operators.",
                line(*until, *zone)
            ),
            Self::AlreadyStarted { server } => {
                write!(f, "{server} is being patched now; it is too late to change that.")
            }
            Self::Over { server, state } => write!(f, "The window of {server} is over: {state}."),
            Self::OperatorFirst { server, state } => write!(f, "{server} needs an operator first: {state}."),
            Self::StaleRevision { server, shown, now, starts_at, zone } => {
                write!(
                    f,
                    "The plan of {server} has changed since that was shown (it was revision {shown}, now it is {now})"
                )?;
                match starts_at {
                    Some(at) => write!(f, ": the start is now {}.", line(*at, *zone)),
                    None => f.write_str("."),
                }
            }
            Self::NoSuchLocalTime { asked, zone, .. } => {
                write!(
                    f,
                    "There is no {asked} in {}: the clocks are put forward over it that night.",
                    zone.name()
                )
            }
            Self::TwiceThatNight { asked, zone, .. } => {
                write!(f, "{asked} comes twice in {}: the clocks are put back that night.", zone.name())
            }
            Self::WeekdayMismatch { said, date } => {
                write!(f, "{} is a {}, not a {said}.", date.format("%Y-%m-%d"), date.format("%A"))
            }
            Self::WhichDay { today, .. } => {
                write!(f, "Today is a {}, so that could be today or in a week.", today.format("%A"))
            }
            Self::UnknownZone(sentence) => f.write_str(sentence),
            Self::BadFilter(why) => {
                write!(f, "The conditions cannot be read: {why}{}", if why.ends_with('?') { "" } else { "." })
            }
            Self::Past { at, zone } => write!(f, "{} has passed.", line(*at, *zone)),
            Self::TooSoon { earliest, zone } => {
                write!(
                    f,
                    "That is too soon: the checks before a run need time. The earliest is {}.",
                    line(*earliest, *zone)
                )
            }
            Self::Locked { server, starts_at, zone } => write!(
                f,
                "The schedule of {server} is locked: it starts {}, and changes close before that.",
                line(*starts_at, *zone)
            ),
            Self::Frozen { until, which } => {
                let which = match which {
                    Frozen::Old => "The present time",
                    Frozen::New => "That time",
                };
                write!(
                    f,
                    "{which} lies in the current patch week, which is closed for changes; from {} on you can choose freely.",
                    until.format("%a %-d %b %Y")
                )
            }
            Self::FreezeNeedsReason => {
                f.write_str("That crosses the freeze of the current patch week, which needs a reason.")
            }
            Self::SecondPerson { server } => {
                write!(f, "You moved {server} across the freeze yourself; somebody else must approve it.")
            }
            Self::OutsideQuarter { quarter } => write!(f, "That is outside the window's quarter, {quarter}."),
            Self::SameTime { server } => write!(f, "That is the time {server} already has."),
            Self::SlotFull { hour, limit: 1, zone } => write!(
                f,
                "The hour from {} is full: at most one server starts in one hour.",
                line(*hour, *zone)
            ),
            Self::SlotFull { hour, limit, zone } => {
                write!(
                    f,
                    "The hour from {} is full: at most {limit} servers start in one hour.",
                    line(*hour, *zone)
                )
            }
            Self::Confirm { why, .. } => write!(f, "{why} It waits for your word."),
            Self::TokenUsed => f.write_str(
                "A decision was already taken by an answer to that notice; each notice can be answered once.",
            ),
            Self::TokenExpired => f.write_str(
                "The windows of that notice are over, so an answer to it decides nothing any more.",
            ),
            Self::Repeated { server } => {
                write!(f, "That was done for {server} already; it came a second time.")
            }
            Self::NotHere { command } => write!(f, "\"{command}\" cannot be said here."),
            Self::ReasonNeeded { what } => write!(f, "{what} needs a reason."),
            Self::CannotNow { server, why } => write!(f, "That cannot be done with {server}: {why}."),
            Self::NoSuchRequest { code } => write!(f, "Nothing waits under the code {code}."),
            Self::RequestOver { code, how } => write!(f, "What was asked for under {code} {how}."),
            Self::OwnRequest { code } => {
                write!(f, "You asked for {code} yourself; a second person must confirm it.")
            }
            Self::NotYourRequest { code, by } => {
                write!(f, "{by} asked for {code} and has not confirmed it yet.")
            }
            Self::WrongCode => {
                f.write_str("That code is not right, or not good any more; nothing was linked.")
            }
            Self::TooManyCodes => f.write_str("That was tried too often; nothing was linked."),
            Self::NotLinked => f.write_str("This account is not linked to anybody."),
        }
    }
}

/// "waits for approval" and "approved by …" as predicates.
fn verb_phrase(state: &str) -> String {
    match state {
        "waits for approval" => state.to_owned(),
        "no time yet" => "has no time yet".to_owned(),
        other => format!("is {other}"),
    }
}

impl Refusal {
    /// The no to an answer about a window that is not any more as it was shown: an answer holds for what was seen.
    #[must_use]
    pub fn of_stale(shown: Option<Revision>, window: &Window, server: &str, zone: Tz) -> Option<Self> {
        shown.filter(|shown| *shown != window.revision).map(|shown| Self::StaleRevision {
            server: server.to_owned(),
            shown,
            now: window.revision,
            starts_at: window.plan.map(|plan| plan.starts_at),
            zone,
        })
    }

    /// What can be said or done instead, one sentence each. Legal slots are added by who knows the calendar.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one place for every next step")]
    pub fn next(&self) -> Vec<String> {
        let one = |text: &str| vec![text.to_owned()];
        match self {
            Self::Stranger => {
                one("Ask an operator to link your account to your mail address, or answer a notice mail.")
            }
            Self::UnknownServer { near, .. } if near.is_empty() => one("Say \"list\" for your servers."),
            Self::UnknownServer { near, .. } => vec![format!("Did you mean {}?", near.join(" or "))],
            Self::SeveralServers { fits, .. } => vec![format!("Say which one: {}.", fits.join(", "))],
            Self::NotYours { .. } => one("Say \"list\" for your servers."),
            Self::UnknownPerson { .. } => one("It must be somebody who owns a server here, or an operator."),
            Self::Yourself => one("Name the other person's address."),
            Self::DayOver { .. } => one("Say the last day, from today on: \"until 2026-12-20\"."),
            Self::NoSuchServer { .. } => one("Say its name as the inventory has it."),
            Self::NoTrade { .. } => one("Say \"slots\" and the server's name for free times."),
            Self::NotBeyond { server, first, .. } => vec![
                format!(
                    "For another time in the quarter, say \"defer {server} by 1 week\", or \"slots {server}\" for the free times."
                ),
                format!("To leave the quarter out, say a day from {first} on."),
            ],
            Self::TooFar { server, last, .. } => {
                vec![format!("Say \"defer {server} until {last} because …\", with your reason.")]
            }
            Self::AskedAlready { server, .. } => {
                vec![format!("\"why {server}\" tells how it stands.")]
            }
            Self::SwapNotUndone { .. } => {
                one("Trade once more with \"swap\", or choose another time with \"move\".")
            }
            Self::OperatorsOnly | Self::AdministratorsOnly => one("Ask in the operators' channel."),
            Self::WhichServer => {
                one("Name it: for example \"approve web01\". Say \"list\" for your servers.")
            }
            Self::NothingInGroup { .. } | Self::NothingOfYours => {
                one("Say \"list\" for your windows of this quarter.")
            }
            Self::NoSuchLine { .. } => one("Name the servers instead, as the notice prints them."),
            Self::NotInNotice { .. } => one("Answer the notice that shows it."),
            Self::NoWindow { server, .. } => vec![format!(
                "An operator can plan one: patchbot plan. Say \"show {server}\" for what is known."
            )],
            Self::Rule(broken) if broken.can_be_crossed() => {
                one("An operator can cross that rule with a reason; somebody else must approve it then.")
            }
            Self::Rule(_) => Vec::new(),
            Self::CrossingNeedsReason { .. } => {
                one("Say it again with because \"…\"; then somebody else must approve the new time.")
            }
            Self::NoMovesLeft { server, .. } => vec![format!(
                "You can still say \"approve {server}\" or \"decline {server}\"; an operator can move it."
            )],
            Self::NotAnApprover { server, .. } => {
                vec![format!("You can still say \"decline {server}\" or \"move {server} to …\".")]
            }
            Self::OnlyApproves { server } => vec![format!(
                "You can say \"approve {server}\" or \"decline {server} because …\"; for another time ask its owners."
            )],
            Self::ConsentedAlready { server, .. } => {
                vec![format!("Ask another owner or an operator to say \"approve {server}\".")]
            }
            Self::NoTimeYet { server } => {
                vec![format!("Choose one: \"slots {server}\" shows the free times.")]
            }
            Self::AlreadyDecided { server, .. } => {
                vec![format!("To take it back, say \"withdraw {server}\".")]
            }
            Self::Contradiction { server, by } => {
                vec![format!(
                    "{by} or an operator can say \"withdraw {server}\"; after that it can be approved."
                )]
            }
            Self::NotYourDecision { server, .. } => {
                vec![format!("Ask them, or an operator, to say \"undo {server}\".")]
            }
            Self::UndoOver { server, .. } => {
                vec![format!(
                    "You need not wait: \"withdraw {server}\", \"move {server} to …\" and \"decline {server}\" are still yours to say."
                )]
            }
            Self::NothingToWithdraw { server, .. }
            | Self::NothingToUndo { server }
            | Self::ChangedSince { server, .. }
            | Self::Over { server, .. }
            | Self::AlreadyStarted { server }
            | Self::Repeated { server } => {
                vec![format!("Say \"show {server}\" for where it stands.")]
            }
            Self::NotYourDecline { server, .. } => {
                vec![format!("Ask them, or an operator, to say \"withdraw {server}\".")]
            }
            Self::OperatorFirst { server, .. } => {
                vec![format!(
                    "An operator looks at it and gives it a new time; \"history {server}\" tells what happened."
                )]
            }
            Self::StaleRevision { server, .. } => {
                vec![format!("Look at the new plan (\"show {server}\") and decide about that one.")]
            }
            Self::NoSuchLocalTime { zone, instead, .. } | Self::TwiceThatNight { zone, instead, .. } => {
                let times: Vec<String> = instead.iter().map(|at| typed(*at, *zone)).collect();
                vec![format!("These exist once: {}.", times.join(", "))]
            }
            Self::WeekdayMismatch { .. } => {
                one("Say it again with the right date, without the weekday if you like.")
            }
            Self::WhichDay { today, next } => {
                vec![format!(
                    "Say {} or {}, with the time behind it.",
                    today.format("%Y-%m-%d"),
                    next.format("%Y-%m-%d")
                )]
            }
            Self::BadFilter(_) => one("Say for example \"list all where group=db and state!=approved\"."),
            Self::UnknownZone(_) => {
                one("Leave the zone out for the server's own, or write it as Europe/Berlin or UTC.")
            }
            Self::Locked { server, .. } => {
                vec![format!(
                    "Until the start you can still say \"decline {server}\"; an operator can do more."
                )]
            }
            Self::Frozen { .. } => {
                one("An operator can cross the freeze with a reason. Until the start you can still decline.")
            }
            Self::FreezeNeedsReason => {
                one("Say it again with because \"…\"; then somebody else must approve the new time.")
            }
            Self::SecondPerson { server } => {
                vec![format!("Ask an owner or another operator to say \"approve {server}\".")]
            }
            Self::Confirm { commands, .. } => {
                vec![format!(
                    "If this is what you mean, answer \"confirm\", or with exactly this: \"{}\"",
                    commands.join("; ")
                )]
            }
            Self::TokenUsed => one("Answer this mail instead; it can be answered once more."),
            Self::TokenExpired => one("Say \"status\" for where your windows stand now."),
            Self::NotHere { .. } => one("Say \"help\" for what can be said here."),
            Self::ReasonNeeded { .. } => one("Say it again with because \"…\" behind it."),
            Self::CannotNow { server, .. } => vec![format!("Say \"why {server}\" for where it stands.")],
            Self::NoSuchRequest { .. } | Self::RequestOver { .. } => {
                one("Ask for it again if it is still needed; what is dangerous waits for a short time only.")
            }
            Self::OwnRequest { code } => {
                vec![format!("Ask an owner or another operator to say \"confirm {code}\".")]
            }
            Self::NotYourRequest { code, by } => {
                vec![format!("{by} says \"confirm {code}\" first.")]
            }
            Self::WrongCode => one("Say \"link\" and your mail address for a new code."),
            Self::TooManyCodes => one("Try again in an hour, or ask an operator to link your account."),
            Self::NotLinked => one("Say \"link\" and your mail address to link it."),
            Self::Past { .. }
            | Self::TooSoon { .. }
            | Self::OutsideQuarter { .. }
            | Self::SameTime { .. }
            | Self::SlotFull { .. } => Vec::new(),
        }
    }

    /// Whether another time would help, so that legal slots are worth showing.
    #[must_use]
    pub fn is_about_time(&self) -> bool {
        match self {
            Self::Past { .. }
            | Self::TooSoon { .. }
            | Self::OutsideQuarter { .. }
            | Self::SameTime { .. }
            | Self::SlotFull { .. }
            | Self::Rule(_)
            | Self::Frozen { which: Frozen::New, .. }
            | Self::NoTimeYet { .. } => true,
            Self::Stranger
            | Self::UnknownServer { .. }
            | Self::SeveralServers { .. }
            | Self::NotYours { .. }
            | Self::UnknownPerson { .. }
            | Self::Yourself
            | Self::DayOver { .. }
            | Self::NoSuchServer { .. }
            | Self::NoTrade { .. }
            | Self::NotBeyond { .. }
            | Self::TooFar { .. }
            | Self::AskedAlready { .. }
            | Self::SwapNotUndone { .. }
            | Self::OperatorsOnly
            | Self::AdministratorsOnly
            | Self::WhichServer
            | Self::NothingOfYours
            | Self::NothingInGroup { .. }
            | Self::NoSuchLine { .. }
            | Self::NotInNotice { .. }
            | Self::NoWindow { .. }
            | Self::AlreadyDecided { .. }
            | Self::Contradiction { .. }
            | Self::NothingToWithdraw { .. }
            | Self::NotYourDecline { .. }
            | Self::NothingToUndo { .. }
            | Self::NotYourDecision { .. }
            | Self::ChangedSince { .. }
            | Self::UndoOver { .. }
            | Self::AlreadyStarted { .. }
            | Self::Over { .. }
            | Self::OperatorFirst { .. }
            | Self::StaleRevision { .. }
            | Self::NoSuchLocalTime { .. }
            | Self::TwiceThatNight { .. }
            | Self::WeekdayMismatch { .. }
            | Self::WhichDay { .. }
            | Self::UnknownZone(_)
            | Self::BadFilter(_)
            | Self::Locked { .. }
            | Self::Frozen { which: Frozen::Old, .. }
            | Self::FreezeNeedsReason
            | Self::CrossingNeedsReason { .. }
            | Self::NoMovesLeft { .. }
            | Self::NotAnApprover { .. }
            | Self::OnlyApproves { .. }
            | Self::ConsentedAlready { .. }
            | Self::SecondPerson { .. }
            | Self::Confirm { .. }
            | Self::TokenUsed
            | Self::TokenExpired
            | Self::Repeated { .. }
            | Self::NotHere { .. }
            | Self::ReasonNeeded { .. }
            | Self::CannotNow { .. }
            | Self::NoSuchRequest { .. }
            | Self::RequestOver { .. }
            | Self::OwnRequest { .. }
            | Self::NotYourRequest { .. }
            | Self::WrongCode
            | Self::TooManyCodes
            | Self::NotLinked => false,
        }
    }

    /// The rule it comes from, by its key in the configuration; nothing when it is about people, words or states.
    #[must_use]
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Rule(broken) | Self::CrossingNeedsReason { rule: broken } => Some(broken.rule()),
            Self::SlotFull { .. } => Some("per_slot_hour"),
            Self::OutsideQuarter { .. } => Some("quarters"),
            Self::TooSoon { .. } | Self::Locked { .. } => Some("lock_before"),
            Self::Frozen { .. } | Self::FreezeNeedsReason => Some("freeze_from"),
            Self::Past { .. } => Some("now"),
            Self::NoMovesLeft { .. } => Some("moves"),
            Self::NotAnApprover { .. } | Self::OnlyApproves { .. } => Some("approvers"),
            Self::ConsentedAlready { .. } => Some("approvals"),
            _ => None,
        }
    }

    /// Whether an operator may cross the rule with a reason and a second person.
    #[must_use]
    pub fn can_be_crossed(&self) -> bool {
        match self {
            Self::Rule(broken) => broken.can_be_crossed(),
            other => matches!(other, Self::Frozen { .. } | Self::Locked { .. }),
        }
    }

    /// The answer to the person.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let verdict = match self {
            Self::Confirm { .. } => Verdict::Confirm,
            _ => Verdict::Refused,
        };
        Answer { verdict, lines: vec![self.to_string()], next: self.next() }
    }
}
