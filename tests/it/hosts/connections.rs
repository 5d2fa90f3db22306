//! SSH to real hosts: keys, jump hosts, limits, cuts.

use std::time::{Duration, Instant};

use anyhow::Result;
use patchbot::config::secret::Secret;
use patchbot::ssh::{
    ConnectError, Connection, Ended, ExecError, Fingerprint, HostKey, Limits, LoginKey, Remote, Settings,
    Target, Trust,
};
use patchbot_lab::{Host, Lab, Traffic};

use super::{hop, remote, target};

async fn host(lab: &Lab, name: &str) -> Result<Host> {
    lab.host(name).light().without_snmp().start().await
}

#[tokio::test]
async fn a_command_tells_its_output_its_errors_and_how_it_ended() -> Result<()> {
    let lab = Lab::start().await?;
    let host = host(&lab, "web01").await?;
    let connection = remote().connect(&target(&lab, &host)?).await?;
    let limits = Limits::default();
    let output = connection.run("echo out; echo err >&2; exit 3", None, &limits).await?;
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!(output.ended, Ended::Code(3));
    let killed = connection.run("kill -9 $$", None, &limits).await?;
    assert_eq!(killed.ended, Ended::Signal("KILL".to_owned()));
    let large = vec![b'x'; 3_000_000];
    assert_eq!(connection.run("cat", Some(&large), &limits).await?.stdout, large);
    // A command that reads nothing of a large input ends all the same.
    assert!(connection.run("true", Some(&large), &limits).await?.success());
    let mut lines = Vec::new();
    let mut hear = |line: &str| lines.push(line.to_owned());
    connection.run_heard("echo one; echo two; printf three", None, &limits, Some(&mut hear)).await?;
    assert_eq!(lines, ["one", "two"]);
    // Many commands at once on one connection.
    let many = (0..8).map(|number| {
        let connection = &connection;
        async move { connection.run(&format!("echo {number}"), None, &Limits::default()).await }
    });
    for (number, output) in futures::future::join_all(many).await.into_iter().enumerate() {
        assert_eq!(output?.stdout, format!("{number}\n").into_bytes());
    }
    connection.close().await;
    Ok(())
}

#[tokio::test]
async fn hung_silent_and_flooding_commands_are_let_go_and_the_connection_stays() -> Result<()> {
    let lab = Lab::start().await?;
    let host = host(&lab, "web01").await?;
    let connection = remote().connect(&target(&lab, &host)?).await?;
    let short = Limits { total: Duration::from_millis(400), ..Limits::default() };
    let hung = connection.run("sleep 60", None, &short).await;
    assert!(matches!(hung, Err(ExecError::TimedOut { .. })), "{hung:?}");
    let quiet = Limits { silence: Duration::from_millis(300), ..Limits::default() };
    let silent = connection.run("echo hello; sleep 60", None, &quiet).await;
    assert!(matches!(silent, Err(ExecError::Silent { .. })), "{silent:?}");
    let unread = connection.run("sleep 60", Some(&vec![0; 8_000_000]), &short).await;
    assert!(matches!(unread, Err(ExecError::TimedOut { .. })), "{unread:?}");
    let small = Limits { output: 100_000, ..Limits::default() };
    let flood = connection.run("yes", None, &small).await;
    assert_eq!(
        flood.unwrap_err().to_string(),
        format!(
            "the command on web01 ({}:22) wrote more than 100000 bytes; something floods its output: look at the host",
            host.address()
        )
    );
    assert_eq!(connection.run("echo still", None, &Limits::default()).await?.stdout, b"still\n");
    Ok(())
}

#[tokio::test]
async fn another_host_key_than_the_pinned_one_is_refused_with_both_fingerprints() -> Result<()> {
    let lab = Lab::start().await?;
    let host = host(&lab, "web01").await?;
    let mut target = target(&lab, &host)?;
    let pinned = HostKey::parse(&host.host_key()?)?;
    let seen = HostKey::parse(&host.change_host_key().await?)?;
    let error = remote().connect(&target).await.unwrap_err();
    assert!(matches!(error, ConnectError::HostKeyChanged { .. }) && error.is_about_the_host_key());
    assert_eq!(
        error.to_string(),
        format!(
            "web01 ({}:22) shows the key {} and the pinned one is {}; if the host was installed anew, compare the \
             fingerprint on its console and enroll it again, otherwise somebody may stand in between",
            host.address(),
            seen.fingerprint(),
            pinned.fingerprint()
        )
    );
    target.hop.trust = Trust::Unknown;
    let unknown = remote().connect(&target).await.unwrap_err();
    assert!(unknown.to_string().contains(&seen.fingerprint().to_string()), "{unknown}");
    target.hop.trust = Trust::Fingerprint(Fingerprint::parse(&seen.fingerprint().to_string())?);
    assert_eq!(*remote().connect(&target).await?.host_key(), seen);
    target.hop.trust = Trust::Fingerprint(pinned.fingerprint());
    assert!(remote().connect(&target).await.is_err());
    target.hop.trust = Trust::FirstContact;
    assert_eq!(*remote().connect(&target).await?.host_key(), seen);
    // A key of another kind than the host has.
    let rsa = tokio::fs::read_to_string(lab.ssh_key_rsa().with_extension("pub")).await?;
    target.hop.trust = Trust::Pinned(HostKey::parse(&rsa)?);
    let gone = remote().connect(&target).await.unwrap_err();
    assert!(matches!(gone, ConnectError::HostKeyGone { .. }), "{gone}");
    Ok(())
}

#[tokio::test]
async fn rsa_and_encrypted_keys_log_in_and_strangers_do_not() -> Result<()> {
    let lab = Lab::start().await?;
    let host = host(&lab, "web01").await?;
    let mut target = target(&lab, &host)?;
    target.hop.key = LoginKey::read(&lab.ssh_key_rsa(), None)?;
    remote().connect(&target).await?.close().await;

    target.hop.key = LoginKey::read(&lab.stranger_key(), None)?;
    let stranger = remote().connect(&target).await.unwrap_err();
    assert_eq!(
        stranger.to_string(),
        format!(
            "web01 ({}:22) refuses the key of patchadmin; put patchbot's public key into \
             ~patchadmin/.ssh/authorized_keys there",
            host.address()
        )
    );

    let folder = tempfile::tempdir()?;
    let locked = folder.path().join("locked");
    tokio::fs::copy(lab.ssh_key(), &locked).await?;
    let change = tokio::process::Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "open sesame", "-f"])
        .arg(&locked)
        .status()
        .await?;
    assert!(change.success());
    assert!(LoginKey::read(&locked, None).unwrap_err().to_string().contains("is encrypted"));
    let wrong = LoginKey::read(&locked, Some(&Secret::new("wrong"))).unwrap_err();
    assert!(wrong.to_string().contains("does not open the key"), "{wrong}");
    target.hop.key = LoginKey::read(&locked, Some(&Secret::new("open sesame")))?;
    remote().connect(&target).await?.close().await;
    Ok(())
}

#[tokio::test]
async fn a_pinned_rsa_key_is_asked_for_although_the_host_has_a_newer_one() -> Result<()> {
    let lab = Lab::start().await?;
    let host = host(&lab, "web01").await?;
    let line = "ssh-keygen -q -t rsa -b 2048 -N '' -f /etc/ssh/rsa && echo 'HostKey /etc/ssh/rsa' >>/etc/ssh/sshd_config \
                && echo 'HostKey /etc/ssh/ssh_host_ed25519_key' >>/etc/ssh/sshd_config && pkill -HUP -o -x sshd";
    host.exec(line).await?.ok()?;
    let mut target = target(&lab, &host)?;
    let pinned = HostKey::parse(&host.read("/etc/ssh/rsa.pub")?)?;
    target.hop.trust = Trust::Pinned(pinned.clone());
    let connection = connect_soon(&target).await?;
    assert_eq!(*connection.host_key(), pinned);
    // Nobody knows the host yet: the newer kind is shown.
    target.hop.trust = Trust::FirstContact;
    assert!(connect_soon(&target).await?.host_key().line().starts_with("ssh-ed25519 "));
    Ok(())
}

#[tokio::test]
async fn old_hosts_are_reached_and_those_with_nothing_in_common_are_named() -> Result<()> {
    let lab = Lab::start().await?;
    let described =
        |name, line| lab.host(name).light().without_snmp().file("/etc/ssh/sshd_config.d/old.conf", line);
    let old =
        described("old", "KexAlgorithms diffie-hellman-group14-sha256\nCiphers aes128-ctr\n").start().await?;
    connect_soon(&target(&lab, &old)?).await?.close().await;
    let ancient = described("ancient", "Ciphers aes128-cbc\n").start().await?;
    let error = remote().connect(&target(&lab, &ancient)?).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "ancient ({}:22) and this program have no cipher in common; allow a present one in the host's sshd_config",
            ancient.address()
        )
    );
    Ok(())
}

/// Connects as soon as the host's sshd has read its settings again.
async fn connect_soon(target: &Target) -> Result<Connection> {
    let mut last = None;
    for _ in 0..50 {
        match remote().connect(target).await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(last.map_or_else(|| anyhow::anyhow!("never tried"), anyhow::Error::from))
}

#[tokio::test]
async fn a_jump_host_leads_on_and_both_host_keys_are_looked_at() -> Result<()> {
    let lab = Lab::start().await?;
    let (jump, inner) = (host(&lab, "jump").await?, host(&lab, "inner").await?);
    let mut target = target(&lab, &inner)?;
    target.jump = Some(hop(&lab, &jump)?);
    let connection = remote().connect(&target).await?;
    let output = connection.run("hostname; echo ${SSH_CONNECTION%% *}", None, &Limits::default()).await?;
    assert_eq!(String::from_utf8(output.stdout)?, format!("inner\n{}\n", jump.address()));
    assert_eq!(connection.host_key().line(), HostKey::parse(&inner.host_key()?)?.line());
    connection.close().await;

    let mut wrong = target.clone();
    wrong.jump = wrong.jump.map(|mut hop| {
        hop.trust = target.hop.trust.clone();
        hop
    });
    let error = remote().connect(&wrong).await.unwrap_err();
    assert!(error.to_string().starts_with("the jump host of inner"), "{error}");
    let mut nowhere = target.clone();
    nowhere.hop.port = 9;
    let error = remote().connect(&nowhere).await.unwrap_err();
    assert!(matches!(error, ConnectError::Jump { .. }), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_dead_or_silent_host_costs_one_timeout_and_a_cut_connection_is_lost_not_failed() -> Result<()> {
    let lab = Lab::start().await?;
    let host = host(&lab, "web01").await?;
    let quick = Remote::new(Settings {
        connect_timeout: Duration::from_millis(500),
        keepalive: Duration::from_millis(200),
        lab_only: true,
        ..Settings::default()
    });
    let mut target = target(&lab, &host)?;
    let proxy = lab.proxy(host.ssh_address())?;
    target.hop.address = proxy.address().ip().to_string();
    target.hop.port = proxy.address().port();
    proxy.set(Traffic::Hold);
    let started = Instant::now();
    let silent = quick.connect(&target).await.unwrap_err();
    assert!(matches!(silent, ConnectError::NoAnswer { .. }) && silent.may_pass(), "{silent}");
    assert!(started.elapsed() < Duration::from_secs(3));
    proxy.set(Traffic::Cut);
    let cut = quick.connect(&target).await.unwrap_err();
    assert!(cut.may_pass(), "{cut}");

    proxy.set(Traffic::Pass);
    let connection = quick.connect(&target).await?;
    let cut = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        proxy.set(Traffic::Cut);
    };
    let limits = Limits::default();
    let (lost, ()) = tokio::join!(connection.run("sleep 60", None, &limits), cut);
    assert!(matches!(lost, Err(ExecError::Lost { .. })), "{lost:?}");
    assert!(connection.is_closed());
    let closed = connection.run("true", None, &limits).await;
    assert!(matches!(closed, Err(ExecError::Lost { .. })), "{closed:?}");

    // A network that swallows everything shows through the keepalive.
    proxy.set(Traffic::Pass);
    let connection = quick.connect(&target).await?;
    proxy.set(Traffic::Hold);
    let swallowed = connection.run("sleep 60", None, &limits).await;
    assert!(matches!(swallowed, Err(ExecError::Lost { .. })), "{swallowed:?}");
    Ok(())
}

#[tokio::test]
async fn a_shifted_clock_reaches_no_host_outside_the_lab() -> Result<()> {
    let lab = Lab::start().await?;
    let host = host(&lab, "jump").await?;
    let mut direct = target(&lab, &host)?;
    direct.hop.address = "192.0.2.1".to_owned();
    let error = remote().connect(&direct).await.unwrap_err();
    assert!(matches!(error, ConnectError::OutsideLab { .. }), "{error}");
    // Through a jump host a name could lead anywhere.
    for address in ["192.0.2.1", "localhost"] {
        let mut jumped = target(&lab, &host)?;
        jumped.hop.address = address.to_owned();
        jumped.jump = Some(hop(&lab, &host)?);
        let error = remote().connect(&jumped).await.unwrap_err();
        assert!(matches!(error, ConnectError::OutsideLab { .. }), "{address}: {error}");
    }
    Ok(())
}
