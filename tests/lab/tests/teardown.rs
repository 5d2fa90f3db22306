//! A lab leaves nothing behind: not when it is dropped, not when its owner is killed, not when its keeper is too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use patchbot_lab::Lab;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Everything on this machine that carries the name of a lab, one line each.
fn traces(slot: u8, folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mark = folder.display().to_string();
    for entry in fs::read_dir("/proc")? {
        let process = entry?.path();
        if !process.join("cmdline").exists() {
            continue;
        }
        let read = |name: &str| fs::read(process.join(name)).unwrap_or_default();
        let group = format!("/patchbot-lab-{slot}/");
        for name in ["cmdline", "mountinfo", "cgroup"] {
            let text = String::from_utf8_lossy(&read(name)).replace('\0', " ");
            if text.contains(&mark) || text.contains(&group) {
                found.push(format!("{} of {}", name, process.display()));
            }
        }
    }
    for link in fs::read_dir("/sys/class/net")? {
        let name = link?.file_name().to_string_lossy().into_owned();
        if name == format!("pblab{slot}") || name.starts_with(&format!("pblab{slot}.")) {
            found.push(format!("link {name}"));
        }
    }
    for place in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
        let group = Path::new(place).join(format!("patchbot-lab-{slot}"));
        if group.exists() {
            found.push(format!("control group {}", group.display()));
        }
    }
    if folder.exists() {
        found.push(format!("folder {mark}"));
    }
    Ok(found)
}

async fn are_gone(slot: u8, folder: &Path) -> Result<()> {
    let mut left = Vec::new();
    for _ in 0..500 {
        left = traces(slot, folder)?;
        if left.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("left behind: {left:#?}")
}

/// A lab in a process of its own, which can be killed.
async fn lab_of_another_process(slot: u8) -> Result<(Child, PathBuf)> {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["up", "--light", "--slot", &slot.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(owner.stdout.take().context("no output")?).lines();
    let mut folder = None;
    while let Some(line) = lines.next_line().await? {
        folder = folder.or_else(|| line.split_once("state in ").map(|(_, path)| PathBuf::from(path)));
        if line.starts_with("ready") {
            return Ok((owner, folder.context("the lab does not say where it is")?));
        }
    }
    bail!("the lab did not come up")
}

/// The numbers in the slot's own record.
fn recorded(slot: u8, what: &str) -> Result<String> {
    let record = fs::read_to_string(format!("/run/patchbot-lab/{slot}"))?;
    let line = record.lines().find_map(|line| line.strip_prefix(what)).context(record.clone())?;
    Ok(line.trim().to_owned())
}

async fn kill(pid: &str) -> Result<()> {
    Command::new("kill").args(["-s", "KILL", pid]).status().await?;
    Ok(())
}

#[tokio::test]
async fn a_dropped_lab_leaves_nothing() -> Result<()> {
    let lab = Lab::start().await?;
    let (slot, folder) = (lab.slot(), lab.folder().to_owned());
    let (_full, _light, _mail, _dns, _postgres, _snmpd) = tokio::try_join!(
        lab.host("full").start(),
        lab.host("light").light().disk(32).start(),
        lab.mail(),
        lab.dns(),
        lab.postgres(),
        lab.snmpd("UTC", 2, ""),
    )?;
    assert!(traces(slot, &folder)?.len() > 20, "the search finds too little: {:?}", traces(slot, &folder)?);
    drop(lab);
    assert_eq!(traces(slot, &folder)?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_lab_whose_owner_panics_leaves_nothing() -> Result<()> {
    let (send, receive) = tokio::sync::oneshot::channel();
    let owner = tokio::spawn(async move {
        let lab = Lab::start().await.expect("a lab");
        let _host = lab.host("light").light().start().await.expect("a host");
        let _ = send.send((lab.slot(), lab.folder().to_owned()));
        panic!("a test has failed");
    });
    let (slot, folder) = receive.await?;
    assert!(owner.await.is_err());
    assert_eq!(traces(slot, &folder)?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_lab_whose_owner_is_killed_leaves_nothing() -> Result<()> {
    let (mut owner, folder) = lab_of_another_process(30).await?;
    assert!(traces(30, &folder)?.len() > 20);
    owner.kill().await?;
    are_gone(30, &folder).await
}

#[tokio::test]
async fn what_a_killed_keeper_could_not_remove_goes_when_the_slot_is_taken_again() -> Result<()> {
    let (mut owner, folder) = lab_of_another_process(31).await?;
    kill(&recorded(31, "keeper ")?).await?;
    owner.kill().await?;
    tokio::time::timeout(Duration::from_secs(10), async {
        // The processes end by themselves; links, control group and folder have nobody to remove them.
        while traces(31, &folder)?.iter().any(|trace| trace.contains("/proc/")) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    })
    .await??;
    assert!(folder.exists());

    let again = Lab::in_slot(31).await?;
    assert!(!folder.exists(), "the old folder is still there");
    let host = again.host("web01").light().start().await?;
    assert_eq!(host.ssh("hostname").await?.ok()?, "web01");
    let second = again.folder().to_owned();
    again.down();
    assert_eq!(traces(31, &second)?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn two_labs_at_once_do_not_see_each_other() -> Result<()> {
    let (first, second) = tokio::try_join!(Lab::start(), Lab::start())?;
    assert_ne!(first.slot(), second.slot());
    let (one, two, mail, other) = tokio::try_join!(
        first.host("web01").installed(["lab-app"]).start(),
        second.host("web01").installed(["lab-app"]).start(),
        first.mail(),
        second.mail(),
    )?;
    assert_ne!(one.address(), two.address());
    first.repository().publish(patchbot_lab::Suite::Main, "lab-app").await?;
    for host in [&one, &two] {
        host.exec("apt-get -qq update && apt-get -y -qq upgrade").await?.ok()?;
    }
    assert_eq!(one.package_version("lab-app").await?.as_deref(), Some("1.1"));
    assert_eq!(two.package_version("lab-app").await?.as_deref(), Some("1.0"));
    let ping = format!("ping -c 1 -W 1 {}", two.address());
    assert_ne!(one.exec(&ping).await?.code, 0, "a host reaches into another lab");

    drop(first);
    assert_eq!(two.ssh("hostname").await?.ok()?, "web01");
    assert_ne!(mail.mx(), other.mx());
    assert!(tokio::net::TcpStream::connect(mail.mx()).await.is_err());
    assert!(tokio::net::TcpStream::connect(other.mx()).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_command_gets_a_postgresql_of_its_own_and_its_exit_code_is_passed_on() -> Result<()> {
    let script =
        r#"/usr/lib/postgresql/15/bin/psql -XAt "$PATCHBOT_TEST_POSTGRES" -c 'SELECT 6 * 7'; exit 3"#;
    let output =
        Command::new(env!("CARGO_BIN_EXE_lab")).args(["postgres", "--", "sh", "-c", script]).output().await?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "42\n");
    assert_eq!(output.status.code(), Some(3));
    Ok(())
}

#[tokio::test]
async fn what_is_missing_is_said_with_the_way_to_get_it() -> Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("check")
        .env("PATCHBOT_LAB_CACHE", "/nonexistent")
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("no base image"), "{said}");
    assert!(said.contains("run tests/lab/setup as root"), "{said}");
    Ok(())
}
