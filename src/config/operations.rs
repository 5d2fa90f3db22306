//! The people who run patchbot, its zone, its logs, its pages for machines, and the quarters.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::section::section;
use super::{Time, TimeZone};
use crate::domain::person::Address;
use crate::domain::timeline::Every;

section! {
    /// The people who run patchbot.
    pub struct Operations in "operations" {
        /// The operators' zone: for what belongs to no server, and for readers without a zone of their own.
        zone: TimeZone = TimeZone(chrono_tz::Tz::UTC), "\"Europe/Berlin\"";
        /// Administrators: inventory, identities, policy.
        administrators: Vec<Address> = Vec::new(), "[\"root@example.org\"]";
        /// Operators: plan the quarter, watch the night, handle failures.
        operators: Vec<Address> = Vec::new(), "[\"ops@example.org\"]";
        /// Viewers: see everything, decide nothing.
        viewers: Vec<Address> = Vec::new(), "[]";
        /// The reports that operators get by mail: daily at 08:00, weekly on Mondays at 09:00, monthly on the 1st at 10:00.
        reports: Vec<Every> = vec![Every::Daily, Every::Weekly, Every::Monthly], "[\"daily\", \"weekly\", \"monthly\"]";
        /// Where a quarter that is over is written to: what was planned, decided and run in it, and the inventory as it was.
        archive: PathBuf = "/var/lib/patching/archive".into(), "\"/var/lib/patching/archive\"";
    }
}

section! {
    /// The quarters: the months of each, by number. A quarter carries the year in which it ends.
    pub struct QuarterMonths in "quarters" {
        /// The first quarter.
        q1: Vec<u32> = vec![11, 12, 1], "[11, 12, 1]";
        /// The second.
        q2: Vec<u32> = vec![2, 3, 4], "[2, 3, 4]";
        /// The third.
        q3: Vec<u32> = vec![5, 6, 7], "[5, 6, 7]";
        /// The fourth.
        q4: Vec<u32> = vec![8, 9, 10], "[8, 9, 10]";
    }
}

section! {
    /// An inventory that another system drops, for "serve" to take over. What is wrong, or changes much, waits for a person.
    pub struct Inventory in "inventory" {
        /// The file; it is moved away when it was dealt with, so the service must be allowed to write into its folder.
        file: Option<PathBuf> = None, "# \"/var/lib/patching/drop/servers.csv\"";
        /// Whether the file is looked at only when its checksum is beside it, as "sha256sum servers.csv > servers.csv.sha256" writes it.
        checksum: bool = true, "true";
        /// How often it is looked for.
        every: Time = Duration::from_secs(60).into(), "\"1m\"";
        /// When more of a hundred servers would change, be new or be missing, a person has to take the file over.
        most_changed: usize = 10, "10";
    }
}

section! {
    /// The pages for machines: /healthz, /metrics and /calendar/. Loopback only.
    pub struct Http in "http" {
        /// Where they are.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9117)), "\"127.0.0.1:9117\"";
        /// Where a proxy makes /calendar/ reachable, for links that calendars subscribe to. Pass on nothing else.
        public_url: Option<String> = None, "# \"https://patchbot.example.org\"";
    }
}

section! {
    /// The logs: to the journal, and one file per component; deploy/logrotate rotates them.
    pub struct Log in "log" {
        /// The folder of the files. Left out: the one that systemd made for the service, /var/log/patching; elsewhere none.
        folder: Option<PathBuf> = None, "# \"/var/log/patching\"";
        /// How much is told: error, warn, info, debug, or a filter such as "info,patchbot::mail=debug".
        level: String = "info".to_owned(), "\"info\"";
    }
}

section! {
    /// A test clock, for demonstrations. It is refused for every server outside 127.0.0.0/8 and 198.18.0.0/15.
    pub struct Lab in "lab" {
        /// A file with the seconds that the clock is ahead of the machine's; it is looked at again and again.
        clock: Option<PathBuf> = None, "# \"/run/patchbot-lab/ahead\"";
    }
}
