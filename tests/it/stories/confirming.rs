//! Answers that are asked to be confirmed: what could be misread, what weighs much, and what was said otherwise before.

use patchbot::domain::policy::Policy;

use crate::world::World;
use crate::world::mails::Letter;

const TUESDAY: &str = "2026-11-24 09:00 Europe/Berlin";

async fn world_with(policy: Policy) -> World {
    let mut world = World::with(TUESDAY, policy).await;
    for server in ["web01", "web02", "db01"] {
        world = world.server(server, "ada");
    }
    world.plan().await;
    world
}

#[tokio::test]
async fn a_question_about_exclusions_is_answered_with_one_word() {
    let mut world = world_with(Policy::default()).await;
    let notice = world.mail_to("ada");
    assert_eq!(world.replies("ada", &notice, "approve all except db01").await, "confirm");
    let question = world.mail_to("ada");
    insta::assert_snapshot!(question.shown());
    assert_eq!(world.replies("ada", &question, "Yes, I confirm.\r\n\r\nThanks,\r\nAda").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
    assert_eq!(world.state("web02").await, "approved by ada@owners.test by mail");
    assert_eq!(world.state("db01").await, "waits for approval");
}

#[tokio::test]
async fn a_plain_yes_to_a_question_reaches_no_further_than_the_question() {
    let mut world = world_with(Policy::default()).await;
    let notice = world.mail_to("ada");
    world.replies("ada", &notice, "approve all except db01").await;
    let question = world.mail_to("ada");
    assert_eq!(world.replies("ada", &question, "approve").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
    assert_eq!(world.state("db01").await, "waits for approval");
}

#[tokio::test]
async fn confirm_means_nothing_where_nothing_was_asked() {
    let mut world = world_with(Policy::default()).await;
    let notice = world.mail_to("ada");
    assert_eq!(world.replies("ada", &notice, "confirm").await, "clarify");
    assert!(world.mail_to("ada").text.contains("asks for no confirmation"));
    assert_eq!(world.state("web01").await, "waits for approval");
}

#[tokio::test]
async fn a_group_can_ask_for_a_second_word_before_a_yes_and_never_before_a_no() {
    let mut world = world_with(Policy { confirm_by_mail: true, ..Policy::default() }).await;
    let notice = world.mail_to("ada");
    assert_eq!(world.replies("ada", &notice, "1 ok: all is well; 2 no: release").await, "accepted");
    let answer = world.mail_to("ada");
    insta::assert_snapshot!(answer.shown());
    assert_eq!(world.state("db01").await, "waits for approval");
    assert_eq!(world.state("web01").await, "declined by ada@owners.test by mail (\"release\")");
    assert_eq!(world.replies("ada", &answer, "confirm").await, "accepted");
    assert_eq!(world.state("db01").await, "approved by ada@owners.test by mail");
    let approved = world.audit("db01").await.pop().unwrap();
    assert!(approved.contains("db01 is approved"), "{approved}");
}

#[tokio::test]
async fn a_yes_after_ones_own_no_is_asked_about_first() {
    let mut world = world_with(Policy::default()).await;
    let notice = world.mail_to("ada");
    world.replies("ada", &notice, "decline web01").await;
    let answer = world.mail_to("ada");
    assert_eq!(world.replies("ada", &answer, "approve web01").await, "confirm");
    let question = world.mail_to("ada");
    assert!(
        question.text.contains("You declined web01 before. It waits for your word."),
        "{}",
        question.text
    );
    assert_eq!(world.state("web01").await, "declined by ada@owners.test by mail");
    assert_eq!(world.replies("ada", &question, "confirm").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
}

#[tokio::test]
async fn a_day_in_words_is_confirmed_and_then_booked_with_its_reason() {
    let mut world = world_with(Policy::default()).await;
    let notice = world.mail_to("ada");
    // What would be refused anyhow is refused at once.
    assert_eq!(
        world.replies("ada", &notice, "move web01 to tomorrow 21:00 because release").await,
        "rejected"
    );
    let refused = world.mail_to("ada");
    let words = "move web01 to Friday 21:00 because release";
    assert_eq!(world.replies("ada", &refused, words).await, "confirm");
    let question = world.mail_to("ada");
    let exact = "\"move web01 to 2026-11-27 21:00 because \"release\"\"";
    assert!(question.text.contains(exact), "{}", question.text);
    assert_eq!(world.replies("ada", &question, "confirm").await, "accepted");
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-11-27 21:00:00");
}

#[tokio::test]
async fn a_confirmation_by_somebody_else_confirms_nothing() {
    let mut world = world_with(Policy::default()).await;
    let notice = world.mail_to("ada");
    world.replies("ada", &notice, "approve all except db01").await;
    let question = world.mail_to("ada");
    assert_eq!(world.replies("bob", &question, "confirm").await, "rejected");
    assert_eq!(world.receives(&Letter::answering(&question, "eve", "confirm")).await, "rejected");
    assert_eq!(world.state("web01").await, "waits for approval");
    world.done();
}

#[tokio::test]
async fn words_that_name_no_server_are_never_taken_for_something_else_than_the_question() {
    let mut world = world_with(Policy::default()).await;
    let notice = world.mail_to("ada");
    assert_eq!(world.replies("ada", &notice, "move web01 to Friday 20:00").await, "confirm");
    let question = world.mail_to("ada");
    let before = world.window("web01").await;
    for words in ["approved", "Yes, approved.", "go ahead", "approve all", "decline", "defer by 1 week"] {
        assert_eq!(world.replies("ada", &question, words).await, "clarify", "{words}");
        let again = world.mail_to("ada");
        assert!(again.text.contains("names no server"), "{words}: {}", again.text);
        assert!(again.text.contains("\"move web01 to 2026-11-27 20:00\""), "{words}: {}", again.text);
    }
    assert_eq!(world.window("web01").await, before);
    // What was asked still waits, and the last answer asks it as well.
    assert_eq!(world.replies("ada", &question, "approved, thanks").await, "clarify");
    let again = world.mail_to("ada");
    assert_eq!(world.replies("ada", &again, "confirm").await, "accepted");
    assert_eq!(world.window("web01").await.plan.unwrap().local.to_string(), "2026-11-27 20:00:00");
}

#[tokio::test]
async fn a_plain_no_to_a_question_drops_what_was_asked_and_declines_nothing() {
    for words in ["no", "No, thanks"] {
        let mut world = world_with(Policy::default()).await;
        let notice = world.mail_to("ada");
        world.replies("ada", &notice, "move web01 to Friday 20:00").await;
        let question = world.mail_to("ada");
        assert_eq!(world.replies("ada", &question, words).await, "clarify", "{words}");
        let dropped = world.mail_to("ada");
        assert!(dropped.text.contains("it is dropped, and nothing was changed"), "{}", dropped.text);
        assert_eq!(world.state("web01").await, "waits for approval");
        // The answer asks nothing any more, and says how the server is declined.
        assert_eq!(world.replies("ada", &dropped, "confirm").await, "clarify");
        world.mails();
        assert_eq!(world.replies("ada", &dropped, "decline web01").await, "accepted");
        assert_eq!(world.state("web01").await, "declined by ada@owners.test by mail");
    }
}

#[tokio::test]
async fn what_names_a_server_is_done_whatever_was_asked() {
    let mut world = world_with(Policy::default()).await;
    let notice = world.mail_to("ada");
    world.replies("ada", &notice, "move web01 to Friday 20:00").await;
    let question = world.mail_to("ada");
    assert_eq!(world.replies("ada", &question, "approve web01").await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
}

#[tokio::test]
async fn a_server_that_is_named_below_the_signature_is_asked_about() {
    let mut world = World::with(TUESDAY, Policy::default()).await;
    for server in ["oracle", "web01"] {
        world = world.server(server, "ada");
    }
    world.plan().await;
    let notice = world.mail_to("ada");
    let reply = "approve all\r\n\r\nBest regards\r\nAda Example\r\nOracle Operations, 12 High Street\r\n";
    assert_eq!(world.replies("ada", &notice, reply).await, "clarify");
    let answer = world.mail_to("ada");
    assert!(answer.text.contains("oracle is named below your signature"), "{}", answer.text);
    assert_eq!(world.state("web01").await, "waits for approval");
    let reached = "approve all\r\n\r\nBest regards\r\nAda Example\r\nada@oracle.owners.test\r\n";
    assert_eq!(world.replies("ada", &answer, reached).await, "accepted");
    assert_eq!(world.state("web01").await, "approved by ada@owners.test by mail");
}
