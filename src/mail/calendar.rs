//! Calendar entries: one per window, with the revision as its sequence, and what calendars answer to them (iTIP).

mod windows;

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use icalendar::parser::{read_calendar, unfold};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus, Property};

use super::ours::Ours;
pub use crate::domain::inbound::CalendarSays;
use crate::domain::inbound::CalendarWord;
use crate::domain::notice::{EntryAct, Notice, WindowLine};
use crate::domain::person::Address;

/// What is done to the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// It is put in, or changed.
    Request,
    /// It is taken out.
    Cancel,
    /// A proposed time is declined.
    DeclineCounter,
}

impl Method {
    /// The method's name, the same in the MIME part and in the entry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
            Self::DeclineCounter => "DECLINECOUNTER",
        }
    }
}

/// A calendar entry for one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is done to it.
    pub method: Method,
    /// The server it is about, for a file's name.
    pub server: String,
    /// The entry as text/calendar.
    pub text: String,
}

/// The id of a window's entry: the same for everybody, through all revisions.
#[must_use]
pub fn entry_id(window: &WindowLine, ours: &Ours) -> String {
    format!("{}.{}@{}", window.quarter, window.server, ours.domain()).to_ascii_lowercase()
}

/// The entries that go with a notice: the reminder's, a decision's, and what an answer changed.
#[must_use]
pub fn entries(notice: &Notice, ours: &Ours, to: &Address, now: DateTime<Utc>) -> Vec<Entry> {
    let one = |window: &WindowLine, act: &EntryAct| entry(window, act, ours, to, now);
    match notice {
        // Several windows in one mail would be several invitations; each comes with its own reminder.
        Notice::MonthlyNotice(digest) | Notice::ApprovalRequest(digest) | Notice::WeeklyFollowup(digest) => {
            match digest.windows.as_slice() {
                [only] => one(only, &act_of(&only.state)).into_iter().collect(),
                _ => Vec::new(),
            }
        }
        Notice::DailyReminder(reminder) => {
            one(&reminder.window, &act_of(&reminder.window.state)).into_iter().collect()
        }
        Notice::Decision(decision) => {
            one(&decision.window, &decided(&decision.what, &decision.window)).into_iter().collect()
        }
        Notice::Decisions(decisions) => decisions
            .decided
            .iter()
            .filter_map(|line| one(&line.window, &decided(&line.what, &line.window)))
            .collect(),
        Notice::Transcript(transcript) => {
            transcript.entries.iter().filter_map(|change| one(&change.window, &change.act)).collect()
        }
        Notice::WeeklyReminder(_)
        | Notice::Starting(_)
        | Notice::Missed(_)
        | Notice::PrecheckAlert(_)
        | Notice::CompletionNotice(_)
        | Notice::FailureNotice(_)
        | Notice::DailyReport(_)
        | Notice::WeeklyReport(_)
        | Notice::MonthlyReport(_)
        | Notice::QuarterReport(_)
        | Notice::Word(_)
        | Notice::OperatorAlert(_)
        | Notice::LinkCode(_) => Vec::new(),
    }
}

/// What a state does to the entry.
fn act_of(state: &str) -> EntryAct {
    if state.starts_with("approved") || state.starts_with("locked") {
        EntryAct::Settled
    } else if state.starts_with("declined") || state.starts_with("cancelled") {
        EntryAct::TakenOut
    } else {
        EntryAct::Proposed
    }
}

fn decided(what: &str, window: &WindowLine) -> EntryAct {
    match what {
        "approved" | "auto-approved" => EntryAct::Settled,
        "declined" => EntryAct::TakenOut,
        _ => act_of(&window.state),
    }
}

/// The entry of one window; none when the window has no time yet.
fn entry(
    window: &WindowLine,
    act: &EntryAct,
    ours: &Ours,
    to: &Address,
    now: DateTime<Utc>,
) -> Option<Entry> {
    if window.start.server_zone.is_empty() {
        return None;
    }
    let (method, status) = match act {
        EntryAct::Settled => (Method::Request, EventStatus::Confirmed),
        EntryAct::Proposed => (Method::Request, EventStatus::Tentative),
        EntryAct::TakenOut => (Method::Cancel, EventStatus::Cancelled),
        EntryAct::CounterDeclined(_) => (Method::DeclineCounter, EventStatus::Tentative),
    };
    let asks = method == Method::Request;
    let mut attendee = Property::new("ATTENDEE", format!("mailto:{to}"));
    attendee.add_parameter("CUTYPE", "INDIVIDUAL").add_parameter("ROLE", "REQ-PARTICIPANT");
    // Without a wish for an answer Outlook offers no other time to propose.
    attendee
        .add_parameter("PARTSTAT", if asks { "NEEDS-ACTION" } else { "TENTATIVE" })
        .add_parameter("RSVP", if asks { "TRUE" } else { "FALSE" });
    let mut event = Event::with_uid(&entry_id(window, ours));
    event
        .sequence(u32::try_from(window.revision).unwrap_or(u32::MAX))
        .summary(&format!("Patching of {}", window.server))
        .description(&format!(
            "Quarter {}, {}. It may be rebooted within this time. Accepting this entry decides nothing: answer the mail it came with.",
            window.quarter, window.state
        ))
        .timestamp(now)
        .starts(window.start.at)
        .ends(window.end.at)
        .status(status)
        // Patching a server keeps nobody from a meeting.
        .add_property("TRANSP", "TRANSPARENT")
        .add_property("X-MICROSOFT-CDO-BUSYSTATUS", "FREE")
        .append_property(
            Property::new("ORGANIZER", format!("mailto:{}", ours.address())).add_parameter("CN", "patchbot").done(),
        )
        .append_multi_property(attendee.done());
    if let EntryAct::CounterDeclined(comment) = act {
        event.add_property("COMMENT", comment.replace('\n', " "));
    }
    let text = Calendar::empty()
        .append_property(("VERSION", "2.0"))
        .append_property(("PRODID", "-//patchbot//EN"))
        .append_property(("CALSCALE", "GREGORIAN"))
        .append_property(("METHOD", method.as_str()))
        .push(event.done())
        .done()
        .to_string();
    Some(Entry { method, server: window.server.clone(), text })
}

/// What somebody's calendar program says about an entry. Never a decision by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarAnswer {
    /// The entry's id.
    pub entry: String,
    /// The revision it answers, when it says so.
    pub sequence: Option<i64>,
    /// What it says.
    pub says: CalendarSays,
}

impl CalendarAnswer {
    /// The window it is about; nothing when the entry is not one of ours.
    #[must_use]
    pub fn word(&self, ours: &Ours) -> Option<CalendarWord> {
        let (entry, domain) = self.entry.rsplit_once('@')?;
        let (quarter, server) = entry.split_once('.')?;
        if !domain.eq_ignore_ascii_case(ours.domain()) || server.is_empty() {
            return None;
        }
        Some(CalendarWord {
            server: server.to_owned(),
            quarter: quarter.to_ascii_uppercase().parse().ok()?,
            revision: self.sequence,
            says: self.says.clone(),
        })
    }
}

/// Reads what a calendar program answers; nothing when it is no answer to an entry.
#[must_use]
pub fn read_answer(text: &str) -> Option<CalendarAnswer> {
    // The parser follows every nested component.
    const LARGEST: usize = 64 * 1024;
    const MOST_COMPONENTS: usize = 20;
    if text.len() > LARGEST || text.to_ascii_uppercase().matches("BEGIN:").count() > MOST_COMPONENTS {
        return None;
    }
    let unfolded = unfold(text);
    let calendar = read_calendar(&unfolded).ok()?;
    let method =
        calendar.properties.iter().find(|property| property.name == "METHOD")?.val.as_str().to_uppercase();
    let event = calendar.components.iter().find(|component| component.name == "VEVENT")?;
    let value = |name: &str| event.find_prop(name).map(|property| property.val.as_str().trim().to_owned());
    let says = match method.as_str() {
        "REPLY" => {
            let attendee = event.find_prop("ATTENDEE")?;
            let status = attendee.params.iter().find(|parameter| parameter.key == "PARTSTAT");
            let status = status
                .and_then(|parameter| parameter.val.as_ref())
                .map_or("", icalendar::parser::ParseString::as_str);
            match status.to_uppercase().as_str() {
                "ACCEPTED" => CalendarSays::Accepted,
                "TENTATIVE" => CalendarSays::Tentative,
                "DECLINED" => CalendarSays::Declined,
                other => CalendarSays::Other(format!("REPLY {other}")),
            }
        }
        "COUNTER" => {
            let start = event.find_prop("DTSTART")?;
            let zone = start.params.iter().find(|parameter| parameter.key == "TZID");
            let zone =
                zone.and_then(|parameter| parameter.val.as_ref()).map(icalendar::parser::ParseString::as_str);
            CalendarSays::Counter(instant(start.val.as_str(), zone))
        }
        other => CalendarSays::Other(other.to_owned()),
    };
    let sequence = value("SEQUENCE").and_then(|sequence| sequence.parse().ok());
    Some(CalendarAnswer { entry: value("UID")?.to_ascii_lowercase(), sequence, says })
}

/// A calendar time with a zone that leaves no doubt.
fn instant(value: &str, zone: Option<&str>) -> Option<DateTime<Utc>> {
    let form = "%Y%m%dT%H%M%S";
    if let Some(utc) = value.strip_suffix('Z') {
        return NaiveDateTime::parse_from_str(utc, form).ok().map(|utc| utc.and_utc());
    }
    let zone: Tz = zone_called(zone?.trim_matches('"'))?;
    zone.from_local_datetime(&NaiveDateTime::parse_from_str(value, form).ok()?).single().map(|at| at.to_utc())
}

/// A zone by its IANA name, or by the name that Windows has for it.
fn zone_called(name: &str) -> Option<Tz> {
    let known = || windows::ZONES.iter().find(|(windows, _)| windows.eq_ignore_ascii_case(name));
    name.parse().ok().or_else(|| known().and_then(|(_, iana)| iana.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    fn ours() -> Ours {
        Ours::new(Address::parse("patchbot@patch.test").unwrap())
    }

    fn entries_of(name: &str) -> Vec<Entry> {
        let sample = samples().into_iter().find(|sample| sample.name == name).unwrap();
        let now = "2026-11-30T08:00:00Z".parse().unwrap();
        entries(&sample.notice, &ours(), &Address::parse("ada@owners.test").unwrap(), now)
    }

    fn entry_of(name: &str) -> Option<Entry> {
        entries_of(name).into_iter().next()
    }

    #[test]
    fn a_reminder_carries_the_window_as_an_entry() {
        let text = entry_of("daily_reminder").unwrap().text;
        assert!(
            text.lines().all(|line| line.len() <= 75)
                && text.matches('\n').count() == text.matches("\r\n").count()
        );
        insta::assert_snapshot!(text.replace("\r\n", "\n"), @r"
        BEGIN:VCALENDAR
        VERSION:2.0
        PRODID:-//patchbot//EN
        CALSCALE:GREGORIAN
        METHOD:REQUEST
        BEGIN:VEVENT
        DESCRIPTION:Quarter 2027-Q1\, approved by ada@owners.test by mail. It may b
         e rebooted within this time. Accepting this entry decides nothing: answer 
         the mail it came with.
        DTEND:20261204T040000Z
        DTSTAMP:20261130T080000Z
        DTSTART:20261204T010000Z
        ORGANIZER;CN=patchbot:mailto:patchbot@patch.test
        SEQUENCE:2
        STATUS:CONFIRMED
        SUMMARY:Patching of web01.owners.test
        TRANSP:TRANSPARENT
        UID:2027-q1.web01.owners.test@patch.test
        X-MICROSOFT-CDO-BUSYSTATUS:FREE
        ATTENDEE;CUTYPE=INDIVIDUAL;PARTSTAT=NEEDS-ACTION;ROLE=REQ-PARTICIPANT;RSVP=
         TRUE:mailto:ada@owners.test
        END:VEVENT
        END:VCALENDAR
        ");
    }

    #[test]
    fn a_decision_changes_the_same_entry_or_takes_it_out() {
        assert!(entry_of("decision-moved").unwrap().text.contains("STATUS:TENTATIVE"));
        assert_eq!(entry_of("monthly_notice"), None);
        let Some(mut sample) = samples().into_iter().find(|sample| sample.name == "decision-approved") else {
            panic!()
        };
        let Notice::Decision(decision) = &mut sample.notice else { panic!() };
        decision.what = "declined".to_owned();
        let to = Address::parse("ada@owners.test").unwrap();
        let gone = entries(&sample.notice, &ours(), &to, DateTime::UNIX_EPOCH).remove(0);
        assert_eq!(gone.method, Method::Cancel);
        assert!(
            gone.text.contains("METHOD:CANCEL") && gone.text.contains("STATUS:CANCELLED"),
            "{}",
            gone.text
        );
    }

    fn answer(method: &str, lines: &str) -> Option<CalendarAnswer> {
        read_answer(&format!(
            "BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:2027-Q1.web01@Patch.test\r\n\
             SEQUENCE:2\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        ))
    }

    #[test]
    fn what_calendars_answer_is_read() {
        for (method, lines, says) in [
            ("REPLY", "ATTENDEE;PARTSTAT=ACCEPTED;CN=\"Ada\":mailto:ada@owners.test", CalendarSays::Accepted),
            (
                "REPLY",
                "ATTENDEE;CN=Ada;PARTSTAT=DECL\r\n INED:mailto:ada@owners.test",
                CalendarSays::Declined,
            ),
            (
                "COUNTER",
                "DTSTART:20261210T200000Z",
                CalendarSays::Counter(Some("2026-12-10T20:00:00Z".parse().unwrap())),
            ),
            (
                "COUNTER",
                "DTSTART;TZID=America/New_York:20261210T200000",
                CalendarSays::Counter(Some("2026-12-11T01:00:00Z".parse().unwrap())),
            ),
            (
                "COUNTER",
                "DTSTART;TZID=W. Europe Standard Time:20261210T200000",
                CalendarSays::Counter(Some("2026-12-10T19:00:00Z".parse().unwrap())),
            ),
            ("COUNTER", "DTSTART;TZID=Customized Time Zone:20261210T200000", CalendarSays::Counter(None)),
            ("COUNTER", "DTSTART;TZID=Europe/Berlin:20270328T023000", CalendarSays::Counter(None)),
            ("CANCEL", "SUMMARY:x", CalendarSays::Other("CANCEL".to_owned())),
        ] {
            let read = answer(method, lines).unwrap();
            assert_eq!(
                (read.entry.as_str(), read.sequence, read.says),
                ("2027-q1.web01@patch.test", Some(2), says)
            );
        }
        let word = answer("REPLY", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@owners.test")
            .unwrap()
            .word(&ours())
            .unwrap();
        assert_eq!((word.server.as_str(), word.quarter.to_string().as_str()), ("web01", "2027-Q1"));
        let elsewhere = Ours::new(Address::parse("patchbot@else.test").unwrap());
        assert_eq!(
            answer("REPLY", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@b.test").unwrap().word(&elsewhere),
            None
        );
        assert_eq!(read_answer("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"), None);
        assert_eq!(read_answer(&"BEGIN:A\r\n".repeat(6000)), None);
        assert_eq!(read_answer(""), None);
    }
}
