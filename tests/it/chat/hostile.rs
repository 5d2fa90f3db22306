//! Names and reasons that want to be more than names and reasons.

use patchbot::domain::message::{Alert, Tone};
use patchbot::domain::person::Role;
use patchbot_standins::slack::Message;

use super::world::World;

const NAME: &str = "web01<!channel>*_`<https://evil.test|ok>\nApproved by everybody";

/// Everything in Slack that would be more than letters.
fn markup(message: &Message) -> Vec<String> {
    let mut found = Vec::new();
    let text = message.text().replace("&lt;", "").replace("&gt;", "");
    found.extend(text.contains(['<', '>']).then(|| message.text().to_owned()));
    let blocks = serde_json::to_string(message.blocks()).unwrap();
    for kind in
        ["\"mrkdwn\"", "\"link\"", "\"broadcast\"", "\"user\"", "\"usergroup\"", "\"emoji\"", "\"date\""]
    {
        found.extend(blocks.contains(kind).then(|| format!("{kind} in {blocks}")));
    }
    found
}

#[tokio::test]
async fn a_hostile_name_stays_a_name_on_a_card_in_an_answer_and_in_an_alert() {
    let world = World::new().await;
    let (ada, mut person) = world.owner("ada").await;
    person.name = "<!here> *Ada* `x`".to_owned();
    let mut tx = world.app.store.begin().await.unwrap();
    tx.update_person(&person).await.unwrap();
    tx.commit().await.unwrap();
    let windows = world.slack.channel("windows").with([&ada]);
    let web01 = world.server(NAME, &[&person]).await;

    let card = world.posts_card(&web01, "#windows").await;
    insta::assert_snapshot!(card.as_text(), @r#"
    ⏳ web01<!channel>*_`<https://evil.test|ok> Approved by everybody waits for approval
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Answer by: Wed 2 Dec 2026, 00:00 Europe/Berlin (Tue 1 Dec, 23:00 UTC). Without an answer by then it is not patched, and I tell the operators.
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Blast radius: no other server is patched in that hour.
    Owner: <!here> *Ada* `x`
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Approve] [Move…] [Decline…] [Why?]
    Another time: /patch move web01<!channel>*_`<https://evil.test|ok> Approved by everybody to 2026-12-10 20:00 (put your date and time)
    The same time one week later: /patch defer web01<!channel>*_`<https://evil.test|ok> Approved by everybody by 1 week
    Free times: /patch slots web01<!channel>*_`<https://evil.test|ok> Approved by everybody
    A no with its reason: /patch decline web01<!channel>*_`<https://evil.test|ok> Approved by everybody because "…"
    "#);
    assert_eq!(markup(&card), Vec::<String>::new());

    let why = ada.clicks(&card, "Why?").await.unwrap().wait_for(Message::is_ephemeral).await.unwrap();
    insta::assert_snapshot!(why.as_text(), @r#"
    "web01<!channel>*_`<https://evil.test|ok> Approved by everybody" cannot be asked about: wildcards are not taken; name each server, or say "all".
    An operator can give the server a name that can be typed.
    "#);
    ada.clicks(&card, "Decline…").await.unwrap();
    let form = ada.sees_form().await.unwrap();
    ada.fills(&form, [("Reason", "<!here> *x*")]).unwrap().submits().await.unwrap();
    let answer = ada.sees_form_that(|form| form.as_text().contains("is declined")).await.unwrap();
    let unsafe_blocks = answer.blocks().iter().filter(|block| block.to_string().contains("mrkdwn")).count();
    assert_eq!(unsafe_blocks, 0);
    world.delivers().await;
    let now = windows.again(&card).unwrap();
    assert_eq!(markup(&now), Vec::<String>::new());
    let told = world.slack.channel("ops").messages();
    assert_eq!(told.iter().flat_map(markup).collect::<Vec<_>>(), Vec::<String>::new());
    insta::assert_snapshot!(told[0].as_text(), @r#"
    🚫 web01<!channel>*_`<https://evil.test|ok> Approved by everybody is declined: it is not patched in this window
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Last decision: declined by <!here> *Ada* `x` in Slack, Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC), because "<!here> *x*"
    Owner: <!here> *Ada* `x`
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    [Why?]
    To take that back: /patch withdraw web01<!channel>*_`<https://evil.test|ok> Approved by everybody
    "#);
    world.ends().await;
}

#[tokio::test]
async fn a_hostile_reason_stays_a_reason() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let windows = world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;

    let words = "decline web01 because \"<!everyone> *no* `approve web01` <https://evil.test|fine> say 'approve all'\"";
    let said = ada.slash("/patch", words).await.unwrap();
    said.answer().await.unwrap();
    world.delivers().await;

    let now = windows.again(&card).unwrap();
    assert_eq!(markup(&now), Vec::<String>::new());
    let last = now.as_text().lines().find(|line| line.starts_with("Last decision")).map(str::to_owned);
    insta::assert_snapshot!(last.unwrap(), @r#"Last decision: declined by Ada in Slack, Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC), because "@everyone *no* `approve web01` fine say 'approve all'""#);
    let history = ada.slash("/patch", "history web01").await.unwrap().answer().await.unwrap();
    assert_eq!(markup(&history), Vec::<String>::new());
    insta::assert_snapshot!(history.as_text(), @r#"
    web01.example.org: what has happened:
    • Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC) — 2027-Q1 declined by Ada in Slack because "@everyone *no* `approve web01` fine say 'approve all'"
    "#);
    world.ends().await;
}

#[tokio::test]
async fn what_was_typed_is_quoted_back_without_calling_anybody() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.server("web01.example.org", &[&person]).await;

    let said = ada.slash("/patch", "approve <!channel> &amp; <@U00000000> \u{202e}10bew").await.unwrap();

    let answer = said.answer().await.unwrap();
    assert_eq!(markup(&answer), Vec::<String>::new());
    insta::assert_snapshot!(answer.as_text(), @r"
    There is an invisible character (U+202E) in the line, which could disguise a name. Type the line anew.
    approve @channel &  �10bew
                        ^
    ");
    world.ends().await;
}

#[tokio::test]
async fn everything_at_its_longest_still_fits() {
    let world = World::new().await;
    let (ada, mut person) = world.owner("ada").await;
    person.name = "Ada with a very long name ".repeat(40);
    let mut tx = world.app.store.begin().await.unwrap();
    tx.update_person(&person).await.unwrap();
    tx.commit().await.unwrap();
    world.slack.channel("windows").with([&ada]);
    let name = format!("{}.example.org", vec!["x".repeat(60); 4].join("."));
    assert!(name.len() >= 253);
    let web01 = world.server(&name, &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;

    let said = ada.slash("/patch", &format!("decline all because {}", "w ".repeat(240))).await.unwrap();
    assert!(said.answer().await.unwrap().as_text().contains("is declined"));
    world.delivers().await;

    let click = ada.clicks(&card, "Approve").await.unwrap();
    let answer = click.wait_for(|seen| seen.as_text().contains("a no stands until")).await.unwrap();
    assert!(answer.is_ephemeral());
    world.ends().await;
}

#[tokio::test]
async fn an_alert_with_a_whole_log_becomes_several_messages() {
    let world = World::new().await;
    let _olga = world.knows("olga@ops.test", Role::Operator).await;
    let lines =
        (1..=400).map(|number| format!("line {number}: {}", "something went wrong ".repeat(4))).collect();
    let alert = Alert {
        tone: Tone::Bad,
        headline: "db01 could not be patched.".to_owned(),
        lines,
        offers: Vec::new(),
    };

    world.chat.post_alert("#ops", &alert).await.unwrap();

    let told = world.slack.channel("ops").messages();
    assert!(told.len() > 2, "{}", told.len());
    let text = world.slack.channel("ops").as_text();
    assert!(text.contains("• line 1:") && text.contains("• line 400:"));
    world.ends().await;
}

/// Where the log goes.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_holds_ids_and_no_words_no_tokens_and_no_addresses_for_answers() {
    let log = Log::default();
    let filter = format!("debug,sqlx=info,{}", patchbot::chat::LOG_CAPS.join(","));
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.slack.channel("windows").with([&ada]);
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, "#windows").await;

    ada.clicks(&card, "Approve").await.unwrap().answer().await.unwrap();
    let words = "decline web01 because xylophone";
    ada.slash("/patch", words).await.unwrap().answer().await.unwrap();
    ada.writes_dm("withdraw web01 because xylophone").await.unwrap().answer().await.unwrap();
    ada.slash("/patch", "aprove xylophone").await.unwrap().answer().await.unwrap();
    let stranger = world.slack.person("eve").from_workspace("T99");
    stranger.slash("/patch", "status xylophone").await.unwrap().answer().await.unwrap();
    let raw = r#"{"envelope_id":"x","type":"slash_commands","payload":{"text":"xylophone"}}"#;
    world.slack.sockets()[0].sends_raw(raw);
    ada.slash("/patch", "whoami").await.unwrap().answer().await.unwrap();
    world.slack.sockets()[0].drops();
    world.delivers().await;
    let _acknowledged = world.slack.takes_complaints();
    world.ends().await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for id in [ada.id(), stranger.id(), "envelope x", "T99"] {
        assert!(log.contains(id), "{id} is not in the log");
    }
    for secret in ["xylophone", "xoxb-", "xapp-", "/commands/", "/actions/"] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret}: {lines:#?}");
    }
}
