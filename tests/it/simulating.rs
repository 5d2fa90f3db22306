//! A quarter is simulated in the built program: what it tells, what another configuration would change, and that nothing is kept.

use crate::program::Program;

const SHEET: &str = "server_name,primary_owner,secondary_owner,server_timezone,host_group,environment\n\
    web01,ada@owners.test,bob@owners.test,Europe/Berlin,web,canary\n\
    web02,ada@owners.test,bob@owners.test,Europe/Berlin,web,prod\n\
    web03,ada@owners.test,,Europe/Berlin,web,prod\n\
    web04,eve@owners.test,,Europe/Berlin,web,prod\n\
    db01,bob@owners.test,ada@owners.test,America/New_York,db,prod\n\
    db02,bob@owners.test,ada@owners.test,America/New_York,db,prod\n\
    pay01,eve@owners.test,,Asia/Kolkata,pay,prod\n";

/// Whoever says nothing consents, and db is patched one after the other.
const OTHER: &str = "[policy]\nsilence = \"approve\"\n[groups.db]\nper_slot_hour = 1\n";
/// Host groups with rules of their own; pay has no time that is allowed.
const RULES: &str = "[groups.db]\nsilence = \"slip\"\n[groups.pay]\nallowed = [\"Sat 06:00-08:00\"]\n";

fn installed() -> Program {
    let program = Program::on_sqlite();
    program.configure("other.conf", OTHER);
    program.configure("patching.conf", RULES);
    std::fs::write(program.folder().join("fleet.csv"), SHEET).unwrap();
    program.says(&["import", "fleet.csv", "--apply"]);
    program
}

fn refused(program: &Program, words: &[&str]) -> String {
    let (code, text) = program.run(words);
    assert_eq!(code, 3, "{text}");
    text
}

#[test]
fn a_quarter_is_told_before_it_happens_and_nothing_is_kept() {
    let program = installed();
    let everything = || {
        let lists = ["list", "outbox", "audit", "export"].map(|what| program.says(&["--json", what]));
        lists.concat() + &program.says(&["--json", "list", "2099-Q1", "--filter", "env=prod"])
    };
    let before = everything();
    insta::assert_snapshot!(program.says(&["simulate", "2099-Q1"]));
    assert_eq!(everything(), before);
    assert_eq!(program.says(&["simulate", "2099-Q1"]), program.says(&["simulate", "2099-Q1", "--seed", "0"]));
    assert_ne!(program.says(&["simulate", "2099-Q1"]), program.says(&["simulate", "2099-Q1", "--seed", "7"]));
}

#[test]
fn two_configurations_stand_side_by_side_with_what_differs_first() {
    let program = installed();
    let asked = ["simulate", "2099-Q1", "--answering", "50%", "--failing", "0%", "--diff", "other.conf"];
    insta::assert_snapshot!(program.says(&asked));
    insta::assert_snapshot!(program.says(&["simulate", "2099-Q1", "--diff", "patching.conf"]));
}

#[test]
fn a_quarter_in_which_the_clocks_change_names_the_windows_of_that_night() {
    let program = Program::on_sqlite();
    let night = "[policy]\npatch_day = \"Sat\"\nfirst_slot = \"23:00\"\nslots = 4\nper_slot_hour = 1\nsilence = \"approve\"\n";
    program.configure("patching.conf", night);
    let servers: String =
        (1..=18).map(|number| format!("web{number:02},ada@owners.test,Europe/Berlin\n")).collect();
    std::fs::write(
        program.folder().join("web.csv"),
        format!("server_name,primary_owner,server_timezone\n{servers}"),
    )
    .unwrap();
    let text = program.says(&["simulate", "2099-Q2", "--inventory", "web.csv"]);
    insta::assert_snapshot!(text);
}

#[test]
fn some_servers_or_a_file_that_is_no_inventory_yet_can_be_simulated() {
    let program = installed();
    let json = |words: &[&str]| -> serde_json::Value {
        serde_json::from_str(&program.says(&[&["--json", "simulate", "2099-Q1"], words].concat())).unwrap()
    };
    let some = json(&[
        "--only", "group=db", "--answering", "100%", "--moving", "0", "--declining", "0", "--failing", "0",
    ]);
    assert_eq!((&some["servers"], &some["owners"]), (&2.into(), &2.into()));
    assert_eq!(some["outcomes"]["patched"]["fewest"], 2);
    assert_eq!(some["assumed"]["answering"], "100%");
    std::fs::write(
        program.folder().join("new.csv"),
        "server_name,primary_owner,server_timezone\nx1,zoe@owners.test,UTC\nx2,zoe@owners.test,UTC\n",
    )
    .unwrap();
    let new = json(&["--inventory", "new.csv", "--times", "3"]);
    assert_eq!(
        (&new["servers"], &new["owners"], &new["assumed"]["times"]),
        (&2.into(), &1.into(), &3.into())
    );
    assert!(!program.says(&["export"]).contains("x1"));
    let both = json(&["--diff", "patching.conf"]);
    assert_eq!(both["now"], both["then"]);
}

#[test]
fn what_cannot_be_simulated_is_said_with_the_next_step() {
    let program = installed();
    let said = |words: &[&str]| refused(&program, &[&["simulate"], words].concat());
    insta::assert_snapshot!(said(&["2099-Q5"]), @r#"patchbot: "2099-Q5" is not a quarter; write it as 2027-Q1, with the year in which it ends"#);
    insta::assert_snapshot!(said(&["2020-Q1"]), @"patchbot: 2020-Q1 (1 Nov 2019 to 31 Jan 2020) is over; simulate one that is still to come");
    insta::assert_snapshot!(said(&["2099-Q1", "--answering", "120%"]), @r#"patchbot: --answering: "120%" is not a share; write it as 70%, from 0% to 100%"#);
    insta::assert_snapshot!(said(&["2099-Q1", "--failing", "often"]), @r#"patchbot: --failing: "often" is not a share; write it as 70%, from 0% to 100%"#);
    insta::assert_snapshot!(said(&["2099-Q1", "--only", "gruop=web"]), @r#"patchbot: --only: there is no column "gruop"; did you mean group?"#);
    insta::assert_snapshot!(said(&["2099-Q1", "--only", "group=weg"]), @"patchbot: nothing fits group=weg; there are web (4), db (2), pay (1)");
    std::fs::write(program.folder().join("wrong.csv"), "server_name,server_timezone\nx1,Mars/Olympus\n")
        .unwrap();
    insta::assert_snapshot!(said(&["2099-Q1", "--inventory", "wrong.csv"]), @r#"patchbot: --inventory: line 2, column server_timezone: "Mars/Olympus" is no known time zone; write one such as Europe/Berlin"#);
    let empty = Program::on_sqlite();
    insta::assert_snapshot!(refused(&empty, &["simulate", "2099-Q1"]), @"patchbot: there is no server; import an inventory, or name one with --inventory");
    let (code, text) = program.run(&["simulate", "2099-Q1", "--inventory", "none.csv"]);
    assert_eq!(code, 1, "{text}");
    assert_eq!(text.trim(), "patchbot: none.csv cannot be read: No such file or directory (os error 2)");
}
