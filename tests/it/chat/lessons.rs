//! Lessons from incidents elsewhere that concern chat, on both platforms.

use std::time::Duration;

use patchbot::domain::message::{Alert, Message as Outgoing, Tone};
use patchbot_standins::slack::Message;

use super::both::{At, Both, Shown, Someone, alike};

/// Everybody clicks without waiting for the others; what each of them is told.
async fn clicks_at_once(who: &[&Someone], card: &Shown, label: &str) -> Vec<String> {
    let mut told = Vec::new();
    match card {
        Shown::Slack(message) => {
            let clicks = who.iter().map(|who| who.slack.clicks(message, label));
            for clicked in futures::future::join_all(clicks).await {
                told.push(clicked.unwrap().wait_for(Message::is_ephemeral).await.unwrap().as_text());
            }
        }
        Shown::Discord(seen) => {
            let clicks: Vec<_> = who.iter().map(|who| who.discord.clicks(seen, label).unwrap()).collect();
            for clicked in clicks {
                told.push(clicked.answer().await.unwrap().as_text());
            }
        }
    }
    told
}

#[tokio::test]
async fn two_owners_who_click_within_a_moment_are_one_decision_and_the_late_one_is_told_who_was_first() {
    alike(async |mut both: Both, on| {
        both.plans(&[("web01", "ada", "bob")]).await;
        let (ada, bob) = (both.knows("ada").await, both.knows("bob").await);
        let card = both.finds(on, At::Windows, "web01");
        let told = clicks_at_once(&[&ada, &bob], &card, "Approve").await;
        let decided = told.iter().filter(|told| told.contains("web01 is approved for")).count();
        let late = told.iter().filter(|told| told.contains("web01 is already approved by")).count();
        assert_eq!((decided, late), (1, 1), "{told:#?}");
        assert_eq!(
            both.world.audit("web01").await.iter().filter(|line| line.contains("is approved")).count(),
            1
        );
        both.settle().await;
        both.world.mails();
        both.ends().await;
        Vec::new()
    })
    .await;
}

#[tokio::test]
async fn an_answer_comes_although_the_work_takes_longer_than_the_platform_waits() {
    let told = alike(async |mut both: Both, on| {
        both.plans(&[("web01", "ada", "")]).await;
        let ada = both.knows("ada").await;
        let busy = both.world.app.store.begin().await.unwrap();
        let frees = async {
            tokio::time::sleep(Duration::from_millis(3_500)).await;
            drop(busy);
        };
        let (told, ()) = tokio::join!(both.hears(&ada, on, "approve web01"), frees);
        both.settle().await;
        both.world.mails();
        both.ends().await;
        vec![told]
    })
    .await;
    insta::assert_snapshot!(told, @"
    web01 is approved for Thu 10 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    Until the start you can take it back: /patch withdraw web01.
    A mistake? Say /patch undo web01 until Tue 24 Nov 2026, 09:30 Europe/Berlin (08:30 UTC).
    [Undo]
    ");
}

#[tokio::test]
async fn a_new_name_changes_nothing_and_the_old_one_means_nothing() {
    let told = alike(async |mut both: Both, on| {
        both.plans(&[("web01", "ada", "")]).await;
        let ada = both.knows("ada").await;
        let ada = Someone {
            slack: ada.slack.renamed("ada.lovelace"),
            discord: ada.discord.renamed("ada.lovelace"),
        };
        let impostor = both.stranger("ada");
        let account = both.identity(&impostor, on);
        let account = format!("{}:{}", account.kind(), account.key());
        let told = vec![
            both.says(&impostor, on, "approve web01").await.replace(&account, "ACCOUNT"),
            both.says(&ada, on, "whoami").await,
        ];
        both.world.mails();
        both.ends().await;
        told
    })
    .await;
    insta::assert_snapshot!(told, @"
    I do not know you yet, so I cannot tell which servers are yours.
    Say /patch link you@example.org with your own mail address: I mail a code there, and you say that here.
    Or answer a notice mail, or ask an operator, who needs to know that your account is ACCOUNT.

    You are ada@owners.test, an owner: you decide about your own servers.
    Your notices go to ada@owners.test.
    Your zone: not set; you see times in each server's zone.
    Your servers: web01.
    ");
}

#[tokio::test]
async fn a_whole_log_and_a_long_list_come_in_pages_and_no_line_is_lost() {
    alike(async |mut both: Both, on| {
        let names: Vec<String> = (1..=38)
            .map(|number| format!("a-server-with-a-long-name-{number:02}.datacentre.example.org"))
            .collect();
        let servers: Vec<(&str, &str, &str)> = names.iter().map(|name| (name.as_str(), "ada", "")).collect();
        both.plans(&servers).await;
        let ada = both.knows("ada").await;
        let list = both.says_in_pages(&ada, on, "list").await;
        assert!(names.iter().all(|name| list.contains(name.as_str())), "{list}");
        let lines =
            (1..=400).map(|number| format!("line {number}: {}", "it went wrong ".repeat(5))).collect();
        let headline = "db01 could not be patched.".to_owned();
        let alert = Alert { tone: Tone::Bad, headline, lines, offers: Vec::new() };
        let pages = both.tells(on, At::Ops, Outgoing::Alert(alert)).await;
        assert!(pages.len() > 2, "{}", pages.len());
        let text = pages.join("\n");
        assert!((1..=400).all(|number| text.contains(&format!("line {number}:"))));
        both.world.mails();
        both.ends().await;
        Vec::new()
    })
    .await;
}
