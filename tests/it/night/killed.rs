//! The program is killed with SIGKILL at each written state of a run, before and after the host has done its part; the
//! next start goes on, the host has been patched once and rebooted once, and the story ends the same.

use std::time::Duration;

use patchbot_lab::Traffic;
use tokio::time::sleep;

use super::{Night, Plan};

/// Which way the wire is cut when the program dies.
#[derive(Clone, Copy)]
enum Wire {
    /// Nothing reaches the host any more: the effect has been written and not begun.
    Dead,
    /// The host gets everything and its answers are lost: the effect is done and not written.
    Deaf,
}

async fn killed_while(state: &str, wire: Wire, plan: Plan) {
    let package = plan.package;
    let mut night = Night::before_the_start(plan).await;
    let (before, booted) = (night.host.boot_id().unwrap(), night.host.boots().unwrap());
    if state == "prechecking" {
        night.cut(wire);
    }
    night.start();
    night.until_run_is(state).await;
    night.cut(wire);
    // The effect gets its chance to reach the host, where the wire lets it.
    sleep(Duration::from_millis(400)).await;
    night.bot.kill().await.unwrap();
    assert_eq!(night.run_state().await.as_deref(), Some(state), "it was not killed in that state");

    night.proxy.set(Traffic::Cut);
    night.proxy.set(Traffic::Pass);
    night.bot.serve().unwrap();
    assert_eq!(night.until_over().await, "state: patched");

    let after = night.host.boot_id().unwrap();
    assert_ne!(after, before, "it was rebooted");
    let (upgrades, runs, boots) = night.marks_on_the_host(package).await;
    assert_eq!((upgrades, runs, boots), (1, 1, booted + 1), "upgrades, runs, boots");
    assert_eq!(night.host.package_version(package).await.unwrap().as_deref(), Some("1.1"));
    for (kind, wanted) in [("starting", "1"), ("completion_notice", "1"), ("failure_notice", "0")] {
        let count = match kind {
            "starting" => {
                night.asks("SELECT CAST(COUNT(*) AS TEXT) FROM notifications WHERE kind = 'starting'").await
            }
            "completion_notice" => {
                night
                    .asks("SELECT CAST(COUNT(*) AS TEXT) FROM notifications WHERE kind = 'completion_notice'")
                    .await
            }
            _ => {
                night
                    .asks("SELECT CAST(COUNT(*) AS TEXT) FROM notifications WHERE kind = 'failure_notice'")
                    .await
            }
        };
        assert_eq!(count.as_deref(), Some(wanted), "{kind}");
    }
    night.bot.stop().await.unwrap();
    assert!(night.bot.ok(&["audit", "verify"]).await.unwrap().contains("The audit is whole"));
}

impl Night {
    fn cut(&self, wire: Wire) {
        self.proxy.set(match wire {
            Wire::Dead => Traffic::Hold,
            Wire::Deaf => Traffic::HoldReplies,
        });
    }
}

macro_rules! killed_at {
    ($($name:ident: $state:literal, $wire:ident, $systemd:literal;)+) => {$(
        #[tokio::test]
        async fn $name() {
            killed_while($state, Wire::$wire, Plan { systemd: $systemd, ..Plan::default() }).await;
        }
    )+};
}

killed_at! {
    killed_in_the_pre_check_before_the_host_was_asked: "prechecking", Dead, false;
    killed_in_the_pre_check_before_its_answer_was_written: "prechecking", Deaf, false;
    killed_in_the_installation_before_the_host_was_asked: "applying", Dead, false;
    killed_in_the_installation_that_the_host_has_begun: "applying", Deaf, false;
    killed_in_the_installation_of_a_host_with_systemd: "applying", Deaf, true;
    killed_in_the_reboot_before_the_host_was_asked: "rebooting", Dead, false;
    killed_in_the_reboot_that_the_host_has_begun: "rebooting", Deaf, false;
    killed_in_the_reboot_of_a_host_with_systemd: "rebooting", Deaf, true;
    killed_in_the_validation_before_the_host_was_asked: "validating", Dead, false;
    killed_in_the_validation_before_its_answer_was_written: "validating", Deaf, false;
}

#[tokio::test]
async fn killed_again_and_again_the_host_is_still_patched_once() {
    let mut night = Night::before_the_start(Plan::default()).await;
    let booted = night.host.boots().unwrap();
    night.start();
    // Shorter than any run, at moments that fall into other steps each time.
    for pause in [90, 350, 240, 610, 430, 800] {
        sleep(Duration::from_millis(pause)).await;
        night.bot.kill().await.unwrap();
        night.bot.serve().unwrap();
    }
    assert_eq!(night.until_over().await, "state: patched");
    let (upgrades, runs, boots) = night.marks_on_the_host("lab-reboot").await;
    assert_eq!((upgrades, runs, boots), (1, 1, booted + 1), "upgrades, runs, boots");
}

#[tokio::test]
async fn killed_over_the_end_of_its_window_nothing_begins_late() {
    let mut night = Night::before_the_start(Plan::default()).await;
    let booted = night.host.boots().unwrap();
    night.proxy.set(Traffic::Hold);
    night.start();
    night.until_run_is("prechecking").await;
    night.bot.kill().await.unwrap();
    night.proxy.set(Traffic::Cut);
    night.proxy.set(Traffic::Pass);
    // The window, 20:00 to 22:00, is over when it comes back.
    night.bot.move_clock(super::utc("2026-12-10T21:05:00Z")).unwrap();
    night.bot.serve().unwrap();
    let state = night.until_over().await;
    assert!(state.starts_with("state: missed: the window was over"), "{state}");
    let (upgrades, runs, boots) = night.marks_on_the_host("lab-reboot").await;
    assert_eq!((upgrades, runs, boots), (0, 0, booted), "upgrades, runs, boots");
}

#[tokio::test]
async fn killed_after_the_installation_until_the_window_is_over_the_reboot_is_withheld() {
    let mut night = Night::before_the_start(Plan::default()).await;
    let booted = night.host.boots().unwrap();
    night.start();
    night.until_run_is("rebooting").await;
    night.cut(Wire::Dead);
    night.bot.kill().await.unwrap();
    // Whether the order had reached the host by then is up to the moment; a host that was asked has restarted in time.
    sleep(Duration::from_secs(3)).await;
    let asked = night.host.boots().unwrap() > booted;
    night.proxy.set(Traffic::Cut);
    night.proxy.set(Traffic::Pass);
    night.bot.move_clock(super::utc("2026-12-10T21:05:00Z")).unwrap();
    night.bot.serve().unwrap();
    let state = night.until_over().await;
    let (upgrades, runs, boots) = night.marks_on_the_host("lab-reboot").await;
    if asked {
        assert_eq!(state, "state: patched");
    } else {
        assert!(state.contains("a reboot is due, but it could not have ended inside the window"), "{state}");
    }
    assert_eq!((upgrades, runs, boots), (1, 1, booted + u32::from(asked)));
}
