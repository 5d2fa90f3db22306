//! Who is listened to, and who is told why not.

use std::time::Duration;

use patchbot::domain::person::Role;
use patchbot::domain::window::WindowState;
use patchbot_standins::slack::{Exchange, Slack};

use super::world::World;

async fn told(said: Exchange) -> String {
    said.answer().await.unwrap().as_text()
}

#[tokio::test]
async fn a_stranger_is_refused_and_told_how_to_be_known() {
    let world = World::new().await;
    let (_, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;
    let mallory = world.slack.person("mallory").mail("ada@owners.test");

    let answer = told(mallory.slash("/patch", "approve web01").await.unwrap()).await;

    insta::assert_snapshot!(answer, @"
    I do not know you yet, so I cannot tell which servers are yours.
    Say /patch link you@example.org with your own mail address: I mail a code there, and you say that here.
    Or answer a notice mail, or ask an operator, who needs to know that your account is slack:T00000001/U00000005.
    ");
    assert_eq!(
        world.window(&web01).await.state,
        WindowState::Proposed,
        "an address is not believed by itself"
    );
    world.ends().await;
}

#[tokio::test]
async fn a_confirmed_address_stands_for_the_person_where_the_configuration_says_so() {
    let world = World::with(Slack::start().await.unwrap(), |settings| settings.match_mail = true).await;
    let person = world.knows("ada@owners.test", Role::Owner).await;
    world.server("web01.example.org", &[&person]).await;
    let ada = world.slack.person("ada").mail("Ada@Owners.test");
    let eve = world.slack.person("eve").mail("eve@owners.test");

    let answer = told(ada.slash("/patch", "approve web01").await.unwrap()).await;
    assert!(answer.starts_with("web01.example.org is approved for"), "{answer}");
    let answer = told(eve.slash("/patch", "approve web01").await.unwrap()).await;
    assert!(answer.starts_with("I do not know you yet"), "{answer}");
    assert_eq!(world.slack.calls_of("users.info").len(), 2);
    told(ada.slash("/patch", "status").await.unwrap()).await;
    assert_eq!(world.slack.calls_of("users.info").len(), 2, "it is remembered for a while");
    world.ends().await;
}

#[tokio::test]
async fn guests_and_people_from_elsewhere_are_refused_even_if_they_are_linked() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let shared = world.slack.channel("shared").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#shared").await;
    let guest = world.slack.person("guest").guest();
    let single = world.slack.person("single").single_channel_guest();
    let stranger = world.slack.person("stranger").from_workspace("T99");
    for one in [&guest, &single, &stranger] {
        world.links(one, &person).await;
        shared.with([one]);
    }

    let answer = told(guest.slash("/patch", "approve web01").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r"
    You are a guest in this Slack workspace, so I do not act on what you say here. Nothing was done.
    If servers here are yours, answer the notice mail, or ask an operator.
    ");
    let answer = told(single.clicks(&card, "Approve").await.unwrap()).await;
    assert!(answer.starts_with("You are a guest"), "{answer}");
    let answer = told(stranger.at(&shared).slash("/patch", "approve web01").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r"
    You belong to another Slack workspace, so I do not act on what you say here. Nothing was done.
    If servers here are yours, answer the notice mail, or ask an operator.
    ");
    let answer = told(stranger.clicks(&card, "Approve").await.unwrap()).await;
    assert!(answer.starts_with("You belong to another Slack workspace"), "{answer}");

    assert_eq!(world.window(&web01).await.state, WindowState::Proposed);
    world.ends().await;
}

#[tokio::test]
async fn a_mention_by_somebody_from_elsewhere_is_refused_by_asking_slack() {
    let world = World::new().await;
    let stranger = world.slack.person("stranger").from_workspace("T99");
    let shared = world.slack.channel("shared").with([&stranger]);

    let said = stranger.at(&shared).mentions_bot("status").await.unwrap();

    let answer = said.answer().await.unwrap();
    assert!(
        answer.is_ephemeral() && answer.as_text().starts_with("You belong to another"),
        "{}",
        answer.as_text()
    );
    world.ends().await;
}

#[tokio::test]
async fn a_new_handle_changes_nothing_and_the_old_one_means_nothing() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.server("web01.example.org", &[&person]).await;

    let ada = ada.renamed("ada.lovelace");
    let impostor = world.slack.person("ada");

    let answer = told(impostor.slash("/patch", "approve web01").await.unwrap()).await;
    assert!(answer.starts_with("I do not know you yet"), "{answer}");
    let answer = told(ada.slash("/patch", "whoami").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r"
    You are Ada, an owner: you decide about your own servers.
    Your notices go to ada@owners.test.
    Your zone: not set; you see times in each server's zone.
    Your servers: web01.example.org.
    ");
    world.ends().await;
}

#[tokio::test]
async fn nothing_is_done_while_slack_does_not_say_who_somebody_is() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;

    world.slack.next("users.info").answers_error("internal_error");
    let answer = told(ada.slash("/patch", "approve web01").await.unwrap()).await;
    insta::assert_snapshot!(answer, @r"
    I could not ask Slack who you are just now, so nothing was done.
    Please try again in a minute.
    ");
    assert_eq!(world.window(&web01).await.state, WindowState::Proposed);

    world.slack.next("users.info").is_rate_limited(Duration::from_secs(30));
    let answer = told(ada.slash("/patch", "approve web01").await.unwrap()).await;
    assert!(answer.starts_with("I could not ask Slack who you are"), "{answer}");

    let answer = told(ada.slash("/patch", "approve web01").await.unwrap()).await;
    assert!(answer.contains("is approved for"), "{answer}");
    world.ends().await;
}
