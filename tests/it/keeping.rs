//! What an administrator keeps: backups, and an audit in which nothing can be changed unnoticed.

use std::fs;
use std::process::Command;

use sqlx::Connection;

use crate::program::Program;

/// web01 of ada's, planned and approved.
fn approved() -> Program {
    let program = Program::on_sqlite();
    let sheet = "server_name,primary_owner,server_timezone\nweb01,ada@owners.test,Europe/Berlin\n";
    fs::write(program.folder().join("servers.csv"), sheet).unwrap();
    program.says(&["import", "servers.csv", "--apply"]);
    program.says(&["plan", "2099-Q1"]);
    program.says(&["say", "approve web01", "--as", "ada@owners.test"]);
    program
}

/// The last hash of the audit, as `verify` says it.
fn last_hash(said: &str) -> String {
    said.split_once("The last hash is ").unwrap().1.split_once('.').unwrap().0.to_owned()
}

async fn change(program: &Program, statement: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(program.folder().join("patchbot.db"));
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[test]
fn an_exported_audit_is_checked_by_sha256sum_alone() {
    let program = approved();
    let said = program.says(&["audit", "export", "audit.txt"]);
    assert!(
        said.ends_with("It is in audit.txt; \"patchbot audit verify audit.txt\" checks it, anywhere.\n"),
        "{said}"
    );
    // What the help promises, done by hand.
    let by_hand = r#"
        last=
        while IFS= read -r line; do
            hash=${line%%  *} json=${line#*  }
            [ "$(printf %s "$json" | sha256sum | cut -d' ' -f1)" = "$hash" ] || exit 1
            case $json in *"\"last\":\"$last\""*) ;; *) exit 2 ;; esac
            last=$hash
        done <audit.txt
        echo "$last"
    "#;
    let output = Command::new("bash").arg("-c").arg(by_hand).current_dir(program.folder()).output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), last_hash(&said));
    assert_eq!(last_hash(&program.says(&["audit", "verify", "audit.txt"])), last_hash(&said));
    let (code, said) = program.run(&["audit", "export", "audit.txt"]);
    assert_eq!(
        (code, said.as_str()),
        (
            1,
            "patchbot: audit.txt cannot be written; name a new file in a folder of yours: File exists (os error 17)\n"
        )
    );
}

#[test]
fn a_line_changed_in_an_exported_audit_is_found() {
    let program = approved();
    program.says(&["audit", "export", "audit.txt"]);
    let file = program.folder().join("audit.txt");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("approve web01", "approve web02")).unwrap();
    let (code, said) = program.run(&["audit", "verify", "audit.txt"]);
    insta::assert_snapshot!(format!("{code}\n{said}"), @"
    4
    → Restore the last backup beside it and compare from that number on.
    patchbot: the audit was changed at number 4: what stands there is not what was sealed.
    ");
}

#[tokio::test]
async fn a_row_changed_in_the_database_is_found() {
    let program = approved();
    program.says(&["audit", "verify"]);
    change(&program, "UPDATE audit SET actor = 'bob@owners.test' WHERE what = 'decided'").await;
    let (code, said) = program.run(&["audit", "verify"]);
    insta::assert_snapshot!(format!("{code}\n{said}"), @"
    4
    → Restore the last backup beside it and compare from that number on.
    patchbot: the audit was changed at number 4: what stands there is not what was sealed.
    ");
}

#[tokio::test]
async fn rows_that_are_gone_from_the_end_are_missed() {
    let program = approved();
    change(&program, "DELETE FROM audit WHERE what = 'decided'").await;
    let (code, said) = program.run(&["audit", "verify"]);
    insta::assert_snapshot!(format!("{code}\n{said}"), @"
    4
    → Restore the last backup beside it and compare from that number on.
    patchbot: the audit was changed at number 4: the lines from there on are gone.
    ");
}

#[test]
fn an_audit_written_anew_does_not_hold_the_hash_that_was_noted() {
    let program = approved();
    let noted = last_hash(&program.says(&["audit", "verify"]));
    program.says(&["say", "decline web01", "--as", "ada@owners.test"]);
    assert!(
        program
            .says(&["audit", "verify", "--noted", &noted])
            .ends_with("The hash that you noted is part of it.\n")
    );
    // The same story told once more: whole in itself, and another one.
    let (code, said) = approved().run(&["audit", "verify", "--noted", &noted]);
    insta::assert_snapshot!(format!("{code}\n{}", said.replace(&noted, "HASH")), @"
    4
    → Restore the backup from when you noted it beside it, and compare.
    patchbot: No line of the audit has the hash HASH: it was written anew since you noted it.
    ");
}

#[test]
fn a_backup_is_restored_as_it_was_and_what_it_replaces_is_kept() {
    let program = approved();
    assert_eq!(program.says(&["backup", "copy.db"]), "copy.db holds the database as it was just now.\n");
    program.says(&["say", "withdraw web01", "--as", "ada@owners.test"]);
    assert!(program.says(&["show", "web01"]).contains("state: waits for approval"));
    let said = program.says(&["restore", "copy.db"]);
    let (first, rest) = said.split_once('\n').unwrap();
    assert_eq!(first, "copy.db is in place; its audit is whole and has 4 entries.");
    assert!(program.says(&["show", "web01"]).contains("state: approved by ada@owners.test"));
    program.says(&["audit", "verify"]);
    // The other one is whole too.
    let kept =
        rest.strip_prefix("→ The database before it is kept as ").unwrap().split_once(".\n").unwrap().0;
    program.says(&["restore", kept]);
    assert!(program.says(&["show", "web01"]).contains("state: waits for approval"));
}

#[tokio::test]
async fn what_is_no_good_backup_is_not_restored() {
    let program = approved();
    let (code, said) = program.run(&["restore", "servers.csv"]);
    insta::assert_snapshot!(format!("{code}\n{said}"), @"
    1
    patchbot: servers.csv is not restored, nothing was changed: it is damaged, or no database of patchbot's
    ");
    // Cut in the middle, as by a full disk.
    program.says(&["backup", "copy.db"]);
    let whole = fs::read(program.folder().join("copy.db")).unwrap();
    fs::write(program.folder().join("cut.db"), &whole[..whole.len() / 2]).unwrap();
    let (code, said) = program.run(&["restore", "cut.db"]);
    insta::assert_snapshot!(format!("{code}\n{said}"), @"
    1
    patchbot: cut.db is not restored, nothing was changed: it is damaged, or no database of patchbot's
    ");
    // Its audit was changed.
    change(&program, "UPDATE audit SET sentence = 'Nothing happened.'").await;
    program.says(&["backup", "changed.db"]);
    let (code, said) = program.run(&["restore", "changed.db"]);
    insta::assert_snapshot!(format!("{code}\n{said}"), @"
    1
    patchbot: changed.db is not restored, nothing was changed: the audit was changed at number 1: what stands there is not what was sealed
    ");
    assert!(program.says(&["show", "web01"]).contains("state: approved by ada@owners.test"));
}

#[test]
fn a_backup_overwrites_nothing() {
    let program = approved();
    let (code, said) = program.run(&["backup", "servers.csv"]);
    assert_eq!(code, 1);
    assert!(said.contains("servers.csv cannot be written; name a new file"), "{said}");
}

#[test]
fn the_database_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let program = approved();
    for file in fs::read_dir(program.folder()).unwrap().map(Result::unwrap) {
        if file.file_name().to_str().unwrap().starts_with("patchbot.db") {
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", file.path().display());
        }
    }
}
