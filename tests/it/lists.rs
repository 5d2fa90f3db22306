//! Lists that an administrator cuts down with a filter, in the built program.

use crate::program::Program;

const SHEET: &str = "server_name,primary_owner,server_timezone,host_group,environment,Cost Center\n\
    web01,ada@owners.test,Europe/Berlin,web,prod,4711\n\
    web02,ada@owners.test,Europe/Berlin,web,test,4711\n\
    db01,bob@owners.test,UTC,db,prod,12\n";

fn with_three_servers() -> Program {
    let program = Program::on_sqlite();
    std::fs::write(program.folder().join("fleet.csv"), SHEET).unwrap();
    program.says(&["import", "fleet.csv", "--apply"]);
    program
}

#[test]
fn a_list_names_the_servers_that_fit_a_filter() {
    let program = with_three_servers();
    let names = |filter: &str| -> Vec<String> {
        let text = program.says(&["--json", "list", "2099-Q1", "--filter", filter]);
        let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        rows.iter().map(|row| row["server"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("group=web and env=prod"), ["web01"]);
    assert_eq!(names("cost_center>100 or owner=bob*"), ["db01", "web01", "web02"]);
    assert_eq!(names("not (env in (test, dev)) and state=none"), ["db01", "web01"]);
    insta::assert_snapshot!(program.says(&["list", "2099-Q1", "--filter", "env=production"]), @"
    2099-Q1 (1 Nov 2098 to 31 Jan 2099)
    → nothing fits env=production; there are prod (2), test (1).
    0 servers.
    ");
}

#[test]
fn a_filter_with_a_slip_of_the_finger_is_refused_wherever_it_is_typed() {
    let program = with_three_servers();
    let refused = |words: &[&str]| {
        let (code, text) = program.run(words);
        assert_eq!(code, 3, "{text}");
        text
    };
    insta::assert_snapshot!(refused(&["list", "--filter", "gruop=web"]), @r#"patchbot: --filter: there is no column "gruop"; did you mean group?"#);
    insta::assert_snapshot!(refused(&["plan", "2099-Q1", "--only", "state!=aproved"]), @r#"patchbot: --only: state is never "aproved"; did you mean approved? Its words are none, unscheduled, proposed, approved, auto_approved, locked, running, completed, failed, missed, needs_human, declined, deferred, cancelled"#);
}

#[test]
fn an_export_has_the_servers_that_fit_and_the_headings_that_were_imported() {
    let program = with_three_servers();
    insta::assert_snapshot!(program.says(&["export", "--filter", "env=prod"]), @"
    server_name,primary_owner,server_timezone,host_group,environment,Cost Center
    db01,bob@owners.test,UTC,db,prod,12
    web01,ada@owners.test,Europe/Berlin,web,prod,4711
    ");
}

#[test]
fn a_changed_rule_is_tried_on_the_windows_to_come_before_it_changes_any() {
    let program = with_three_servers();
    let next = patchbot::domain::quarter::Quarters::default();
    let next = next.after(next.current(chrono::Utc::now(), chrono_tz::UTC)).to_string();
    program.says(&["plan", &next]);
    let says = |words: &[&str]| program.says(words).replace(&next, "QUARTER");
    insta::assert_snapshot!(says(&["recheck", "--dry-run"]), @"QUARTER: 3 windows to come; all keep the rules.");
    let conf = program.folder().join("patching.conf");
    let rules = "[policy]\nallowed = [\"Mon 10:00-12:00\"]\nwhen_illegal = \"cancel\"\n";
    std::fs::write(&conf, std::fs::read_to_string(&conf).unwrap() + rules).unwrap();
    let dry = says(&["recheck", "--dry-run"]);
    // The dates are those of the day of the test.
    let shown: Vec<&str> = dry.lines().map(|line| line.split(" only; ").next().unwrap()).collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    QUARTER: of 3 windows to come, 3 are cancelled.
      db01 is not patched in QUARTER. Its host group is patched Mon 10:00-12:00
      web01 is not patched in QUARTER. Its host group is patched Mon 10:00-12:00
      web02 is not patched in QUARTER. Its host group is patched Mon 10:00-12:00
    Nothing was changed: this was a dry run.
    ");
    assert!(says(&["list", &next]).contains("waits for approval"), "a dry run changes nothing");
    says(&["recheck"]);
    let listed = says(&["list", &next, "--filter", "state=cancelled"]);
    assert!(listed.contains("3 servers"), "{listed}");
    insta::assert_snapshot!(says(&["recheck"]), @"No window is to come: there is nothing to compare with the rules.");
}

#[test]
fn shells_complete_commands_and_options() {
    let home = tempfile::tempdir().unwrap();
    let script = std::process::Command::new(env!("CARGO_BIN_EXE_patchbot"))
        .args(["completions", "bash"])
        .current_dir(home.path())
        .output()
        .unwrap();
    std::fs::write(home.path().join("patchbot.bash"), &script.stdout).unwrap();
    let complete = |words: &str| {
        let asked = format!(
            "source patchbot.bash; COMP_WORDS=(patchbot {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); _patchbot patchbot \"${{COMP_WORDS[-1]}}\" x; echo \"${{COMPREPLY[*]}}\""
        );
        let output = std::process::Command::new("bash")
            .args(["-c", &asked])
            .current_dir(home.path())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("enr"), "enroll");
    assert_eq!(complete("import --app"), "--apply");
    assert_eq!(complete("completions fi"), "fish");
}
