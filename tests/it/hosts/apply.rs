//! The patch run on a host: once, in time, told honestly, whatever breaks in between.

use std::time::Duration;

use anyhow::{Result, bail};
use chrono::TimeDelta;
use patchbot::domain::check::PackageChange;
use patchbot::domain::facts::BrokenPackage;
use patchbot::patch::{
    self, Applied, Apply, Command, Hooked, PackageName, PackagePattern, Phase, RunStatus, ScriptPath,
    Selection, ServerName, Why,
};
use patchbot::ssh::{ExecError, Limits};
use patchbot_lab::{Host, Lab, Suite, Traffic};

use super::{Site, hop, remote, run, with_helper};

fn refused(answer: &Applied) -> Option<Why> {
    match answer {
        Applied::Refused(refused) => Some(refused.why),
        Applied::Started | Applied::Exists => None,
    }
}

fn changed(name: &str) -> PackageChange {
    PackageChange { name: name.to_owned(), before: Some("1.0".to_owned()), after: Some("1.1".to_owned()) }
}

/// A run from 1.0 to 1.1, asked for twice, with a second run afterwards that finds nothing to do.
async fn is_patched_once(site: &Site) -> Result<()> {
    for name in ["lab-app", "lab-reboot"] {
        site.lab.repository().publish(Suite::Main, name).await?;
    }
    assert_eq!(site.status(run(1)).await?.run, RunStatus::Absent);
    let apply = site.everything(run(1)).await?;
    assert_eq!(site.asks(&apply).await?, Applied::Started);
    assert_eq!(site.asks(&apply).await?, Applied::Exists);
    let status = site.ended(run(1)).await?;
    let RunStatus::Installed(end) = &status.run else { bail!("{status:?}") };
    assert_eq!(end.rc, Some(0));
    assert!(end.started <= end.ended);
    assert_eq!(status.changed, [changed("lab-app"), changed("lab-reboot")]);
    assert_eq!(status.failed, []);
    assert_eq!(status.phase, Some(Phase::Finished));
    assert!(status.log.iter().any(|line| line.contains("Setting up lab-app (1.1)")));
    assert_eq!(site.version("lab-app").await?, "1.1");
    assert_eq!(site.asks(&apply).await?, Applied::Exists);
    assert_eq!(site.upgrades().await?, 1);
    assert_eq!(site.status(run(1)).await?.run, status.run, "asking changes nothing");
    Ok(())
}

#[tokio::test]
async fn a_host_with_systemd_is_patched_once_however_often_it_is_asked() -> Result<()> {
    is_patched_once(&Site::full(["lab-app", "lab-reboot"]).await?).await
}

#[tokio::test]
async fn a_host_without_systemd_is_patched_once_however_often_it_is_asked() -> Result<()> {
    is_patched_once(&Site::light(["lab-app", "lab-reboot"]).await?).await
}

#[tokio::test]
async fn a_failing_package_fails_the_run_and_is_named() -> Result<()> {
    let site = Site::light(["lab-app", "lab-postfail"]).await?;
    for name in ["lab-app", "lab-postfail"] {
        site.lab.repository().publish(Suite::Main, name).await?;
    }
    site.starts(run(1)).await?;
    let status = site.ended(run(1)).await?;
    let RunStatus::Failed(Why::Install, end) = &status.run else { panic!("{status:?}") };
    assert_eq!(end.rc, Some(100));
    assert_eq!(end.text, "the package manager ended with 100; the log says why");
    assert_eq!(status.changed, [changed("lab-app"), changed("lab-postfail")]);
    let failed = BrokenPackage { name: "lab-postfail".into(), state: "its configuration failed".into() };
    assert_eq!(status.failed, [failed]);
    assert!(status.log.iter().any(|line| line.contains("simulated failure")));
    Ok(())
}

#[tokio::test]
async fn a_late_command_starts_nothing() -> Result<()> {
    let site = Site::light(["lab-app"]).await?;
    site.lab.repository().publish(Suite::Main, "lab-app").await?;
    let on_time = site.everything(run(1)).await?;
    let late = Apply { not_after: site.clock().await? - TimeDelta::seconds(1), ..on_time.clone() };
    let answer = site.asks(&late).await?;
    assert_eq!(refused(&answer), Some(Why::Late), "{answer:?}");
    assert_eq!(site.status(run(1)).await?.run, RunStatus::Absent);
    assert_eq!(site.version("lab-app").await?, "1.0");
    // Nothing is left of it: the same run can still be started in time.
    assert_eq!(site.asks(&on_time).await?, Applied::Started);
    assert!(matches!(site.ended(run(1)).await?.run, RunStatus::Installed(_)));
    Ok(())
}

#[tokio::test]
async fn a_locked_package_manager_is_waited_for_but_never_past_the_last_moment() -> Result<()> {
    let site = Site::light(["lab-app"]).await?;
    site.lab.repository().publish(Suite::Main, "lab-app").await?;
    site.host
        .exec("sleep 300 8>/var/lib/dpkg/lock-frontend >/dev/null 2>&1 & echo $! >/run/holder")
        .await?
        .ok()?;
    let last_moment = site.clock().await? + TimeDelta::seconds(2);
    let apply = Apply { not_after: last_moment, ..site.everything(run(1)).await? };
    assert_eq!(site.asks(&apply).await?, Applied::Started);
    let status = site.ended(run(1)).await?;
    let RunStatus::Refused(refused, _) = &status.run else { panic!("{status:?}") };
    assert_eq!(refused.why, Why::Locked);
    assert!(refused.text.contains("(sleep); nothing was touched"), "{}", refused.text);
    assert_eq!(site.version("lab-app").await?, "1.0");

    site.starts(run(2)).await?;
    site.becomes(run(2), |status| status.phase == Some(Phase::WaitingForLock)).await?;
    site.host.exec("kill $(cat /run/holder)").await?.ok()?;
    assert!(matches!(site.ended(run(2)).await?.run, RunStatus::Installed(_)));
    assert_eq!(site.version("lab-app").await?, "1.1");
    Ok(())
}

#[tokio::test]
async fn a_full_disk_fails_the_run_and_the_result_is_still_told() -> Result<()> {
    let lab = Lab::start().await?;
    let host = with_helper(lab.host("web01").light().installed(["lab-big"]).disk(24)).start().await?;
    let site = Site { lab, host };
    site.lab.repository().publish(Suite::Main, "lab-big").await?;
    site.starts(run(1)).await?;
    let status = site.ended(run(1)).await?;
    let RunStatus::Failed(Why::Install, end) = &status.run else { panic!("{status:?}") };
    assert_eq!(end.rc, Some(100));
    Ok(())
}

#[tokio::test]
async fn of_two_runs_at_once_the_second_is_refused() -> Result<()> {
    let site = Site::full(["lab-slow"]).await?;
    site.holds_lab_slow().await?;
    let (first, second) = (site.everything(run(1)).await?, site.everything(run(2)).await?);
    let (one, other) = tokio::join!(site.asks(&first), site.asks(&second));
    let (one, other) = (one?, other?);
    assert_eq!(
        [&one, &other].iter().filter(|answer| ***answer == Applied::Started).count(),
        1,
        "{one:?} {other:?}"
    );
    assert_eq!([&one, &other].iter().filter(|answer| refused(answer) == Some(Why::Busy)).count(), 1);
    let winner = if one == Applied::Started { run(1) } else { run(2) };
    let third = site.asks(&site.everything(run(3)).await?).await?;
    assert_eq!(refused(&third), Some(Why::Busy), "{third:?}");
    site.releases_lab_slow().await?;
    assert!(matches!(site.ended(winner).await?.run, RunStatus::Installed(_)));
    assert_eq!(site.upgrades().await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_run_outlives_the_connection_that_started_it_and_is_found_again() -> Result<()> {
    for site in [Site::light(["lab-slow"]).await?, Site::full(["lab-slow"]).await?] {
        site.holds_lab_slow().await?;
        let apply = site.everything(run(1)).await?;
        let proxy = site.lab.proxy(site.host.ssh_address())?;
        let mut target = super::target(&site.lab, &site.host)?;
        target.hop.address = proxy.address().ip().to_string();
        target.hop.port = proxy.address().port();
        let connection = remote().connect(&target).await?;
        // The command arrives, its answer does not.
        let line = format!("sleep 0.5; {}", Command::apply(&apply).line());
        let waiting = async {
            let limits = Limits::default();
            let command = connection.run(&line, None, &limits);
            let cut = async {
                tokio::time::sleep(Duration::from_millis(250)).await;
                proxy.set(Traffic::HoldReplies);
                site.becomes(run(1), |status| status.phase == Some(Phase::Installing)).await?;
                // What it holds back is lost with it.
                drop(proxy);
                anyhow::Ok(())
            };
            let (answer, cut) = tokio::join!(command, cut);
            cut?;
            anyhow::Ok(answer)
        };
        let answer = waiting.await?;
        assert!(matches!(answer, Err(ExecError::Lost { .. })), "{answer:?}");
        // The bot does what it must: it asks again. Nothing is started twice.
        assert_eq!(site.asks(&apply).await?, Applied::Exists);
        assert!(matches!(site.status(run(1)).await?.run, RunStatus::Running { .. }));
        site.releases_lab_slow().await?;
        assert!(matches!(site.ended(run(1)).await?.run, RunStatus::Installed(_)));
        assert_eq!(site.upgrades().await?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn a_power_cut_in_the_middle_is_told_as_interrupted_and_starts_nothing_again() -> Result<()> {
    let site = Site::full(["lab-app", "lab-slow"]).await?;
    site.lab.repository().publish(Suite::Main, "lab-app").await?;
    site.holds_lab_slow().await?;
    let apply = site.everything(run(1)).await?;
    assert_eq!(site.asks(&apply).await?, Applied::Started);
    site.becomes(run(1), |status| status.log.iter().any(|line| line.contains("lab-slow step 1"))).await?;
    site.host.power_cut().await?;
    site.host.power_on().await?;
    let status = site.status(run(1)).await?;
    assert!(matches!(status.run, RunStatus::Interrupted { started: Some(_) }), "{status:?}");
    assert_eq!(status.phase, Some(Phase::Installing));
    assert!(status.phase.is_some_and(Phase::may_have_changed));
    assert!(status.changed.contains(&changed("lab-slow")), "{:?}", status.changed);
    assert!(status.failed.iter().any(|package| package.name == "lab-slow"), "{:?}", status.failed);
    assert_eq!(site.asks(&apply).await?, Applied::Exists);
    let facts = site.facts().await?;
    assert!(facts.broken.is_some_and(|broken| !broken.is_empty()));
    Ok(())
}

#[tokio::test]
async fn excludes_scopes_and_the_hosts_own_settings_are_honoured() -> Result<()> {
    let site = Site::light(["lab-app", "lab-lib", "lab-reboot", "lab-service", "lab-newdep"]).await?;
    for (suite, name) in [
        (Suite::Security, "lab-lib"),
        (Suite::Main, "lab-app"),
        (Suite::Main, "lab-reboot"),
        (Suite::Security, "lab-service"),
    ] {
        site.lab.repository().publish(suite, name).await?;
    }
    site.host.write_file("/etc/lab-app/lab-app.conf", "setting=mine\n").await?;
    let holds = site
        .host
        .exec("apt-mark showhold; cat /etc/apt/preferences /etc/apt/preferences.d/* 2>/dev/null")
        .await?;

    let security = Apply {
        selection: Selection::Security,
        exclude: vec![PackagePattern::parse("lab-ser*")?],
        ..site.everything(run(1)).await?
    };
    assert_eq!(site.asks(&security).await?, Applied::Started);
    assert_eq!(site.ended(run(1)).await?.changed, [changed("lab-lib")]);

    let listed = Apply {
        selection: Selection::Packages(vec![PackageName::parse("lab-reboot")?]),
        ..site.everything(run(2)).await?
    };
    assert_eq!(site.asks(&listed).await?, Applied::Started);
    assert_eq!(site.ended(run(2)).await?.changed, [changed("lab-reboot")]);

    let unknown = Apply {
        selection: Selection::Packages(vec![PackageName::parse("lab-unknown")?]),
        ..site.everything(run(3)).await?
    };
    assert_eq!(site.asks(&unknown).await?, Applied::Started);
    let status = site.ended(run(3)).await?;
    let RunStatus::Refused(refused, _) = &status.run else { panic!("{status:?}") };
    assert_eq!(refused.text, "the package lab-unknown is not installed; nothing was touched");

    let rest =
        Apply { exclude: vec![PackagePattern::parse("lab-service")?], ..site.everything(run(4)).await? };
    assert_eq!(site.asks(&rest).await?, Applied::Started);
    assert_eq!(site.ended(run(4)).await?.changed, [changed("lab-app")]);
    assert_eq!(site.version("lab-service").await?, "1.0");
    assert_eq!(site.host.read("/etc/lab-app/lab-app.conf")?, "setting=mine\n", "local configuration is kept");
    let after = site
        .host
        .exec("apt-mark showhold; cat /etc/apt/preferences /etc/apt/preferences.d/* 2>/dev/null")
        .await?;
    assert_eq!(after.stdout, holds.stdout);
    Ok(())
}

#[tokio::test]
async fn hooks_run_around_the_installation_and_a_failing_one_before_stops_it() -> Result<()> {
    let lab = Lab::start().await?;
    let note =
        "#!/bin/sh\necho \"$1 $2 $PATCHBOT_RUN $(dpkg-query -W -f '${Version}' lab-app)\" >>/var/log/hooks\n";
    let host = with_helper(lab.host("web01").light().installed(["lab-app"]))
        .program("/etc/patching/hooks.d/before/10-note", note)
        .program("/etc/patching/hooks.d/before/20-gate", "#!/bin/sh\n[ ! -e /run/gate ] || exit 3\n")
        .program("/etc/patching/hooks.d/after-install/10-note", note)
        .program("/etc/patching/hooks.d/end/10-note", note)
        .start()
        .await?;
    let site = Site { lab, host };
    site.lab.repository().publish(Suite::Main, "lab-app").await?;
    site.host.write_file("/run/gate", "").await?;
    site.starts(run(1)).await?;
    let status = site.ended(run(1)).await?;
    let RunStatus::Refused(refused, _) = &status.run else { panic!("{status:?}") };
    assert_eq!(
        refused.text,
        "the hook before/20-gate stopped the run (it ended with 3); nothing was touched"
    );
    assert_eq!(site.version("lab-app").await?, "1.0");
    site.host.exec("rm /run/gate").await?;
    let apply =
        Apply { server: Some(ServerName::parse("web01.example.org")?), ..site.everything(run(2)).await? };
    assert_eq!(site.asks(&apply).await?, Applied::Started);
    assert!(matches!(site.ended(run(2)).await?.run, RunStatus::Installed(_)));
    let (one, two) = (run(1), run(2));
    assert_eq!(
        site.host.read("/var/log/hooks")?,
        format!(
            "before web01 {one} 1.0\nend web01 {one} 1.0\nbefore web01.example.org {two} 1.0\n\
             after-install web01.example.org {two} 1.1\nend web01.example.org {two} 1.1\n"
        )
    );
    Ok(())
}

#[tokio::test]
async fn hooks_after_the_reboot_run_once_and_only_after_it() -> Result<()> {
    let lab = Lab::start().await?;
    let host = with_helper(lab.host("web01").light())
        .program("/etc/patching/hooks.d/after-reboot/10-note", "#!/bin/sh\necho \"$1 $2\" >>/var/log/hooks\n")
        .start()
        .await?;
    let site = Site { lab, host };
    let hooks = async || -> Result<Hooked> {
        Ok(patch::hooked(run(1), &site.runs(&Command::after_reboot(run(1))).await?.stdout)?)
    };
    assert!(matches!(hooks().await?, Hooked::Refused(no) if no.why == Why::State));
    site.starts(run(1)).await?;
    site.ended(run(1)).await?;
    assert!(matches!(hooks().await?, Hooked::Refused(no) if no.why == Why::Boot));
    site.host.reboot().await?;
    assert_eq!(hooks().await?, Hooked::Done);
    assert_eq!(hooks().await?, Hooked::Exists);
    assert_eq!(site.host.read("/var/log/hooks")?, "after-reboot web01\n");
    Ok(())
}

#[tokio::test]
async fn the_sites_own_script_runs_instead_and_only_from_its_folder() -> Result<()> {
    let lab = Lab::start().await?;
    let host = with_helper(lab.host("web01").light().installed(["lab-app"]))
        .program(
            "/opt/scripts/patch_server.sh",
            "#!/bin/sh\napt-get update && apt-get -y upgrade; echo \"for $1\"; exit 7\n",
        )
        .program("/opt/scripts/loose.sh", "#!/bin/sh\ntouch /loose-ran\n")
        .start()
        .await?;
    let site = Site { lab, host };
    site.host.exec("chmod o+w /opt/scripts/loose.sh; ln -s /bin/sh /opt/scripts/link.sh").await?.ok()?;
    site.lab.repository().publish(Suite::Main, "lab-app").await?;
    for (number, path) in
        [(1, "/opt/scripts/loose.sh"), (2, "/opt/scripts/link.sh"), (3, "/opt/scripts/absent.sh")]
    {
        let apply = Apply {
            selection: Selection::Script(ScriptPath::parse(path)?),
            ..site.everything(run(number)).await?
        };
        let answer = site.asks(&apply).await?;
        assert_eq!(refused(&answer), Some(Why::Script), "{path}: {answer:?}");
    }
    let apply = Apply {
        selection: Selection::Script(ScriptPath::parse("/opt/scripts/patch_server.sh")?),
        ..site.everything(run(4)).await?
    };
    assert_eq!(site.asks(&apply).await?, Applied::Started);
    let status = site.ended(run(4)).await?;
    let RunStatus::Failed(Why::Install, end) = &status.run else { panic!("{status:?}") };
    assert_eq!(end.rc, Some(7));
    assert_eq!(status.changed, [changed("lab-app")]);
    assert!(status.log.contains(&"for web01".to_owned()));
    assert_eq!(site.host.exec("ls /loose-ran").await?.code, 2);
    Ok(())
}

#[tokio::test]
async fn an_unreachable_repository_stops_the_run_before_anything_is_touched() -> Result<()> {
    let site = Site::light(["lab-app"]).await?;
    site.lab.repository().publish(Suite::Main, "lab-app").await?;
    site.lab.repository().take_offline()?;
    site.starts(run(1)).await?;
    let status = site.ended(run(1)).await?;
    let RunStatus::Refused(refused, _) = &status.run else { panic!("{status:?}") };
    assert_eq!(refused.why, Why::Repositories);
    assert_eq!(site.version("lab-app").await?, "1.0");
    Ok(())
}

#[tokio::test]
async fn a_killed_worker_is_told_as_interrupted() -> Result<()> {
    let site = Site::light(["lab-slow"]).await?;
    site.holds_lab_slow().await?;
    site.starts(run(1)).await?;
    site.becomes(run(1), |status| status.log.iter().any(|line| line.contains("lab-slow step"))).await?;
    // The worker alone dies; apt goes on. As long as it does, the run counts as at work and no other may start.
    site.host.exec("pkill -9 -f 'patchbot-host __work'").await?;
    assert!(matches!(site.status(run(1)).await?.run, RunStatus::Running { .. }));
    let other = site.asks(&site.everything(run(2)).await?).await?;
    assert_eq!(refused(&other), Some(Why::Busy), "{other:?}");
    site.releases_lab_slow().await?;
    let status = site.ended(run(1)).await?;
    assert!(matches!(status.run, RunStatus::Interrupted { .. }), "{status:?}");
    assert_eq!(status.changed, [changed("lab-slow")]);
    Ok(())
}

/// The account and the key that every test logs in with are the ones of the lab.
#[tokio::test]
async fn hello_tells_the_helper_that_belongs_to_this_program() -> Result<()> {
    let site = Site::light([]).await?;
    let hello = patch::hello(&site.runs(&Command::hello()).await?.stdout)?;
    assert_eq!(hello.helper, patch::HELPER_VERSION);
    assert_eq!(hello.boot_id, site.boot()?);
    assert_eq!(hop(&site.lab, &site.host)?.user, Host::USER);
    Ok(())
}
