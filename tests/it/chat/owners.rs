//! What each platform offers its people in its own way: lists, forms, pages, the app's home, completions.

use patchbot_standins::slack::{Input, Message};

use super::both::{At, Both, On, Shown, Someone, code_in, plain};

const MANY: [&str; 5] = ["web01", "web02", "web03", "web04", "web05"];

/// Five servers of ada's, planned while she is known: more than she gets a card each for, so she has one for all.
async fn with_one_card() -> (Both, Someone) {
    let mut both = Both::new().await;
    both.imports(&MANY.map(|name| (name, "ada", ""))).await;
    let ada = both.knows("ada").await;
    both.plans(&[]).await;
    (both, ada)
}

fn slack(shown: Shown) -> Message {
    let Shown::Slack(message) = shown else { panic!("not in Slack") };
    message
}

#[tokio::test]
async fn in_slack_all_of_a_card_or_some_of_it_is_decided() {
    let (mut both, ada) = with_one_card().await;
    let card = slack(both.finds(On::Slack, At::With(&ada), "5 servers"));

    let choosing = ada.slack.clicks(&card, "Choose…").await.unwrap().form().await.unwrap();
    insta::assert_snapshot!(choosing.as_text(), @"
    == Choose servers ==
    Servers: […]
    What: […]
    Reason (optional): […] (Why? It is told to everybody concerned.)
    [Close] [Send]
    ");
    let some: Vec<String> =
        choosing.options("Servers").unwrap().into_iter().filter(|name| name.contains("web02")).collect();
    let _half = ada.slack.fills(&choosing, [("Servers", Input::Many(some))]).unwrap();
    let filled = ada.slack.fills(&choosing, [("What", "Decline"), ("Reason", "a release")]).unwrap();
    filled.submits().await.unwrap();
    let told = ada.slack.sees_form_that(|form| form.as_text().contains("is declined")).await.unwrap();
    insta::assert_snapshot!(told.as_text(), @"
    == patchbot ==
    web02 is declined: it is not patched in this window.
    You can take it back until the time comes: /patch withdraw web02.
    A mistake? Say /patch undo web02 until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    [Undo]
    [Close]
    ");
    both.settle().await;

    let card = both.finds(On::Slack, At::With(&ada), "5 servers");
    let all = both.clicks(&ada, &card, "Approve all (4)").await;
    insta::assert_snapshot!(all, @"
    web01 is approved for Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    web05 is approved for Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    web03 is approved for Thu 10 Dec 2026, 22:00 Europe/Berlin (21:00 UTC).
    web04 is approved for Thu 10 Dec 2026, 23:00 Europe/Berlin (22:00 UTC).
    A mistake? Say /patch undo web01 web05 web03 web04 until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    [Undo]
    ");
    insta::assert_snapshot!(both.finds(On::Slack, At::With(&ada), "5 servers").text(), @r#"
    👍 5 servers, none waits for an approval
    Quarter 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    1. web01 — Thu 10 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC) — approved by ada@owners.test in Slack
    2. web05 — Thu 10 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC) — approved by ada@owners.test in Slack
    3. web02 — Thu 10 Dec 2026, 21:00–23:00 Europe/Berlin (20:00–22:00 UTC) — declined by ada@owners.test in Slack ("a release")
    4. web03 — Thu 10 Dec 2026, 22:00 to Fri 11 Dec, 00:00 Europe/Berlin (21:00–23:00 UTC) — approved by ada@owners.test in Slack
    5. web04 — Thu 10 Dec 2026, 23:00 to Fri 11 Dec, 01:00 Europe/Berlin (22:00 to Fri 11 Dec, 00:00 UTC) — approved by ada@owners.test in Slack
    Or answer this message with withdraw 1-2 or defer 2 by 1 week
    [Choose…]
    "#);
    let late = ada.slack.clicks(&card_of(&card), "Approve all (4)").await.unwrap();
    let late = late.wait_for(Message::is_ephemeral).await.unwrap().as_text();
    insta::assert_snapshot!(late, @"Nothing on that card waits for an approval any more.");
    both.world.mails();
    both.ends().await;
}

fn card_of(shown: &Shown) -> Message {
    slack(shown.clone())
}

#[tokio::test]
async fn in_discord_all_of_a_card_is_asked_about_and_one_of_it_is_chosen_from_a_list() {
    let (mut both, ada) = with_one_card().await;
    let card = both.finds(On::Discord, At::With(&ada), "5 servers");
    let Shown::Discord(seen) = &card else { panic!("not in Discord") };

    let list = ada.discord.clicks(seen, "Choose…").unwrap().answer().await.unwrap();
    insta::assert_snapshot!(list.as_text(), @"
    Which of them?
    For several at once, answer the card with approve 1-3, 5
    (Choose a server)
    ( ) 1. web01 — Thu 10 Dec 2026, 20:00 — proposed
    ( ) 2. web05 — Thu 10 Dec 2026, 20:00 — proposed
    ( ) 3. web02 — Thu 10 Dec 2026, 21:00 — proposed
    ( ) 4. web03 — Thu 10 Dec 2026, 22:00 — proposed
    ( ) 5. web04 — Thu 10 Dec 2026, 23:00 — proposed
    ");
    let opened = ada.discord.chooses(&list, "3. web02").unwrap().answer().await.unwrap();
    let form = ada.discord.clicks(&opened, "Decline…").unwrap().form().await.unwrap();
    let sent = form.sends(&[("Reason", "a release")]).unwrap();
    insta::assert_snapshot!(sent.answer().await.unwrap().as_text(), @"
    web02 is declined: it is not patched in this window.
    You can take it back until the time comes: /patch withdraw web02.
    A mistake? Say /patch undo web02 until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    [Undo]
    ");
    both.settle().await;

    let card = both.finds(On::Discord, At::With(&ada), "5 servers");
    let Shown::Discord(seen) = &card else { panic!("not in Discord") };
    let asked = ada.discord.clicks(seen, "Approve all (4)").unwrap().answer().await.unwrap();
    insta::assert_snapshot!(asked.as_text(), @"
    Approve everything on this card that waits for an approval?
    [Yes, approve all]
    ");
    let done = ada.discord.clicks(&asked, "Yes, approve all").unwrap().answer().await.unwrap();
    insta::assert_snapshot!(done.as_text(), @"
    web01 is approved for Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    web05 is approved for Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    web03 is approved for Thu 10 Dec 2026, 22:00 Europe/Berlin (21:00 UTC).
    web04 is approved for Thu 10 Dec 2026, 23:00 Europe/Berlin (22:00 UTC).
    A mistake? Say /patch undo web01 web05 web03 web04 until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    [Undo]
    ");
    both.settle().await;
    insta::assert_snapshot!(both.finds(On::Discord, At::With(&ada), "5 servers").text(), @r#"
    👍 5 servers, none waits for an approval
    Quarter 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    1. web01 — Thu 10 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC) — approved by ada@owners.test in Discord
    2. web05 — Thu 10 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC) — approved by ada@owners.test in Discord
    3. web02 — Thu 10 Dec 2026, 21:00–23:00 Europe/Berlin (20:00–22:00 UTC) — declined by ada@owners.test in Discord ("a release")
    4. web03 — Thu 10 Dec 2026, 22:00 to Fri 11 Dec, 00:00 Europe/Berlin (21:00–23:00 UTC) — approved by ada@owners.test in Discord
    5. web04 — Thu 10 Dec 2026, 23:00 to Fri 11 Dec, 01:00 Europe/Berlin (22:00 to Fri 11 Dec, 00:00 UTC) — approved by ada@owners.test in Discord
    Or answer this message with withdraw 1-2 or defer 2 by 1 week
    [Choose…]
    "#);
    both.world.mails();
    both.ends().await;
}

#[tokio::test]
async fn the_home_of_the_app_shows_ones_servers_and_what_is_clicked_there_changes_it() {
    let (mut both, ada) = with_one_card().await;
    ada.slack.opens_home().await.unwrap();
    let home = ada.slack.sees_home_that(|home| home.as_text().contains("web05")).await.unwrap();
    insta::assert_snapshot!(home.as_text(), @"
    Your 5 servers:
    web01 — Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — waits for approval
    [Approve] [Move…] [Decline…] [Why?]
    web02 — Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC) — waits for approval
    [Approve] [Move…] [Decline…] [Why?]
    web03 — Thu 10 Dec 2026, 22:00 Europe/Berlin (21:00 UTC) — waits for approval
    [Approve] [Move…] [Decline…] [Why?]
    web04 — Thu 10 Dec 2026, 23:00 Europe/Berlin (22:00 UTC) — waits for approval
    [Approve] [Move…] [Decline…] [Why?]
    web05 — Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — waits for approval
    [Approve] [Move…] [Decline…] [Why?]
    [Calendar] [Help]
    ");
    let approve = home.buttons().into_iter().find(|button| button.label == "Approve").unwrap();
    let clicked = ada.slack.clicks(&home, &approve.action_id).await.unwrap();
    insta::assert_snapshot!(clicked.form().await.unwrap().as_text(), @"
    == patchbot ==
    web01 is approved for Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    Until the start you can take it back: /patch withdraw web01.
    A mistake? Say /patch undo web01 until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    [Undo]
    [Close]
    ");
    let now = |home: &patchbot_standins::slack::Form| {
        home.as_text().contains("web01 — Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — approved")
    };
    ada.slack.sees_home_that(now).await.unwrap();
    let eve = both.stranger("eve");
    eve.slack.opens_home().await.unwrap();
    let home = eve.slack.sees_home_that(|home| !home.as_text().is_empty()).await.unwrap();
    let account = format!("slack:{}/{}", both.slack.team(), eve.slack.id());
    insta::assert_snapshot!(home.as_text().replace(&account, "ACCOUNT"), @"
    I do not know you yet, so I cannot tell which servers are yours.
    Say /patch link you@example.org with your own mail address: I mail a code there, and you say that here.
    Or answer a notice mail, or ask an operator, who needs to know that your account is ACCOUNT.
    ");
    both.settle().await;
    both.world.mails();
    both.ends().await;
}

#[tokio::test]
async fn ones_own_servers_come_in_pages_with_buttons_in_slack_and_a_list_in_discord() {
    let names: Vec<String> = (1..=23).map(|number| format!("web{number:02}")).collect();
    let servers: Vec<(&str, &str, &str)> = names.iter().map(|name| (name.as_str(), "ada", "")).collect();
    let mut both = Both::new().await;
    both.plans(&servers).await;
    let ada = both.knows("ada").await;
    for on in [On::Slack, On::Discord] {
        let first = both.says(&ada, on, "mine").await;
        assert!(first.contains("Your 23 servers, page 1 of 3:"), "{first}");
        let last = both.says(&ada, on, "mine 3").await;
        assert!(last.contains("web23") && !last.contains("web20 "), "{last}");
        assert!(last.contains("[◀ Back]") && !last.contains("[Next ▶]"), "{last}");
    }
    let place = ada.discord.conversation();
    let page = ada.discord.patch(&place, "mine", &[]).unwrap().answer().await.unwrap();
    let next = ada.discord.clicks(&page, "Next ▶").unwrap().answer().await.unwrap();
    assert!(next.as_text().contains("page 2 of 3"), "{}", next.as_text());
    let opened = ada.discord.chooses(&next, "web12").unwrap().answer().await.unwrap();
    let done = ada.discord.clicks(&opened, "Approve").unwrap().answer().await.unwrap();
    assert!(done.as_text().contains("web12 is approved for"), "{}", done.as_text());
    both.settle().await;
    both.world.mails();
    both.ends().await;
}

#[tokio::test]
async fn what_is_dangerous_begins_with_a_button_a_reason_and_a_repetition_on_each_platform() {
    for on in [On::Slack, On::Discord] {
        let mut both = Both::new().await;
        both.plans(&[("web01", "ada", "")]).await;
        let (olga, otto) = (both.knows("olga").await, both.knows("otto").await);
        both.says(&olga, on, "approve web01").await;
        both.sleep_until("2026-12-10 15:10 Europe/Berlin").await;
        let alert = both.finds(on, At::Ops, "would be blocked");
        let said = match &alert {
            Shown::Slack(message) => {
                let form = olga.slack.clicks(message, "Override…").await.unwrap().form().await.unwrap();
                let filled = olga.slack.fills(&form, [("Reason", "the key is being pinned")]).unwrap();
                filled.submits().await.unwrap();
                let repeats =
                    |form: &patchbot_standins::slack::Form| form.as_text().contains("This will happen");
                olga.slack.sees_form_that(repeats).await.unwrap().as_text()
            }
            Shown::Discord(seen) => {
                let form = olga.discord.clicks(seen, "Override…").unwrap().form().await.unwrap();
                let sent = form.sends(&[("Reason", "the key is being pinned")]).unwrap();
                sent.answer().await.unwrap().as_text()
            }
        };
        both.settle().await;
        assert!(said.contains("You want to let web01 pass its blocking pre-check."), "{said}");
        let code = code_in(&said);
        both.says(&olga, on, &format!("confirm {code}")).await;
        let asked = both.finds(on, At::Ops, "wants to let web01");
        // Who asked cannot be who agrees.
        let own = both.clicks(&olga, &asked, "Confirm").await;
        assert!(own.contains("a second person must confirm it"), "{own}");
        let agreed = both.clicks(&otto, &asked, "Confirm").await;
        assert!(plain(&agreed).contains("web01"), "{agreed}");
        both.world.mails();
        both.ends().await;
    }
}

#[tokio::test]
async fn completions_are_ones_own_and_no_more_than_each_platform_takes() {
    let names: Vec<String> = (0..300).map(|number| format!("srv{number:03}.example.org")).collect();
    let servers: Vec<(&str, &str, &str)> = names
        .iter()
        .zip(["ada", "bob"].iter().cycle())
        .map(|(name, owner)| (name.as_str(), *owner, ""))
        .collect();
    let mut both = Both::new().await;
    both.imports(&servers).await;
    let (ada, olga) = (both.knows("ada").await, both.knows("olga").await);

    let place = ada.discord.conversation();
    let found = ada.discord.types(&place, "approve", &[], ("servers", "srv")).await.unwrap();
    assert_eq!(found.len(), 25, "as many as Discord shows");
    let number =
        |name: &str| name.trim_start_matches("srv").split('.').next().and_then(|number| number.parse().ok());
    let own = |name: &str| number(name).is_some_and(|number: usize| number.is_multiple_of(2));
    assert!(found.iter().all(|(_, value)| own(value)), "{found:?}");
    let one = ada.discord.types(&place, "approve", &[], ("servers", "298")).await.unwrap();
    assert_eq!(one.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["srv298.example.org"]);
    let hers = ada.discord.types(&place, "approve", &[], ("servers", "299")).await.unwrap();
    assert!(hers.is_empty(), "nobody else's: {hers:?}");
    let operator = olga.discord.types(&place, "show", &[], ("server", "299")).await.unwrap();
    assert_eq!(operator.len(), 1, "{operator:?}");

    let said = ada.slack.slash("/patch", "move").await.unwrap();
    let answer = said.wait_for(Message::is_ephemeral).await.unwrap();
    let form = ada.slack.clicks(&answer, "Fill in a form…").await.unwrap().form().await.unwrap();
    let found = ada.slack.types_in_select(&form, "Servers", "srv").await.unwrap();
    assert_eq!((found.failure.clone(), found.choices.len()), (None, 50), "Slack takes a hundred");
    assert!(found.choices.iter().all(|choice| own(&choice.value)), "{:?}", found.labels());
    let one = ada.slack.types_in_select(&form, "Servers", "298").await.unwrap();
    assert_eq!(one.choices.len(), 1, "{:?}", one.labels());
    ada.slack.closes(&form).await.unwrap();
    both.world.mails();
    both.ends().await;
}
