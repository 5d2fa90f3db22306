//! The pages that the program serves: health, numbers, calendars to subscribe to.

use std::path::Path;

use patchbot_lab::{Installation, Lab};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, sleep};

use crate::night::utc;

struct Serving {
    lab: Lab,
    bot: Installation,
    _folder: tempfile::TempDir,
}

impl Serving {
    /// web01 of ada's and db01 of bob's in 2027-Q1; it is 24 November 2026.
    async fn new() -> Self {
        let lab = Lab::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_patchbot"));
        let mut bot = Installation::new(program, folder.path(), utc("2026-11-24T08:00:00Z")).unwrap();
        bot.configure(&lab, "").unwrap();
        let file = folder.path().join("servers.csv");
        let sheet = "server_name,primary_owner,server_timezone,host_group\nweb01,ada@owners.test,Europe/Berlin,web\n\
            db01,bob@owners.test,America/New_York,db\n";
        std::fs::write(&file, sheet).unwrap();
        bot.ok(&["import", file.to_str().unwrap(), "--apply"]).await.unwrap();
        bot.ok(&["plan", "2027-Q1"]).await.unwrap();
        bot.ok(&["say", "approve web01", "--as", "ada@owners.test"]).await.unwrap();
        bot.serve().unwrap();
        let serving = Self { lab, bot, _folder: folder };
        while TcpStream::connect(Installation::pages(&serving.lab)).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        serving
    }

    /// The status line and the body of a page.
    async fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(Installation::pages(&self.lab)).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// The path of the link that a command says.
    async fn link(&self, words: &[&str]) -> String {
        let said = self.bot.ok(words).await.unwrap();
        let base = format!("http://{}", Installation::pages(&self.lab));
        let (_, rest) = said.split_once(&base).unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    }
}

const FOUND: &str = "HTTP/1.0 200 OK";
const NOT_FOUND: &str = "HTTP/1.0 404 Not Found";

#[tokio::test]
async fn a_calendar_program_sees_the_windows_of_the_link_and_no_others() {
    let serving = Serving::new().await;
    let own = serving.link(&["say", "subscribe", "--as", "ada@owners.test"]).await;
    let (status, calendar) = serving.get(&own).await;
    assert_eq!(status, FOUND);
    insta::assert_snapshot!(without_stamps(&calendar), @r"
    BEGIN:VCALENDAR
    VERSION:2.0
    PRODID:-//patchbot//EN
    CALSCALE:GREGORIAN
    METHOD:PUBLISH
    NAME:Patching of my servers
    X-WR-CALNAME:Patching of my servers
    X-PUBLISHED-TTL:PT1H
    REFRESH-INTERVAL;VALUE=DURATION:PT1H
    BEGIN:VEVENT
    DESCRIPTION:Thu 10 Dec 2026\, 20:00 Europe/Berlin (19:00 UTC). State: appro
     ved by ada@owners.test in the terminal. Quarter: 2027-Q1. Host group: web.
     \nIt may be rebooted within this time. This entry decides nothing: answer 
     the notice.
    DTEND:20261210T210000Z
    DTSTART:20261210T190000Z
    SEQUENCE:1
    STATUS:CONFIRMED
    SUMMARY:Patching of web01
    TRANSP:TRANSPARENT
    UID:2027-q1.web01@patchbot
    X-MICROSOFT-CDO-BUSYSTATUS:FREE
    END:VEVENT
    END:VCALENDAR
    ");
    let all = serving.link(&["calendar", "--link"]).await;
    let (_, calendar) = serving.get(&all).await;
    for server in ["Patching of web01\r", "Patching of db01 (waits for approval)\r"] {
        assert!(calendar.contains(server), "{calendar}");
    }
    let group = serving.link(&["calendar", "--link", "--group", "db"]).await;
    let (_, calendar) = serving.get(&group).await;
    assert!(calendar.contains("db01") && !calendar.contains("web01"), "{calendar}");
    // A program reads it as it was meant.
    let read: icalendar::Calendar = calendar.parse().unwrap();
    assert_eq!(read.components.len(), 1);
}

#[tokio::test]
async fn a_link_that_was_changed_or_ended_opens_nothing() {
    let serving = Serving::new().await;
    let nobody_has_asked = "/calendar/operations/aaaa.ics";
    assert_eq!(serving.get(nobody_has_asked).await.0, NOT_FOUND);
    let own = serving.link(&["say", "subscribe", "--as", "ada@owners.test"]).await;
    for changed in [
        own.replace("owner:ada@", "owner:bob@"),
        own.replace("owner:ada@owners.test", "operations"),
        own.replace(".ics", "a.ics"),
        own.replace(".ics", ""),
        "/calendar/nonsense/aaaa.ics".to_owned(),
    ] {
        assert_eq!(serving.get(&changed).await.0, NOT_FOUND, "{changed}");
    }
    assert_eq!(serving.get(&own).await.0, FOUND);
    serving.bot.ok(&["calendar", "--end-links"]).await.unwrap();
    assert_eq!(serving.get(&own).await.0, NOT_FOUND);
    assert!(serving.bot.ok(&["audit"]).await.unwrap().contains("All links to calendars have ended"));
}

#[tokio::test]
async fn health_and_numbers_are_told() {
    let serving = Serving::new().await;
    let (status, body) = serving.get("/healthz").await;
    assert_eq!(status, FOUND);
    assert!(body.starts_with(r#"{"ok":true,"database":true,"#), "{body}");
    let (status, body) = serving.get("/metrics").await;
    assert_eq!(status, FOUND);
    assert!(body.contains("patchbot_notifications_waiting "), "{body}");
}

/// Without the lines that are different each time.
fn without_stamps(calendar: &str) -> String {
    calendar.lines().filter(|line| !line.starts_with("DTSTAMP")).collect::<Vec<_>>().join("\n")
}
