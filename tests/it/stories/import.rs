//! An administrator brings the spreadsheet he has: preview, all or nothing, and nothing that was decided is undone.

use std::collections::BTreeMap;

use patchbot::app::import::{Absent, Apply, Preview};
use patchbot::domain::answer::Channel;
use patchbot::domain::event::Actor;

use chrono::TimeDelta;
use patchbot::domain::chain::sha256;
use patchbot::work::dropped::{Drop, DroppedInventory};
use proptest::prelude::*;

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

/// The columns and habits of a typical file.
const TYPICAL: &[u8] = include_bytes!("../../data/inventory/typical.csv");

fn root() -> Actor {
    Actor::outside("root", Channel::Terminal)
}

async fn import(world: &World, file: &[u8], apply: Apply) -> Preview {
    world.app.import(file, apply, &root()).await.unwrap()
}

#[tokio::test]
async fn a_real_file_is_taken_over_as_it_is_and_a_second_time_changes_nothing() {
    let world = World::new(TUESDAY).await;
    let preview = import(&world, TYPICAL, Apply::Preview).await;
    assert_eq!((preview.new.len(), preview.errors.len()), (9, 0));
    assert_eq!(
        world.app.store.read().await.unwrap().all_servers().await.unwrap(),
        [],
        "a preview changes nothing"
    );
    import(&world, TYPICAL, Apply::Now).await;
    let again = import(&world, TYPICAL, Apply::Now).await;
    assert_eq!((again.new.len(), again.changed.len(), again.unchanged), (0, 0, 9));
}

#[tokio::test]
async fn export_and_import_are_each_others_inverse() {
    let world = World::new(TUESDAY).await;
    import(&world, TYPICAL, Apply::Now).await;
    let exported = world.app.export(None).await.unwrap();
    let other = World::new(TUESDAY).await;
    let preview = import(&other, exported.csv.as_bytes(), Apply::Now).await;
    assert_eq!((preview.new.len(), preview.errors.len()), (9, 0));
    assert_eq!(other.app.export(None).await.unwrap(), exported);
}

#[tokio::test]
async fn one_wrong_line_and_nothing_is_taken_over() {
    let world = World::new(TUESDAY).await;
    let file = b"server_name,primary_owner,server_timezone\nweb01,ada@owners.test,Europe/Berlin\nweb02,ada,Europe/Berlin\n";
    let preview = import(&world, file, Apply::Now).await;
    let errors: Vec<String> = preview.errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"line 3, column primary_owner: "ada" is not a mail address; write it as name@example.org"#);
    assert_eq!(world.app.store.read().await.unwrap().all_servers().await.unwrap(), []);
}

#[tokio::test]
async fn a_change_is_shown_before_it_is_made() {
    let world = World::new(TUESDAY).await;
    let file = |zone: &str, owner: &str| {
        format!("server_name,owner,tz,Cost Center\nweb01,{owner},{zone},4711\nweb02,ada@owners.test,UTC,1\n")
    };
    import(&world, file("UTC", "ada@owners.test").as_bytes(), Apply::Now).await;
    let preview = import(&world, file("Europe/Berlin", "bob@owners.test").as_bytes(), Apply::Preview).await;
    let changes: Vec<String> =
        preview.changed.iter().map(|(name, changes)| format!("{name}: {}", changes.join("; "))).collect();
    insta::assert_snapshot!(changes.join("\n"), @"web01: zone: UTC → Europe/Berlin; primary owner: ada@owners.test → bob@owners.test");
    let shorter = import(&world, b"server_name,owner,tz\nweb01,ada@owners.test,UTC\n", Apply::Preview).await;
    assert_eq!(shorter.absent, ["web02"]);
}

#[tokio::test]
async fn a_decision_that_was_taken_here_stands_against_the_file() {
    let mut world = World::new(TUESDAY).await;
    let file = |date: &str| {
        format!(
            "server_name,owner,tz,q1_patch_date,q1_patch_time,q1_approval_status\nweb01,ada@owners.test,Europe/Berlin,{date},20:00,Approved\n"
        )
    };
    let preview = import(&world, file("2026-12-10").as_bytes(), Apply::Now).await;
    assert_eq!(preview.windows, ["web01 2027-Q1 2026-12-10 20:00"]);
    assert_eq!(world.state("web01").await, "approved by the imported inventory");
    world.says("ada", "move web01 to 2026-12-17 20:00").await;
    let preview = import(&world, file("2026-12-10").as_bytes(), Apply::Now).await;
    insta::assert_snapshot!(preview.conflicts.join("\n"), @"web01 2027-Q1: the file says 2026-12-10 20:00 and Approved, patchbot has 2026-12-17 20:00 (waits for approval); patchbot's stays");
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-12-17 20:00:00");
}

#[tokio::test]
async fn what_patchbot_exports_changes_nothing_when_it_is_imported_again() {
    let mut world = World::new(TUESDAY).await;
    let file = "Server Name;Owner;Time Zone;Q1 Patch Date;Q1 Patch Time;Q1 Approval;Cost Center\n\
        web01;ada@owners.test;Europe/Berlin;2026-12-10;20:00;Approved;4711\n\
        web02;ada@owners.test;Europe/Berlin;2025-12-11;20:00;Completed;\n";
    import(&world, file.as_bytes(), Apply::Now).await;
    world.says("ada", "move web01 to 2026-12-17 20:00").await;
    let exported = world.app.export(None).await.unwrap().csv;
    insta::assert_snapshot!(exported, @"
    Server Name,Owner,Time Zone,Q1 Patch Date,Q1 Patch Time,Q1 Approval,Cost Center
    web01,ada@owners.test,Europe/Berlin,2026-12-17,20:00,Pending,4711
    web02,ada@owners.test,Europe/Berlin,2025-12-11,20:00,Completed,
    ");
    let again = import(&world, exported.as_bytes(), Apply::Now).await;
    assert_eq!((again.unchanged, again.changed, again.windows), (2, vec![], vec![]));
    assert_eq!((again.conflicts, again.warnings, again.errors), (vec![], vec![], vec![]));
    assert_eq!(world.app.export(None).await.unwrap().csv, exported);
}

#[tokio::test]
async fn a_file_with_fewer_columns_leaves_the_others_as_they_are() {
    let world = World::new(TUESDAY).await;
    let whole = "server_name,owner,tz,host_group,Cost Center\nweb01,ada@owners.test,UTC,web,4711\n";
    import(&world, whole.as_bytes(), Apply::Now).await;
    let preview = import(&world, b"host,tz,cost_center\nweb01,UTC,12\n", Apply::Now).await;
    insta::assert_snapshot!(preview.changed[0].1.join("; "), @"Cost Center: 4711 → 12");
    insta::assert_snapshot!(world.app.export(None).await.unwrap().csv, @"
    host,tz,Cost Center,owner,host_group
    web01,UTC,12,ada@owners.test,web
    ");
}

#[tokio::test]
async fn each_date_is_placed_in_its_quarter_and_misfits_are_named() {
    let world = World::new(TUESDAY).await;
    let file = "server_name,owner,tz,q1_patch_date,q1_patch_time,q1_approval,q2_patch_date,q2_patch_time,q3_patch_date,q3_patch_time\n\
        web01,ada@owners.test,Europe/Berlin,2026-12-10,20:00,Approved,2027-02-11,20:00,2026-12-17,20:00\n\
        web02,ada@owners.test,Europe/Berlin,2026-12-10,,,,,2035-06-14,20:00\n\
        web03,ada@owners.test,Europe/Berlin,2026-12-10,20:00,Cancelled,,,2025-06-12,20:00\n";
    let preview = import(&world, file.as_bytes(), Apply::Now).await;
    insta::assert_snapshot!(preview.windows.join("\n"), @"
    web01 2027-Q1 2026-12-10 20:00
    web01 2027-Q2 2027-02-11 20:00
    ");
    let odd: Vec<String> = preview.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(odd.join("\n"), @"
    line 2, column q3_patch_date: 2026-12-17 lies in 2027-Q1, not in a Q3; it is kept as text and plans nothing
    line 3, column q1_patch_time: 2026-12-10 has no time; it is kept as text and plans nothing
    line 3, column q3_patch_date: 2035-06-14 is more than 2 years ahead; it is kept as text and plans nothing
    line 4, column q1_approval_status: Cancelled in the future: it is kept as text and plans nothing
    ");
    let again = import(&world, file.as_bytes(), Apply::Preview).await;
    assert_eq!((again.unchanged, again.windows.len()), (3, 0));
}

#[tokio::test]
async fn a_file_that_forgets_a_consent_does_not_take_it_back() {
    let mut world = World::new(TUESDAY).await;
    let file = |status: &str| {
        format!(
            "server_name,owner,tz,q1_patch_date,q1_patch_time,q1_approval_status\nweb01,ada@owners.test,Europe/Berlin,2026-12-10,20:00,{status}\n"
        )
    };
    import(&world, file("Pending").as_bytes(), Apply::Now).await;
    world.says("ada", "approve web01").await;
    let mut conflicts = Vec::new();
    for status in ["Pending", "Cancelled", "Approved", "Scheduled"] {
        conflicts.extend(import(&world, file(status).as_bytes(), Apply::Now).await.conflicts);
    }
    insta::assert_snapshot!(conflicts.join("\n"), @r#"
    web01 2027-Q1: the file says Pending, patchbot has "approved by ada@owners.test in Slack"; patchbot's stays
    web01 2027-Q1: the file says Cancelled, patchbot has "approved by ada@owners.test in Slack"; patchbot's stays
    "#);
    assert_eq!(world.state("web01").await, "approved by ada@owners.test in Slack");
}

#[tokio::test]
async fn servers_that_a_file_does_not_have_leave_only_when_that_is_asked_for() {
    let mut world = World::new(TUESDAY).await.server("web01", "ada").server("web02", "ada");
    world.plan().await;
    let file = b"server_name,tz\nweb01,Europe/Berlin\n";
    let stay = world.app.import(file, Apply::Preview, &root()).await.unwrap();
    assert_eq!((stay.absent, stay.cancelled), (vec!["web02".to_owned()], vec![]));
    let leave = world.app.import_with(file, Apply::Now, Absent::Leave, &root()).await.unwrap();
    insta::assert_snapshot!(leave.cancelled.join("\n"), @"web02 2027-Q1: waits for approval");
    assert_eq!(world.app.export(None).await.unwrap().servers, 1);
    insta::assert_snapshot!(world.audit("web02").await.join("\n"), @"
    root in the terminal: web02's window of 2027-Q1 was cancelled: it left the inventory.
    root in the terminal: web02 left the inventory.
    ");
    // Its owner had been asked for an answer; he learns that none is needed any more.
    world.settle().await;
    let mails = world.unread();
    insta::assert_snapshot!(mails.last().unwrap().shown());
}

/// Ten kinds of broken file, each on top of an inventory that must stay as it is.
#[tokio::test]
async fn a_hostile_inventory_is_told_precisely_and_changes_nothing() {
    let world = World::new(TUESDAY).await;
    import(&world, TYPICAL, Apply::Now).await;
    let before = world.app.export(None).await.unwrap();
    let audit = world.audit("inventory").await;
    let many = "web01;UTC\n".repeat(3);
    let files: [(&str, Vec<u8>); 14] = [
        ("empty", Vec::new()),
        ("no names", b"Rack,Zone\n7,UTC\n".to_vec()),
        ("headings only", b"server_name,server_timezone\n".to_vec()),
        ("two columns for one thing", b"server_name,hostname,tz\nweb01,web01,UTC\n".to_vec()),
        (
            "an open quote",
            b"server_name,tz,note\nweb01,UTC,\"never closed\nweb02,UTC,\nweb03,UTC,\n".to_vec(),
        ),
        ("a separator in a cell", b"server_name,tz,note\nweb01,UTC,one, two\n".to_vec()),
        ("one server twice", format!("server_name;tz\n{many}").into_bytes()),
        (
            "zones nobody knows",
            b"server_name,tz\nweb01,CST\nweb02,+02:00\nweb03,Europe/Berlim\nweb04,\n".to_vec(),
        ),
        (
            "dates that mean two days, and none",
            b"server_name,tz,q1 date,q1 time\nweb01,UTC,03/12/2026,20:00\nweb02,UTC,2026-02-30,25:00\n"
                .to_vec(),
        ),
        (
            "a night without that hour",
            b"server_name,tz,q2_patch_date,q2_patch_time\nweb01,Europe/Berlin,2027-03-28,02:30\n".to_vec(),
        ),
        (
            "commands as names",
            b"server_name,tz,ip\n$(reboot),UTC,1.2.3.4\nweb02;rm,UTC,-oProxyCommand=x\n".to_vec(),
        ),
        ("formulas without values", b"server_name,tz,owner\n#REF!,UTC,#N/A\n".to_vec()),
        ("another kind of file", b"\x7fELF\x02\x01\0\0".to_vec()),
        ("a torn Excel file", b"PK\x03\x04\x14\0\0\0".to_vec()),
    ];
    let mut told = Vec::new();
    for (kind, file) in &files {
        let preview = world.app.import_with(file, Apply::Now, Absent::Leave, &root()).await.unwrap();
        assert!(!preview.errors.is_empty(), "{kind}");
        told.push(format!("{kind}:"));
        told.extend(preview.errors.iter().map(|error| format!("  {error}")));
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    empty:
      line 1: the file is empty; it needs a line of headings such as server_name and server_timezone, and a line for each server
    no names:
      line 1: there is no column with the servers' names; call it server_name
    headings only:
      line 1: the file has no servers
    two columns for one thing:
      line 1, column hostname: it means the same as the column server_name; keep one of them
    an open quote:
      line 2: a quote is opened in this line and never closed, so everything behind it would be one cell; close it, or double a quote that belongs to the text
    a separator in a cell:
      line 2: there are 4 cells under 3 headings; a cell that contains the separator must stand in quotes
    one server twice:
      line 3, column server_name: web01 is already in line 2; a server stands in one line
      line 4, column server_name: web01 is already in line 2; a server stands in one line
    zones nobody knows:
      line 2, column tz: "CST" can mean America/Chicago, Asia/Shanghai or America/Havana; write the one that is meant
      line 3, column tz: "+02:00" is an offset, not a time zone; write a zone such as Europe/Berlin
      line 4, column tz: "Europe/Berlim" is no known time zone; did you mean Europe/Berlin?
      line 5, column tz: the server's time zone is missing
    dates that mean two days, and none:
      line 2, column q1 date: "03/12/2026" can mean 2026-12-03 or 2026-03-12; write the one that is meant
      line 3, column q1 date: "2026-02-30" is not a date; write it as 2026-12-03
      line 3, column q1 time: "25:00" is not a time of day; write it as 20:00
    a night without that hour:
      line 2, column q2_patch_time: There is no 2027-03-28 02:30 in Europe/Berlin: the clocks are put forward over it that night. These exist once: 2027-03-28 01:30, 2027-03-28 03:00.
    commands as names:
      line 2, column server_name: "$(reboot)" cannot be a server's name: it contains "$"
      line 3, column server_name: "web02;rm" cannot be a server's name: it contains ";"
      line 3, column ip: "-oProxyCommand=x" is neither an IP address nor a host name
    formulas without values:
      line 2, column server_name: #REF! is a formula without a value; put the value there
      line 2, column owner: #N/A is a formula without a value; put the value there
    another kind of file:
      line 1: this is not a CSV file: it contains NUL bytes; save the sheet as CSV and import that
    a torn Excel file:
      line 1: this Excel file cannot be read (Zip error: invalid Zip archive: Could not find EOCD); save it again as .xlsx or as CSV
    "#);
    assert_eq!(world.app.export(None).await.unwrap(), before);
    assert_eq!(world.audit("inventory").await, audit);
}

/// A folder into which another system drops the inventory.
struct Folder {
    home: tempfile::TempDir,
    inventory: DroppedInventory,
}

impl Folder {
    fn of(world: &World) -> Self {
        let home = tempfile::tempdir().unwrap();
        let drop = Drop {
            file: home.path().join("servers.csv"),
            checksum: true,
            every: TimeDelta::zero(),
            most_changed: 50,
        };
        Self { inventory: DroppedInventory::new(world.app.clone(), drop), home }
    }

    /// Another system writes the file, and then a checksum.
    fn gets(&self, file: &str, checksum: &str) {
        let path = self.home.path().join("servers.csv");
        std::fs::write(&path, file).unwrap();
        std::fs::write(self.home.path().join("servers.csv.sha256"), format!("{checksum}  servers.csv\n"))
            .unwrap();
    }

    async fn is_looked_at(&self) {
        self.inventory.tick().await.unwrap();
    }

    fn has(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.home.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// An alert without the folder's name.
    fn shown(&self, lines: &[String]) -> String {
        lines.join("\n").replace(self.home.path().to_str().unwrap(), "/drop")
    }
}

#[tokio::test]
async fn a_dropped_inventory_is_taken_over_when_it_is_sound_and_small() {
    let world = World::new(TUESDAY).await;
    import(&world, b"server_name,tz,rack\nweb01,UTC,1\nweb02,UTC,1\n", Apply::Now).await;
    let folder = Folder::of(&world);
    let file = "server_name,tz,rack\nweb01,UTC,2\nweb02,UTC,1\n";
    folder.gets(file, &sha256(file.as_bytes()));
    folder.is_looked_at().await;
    assert_eq!(folder.has(), ["servers.csv.taken"]);
    assert_eq!(world.alerts().await, Vec::<String>::new());
    insta::assert_snapshot!(folder.shown(&world.audit("web01").await), @"/drop/servers.csv by import: web01 was changed by the import: rack: 1 → 2.");
}

#[tokio::test]
async fn a_dropped_inventory_that_is_wrong_is_put_aside_and_operators_are_told_once() {
    let world = World::new(TUESDAY).await;
    import(&world, b"server_name,tz\nweb01,UTC\n", Apply::Now).await;
    let folder = Folder::of(&world);
    let file = "server_name,tz\nweb01,Mars/Phobos\n";
    for _ in 0..2 {
        folder.gets(file, &sha256(file.as_bytes()));
        folder.is_looked_at().await;
    }
    let aside = format!("servers.csv.refused-{}", sha256(file.as_bytes()).get(..8).unwrap());
    assert_eq!(folder.has(), [aside.clone(), format!("{aside}.why")]);
    insta::assert_snapshot!(folder.shown(&world.alert_lines().await), @r#"
    The inventory /drop/servers.csv was not taken over: it has an error
    line 2, column tz: "Mars/Phobos" is no known time zone; write one such as Europe/Berlin
    → Nothing was changed. The file is /drop/servers.csv.refused-737dc293, the reasons are in /drop/servers.csv.refused-737dc293.why.
    "#);
}

#[tokio::test]
async fn a_dropped_inventory_that_changes_much_waits_for_a_person() {
    let world = World::new(TUESDAY).await;
    import(&world, b"server_name,tz,rack\nweb01,UTC,1\nweb02,UTC,1\nweb03,UTC,1\n", Apply::Now).await;
    let folder = Folder::of(&world);
    let file = "server_name,tz,rack\nweb01,UTC,2\n";
    folder.gets(file, &sha256(file.as_bytes()));
    folder.is_looked_at().await;
    insta::assert_snapshot!(folder.shown(&world.alert_lines().await), @"
    The inventory /drop/servers.csv waits for a person: of 3 servers it would change 1, add 0 and miss 2; more than 50 of a hundred wait for a person
    web01: rack: 1 → 2
    web02 is missing
    web03 is missing
    → patchbot import /drop/servers.csv.held-95bd49eb shows all of it; patchbot import /drop/servers.csv.held-95bd49eb --apply takes it over.
    ");
    assert_eq!(
        world.app.export(None).await.unwrap().csv,
        "server_name,tz,rack\nweb01,UTC,1\nweb02,UTC,1\nweb03,UTC,1\n"
    );
}

#[tokio::test]
async fn a_dropped_inventory_is_not_read_before_it_is_whole() {
    let world = World::new(TUESDAY).await;
    let folder = Folder::of(&world);
    folder.gets("server_name,tz\nweb01,UT", &sha256(b"server_name,tz\nweb01,UTC\n"));
    folder.is_looked_at().await;
    assert_eq!(folder.has(), ["servers.csv", "servers.csv.sha256"], "the other system may still be writing");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let file = std::fs::File::options().append(true).open(folder.home.path().join("servers.csv")).unwrap();
    file.set_modified(long_ago).unwrap();
    folder.is_looked_at().await;
    insta::assert_snapshot!(folder.shown(&world.alert_lines().await), @"
    The inventory /drop/servers.csv was not taken over: it does not fit its checksum /drop/servers.csv.sha256: it is damaged or was not written to its end
    → Nothing was changed. The file is /drop/servers.csv.refused-39647344, the reasons are in /drop/servers.csv.refused-39647344.why.
    ");
}

/// Inventories as people have them: some columns, some cells, and headings in one of their spellings.
fn inventories() -> impl Strategy<Value = String> {
    let heading = |names: &'static [&'static str]| prop::sample::select(names);
    let headings = (
        heading(&["server_name", "Host Name", "FQDN"]),
        heading(&["server_timezone", "Time Zone", "tz"]),
        heading(&["primary_owner", "Owner", "Owner E-Mail"]),
        heading(&["q1_patch_date", "Q1 Patch Date"]),
        heading(&["q1_patch_time", "Patch Time Q1"]),
        heading(&["q1_approval_status", "Q1 Status"]),
        heading(&["Cost Center", "rack", "current_quarter_status"]),
    );
    let row = (
        prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"]),
        prop::option::of("[a-d]@owners\\.test"),
        prop::option::of((
            prop::sample::select(vec!["2024-12-05", "2026-12-03", "2027-01-14", "2027-04-01", "2031-01-02"]),
            prop::option::of(prop::sample::select(vec!["20:00", "23:30"])),
            prop::option::of(prop::sample::select(vec!["Pending", "Approved", "Completed", "Cancelled"])),
        )),
        "([a-zA-Zäß0-9#\"',;=+|-][a-zA-Zäß0-9 \"',;\n|]{0,6}[a-zA-Zäß0-9\"',;|])?",
    );
    (headings, prop::collection::vec(row, 1..6), prop::sample::select(vec![b',', b';', b'\t'])).prop_map(
        |((name, zone, owner, date, time, approval, other), rows, delimiter)| {
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
            writer.write_record([other, name, owner, zone, date, time, approval]).unwrap();
            for (number, (zone, owner, quarter, cell)) in rows.iter().enumerate() {
                let owner = owner.as_deref().unwrap_or_default();
                let (date, time, approval) = quarter.unwrap_or_default();
                let name = format!("host{number}");
                let quarter = [date, time.unwrap_or_default(), approval.unwrap_or_default()];
                writer.write_record([cell, name.as_str(), owner, zone].into_iter().chain(quarter)).unwrap();
            }
            String::from_utf8(writer.into_inner().unwrap()).unwrap()
        },
    )
}

/// The cells by server and heading, empty ones left out.
fn cells(file: &str) -> BTreeMap<(String, String), String> {
    let delimiter = if file.lines().next().unwrap().contains('\t') {
        b'\t'
    } else if file.lines().next().unwrap().contains(';') {
        b';'
    } else {
        b','
    };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(file.as_bytes());
    let headings = reader.headers().unwrap().clone();
    let name = headings.iter().position(|it| ["server_name", "Host Name", "FQDN"].contains(&it)).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let all = rows
        .iter()
        .flat_map(|row| headings.iter().zip(row).map(|(heading, cell)| (&row[name], heading, cell)));
    all.filter(|(_, _, cell)| !cell.is_empty())
        .map(|(name, heading, cell)| ((name.to_owned(), heading.to_owned()), cell.to_owned()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Export is the inverse of import: what goes in comes out under the same headings, and goes in again without
    /// changing anything. Only a window gets a status when the file had none.
    #[test]
    fn what_goes_in_comes_out_and_goes_in_again(file in inventories()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new(TUESDAY).await;
            let preview = import(&world, file.as_bytes(), Apply::Now).await;
            assert_eq!(preview.errors, []);
            let exported = world.app.export(None).await.unwrap().csv;
            let mut out = cells(&exported);
            let into = cells(&file);
            out.retain(|place, cell| cell != "Pending" || into.contains_key(place));
            assert_eq!(out, into);
            let again = import(&world, exported.as_bytes(), Apply::Now).await;
            assert_eq!((again.changed, again.windows, again.conflicts, again.errors), (vec![], vec![], vec![], vec![]));
            assert_eq!(world.app.export(None).await.unwrap().csv, exported);
        });
    }
}
