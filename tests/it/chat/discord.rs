//! Discord end to end: the real adapter and the real use cases on a SQLite file, against a Discord that speaks the
//! protocol, through the library that the bot uses.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use patchbot::app::{App, ChatPlaces};
use patchbot::chat::discord::{Discord, Settings};
use patchbot::chat::{Chat, Health};
use patchbot::config::secret::Secret;
use patchbot::domain::calendar::plan_at;
use patchbot::domain::ids::{NoticeId, PersonId, WindowId};
use patchbot::domain::message::{Alert, Message as Outgoing, Tone};
use patchbot::domain::person::{Address, Identity, Person, Role};
use patchbot::domain::server::{Ownership, Rank};
use patchbot::domain::window::{Window, WindowState};
use patchbot::store::records::{Medium, Notification};
use patchbot::work::outbox::Outbox;
use patchbot_standins::discord::{BOT, Cut, Discord as Standin, GUILD, Member, Seen, TOKEN};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::rush::server_called;
use super::world::{START, app_on, utc};

struct World {
    discord: Standin,
    ops: String,
    windows: String,
    app: App,
    chat: Discord,
    listening: Option<(CancellationToken, JoinHandle<()>)>,
    folder: Arc<tempfile::TempDir>,
}

impl World {
    async fn silent() -> Self {
        let discord = Standin::start().await.unwrap();
        let (ops, windows) = (discord.channel("ops"), discord.channel("windows"));
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let app = Self::app(&folder, &ops, &windows).await;
        app.store.migrate().await.unwrap();
        let chat = Discord::new(settings(&discord), app.clone()).unwrap();
        Self { discord, ops, windows, app, chat, listening: None, folder }
    }

    async fn new() -> Self {
        let mut world = Self::silent().await;
        world.listens().await;
        world
    }

    async fn app(folder: &tempfile::TempDir, ops: &str, windows: &str) -> App {
        let places = ChatPlaces {
            discord_ops: Some(ops.to_owned()),
            discord_windows: Some(windows.to_owned()),
            ..ChatPlaces::default()
        };
        App { chat: Arc::new(places), ..app_on(folder).await }
    }

    async fn listens(&mut self) {
        let (identified, resumed) = self.discord.sessions();
        let (stop, chat) = (CancellationToken::new(), self.chat.clone());
        let task = tokio::spawn({
            let stop = stop.clone();
            async move { chat.run(stop).await }
        });
        self.listening = Some((stop, task));
        self.discord.wait_for_session(identified + resumed + 1).await.unwrap();
    }

    async fn stops(&mut self) {
        let Some((stop, task)) = self.listening.take() else { return };
        stop.cancel();
        task.await.unwrap();
    }

    async fn restarts(mut self) -> Self {
        self.stops().await;
        self.app.store.close().await;
        let app = Self::app(&self.folder, &self.ops, &self.windows).await;
        let chat = Discord::new(settings(&self.discord), app.clone()).unwrap();
        let mut again = Self { app, chat, ..self };
        again.listens().await;
        again
    }

    async fn ends(mut self) {
        self.discord.finish().await.unwrap();
        if self.listening.is_some() {
            self.stops().await;
        }
    }

    async fn knows(&self, member: &Member, mail: &str, role: Role) -> Person {
        let mut letters = mail.split('@').next().unwrap().chars();
        let name = letters.next().unwrap().to_uppercase().chain(letters).collect();
        let mail = Address::parse(mail).unwrap();
        let id = PersonId(self.app.ids.next());
        let person = Person { id, name, mail: Some(mail.clone()), zone: None, role };
        let now = self.app.now();
        let mut tx = self.app.store.begin().await.unwrap();
        tx.insert_person(&person, now).await.unwrap();
        tx.link_identity(&Identity::Mail(mail), id, now).await.unwrap();
        tx.link_identity(&Identity::Discord { user: member.id().to_owned() }, id, now).await.unwrap();
        tx.commit().await.unwrap();
        person
    }

    async fn owner(&self, name: &str) -> (Member, Person) {
        let member = self.discord.member(name);
        let person = self.knows(&member, &format!("{name}@owners.test"), Role::Owner).await;
        (member, person)
    }

    async fn server(&self, name: &str, owners: &[&Person]) -> Window {
        let server = server_called(&self.app, name);
        let quarter = "2027-Q1".parse().unwrap();
        let window = Window::unscheduled(WindowId(self.app.ids.next()), server.id, quarter)
            .with_plan(plan_at(utc(START), server.zone, TimeDelta::hours(2)));
        let ranks = [Rank::Primary, Rank::Secondary];
        let owners: Vec<Ownership> =
            owners.iter().zip(ranks).map(|(owner, rank)| Ownership { person: owner.id, rank }).collect();
        let mut tx = self.app.store.begin().await.unwrap();
        tx.insert_server(&server, self.app.now()).await.unwrap();
        tx.set_owners(server.id, &owners).await.unwrap();
        tx.insert_window(&window).await.unwrap();
        tx.commit().await.unwrap();
        window
    }

    async fn state(&self, window: &Window) -> WindowState {
        self.app.store.read().await.unwrap().window_by_id(window.id).await.unwrap().state
    }

    async fn decisions(&self, window: &Window) -> usize {
        self.app.store.read().await.unwrap().decisions_of(window.id).await.unwrap().len()
    }

    fn notification(&self, place: &str, window: Option<&Window>, message: Outgoing) -> Notification {
        Notification {
            id: NoticeId(self.app.ids.next()),
            medium: Medium::Discord,
            recipient: place.to_owned(),
            person: None,
            window: window.map(|window| window.id),
            message,
            attempts: 0,
            created_at: self.app.now(),
        }
    }

    /// Posts a card, as the outbox does, and remembers it.
    async fn posts_card(&self, window: &Window, place: &str) -> Seen {
        let card = Outgoing::Card { window: window.id, more: Vec::new() };
        let delivered = self.chat.deliver(&self.notification(place, Some(window), card)).await.unwrap();
        let mut tx = self.app.store.begin().await.unwrap();
        for card in &delivered.cards {
            tx.put_card(card, self.app.now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        let (_, id) = delivered.message.split_once('/').unwrap();
        self.discord.message(id).unwrap()
    }

    /// Delivers what waits in the outbox, as the program does.
    async fn delivers(&self) {
        let outbox = Outbox::chat(self.app.clone(), Chat::Discord(self.chat.clone()), "test".to_owned());
        while outbox.tick().await.unwrap().0 > 0 {}
    }

    fn now(&self, seen: &Seen) -> Seen {
        self.discord.message(seen.id()).unwrap()
    }
}

fn settings(discord: &Standin) -> Settings {
    let mut settings = Settings::new(Secret::new(TOKEN), GUILD);
    settings.api_url = discord.api_url();
    settings.reconnect_after = Duration::from_secs(1);
    settings
}

#[tokio::test]
async fn an_owner_asks_decides_and_takes_it_back_with_typed_options() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;

    let said = ada.patch(&world.windows, "status", &[]).unwrap();
    let answer = said.answer().await.unwrap();
    assert!(answer.is_ephemeral(), "only the one who asked may see it");
    insta::assert_snapshot!(answer.as_text(), @"
    web01.example.org — Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — waits for approval
    One waits for your approval: say /patch approve and its name.
    ");

    let said = ada.patch(&world.windows, "approve", &[("servers", "web01")]).unwrap();
    let answer = said.answer().await.unwrap();
    insta::assert_snapshot!(answer.as_text(), @"
    web01.example.org is approved for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    Until the start you can take it back: /patch withdraw web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    assert!(matches!(world.state(&web01).await, WindowState::Approved(_)));

    let undo = ada.clicks(&answer, "Undo").unwrap();
    insta::assert_snapshot!(undo.answer().await.unwrap().as_text(), @"web01.example.org: the approval is undone. It is as before: Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC), waits for approval.");
    assert_eq!(world.state(&web01).await, WindowState::Proposed);

    let said = ada.patch(&world.windows, "say", &[("words", "aprove web01")]).unwrap();
    insta::assert_snapshot!(said.answer().await.unwrap().as_text(), @r#"
    I do not know "aprove". Did you mean /patch approve? Say /patch help for everything that can be said.
    aprove web01
    ^^^^^^
    "#);
    world.ends().await;
}

#[tokio::test]
async fn a_card_is_clicked_rewritten_in_place_and_a_second_click_says_who_was_first() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let (bob, other) = world.owner("bob").await;
    let web01 = world.server("web01.example.org", &[&person, &other]).await;
    let card = world.posts_card(&web01, &world.windows).await;
    insta::assert_snapshot!(card.as_text(), @r#"
    ⏳ web01.example.org waits for approval
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Answer by: Wed 2 Dec 2026, 00:00 Europe/Berlin (Tue 1 Dec, 23:00 UTC). Without an answer by then it is not patched, and I tell the operators.
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Blast radius: no other server is patched in that hour.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    Another time: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    The same time one week later: /patch defer web01.example.org by 1 week
    Free times: /patch slots web01.example.org
    A no with its reason: /patch decline web01.example.org because "…"
    [Approve] [Move…] [Decline…] [Why?]
    "#);

    let clicked = ada.clicks(&card, "Approve").unwrap();
    insta::assert_snapshot!(clicked.answer().await.unwrap().as_text(), @"
    web01.example.org is approved for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    Until the start you can take it back: /patch withdraw web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    let again = bob.clicks_on(&card, &custom(&card, "Approve"));
    insta::assert_snapshot!(again.answer().await.unwrap().as_text(), @"
    web01.example.org is already approved by Ada in Discord, since Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC).
    To take it back, say /patch withdraw web01.example.org.
    ");
    assert_eq!(world.decisions(&web01).await, 1);

    world.delivers().await;
    let now = world.now(&card);
    insta::assert_snapshot!(now.as_text(), @"
    👍 web01.example.org is approved
    When: Thu 3 Dec 2026, 20:00–22:00 Europe/Berlin (19:00–21:00 UTC)
    Last decision: approved by Ada in Discord, Wed 25 Nov 2026, 10:00 Europe/Berlin (09:00 UTC)
    What happens: Its updates are installed, without any work of yours. It is rebooted after that if the updates need it.
    Until then: 5 hours before the start I check whether it is ready. It is closed for changes from Thu 3 Dec 2026, 17:00 Europe/Berlin (16:00 UTC) on.
    Blast radius: no other server is patched in that hour.
    Owners: Ada, Bob
    Host group: Web
    Quarter: 2027-Q1 (1 Nov 2026 to 31 Jan 2027)
    To take the approval back: /patch withdraw web01.example.org
    Another time, which needs a new approval: /patch move web01.example.org to 2026-12-10 20:00 (put your date and time)
    [Move…] [Decline…] [Why?]
    ");
    world.ends().await;
}

fn custom(seen: &Seen, label: &str) -> String {
    seen.custom_id(label).unwrap()
}

#[tokio::test]
async fn another_time_is_chosen_from_a_list_or_typed_into_a_form() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, &world.windows).await;

    let times = ada.clicks(&card, "Move…").unwrap().answer().await.unwrap();
    insta::assert_snapshot!(times.as_text().lines().take(8).collect::<Vec<_>>().join("\n"), @"
    web01.example.org is planned for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    The free times, in Europe/Berlin:
    (Choose a time)
    ( ) Thu 26 Nov 2026, 20:00 — 19:00 UTC, 7 days earlier
    ( ) Thu 26 Nov 2026, 20:30 — 19:30 UTC, 7 days earlier
    ( ) Thu 26 Nov 2026, 21:00 — 20:00 UTC, 7 days earlier
    ( ) Thu 26 Nov 2026, 21:30 — 20:30 UTC, 7 days earlier
    ( ) Thu 26 Nov 2026, 22:00 — 21:00 UTC, 7 days earlier
    ");
    let chosen = ada.chooses(&times, "Thu 10 Dec 2026, 20:30").unwrap();
    insta::assert_snapshot!(chosen.answer().await.unwrap().as_text(), @"
    web01.example.org moves to Thu 10 Dec 2026, 20:30 Europe/Berlin (19:30 UTC). It waits for approval.
    It can be moved twice more, to Sun 31 Jan 2027 at the latest.
    If that suits you, say /patch approve web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");

    world.delivers().await;
    let times = ada.clicks(&world.now(&card), "Move…").unwrap().answer().await.unwrap();
    let form = ada.clicks(&times, "Another time…").unwrap().form().await.unwrap();
    insta::assert_snapshot!(form.as_text(), @"
    Another time
    Or a date of your own … 2026-12-10
    Its time of day … 20:00
    In the zone … The server's own when left empty = Europe/Berlin
    Reason … Why? It is told to everybody concerned.
    ");
    let wrong = form.sends(&[("Or a date of your own", "2026-12-10"), ("Its time of day", "25:00")]).unwrap();
    insta::assert_snapshot!(wrong.answer().await.unwrap().as_text(), @r#"
    "25:00" is not a time of day: write it with two digits and a colon, as 08:30 or 20:00.
    [Try again…]
    "#);
    let right = form.sends(&[("Or a date of your own", "2026-12-17"), ("Its time of day", "21:00")]).unwrap();
    insta::assert_snapshot!(right.answer().await.unwrap().as_text(), @"
    web01.example.org moves to Thu 17 Dec 2026, 21:00 Europe/Berlin (20:00 UTC). It waits for approval.
    It can be moved once more, to Sun 31 Jan 2027 at the latest.
    If that suits you, say /patch approve web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    world.ends().await;
}

#[tokio::test]
async fn a_no_asks_for_its_reason_in_a_form_that_is_opened_at_once() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, &world.windows).await;

    let clicked = ada.clicks(&card, "Decline…").unwrap();
    let form = clicked.form().await.unwrap();
    insta::assert_snapshot!(form.as_text(), @"
    Decline
    Reason … Why? It is told to everybody concerned.
    ");
    let sent = form.sends(&[("Reason", "@everyone [x](https://evil.test)")]).unwrap();
    insta::assert_snapshot!(sent.answer().await.unwrap().as_text(), @"
    web01.example.org is declined: it is not patched in this window.
    You can take it back until the time comes: /patch withdraw web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    assert!(matches!(world.state(&web01).await, WindowState::Declined(_)));
    world.ends().await;
}

#[tokio::test]
async fn words_are_heard_in_a_direct_message_below_a_card_and_after_a_mention() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, &world.windows).await;
    let direct = ada.conversation();

    let _asked = ada.writes(&direct, "status", None);
    let answer = world.discord.wait_for(&direct, |_| true).await.unwrap();
    insta::assert_snapshot!(answer.as_text(), @"
    web01.example.org — Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC) — waits for approval
    One waits for your approval: say /patch approve and its name.
    ");

    // Below a card it is about what the card shows, and the answer is nobody else's.
    let _said = ada.writes(&world.windows, &format!("<@{BOT}> approve"), Some(&card));
    let answer =
        world.discord.wait_for(&direct, |seen| seen.as_text().contains("is approved")).await.unwrap();
    insta::assert_snapshot!(answer.as_text(), @"
    web01.example.org is approved for Thu 3 Dec 2026, 20:00 Europe/Berlin (19:00 UTC).
    Until the start you can take it back: /patch withdraw web01.example.org.
    A mistake? Say /patch undo web01.example.org until Wed 25 Nov 2026, 10:30 Europe/Berlin (09:30 UTC).
    [Undo]
    ");
    assert_eq!(world.discord.messages(&world.windows).len(), 1, "only the card is there");
    world.ends().await;
}

#[tokio::test]
async fn strangers_and_people_of_other_servers_are_refused_with_the_way_out() {
    let world = World::new().await;
    let (_, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;
    let eve = world.discord.member("eve");
    let said = eve.patch(&world.windows, "approve", &[("servers", "web01")]).unwrap();
    insta::assert_snapshot!(said.answer().await.unwrap().as_text().replace(eve.id(), "EVE"), @"
    I do not know you yet, so I cannot tell which servers are yours.
    Say /patch me link you@example.org with your own mail address: I mail a code there, and you say that here.
    Or answer a notice mail, or ask an operator, who needs to know that your account is discord:EVE.
    ");
    let mallory = world.discord.stranger("mallory");
    let said = mallory.patch(&mallory.conversation(), "status", &[]).unwrap();
    insta::assert_snapshot!(said.answer().await.unwrap().as_text(), @"
    You are no member of the Discord server that I work for, so I do not act on what you say. Nothing was done.
    If servers here are yours, answer the notice mail, or ask an operator.
    ");
    assert_eq!(world.state(&web01).await, WindowState::Proposed);
    world.ends().await;
}

#[tokio::test]
async fn somebody_who_has_not_accepted_the_rules_is_told_so_and_is_heard_when_she_has() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let ada = ada.before_the_rules();
    let web01 = world.server("web01.example.org", &[&person]).await;
    let said = ada.patch(&world.windows, "approve", &[("servers", "web01")]).unwrap();
    let refused = said.answer().await.unwrap().as_text();
    insta::assert_snapshot!(refused, @"
    You have not yet accepted the rules of this Discord server, so I do not act on what you say here. Nothing was done.
    If servers here are yours, answer the notice mail, or ask an operator.
    ");
    // Directly it is the same, where Discord does not say it by itself.
    let direct = ada.conversation();
    let _said = ada.writes(&direct, "approve web01", None);
    let told = world.discord.wait_for(&direct, |_| true).await.unwrap();
    assert_eq!(told.as_text(), refused);
    assert_eq!(world.decisions(&web01).await, 0);

    ada.accepts_the_rules();
    let _said = ada.writes(&direct, "approve web01", None);
    world.discord.wait_for(&direct, |seen| seen.as_text().contains("is approved for")).await.unwrap();
    assert_eq!(world.decisions(&web01).await, 1);
    world.ends().await;
}

#[tokio::test]
async fn what_is_typed_is_completed_from_ones_own_servers_and_their_free_times() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let (_, other) = world.owner("bob").await;
    world.server("web01.example.org", &[&person]).await;
    world.server("web02.example.org", &[&other]).await;
    let found = ada.types(&world.windows, "approve", &[], ("servers", "we")).await.unwrap();
    insta::assert_debug_snapshot!(found, @r#"
    [
        (
            "group Web — your servers in this host group",
            "group Web",
        ),
        (
            "web01.example.org — Thu 3 Dec 2026, 20:00, proposed",
            "web01.example.org",
        ),
    ]
    "#);
    let times = ada
        .types(&world.windows, "move", &[("servers", "web01.example.org")], ("time", "10 dec"))
        .await
        .unwrap();
    insta::assert_debug_snapshot!(times.into_iter().take(2).collect::<Vec<_>>(), @r#"
    [
        (
            "Thu 10 Dec 2026, 20:00 — Europe/Berlin, 7 days more unpatched",
            "2026-12-10 19:00 UTC",
        ),
        (
            "Thu 10 Dec 2026, 20:30 — Europe/Berlin, 7 days more unpatched",
            "2026-12-10 19:30 UTC",
        ),
    ]
    "#);
    world.ends().await;
}

#[tokio::test]
async fn the_calendar_is_a_picture_with_the_same_in_words() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.server("web01.example.org", &[&person]).await;
    let said = ada.patch(&world.windows, "calendar", &[]).unwrap();
    let picture = said.picture().await.unwrap();
    assert!(picture.is_ephemeral());
    let (name, words, bytes) = &picture.files()[0];
    assert_eq!(name, "calendar-2027-Q1.png");
    assert!(words.contains("Thu 3 Dec"), "{words}");
    assert!(bytes.starts_with(b"\x89PNG"));
    world.ends().await;
}

#[tokio::test]
async fn what_goes_wrong_is_told_below_the_card_and_in_the_channel() {
    let world = World::new().await;
    let (_, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, &world.ops).await;
    let alert = Alert {
        tone: Tone::Bad,
        headline: "The run of web01.example.org failed.".to_owned(),
        lines: vec!["> E: broken packages".to_owned(), "Say \"why web01\".".to_owned()],
        offers: Vec::new(),
    };
    let message = world.notification(&world.ops, Some(&web01), Outgoing::Alert(alert));
    world.chat.deliver(&message).await.unwrap();
    // The same once more, as after a lost confirmation: Discord knows it again.
    world.chat.deliver(&message).await.unwrap();
    let thread = world.discord.messages(card.id());
    assert_eq!(thread.len(), 1);
    insta::assert_snapshot!(thread[0].as_text(), @"
    ❗ The run of web01.example.org failed.
    • Say /patch why web01.
    E: broken packages
    ");
    assert_eq!(world.discord.messages(&world.ops).len(), 2, "the card, and what is bad");
    world.ends().await;
}

#[tokio::test]
async fn old_buttons_work_after_a_restart_and_the_same_click_twice_acts_once() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, &world.windows).await;
    let world = world.restarts().await;
    let clicked = ada.clicks(&card, "Approve").unwrap();
    clicked.comes_again();
    clicked.answer().await.unwrap();
    clicked.comes_again();
    let world = world.restarts().await;
    clicked.comes_again();
    // Something else behind it shows that all of that was worked on.
    ada.patch(&world.windows, "status", &[]).unwrap().answer().await.unwrap();
    assert_eq!(world.decisions(&web01).await, 1);
    world.ends().await;
}

#[tokio::test]
async fn whatever_ends_the_connection_people_are_heard_again() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.server("web01.example.org", &[&person]).await;
    for (number, cut) in (2..).zip([Cut::Reconnect, Cut::Drop, Cut::Close(1001), Cut::Close(4000)]) {
        world.discord.cuts(cut);
        // What is said while nobody listens is handed over when the session goes on.
        let said = ada.patch(&world.windows, "status", &[]).unwrap();
        world.discord.wait_for_session(number).await.unwrap();
        assert!(said.answer().await.unwrap().as_text().contains("web01.example.org"), "{cut:?}");
    }
    assert_eq!(world.discord.sessions(), (1, 4), "each time it went on where it was");
    assert_eq!(world.chat.health(), Health::Connected);
    world.ends().await;
}

#[tokio::test]
async fn a_session_that_is_over_is_begun_anew() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    world.server("web01.example.org", &[&person]).await;
    for (number, cut) in (2..).zip([Cut::Close(4009), Cut::Invalid]) {
        world.discord.cuts(cut);
        world.discord.wait_for_session(number).await.unwrap();
        let said = ada.patch(&world.windows, "status", &[]).unwrap();
        assert!(said.answer().await.unwrap().as_text().contains("web01.example.org"), "{cut:?}");
    }
    assert_eq!(world.discord.sessions(), (3, 0), "each time from the beginning");
    world.ends().await;
}

#[tokio::test]
async fn a_connection_over_which_nothing_comes_any_more_is_given_up() {
    let mut world = World::silent().await;
    world.discord.beats_every(Duration::from_millis(500));
    world.listens().await;
    let (ada, person) = world.owner("ada").await;
    world.server("web01.example.org", &[&person]).await;
    world.discord.cuts(Cut::Freeze);
    world.discord.wait_for_session(2).await.unwrap();
    let said = ada.patch(&world.windows, "status", &[]).unwrap();
    assert!(said.answer().await.unwrap().as_text().contains("web01.example.org"));
    world.ends().await;
}

#[tokio::test]
async fn a_click_that_the_library_cannot_read_is_answered_all_the_same() {
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;
    let card = world.posts_card(&web01, &world.windows).await;
    // A component of a kind that is not invented yet, on the message that is clicked.
    let clicked = ada.clicks_on(&card.with_a_strange_component(), &custom(&card, "Approve"));
    clicked.answer().await.unwrap();
    assert!(matches!(world.state(&web01).await, WindowState::Approved(_)));
    world.discord.dispatches("SOMETHING_NEW", &serde_json::json!({"a": 1}));
    world.ends().await;
}

#[tokio::test]
async fn a_channel_that_is_to_be_left_alone_waits_and_the_others_go_on() {
    let world = World::silent().await;
    let (_, person) = world.owner("ada").await;
    let web01 = world.server("web01.example.org", &[&person]).await;
    let mut tx = world.app.store.begin().await.unwrap();
    for place in [&world.ops, &world.windows] {
        let card = Outgoing::Card { window: web01.id, more: Vec::new() };
        let waiting = world.notification(place, Some(&web01), card);
        tx.add_notification(&patchbot::store::records::NewNotification {
            id: waiting.id,
            medium: waiting.medium,
            recipient: waiting.recipient,
            kind: "card",
            person: None,
            window: waiting.window,
            dedupe_key: place.clone(),
            message: waiting.message,
            created_at: waiting.created_at,
        })
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    world.discord.limits(&world.ops, 1, Duration::from_secs(90));
    world.delivers().await;
    assert_eq!(world.discord.messages(&world.windows).len(), 1, "nobody else waits");
    assert_eq!(world.discord.messages(&world.ops).len(), 0);
    // A restart does not forget it.
    let world = world.restarts().await;
    world.delivers().await;
    assert_eq!(world.discord.messages(&world.ops).len(), 0, "not yet");
    world.app.clock.set(world.app.now() + TimeDelta::seconds(91));
    world.delivers().await;
    assert_eq!(world.discord.messages(&world.ops).len(), 1);
    world.ends().await;
}

#[tokio::test]
async fn the_doctor_names_what_is_missing() {
    let world = World::silent().await;
    let checked = world.chat.check().await;
    insta::assert_snapshot!(checked.fine.join("\n"), @"
    Discord: the token is good; I am patchbot (application 100000000000000002).
    Discord: I am in the server Example.
    Discord: every permission is there in #ops.
    Discord: every permission is there in #windows.
    ");
    assert!(checked.wrong.is_empty(), "{:?}", checked.wrong);
    world.discord.denies(&world.ops, (1 << 35) | (1 << 15));
    let checked = world.chat.check().await;
    insta::assert_snapshot!(checked.wrong.join("\n"), @"Discord: in #ops the bot lacks the permission Attach Files (to show the calendar and the progress as pictures), Create Public Threads (to tell a window's story below its card); add it to the bot's role or to the channel.");
    let mut wrong = settings(&world.discord);
    wrong.token = Secret::new("no.token");
    let checked = Discord::new(wrong, world.app.clone()).unwrap().check().await;
    insta::assert_snapshot!(checked.wrong.join("\n"), @r#"Discord: the bot's token is not accepted; reset it on the page "Bot" of the application, and put the new one into the file of discord.token."#);
    let mut elsewhere = settings(&world.discord);
    elsewhere.guild = "100000000000000999".to_owned();
    let checked = Discord::new(elsewhere, world.app.clone()).unwrap().check().await;
    insta::assert_snapshot!(checked.wrong.join("\n"), @"Discord: the bot is not in the server 100000000000000999 (10004: Unknown Guild); invite it with the address that deploy/chat.md shows, or correct discord.guild.");
    world.ends().await;
}

#[tokio::test]
async fn a_hostile_name_and_a_hostile_reason_stay_what_they_are() {
    let name = "web01@everyone*_`<@1>[ok](https://evil.test)";
    let world = World::new().await;
    let (ada, person) = world.owner("ada").await;
    let web01 = world.server(name, &[&person]).await;
    world.server("web02.example.org", &[&person]).await;
    let card = world.posts_card(&web01, &world.windows).await;
    assert!(card.as_text().starts_with(&format!("⏳ {name} waits for approval")), "{}", card.as_text());
    let reason = "@here <@1> [x](https://evil.test) # **no**";
    let said = ada.patch(&world.windows, "decline", &[("servers", "web02"), ("reason", reason)]).unwrap();
    assert!(said.answer().await.unwrap().as_text().contains("web02.example.org is declined"));
    world.delivers().await;
    let told = world.discord.messages(&world.ops).remove(0);
    assert!(told.as_text().contains(&format!("because \"{reason}\"")), "{}", told.as_text());
    for seen in [&card, &told] {
        let content = seen.body()["content"].as_str().unwrap();
        // A word of markup counts only where nothing masks it and no code is around it.
        let mut bare = content.replace("\\\\", "");
        for letter in ['*', '_', '`', '<', '>', '[', ']', '@', ':', '#', '(', ')'] {
            bare = bare.replace(&format!("\\{letter}"), "");
        }
        let bare: String = bare.split('`').step_by(2).collect();
        for markup in ["](", "**no", "<@", "https://"] {
            assert!(!bare.contains(markup), "{markup} in {bare}");
        }
    }
    world.ends().await;
}
