//! Stories that are told on Slack and on Discord, and must be told alike.

use patchbot::domain::policy::Policy;

use super::both::{At, Both, On, Shown, alike, code_in, plain};

#[tokio::test]
async fn what_weighs_much_is_repeated_confirmed_and_agreed_to_by_somebody_else() {
    let told = alike(async |mut both: Both, on| {
        both.plans(&[("web01", "ada", "")]).await;
        both.world.enrols("web01").await;
        let (olga, otto) = (both.knows("olga").await, both.knows("otto").await);
        let mut told = Vec::new();
        told.push(both.says(&olga, on, "now web01").await);
        let asked = both.says(&olga, on, "now web01 because \"CVE-2026-1234\"").await;
        let code = code_in(&asked);
        told.push(asked);
        told.push(both.says(&olga, on, &format!("confirm {code}")).await);
        let question = both.finds(on, At::Ops, "wants to");
        told.push(question.text());
        told.push(both.says(&olga, on, &format!("confirm {code}")).await);
        told.push(both.clicks(&otto, &question, "Cancel").await);
        told.push(both.says(&otto, on, &format!("confirm {code}")).await);
        both.world.mails();
        both.ends().await;
        told
    })
    .await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn many_servers_are_one_card_that_is_decided_in_whole_or_line_by_line() {
    let told = alike(async |mut both: Both, on| {
        let servers = ["web01", "web02", "web03", "web04", "web05"].map(|name| (name, "ada", ""));
        both.imports(&servers).await;
        let ada = both.knows("ada").await;
        both.plans(&[]).await;
        let card = both.finds(on, At::With(&ada), "5 servers");
        let mut told = vec![card.text()];
        told.push(both.says(&ada, on, "list").await);
        told.push(both.says(&ada, on, "decline web02 because \"a release\"").await);
        told.push(both.says(&ada, on, "approve web01, web02, web99").await);
        told.push(both.says(&ada, on, "approve web01 web02 web03").await);
        told.push(both.finds(on, At::With(&ada), "5 servers").text());
        told.push(both.says(&ada, on, "approve group web").await);
        told.push(both.finds(on, At::With(&ada), "5 servers").text());
        both.world.mails();
        both.ends().await;
        told
    })
    .await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn who_wants_to_be_left_alone_at_night_is_and_hears_in_the_morning() {
    let told = alike(async |mut both: Both, on| {
        both.imports(&[("web01", "ada", "")]).await;
        let ada = both.knows("ada").await;
        let mut told = vec![both.says(&ada, on, "quiet 20:00-08:00").await];
        both.sleep_until("2026-11-24 21:00 Europe/Berlin").await;
        let before = both.reads(on, At::With(&ada)).len();
        both.plans(&[]).await;
        told.push(format!("{} new at night", both.reads(on, At::With(&ada)).len() - before));
        both.sleep_until("2026-11-25 08:00 Europe/Berlin").await;
        told.extend(both.reads(on, At::With(&ada)).iter().skip(before).map(Shown::text));
        both.world.mails();
        both.ends().await;
        told
    })
    .await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn an_exception_is_asked_for_granted_by_somebody_else_and_taken_back() {
    let told = alike(async |mut both: Both, on| {
        both.plans(&[("web01", "ada", "")]).await;
        let (ada, olga) = (both.knows("ada").await, both.knows("olga").await);
        let mut told = vec![both.says(&ada, on, "defer web01 until 2027-03-12").await];
        let words = "defer web01 until 2027-03-12 because \"the vendor supports no newer kernel\"";
        told.push(both.says(&ada, on, words).await);
        let asked = both.finds(on, At::Ops, "asks to put");
        told.push(asked.text());
        told.push(both.clicks(&ada, &asked, "Grant").await);
        told.push(both.clicks(&olga, &asked, "Grant").await);
        told.push(both.says(&ada, on, "why web01").await);
        told.push(both.says(&ada, on, "withdraw web01").await);
        both.world.mails();
        both.ends().await;
        told
    })
    .await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn an_exception_that_is_refused_leaves_everything_as_it_is_and_says_by_whom() {
    let told = alike(async |mut both: Both, on| {
        both.imports(&[("web01", "ada", "")]).await;
        let (ada, olga, otto) = (both.knows("ada").await, both.knows("olga").await, both.knows("otto").await);
        both.plans(&[]).await;
        let words = "defer web01 until 2027-03-12 because \"the vendor supports no newer kernel\"";
        both.says(&ada, on, words).await;
        let asked = both.finds(on, At::Ops, "asks to put");
        let mut told = vec![both.clicks(&olga, &asked, "Refuse").await];
        told.push(both.clicks(&otto, &asked, "Grant").await);
        told.push(both.finds(on, At::With(&ada), "web01").text());
        told.push(both.says(&ada, on, "why web01").await);
        both.world.mails();
        both.ends().await;
        told
    })
    .await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn an_account_becomes_a_person_by_a_mailed_code_and_stops_being_one() {
    let told = alike(async |mut both: Both, on| {
        both.plans(&[("web01", "ada", "")]).await;
        let ada = both.stranger("ada");
        both.world.mails();
        let account = both.identity(&ada, on);
        let account = format!("{}:{}", account.kind(), account.key());
        let mut told = vec![both.says(&ada, on, "approve web01").await.replace(&account, "ACCOUNT")];
        told.push(both.says(&ada, on, "link ada@owners.test").await);
        let mail = both.world.mail_to("ada");
        let code = mail
            .text
            .lines()
            .find_map(|line| line.trim().rsplit_once("link ").map(|(_, code)| code))
            .unwrap()
            .to_owned();
        told.push(both.says(&ada, on, "link AAAAAAAA").await);
        told.push(both.says(&ada, on, &format!("link {code}")).await);
        told.push(both.says(&ada, on, "whoami").await);
        told.push(both.says(&ada, on, &format!("link {code}")).await);
        told.push(both.says(&ada, on, "unlink").await);
        told.push(both.says(&ada, on, "status").await.replace(&account, "ACCOUNT"));
        both.world.mails();
        both.ends().await;
        told
    })
    .await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn a_decision_is_taken_back_with_a_button_until_its_time_is_over() {
    let told = alike(async |mut both: Both, on| {
        both.plans(&[("web01", "ada", "")]).await;
        let ada = both.knows("ada").await;
        let card = both.finds(on, At::Windows, "web01");
        let mut told = vec![both.clicks(&ada, &card, "Approve").await];
        told.push(both.says(&ada, on, "undo web01").await);
        told.push(both.finds(on, At::Windows, "web01").text());
        told.push(both.says(&ada, on, "approve web01").await);
        both.sleep_until("2026-11-24 10:00 Europe/Berlin").await;
        told.push(both.says(&ada, on, "undo web01").await);
        both.world.mails();
        both.ends().await;
        told
    })
    .await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn a_night_is_one_message_with_what_is_in_trouble_on_top_and_a_thread_for_each_window() {
    let told = alike(async |mut both: Both, on| {
        both.plans(&[("web01", "ada", ""), ("web02", "ada", ""), ("web03", "ada", "")]).await;
        let (ada, olga) = (both.knows("ada").await, both.knows("olga").await);
        let mut told = Vec::new();
        for words in ["approve web01", "approve web02"] {
            both.says(&ada, on, words).await;
        }
        both.sleep_until("2026-12-10 19:30 Europe/Berlin").await;
        both.draws_the_board().await;
        told.push(both.finds(on, At::Ops, "Night of").text());
        both.sleep_until("2026-12-10 22:30 Europe/Berlin").await;
        both.draws_the_board().await;
        both.draws_the_board().await;
        let board = both.finds(on, At::Ops, "Night of");
        told.push(board.text());
        let boards = both.reads(on, At::Ops).into_iter().filter(|seen| seen.text().contains("Night of"));
        told.push(format!("{} board", boards.count()));
        let card = both.finds(on, At::Ops, "web01 could not be patched");
        told.push(card.text());
        told.extend(both.thread(&card, At::Ops).iter().map(Shown::text));
        told.push(both.clicks(&olga, &board, "Report").await);
        both.world.mails();
        both.ends().await;
        told
    })
    .await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn one_decision_shows_on_both_platforms_at_once_whoever_took_it_and_wherever() {
    let mut both = Both::with(Policy::default()).await;
    both.plans(&[("web01", "ada", "bob"), ("web02", "ada", "bob"), ("web03", "ada", "bob")]).await;
    let (ada, bob) = (both.knows("ada").await, both.knows("bob").await);
    let notice = both.world.unread().into_iter().find(|mail| mail.to == "ada@owners.test").unwrap();
    let cards = |server: &'static str| {
        move |both: &Both| [On::Slack, On::Discord].map(|on| both.finds(on, At::Windows, server))
    };
    let (web01, web02, web03) = (cards("web01")(&both), cards("web02")(&both), cards("web03")(&both));

    both.clicks(&ada, &web01[0], "Approve").await;
    both.clicks(&ada, &web02[1], "Approve").await;
    both.world.replies("ada", &notice, "approve web03").await;
    both.settle().await;

    for (server, by) in [("web01", "in Slack"), ("web02", "in Discord"), ("web03", "by mail")] {
        let now = cards(server)(&both);
        let text = now[0].text();
        assert!(text.contains(&format!("approved by ada@owners.test {by}, Tue 24 Nov 2026")), "{text}");
        assert_eq!(plain(&text), plain(&now[1].text()), "both tell the same");
        assert!(!now[0].buttons().contains(&"Approve".to_owned()));
    }
    // Whoever has the old card on his screen is told who was first, on the other platform as well.
    insta::assert_snapshot!(both.clicks(&bob, &web01[0], "Approve").await, @"
    web01 is already approved by ada@owners.test in Slack, since Tue 24 Nov 2026, 09:00 Europe/Berlin (08:00 UTC).
    To take it back, say /patch withdraw web01.
    ");
    insta::assert_snapshot!(both.clicks(&bob, &web03[0], "Approve").await, @"
    web03 is already approved by ada@owners.test by mail, since Tue 24 Nov 2026, 09:00 Europe/Berlin (08:00 UTC).
    To take it back, say /patch withdraw web03.
    ");
    let says = both.says(&bob, On::Discord, "approve web01").await;
    insta::assert_snapshot!(says, @"
    web01 is already approved by ada@owners.test in Slack, since Tue 24 Nov 2026, 09:00 Europe/Berlin (08:00 UTC).
    To take it back, say /patch withdraw web01.
    ");
    both.world.mails();
    both.ends().await;
}

#[tokio::test]
async fn a_platform_that_is_away_delays_neither_the_other_nor_mail() {
    let mut both = Both::new().await;
    both.plans(&[("web01", "ada", "")]).await;
    let ada = both.knows("ada").await;
    both.world.mails();
    let before = both.slack.sockets();
    both.slack.goes_down();

    let answer = both.says(&ada, On::Discord, "move web01 to 2026-12-17 20:00").await;
    assert!(answer.contains("web01 moves to Thu 17 Dec 2026, 20:00"), "{answer}");
    assert!(both.finds(On::Discord, At::Windows, "web01").text().contains("Thu 17 Dec 2026, 20:00"));
    let mails = both.world.mails();
    assert!(!mails.is_empty(), "the owner has her mail");
    assert!(!both.finds(On::Slack, At::Windows, "web01").text().contains("Thu 17 Dec 2026"), "not yet");

    both.slack.comes_back();
    both.slack.wait_for_a_new_socket(&before).await.unwrap();
    both.sleep_until("2026-11-24 10:00 Europe/Berlin").await;
    assert!(both.finds(On::Slack, At::Windows, "web01").text().contains("Thu 17 Dec 2026, 20:00"));
    both.world.mails();
    both.ends().await;
}

#[tokio::test]
async fn what_is_said_below_a_card_and_inside_its_thread_is_about_what_it_shows() {
    let told = alike(async |mut both: Both, on| {
        both.plans(&[("web01", "ada", ""), ("web02", "ada", "")]).await;
        let (ada, olga) = (both.knows("ada").await, both.knows("olga").await);
        both.says(&olga, on, "move web01 to 2026-12-17 20:00").await;
        both.says(&olga, on, "decline web01 because \"a release\"").await;
        let card = both.finds(on, At::Ops, "web01 is declined");
        let mut told = vec![both.writes_in_the_thread(&olga, &card, "withdraw").await];
        told.push(both.writes_in_the_thread(&olga, &card, "approve").await);
        told.push(both.writes_in_the_thread(&ada, &card, "why").await);
        both.world.mails();
        both.ends().await;
        told
    })
    .await;
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn the_calendar_and_the_progress_come_as_pictures_with_the_same_in_words() {
    for on in [On::Slack, On::Discord] {
        let mut both = Both::new().await;
        both.plans(&[("web01", "ada", ""), ("web02", "ada", "")]).await;
        let ada = both.knows("ada").await;
        for (words, name) in [("calendar", "calendar-2027-Q1.png"), ("report", "progress-2027-Q1.png")] {
            let (said, alt, png) = both.asks_for_a_picture(&ada, on, words, name).await;
            assert!(png.starts_with(b"\x89PNG"), "{on:?}");
            let first = said.lines().next().unwrap().trim_start_matches("• ");
            assert!(alt.contains(first), "{on:?}: {said}\n---\n{alt}");
        }
        both.world.mails();
        both.ends().await;
    }
}
