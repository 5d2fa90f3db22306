//! Buttons on cards: decided once, answered always, and the card tells what became of it.

use chrono::TimeDelta;
use patchbot::domain::ids::WindowId;
use patchbot::domain::message::{Alert, Message as Outgoing, Offer, Tone};
use patchbot::domain::person::Role;
use patchbot::domain::window::WindowState;
use patchbot_standins::slack::Message;

use super::world::World;

#[tokio::test]
async fn a_click_decides_is_answered_to_the_clicker_alone_and_rewrites_the_card() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let windows = world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;
    assert_eq!(card.button_labels(), ["Approve", "Move…", "Decline…", "Why?"]);
    insta::assert_snapshot!(card.as_text(), @r#"
    ⏳ web01.example.org waits for approval
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Answer by: Wed 2 Dec 2026, 00:00 Europe/Berlin (Tue 1 Dec, 23:00 UTC). Without an answer by then it is not patched, and I tell the operators.
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Blast radius: no other server is patched in that hour.
    Owner: Ada
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Approve] [Move…] [Decline…] [Why?]
    Another time: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    The same time one week later: /patch defer web01.example.org by 1 week
    Free times: /patch slots web01.example.org
    A no with its reason: /patch decline web01.example.org because "…"
    "#);

    let click = ada.clicks(&card, "Approve").await.unwrap();

    let answer = click.wait_for(Message::is_ephemeral).await.unwrap();
    insta::assert_snapshot!(answer.as_text(), @r"
    web01.example.org is approved for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    Until the start you can take it back: /patch withdraw web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    assert!(matches!(world.window(&web01).await.state, WindowState::Approved(_)));
    assert_eq!(world.delivers().await, 1);
    let now = windows.again(&card).unwrap();
    assert_eq!(now.button_labels(), ["Move…", "Decline…", "Why?"]);
    insta::assert_snapshot!(now.as_text(), @r"
    👍 web01.example.org is approved
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Last decision: approved by Ada in Slack, Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC)
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Until then: 5 hours before the start I check whether it is ready. It is closed for changes from Thu 3 Dec 2026, 17:00 Europe/Berlin (16:00 UTC) on.
    Blast radius: no other server is patched in that hour.
    Owner: Ada
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Move…] [Decline…] [Why?]
    To take the approval back: /patch withdraw web01.example.org
    Another time, which needs a new approval: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    ");
    assert_eq!(windows.messages().len(), 1, "nothing was posted anew, and the answer is not for everybody");
    world.ends().await;
}

#[tokio::test]
async fn a_decision_by_mail_shows_on_the_card() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let windows = world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;

    world.by_mail("ada@owners.test", "decline web01 because quarter-end closing").await;
    assert_eq!(world.delivers().await, 2, "the card, and a line for the operators");

    let now = windows.again(&card).unwrap();
    assert_eq!(now.button_labels(), ["Why?"]);
    insta::assert_snapshot!(now.as_text(), @r#"
    🚫 web01.example.org is declined: it is not patched in this window
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Last decision: declined by Ada by mail, Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC), because "quarter-end closing"
    Owner: Ada
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Why?]
    To take that back: /patch withdraw web01.example.org
    "#);
    insta::assert_snapshot!(world.slack.channel("ops").as_text(), @r#"
    🚫 web01.example.org is declined: it is not patched in this window
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Last decision: declined by Ada by mail, Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC), because "quarter-end closing"
    Owner: Ada
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Why?]
    To take that back: /patch withdraw web01.example.org
    "#);
    world.ends().await;
}

#[tokio::test]
async fn whoever_clicks_second_is_told_who_decided_first_and_sees_it() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let (bob, other) = world.owner("bob").await;
    let windows = world.slack.channel("windows").with([&ada, &bob]);
    let web01 = world.server("web01.example.org", &[&person, &other]).await;
    let on_both_screens = world.posts_card(&web01, "#windows").await;

    ada.clicks(&on_both_screens, "Approve").await.unwrap().wait_for(Message::is_ephemeral).await.unwrap();
    let late = bob.clicks(&on_both_screens, "Approve").await.unwrap();

    let answer = late.wait_for(Message::is_ephemeral).await.unwrap();
    insta::assert_snapshot!(answer.as_text(), @r"
    web01.example.org is already approved by Ada in Slack, since Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC).
    To take it back, say /patch withdraw web01.example.org.
    ");
    assert_eq!(world.decisions(&web01).await, 1);
    // The outbox was not even asked: who clicked on something old gets the new one at once.
    let now = windows.wait_until(&on_both_screens, |card| card.rewritten() > 0).await.unwrap();
    assert_eq!(now.button_labels(), ["Move…", "Decline…", "Why?"]);
    world.ends().await;
}

#[tokio::test]
async fn a_no_after_a_yes_is_a_decision_of_its_own_and_a_yes_after_a_no_is_not() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let (bob, other) = world.owner("bob").await;
    world.slack.channel("windows").with([&ada, &bob]);
    let web01 = world.server("web01.example.org", &[&person, &other]).await;
    let on_both_screens = world.posts_card(&web01, "#windows").await;

    bob.clicks(&on_both_screens, "Decline…").await.unwrap();
    let form = bob.sees_form().await.unwrap();
    insta::assert_snapshot!(form.as_text(), @r"
    == Decline ==
    web01.example.org is then not patched in 2027-Q1. You can take it back before the start.
    Reason (optional): […] (Why? It is told to everybody concerned.)
    [Close] [Decline]
    ");
    bob.fills(&form, [("Reason", "quarter-end closing")]).unwrap().submits().await.unwrap();
    let answer = bob.sees_form_that(|form| form.as_text().contains("is declined")).await.unwrap();
    insta::assert_snapshot!(answer.as_text(), @r"
    == patchbot ==
    web01.example.org is declined: it is not patched in this window.
    You can take it back until the time comes: /patch withdraw web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    [Close]
    ");
    let yes = ada.clicks(&on_both_screens, "Approve").await.unwrap();
    insta::assert_snapshot!(yes.wait_for(Message::is_ephemeral).await.unwrap().as_text(), @r"
    Bob declined web01.example.org; a no stands until it is taken back.
    Bob or an operator can say /patch withdraw web01.example.org; after that it can be approved.
    ");

    assert!(matches!(world.window(&web01).await.state, WindowState::Declined(_)));
    world.ends().await;
}

#[tokio::test]
async fn another_time_is_chosen_in_a_form_from_the_free_ones_or_filled_in_and_refused_where_it_stands() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let windows = world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;

    let form = ada.clicks(&card, "Move…").await.unwrap().form().await.unwrap();
    insta::assert_snapshot!(form.as_text(), @"
    == Another time ==
    web01.example.org is planned for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    A free time (optional): […] (In Europe/Berlin; below each, what it costs.)
    Or a date of your own (optional): […] (2026-12-10)
    Its time of day (optional): […] (20:00)
    In the zone (optional): [Europe/Berlin] (The server's own when left empty)
    Reason (optional): […] (Why? It is told to everybody concerned.)
    [Close] [Move]
    ");
    let free = form.options("A free time").unwrap();
    insta::assert_snapshot!(free.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("\n"), @"
    Thu 26 Nov 2026, 20:00
    Thu 26 Nov 2026, 20:30
    Thu 26 Nov 2026, 21:00
    ");
    let late = [("Or a date of your own", "2026-11-24"), ("Its time of day", "20:00")];
    ada.fills(&form, late).unwrap().submits().await.unwrap();
    let again = ada.sees_form_that(|form| form.as_text().contains("has passed")).await.unwrap();
    insta::assert_snapshot!(again.as_text(), @"
    == Another time ==
    Tue 24 Nov 2026, 20:00 Europe/Berlin (19:00 UTC) has passed.
    The next free times for web01.example.org: Thu 26 Nov 2026, 20:00 Europe/Berlin (19:00 UTC); Thu 26 Nov 2026, 21:00 Europe/Berlin (20:00 UTC); Thu 3 Dec 2026, 20:30 Europe/Berlin (19:30 UTC). Say for example /patch move web01.example.org to 2026-11-26 20:00.
    web01.example.org is planned for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    A free time (optional): […] (In Europe/Berlin; below each, what it costs.)
    Or a date of your own (optional): [2026-11-24] (2026-12-10)
    Its time of day (optional): [20:00] (20:00)
    In the zone (optional): [Europe/Berlin] (The server's own when left empty)
    Reason (optional): […] (Why? It is told to everybody concerned.)
    [Close] [Move]
    ");
    let free_day = [("Or a date of your own", "2026-12-17"), ("Its time of day", "21:00")];
    ada.fills(&again, free_day).unwrap().submits().await.unwrap();
    let moved =
        |form: &patchbot_standins::slack::Form| form.as_text().contains("moves to Thu 17 Dec 2026, 21:00");
    let told = ada.sees_form_that(moved).await.unwrap();
    ada.closes(&told).await.unwrap();

    world.delivers().await;
    let card = windows.again(&card).unwrap();
    ada.clicks(&card, "Move…").await.unwrap();
    let form = ada.sees_form_that(|form| form.as_text().contains("A free time")).await.unwrap();
    let last = form.options("A free time").unwrap().pop().unwrap();
    ada.fills(&form, [("A free time", last.as_str())]).unwrap().submits().await.unwrap();
    ada.sees_form_that(|form| form.as_text().contains("moves to")).await.unwrap();
    assert_eq!(world.window(&web01).await.moves, 2);
    world.ends().await;
}

#[tokio::test]
async fn two_clicks_at_once_are_one_decision_and_two_answers() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;

    let (first, _second) = ada.double_clicks(&card, "Approve").await.unwrap();

    first.wait_for(|seen| seen.is_ephemeral() && seen.as_text().contains("is approved for")).await.unwrap();
    first
        .wait_for(|seen| seen.is_ephemeral() && seen.as_text().contains("is already approved"))
        .await
        .unwrap();
    assert_eq!(world.decisions(&web01).await, 1);
    world.ends().await;
}

#[tokio::test]
async fn two_owners_who_click_at_once_are_one_decision() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let (bob, other) = world.owner("bob").await;
    world.slack.channel("windows").with([&ada, &bob]);
    let web01 = world.server("web01.example.org", &[&person, &other]).await;
    let card = world.posts_card(&web01, "#windows").await;

    let (hers, his) = tokio::join!(ada.clicks(&card, "Approve"), bob.clicks(&card, "Approve"));

    let hers = hers.unwrap().wait_for(Message::is_ephemeral).await.unwrap().as_text();
    let his = his.unwrap().wait_for(Message::is_ephemeral).await.unwrap().as_text();
    let decided = [&hers, &his].iter().filter(|answer| answer.contains("is approved for")).count();
    let late = [&hers, &his].iter().filter(|answer| answer.contains("is already approved by")).count();
    assert_eq!((decided, late), (1, 1), "{hers}\n{his}");
    assert_eq!(world.decisions(&web01).await, 1);
    world.ends().await;
}

#[tokio::test]
async fn a_button_still_works_after_a_restart() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let windows = world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;

    let world = world.restarts().await;
    let click = ada.clicks(&card, "Approve").await.unwrap();

    let answer = click.wait_for(Message::is_ephemeral).await.unwrap();
    assert!(answer.as_text().contains("is approved for"), "{}", answer.as_text());
    world.delivers().await;
    assert_eq!(windows.again(&card).unwrap().button_labels(), ["Move…", "Decline…", "Why?"]);
    world.ends().await;
}

#[tokio::test]
async fn a_card_that_shows_an_older_plan_decides_nothing_and_is_brought_up_to_date() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let windows = world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let old = world.posts_card(&web01, "#windows").await;
    let moved = ada.slash("/patch", "move web01 to 2026-12-10 21:00").await.unwrap();
    moved.answer().await.unwrap();

    let click = ada.clicks(&old, "Approve").await.unwrap();

    let answer = click.wait_for(Message::is_ephemeral).await.unwrap();
    insta::assert_snapshot!(answer.as_text(), @"
    The plan of web01.example.org has changed since that was shown (it was revision 1, now it is 2): the start is now Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC).
    Look at the new plan (/patch show web01.example.org) and decide about that one.
    ");
    assert_eq!(world.window(&web01).await.state, WindowState::Proposed);
    let now = windows.wait_until(&old, |card| card.rewritten() > 0).await.unwrap();
    insta::assert_snapshot!(now.as_text(), @r#"
    ⏳ web01.example.org waits for approval
    When: Thu 10 Dec 2026, 21:00–23:00 Europe/Berlin (20:00–22:00 UTC)
    Answer by: Wed 9 Dec 2026, 00:00 Europe/Berlin (Tue 8 Dec, 23:00 UTC). Without an answer by then it is not patched, and I tell the operators.
    Last decision: moved by Ada in Slack, Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC); the time before was Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC)
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Blast radius: no other server is patched in that hour.
    Owner: Ada
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Approve] [Move…] [Decline…] [Why?]
    Another time: /patch move web01.example.org to 2026-12-17 21:00 (put your date and time)
    The same time one week later: /patch defer web01.example.org by 1 week
    Free times: /patch slots web01.example.org
    A no with its reason: /patch decline web01.example.org because "…"
    "#);
    let click = ada.clicks(&now, "Approve").await.unwrap();
    click.wait_for(|seen| seen.as_text().contains("is approved for Thu 10 Dec 2026, 21:00")).await.unwrap();
    world.ends().await;
}

#[tokio::test]
async fn why_is_answered_to_the_one_who_asks() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;

    let click = ada.clicks(&card, "Why?").await.unwrap();

    let answer = click.wait_for(Message::is_ephemeral).await.unwrap();
    assert!(answer.as_text().starts_with("web01.example.org would not be patched as things stand"));
    assert_eq!(world.slack.calls_of("chat.update").len(), 0, "a question changes no card");
    world.ends().await;
}

#[tokio::test]
async fn somebody_elses_server_is_not_decided_about() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let (eve, _) = world.owner("eve").await;
    world.slack.channel("windows").with([&ada, &eve]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;

    let click = eve.clicks(&card, "Approve").await.unwrap();

    insta::assert_snapshot!(click.wait_for(Message::is_ephemeral).await.unwrap().as_text(), @r"
    web01.example.org is not yours to decide about.
    Say /patch list for your servers.
    ");
    assert_eq!(world.window(&web01).await.state, WindowState::Proposed);
    world.ends().await;
}

#[tokio::test]
async fn a_card_whose_window_is_not_there_any_more_says_so() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let windows = world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let gone = WindowId(uuid::Uuid::from_u128(404));
    let offers = vec![Offer::about("Approve", "approve", gone, web01.window.revision)];
    let alert = Alert { tone: Tone::Info, headline: "web00".to_owned(), lines: Vec::new(), offers };
    world.chat.post_alert("#windows", &alert).await.unwrap();
    let posted = windows.wait_for_message(|_| true).await.unwrap();

    let click = ada.clicks(&posted, "Approve").await.unwrap();

    insta::assert_snapshot!(click.wait_for(Message::is_ephemeral).await.unwrap().as_text(), @r"
    The window of that card is not there any more, so nothing was done.
    Say /patch status for where your windows stand.
    ");
    world.ends().await;
}

#[tokio::test]
async fn a_card_that_was_posted_and_not_remembered_is_rewritten_when_it_is_clicked() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let windows = world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = Outgoing::Card { window: web01.window.id, more: Vec::new() };
    world.chat.deliver(&world.notification("#windows", None, card)).await.unwrap();
    let lost = windows.wait_for_message(|_| true).await.unwrap();

    let click = ada.clicks(&lost, "Approve").await.unwrap();

    click.wait_for(Message::is_ephemeral).await.unwrap();
    let now = windows.wait_until(&lost, |card| card.rewritten() > 0).await.unwrap();
    assert_eq!(now.button_labels(), ["Move…", "Decline…", "Why?"]);
    world.ends().await;
}

#[tokio::test]
async fn every_owner_has_a_card_in_the_conversation_with_the_app_and_both_tell_the_same() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let (bob, other) = world.owner("bob").await;
    let web01 = world.server("web01.example.org", &[&person, &other]).await;
    let hers = world.posts_card(&web01, &format!("@{}", ada.id())).await;
    let his = world.posts_card(&web01, &format!("@{}", bob.id())).await;

    let click = ada.clicks(&hers, "Approve").await.unwrap();
    click.wait_for(|seen| seen.as_text().contains("is approved for")).await.unwrap();
    assert_eq!(world.delivers().await, 2);

    let (hers, his) = (ada.sees(&hers).unwrap(), bob.sees(&his).unwrap());
    assert_eq!(hers.as_text(), his.as_text());
    assert!(his.as_text().contains("Last decision: approved by Ada in Slack"), "{}", his.as_text());
    world.ends().await;
}

#[tokio::test]
async fn a_reader_in_another_zone_sees_her_own_time_on_her_card() {
    let world = World::new().await;
    let (ada, mut person) = world.owner("ada").await;
    person.zone = Some(chrono_tz::Tz::Asia__Tokyo);
    let mut tx = world.app.store.begin().await.unwrap();
    tx.update_person(&person).await.unwrap();
    tx.commit().await.unwrap();
    let web01 = world.server("web01.example.org", &[&person]).await;

    let card = world.posts_card(&web01, &format!("@{}", ada.id())).await;

    let text = card.as_text();
    assert!(text.contains("Your time: Fri 4 Dec 2026, 04:00–06:00 Asia/Tokyo"), "{text}");
    world.ends().await;
}

#[tokio::test]
async fn an_operator_who_crossed_the_freeze_is_sent_to_somebody_else() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let olga = world.knows("olga@ops.test", Role::Operator).await;
    let operator = world.slack.person("olga");
    world.links(&operator, &olga).await;
    world.slack.channel("windows").with([&ada, &operator]);
    let start = super::world::utc(super::world::START) - TimeDelta::days(7);
    let web01 = world.server_at("web01.example.org", &[&person], start).await;
    // A Thursday before the patch week that is closed.
    world.app.clock.set(super::world::utc("2026-11-24T09:00:00Z"));

    let said = operator.slash("/patch", "move web01 to 2026-11-25 21:00 because \"urgent\"").await.unwrap();
    insta::assert_snapshot!(said.answer().await.unwrap().as_text(), @r"
    web01.example.org moves to Wed 25 Nov 2026, 21:00 Europe/Berlin (20:00 UTC). It waits for approval.
    It crosses the freeze, so somebody else must say /patch approve web01.example.org.
    A mistake? Say /patch undo web01.example.org until Tue 24 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    let card = world.posts_card(&web01, "#windows").await;
    let click = operator.clicks(&card, "Approve").await.unwrap();

    insta::assert_snapshot!(click.wait_for(Message::is_ephemeral).await.unwrap().as_text(), @r"
    You moved web01.example.org across the freeze yourself; somebody else must approve it.
    Ask an owner or another operator to say /patch approve web01.example.org.
    ");
    world.ends().await;
}

#[tokio::test]
async fn a_wish_to_put_a_server_off_is_granted_with_a_button_by_somebody_else() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let olga = world.knows("olga@ops.test", Role::Operator).await;
    let operator = world.slack.person("olga");
    world.links(&operator, &olga).await;
    let ops = world.slack.channel("ops").with([&ada, &operator]);
    let web01 = world.server("web01.example.org", &[&person]).await;

    let words = "defer web01 until 2027-03-12 because \"the vendor supports no newer kernel\"";
    let said = ada.slash("/patch", words).await.unwrap();
    insta::assert_snapshot!(said.answer().await.unwrap().as_text(), @"
    You have asked to put web01.example.org off until Fri 12 Mar 2027. Nothing changes until an operator grants it.
    To take the wish back, say /patch undo web01.example.org.
    [Undo]
    ");
    world.delivers().await;
    let asked = ops.messages().pop().unwrap();
    insta::assert_snapshot!(asked.as_text(), @r#"
    Ada asks to put web01.example.org off until Fri 12 Mar 2027, because "the vendor supports no newer kernel".
    • An operator other than Ada can grant or refuse it.
    • Without an answer nothing changes.
    [Grant] [Refuse]
    "#);

    let own = ada.clicks(&asked, "Grant").await.unwrap();
    insta::assert_snapshot!(own.wait_for(Message::is_ephemeral).await.unwrap().as_text(), @r"
    Ada has asked already to put web01.example.org off until Fri 12 Mar 2027; an operator other than Ada has to grant it.
    /patch why web01.example.org tells how it stands.
    ");
    assert_eq!(world.window(&web01).await.state, WindowState::Proposed);

    let click = operator.clicks(&asked, "Grant").await.unwrap();
    insta::assert_snapshot!(click.wait_for(Message::is_ephemeral).await.unwrap().as_text(), @"
    web01.example.org is put off until Fri 12 Mar 2027: it is not patched in 2027-Q1, and is planned again when that ends.
    An owner can take it back with /patch withdraw web01.example.org. When it ends, web01.example.org is planned again, and you are told.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    assert!(matches!(world.window(&web01).await.state, WindowState::Deferred { .. }));
    world.delivers().await;
    world.ends().await;
}
