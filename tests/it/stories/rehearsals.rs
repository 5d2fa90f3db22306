//! Rehearsals: weeks before the night everybody can read what would stop it today.

use chrono::TimeDelta;
use patchbot::domain::policy::Policy;

use crate::world::World;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

/// Everything at its minute: in life each server is up to four hours early.
fn punctual() -> Policy {
    Policy { rehearsal_spread: TimeDelta::zero(), ..Policy::default() }
}

#[tokio::test]
async fn what_would_stop_the_night_is_told_in_the_notices_before_it() {
    let mut world = World::rehearsing(TUESDAY, punctual()).await.server("web01", "ada").reporting();
    world.plan().await;
    world.mail_to("ada");
    world.says("ada", "move web01 2026-12-10 20:00").await;
    world.mails();
    insta::assert_snapshot!(world.says("ada", "show web01").await, @"
    web01
    zone: Europe/Berlin
    host group: web
    owner: ada@owners.test
    enrolled: no
    quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    window: Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), until 22:00
    state: waits for approval
    revision: 1
    next: the rehearsal of the pre-checks Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC)
    ");
    world.sleep_until("2026-12-04 07:00 Europe/Berlin").await;
    world.mails();
    insta::assert_snapshot!(world.says("ada", "why web01").await, @r#"
    web01 would not be patched as things stand: not enrolled: I do not know its host key.
    ✗ host: not enrolled: I do not know its host key
    ✓ time: Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC)
    ✓ rules: its time keeps all rules
    ✗ approval: revision 1 is not approved
    ✓ freeze: owners cannot choose times before Thu 10 Dec 2026 now
    ✗ pre-check: Today this would be blocked: host key: web01 is not enrolled: its host key is not known
    An administrator enrols it: patchbot enroll web01.
    An owner or an operator can say "approve web01"; the deadline is Wed 9 Dec 2026, 00:00 Europe/Berlin (Tue 8 Dec, 23:00 UTC). Without an answer it is not patched.
    The freeze lifts Wed 9 Dec 2026, 00:00 Europe/Berlin (Tue 8 Dec, 23:00 UTC).
    Mend that on the host. The check is made Thu 10 Dec 2026, 15:00 Europe/Berlin (14:00 UTC) and again at the start.
    "#);
    world.sleep_until("2026-12-07 09:01 Europe/Berlin").await;
    let mut mails: Vec<String> = world.unread().iter().map(crate::world::Mail::shown).collect();
    mails.sort();
    world.mails();
    insta::assert_snapshot!(mails.join("\n\n==========\n\n"));
    world.says("ada", "approve web01").await;
    world.sleep_until("2026-12-09 20:01 Europe/Berlin").await;
    let reminder = world.unread().into_iter().rfind(|mail| mail.headline().starts_with("ada")).unwrap();
    world.mails();
    insta::assert_snapshot!(reminder.shown());
}

#[tokio::test]
async fn a_rehearsal_that_was_slept_through_is_left_out() {
    let mut world = World::rehearsing(TUESDAY, punctual()).await.server("web01", "ada");
    world.plan().await;
    world.says("ada", "move web01 2026-12-10 20:00").await;
    world.app.clock.set(crate::world::at("2026-12-05 12:00 Europe/Berlin"));
    world.settle().await;
    world.mails();
    insta::assert_snapshot!(world.says("ada", "why web01").await, @r#"
    web01 would not be patched as things stand: not enrolled: I do not know its host key.
    ✗ host: not enrolled: I do not know its host key
    ✓ time: Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC)
    ✓ rules: its time keeps all rules
    ✗ approval: revision 1 is not approved
    ✓ freeze: owners cannot choose times before Thu 10 Dec 2026 now
    ✓ pre-check: is made Thu 10 Dec 2026, 15:00 Europe/Berlin (14:00 UTC)
    An administrator enrols it: patchbot enroll web01.
    An owner or an operator can say "approve web01"; the deadline is Wed 9 Dec 2026, 00:00 Europe/Berlin (Tue 8 Dec, 23:00 UTC). Without an answer it is not patched.
    The freeze lifts Wed 9 Dec 2026, 00:00 Europe/Berlin (Tue 8 Dec, 23:00 UTC).
    "#);
}
