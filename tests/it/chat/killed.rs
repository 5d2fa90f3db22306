//! The built program is killed with SIGKILL when people wait for its answers: each thing is done once and answered, or its
//! person is told plainly that it was not done.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use patchbot::domain::person::{Address, Identity};
use patchbot::store::Store;
use patchbot_standins::discord::{self, Discord, GUILD, Member, TOKEN};
use patchbot_standins::slack::{self, Message, Person, Slack};
use sqlx::{Connection as _, Row as _};
use tokio::time::{Instant, sleep};

use super::both::On;
use crate::program::{Program, Serving};

/// A Tuesday, on which owners may choose freely.
const TUESDAY: &str = "2026-11-24T08:00:00Z";
const SERVERS: [&str; 3] = ["web01", "web02", "web03"];
/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(60);

/// Ada, where she is.
enum Ada {
    Slack(Slack, Person),
    Discord(Discord, Member),
}

/// Something she said.
enum Said {
    Slack(slack::Exchange),
    Discord(discord::Exchange),
}

struct Night {
    program: Program,
    serving: Option<Serving>,
    ada: Ada,
}

impl Night {
    /// Three servers of ada's, whose windows wait for her.
    async fn new(on: On) -> Self {
        let program = Program::on_sqlite();
        let folder = program.folder().display().to_string();
        let secret = |name: &str, text: &str| {
            let path = program.folder().join(name);
            std::fs::write(&path, text).unwrap();
            format!("{{ file = \"{}\" }}", path.display())
        };
        let (ada, tables, identity) = match on {
            On::Slack => {
                let slack = Slack::start().await.unwrap();
                let ops = slack.channel("ops");
                let ada = slack.person("ada").mail("ada@owners.test");
                let tables = format!(
                    "[slack]\napp_token = {}\nbot_token = {}\nops_channel = \"{}\"\napi_url = \"{}\"\ntimeout = \"{}s\"\n",
                    secret("app", slack.app_token()),
                    secret("bot", slack.bot_token()),
                    ops.id(),
                    slack.api_url(),
                    FOR_EVER.as_secs()
                );
                let identity = Identity::Slack { team: slack.team().to_owned(), user: ada.id().to_owned() };
                (Ada::Slack(slack, ada), tables, identity)
            }
            On::Discord => {
                let discord = Discord::start().await.unwrap();
                let ops = discord.channel("ops");
                let ada = discord.member("ada");
                let tables = format!(
                    "[discord]\ntoken = {}\nguild = \"{GUILD}\"\nops_channel = \"{ops}\"\napi_url = \"{}\"\ntimeout = \"{}s\"\n",
                    secret("token", TOKEN),
                    discord.api_url(),
                    FOR_EVER.as_secs()
                );
                let identity = Identity::Discord { user: ada.id().to_owned() };
                (Ada::Discord(discord, ada), tables, identity)
            }
        };
        // Nobody logs in with it: there are no hosts.
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(program.folder().join("key"))
            .status();
        assert!(made.unwrap().success());
        let rules = format!(
            "[ssh]\nkey = \"{folder}/key\"\n[http]\nlisten = \"127.0.0.1:0\"\n[lab]\nclock = \"{folder}/ahead\"\n{tables}"
        );
        program.configure("patching.conf", &rules);
        let mut night = Self { program, serving: None, ada };
        night.moves_the_clock(TUESDAY.parse().unwrap());
        night.plans(&identity).await;
        night
    }

    async fn plans(&mut self, identity: &Identity) {
        let mut sheet = "server_name,primary_owner,server_timezone\n".to_owned();
        for server in SERVERS {
            sheet.push_str(&format!("{server},ada@owners.test,Europe/Berlin\n"));
        }
        std::fs::write(self.program.folder().join("servers.csv"), sheet).unwrap();
        self.program.says(&["import", "servers.csv", "--apply"]);
        self.program.says(&["plan", "2027-Q1"]);
        let store = Store::sqlite(&self.program.folder().join("patchbot.db")).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let ada = Address::parse("ada@owners.test").unwrap();
        let ada = tx.person_by_mail(&ada).await.unwrap().unwrap();
        tx.link_identity(identity, ada.id, TUESDAY.parse().unwrap()).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
    }

    fn moves_the_clock(&self, to: DateTime<Utc>) {
        let ahead = (to - patchbot::clock::Clock::shifted(TimeDelta::zero()).now()).num_seconds();
        let (path, new) = (self.program.folder().join("ahead"), self.program.folder().join("ahead.new"));
        std::fs::write(&new, ahead.to_string()).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    async fn serves(&mut self) {
        let before = match &self.ada {
            Ada::Slack(slack, _) => (slack.sockets(), 0),
            Ada::Discord(discord, _) => (Vec::new(), discord.sessions().0),
        };
        self.serving = Some(self.program.serves());
        let connected = match &self.ada {
            Ada::Slack(slack, _) => slack.wait_for_a_new_socket(&before.0).await.map(|_| ()),
            Ada::Discord(discord, _) => discord.wait_for_session(before.1 + 1).await,
        };
        let log = std::fs::read_to_string(self.program.folder().join("serve.log")).unwrap();
        connected.unwrap_or_else(|error| panic!("{error}: {log}"));
    }

    /// No answer leaves any more.
    fn holds_the_answers(&self) {
        match &self.ada {
            Ada::Slack(slack, _) => slack.every("response_url").is_stuck(FOR_EVER),
            Ada::Discord(discord, _) => discord.holds("webhooks/"),
        }
    }

    fn lets_go(&self) {
        match &self.ada {
            Ada::Slack(slack, _) => slack.heals(),
            Ada::Discord(discord, _) => discord.lets_go(),
        }
    }

    /// Says something, and waits until the platform was told that it is heard.
    async fn says(&self, words: &str) -> Said {
        match &self.ada {
            Ada::Slack(_, ada) => Said::Slack(ada.slash("/patch", words).await.unwrap()),
            Ada::Discord(_, ada) => {
                let said = ada.patch(&ada.conversation(), "say", &[("words", words)]).unwrap();
                assert!(said.is_heard().await);
                Said::Discord(said)
            }
        }
    }

    /// What she sees about a server: everything that only she sees, and what is written to her directly.
    fn reads(&self, said: &Said, server: &str) -> Vec<String> {
        let all: Vec<String> = match (said, &self.ada) {
            (Said::Slack(said), _) => {
                said.seen().iter().filter(|seen| seen.is_ephemeral()).map(Message::as_text).collect()
            }
            (Said::Discord(said), Ada::Discord(discord, ada)) => {
                let answers = said.answers().unwrap();
                let direct = discord.messages(&ada.conversation());
                answers
                    .iter()
                    .chain(&direct)
                    .map(discord::Seen::as_text)
                    .filter(|text| !text.contains("When:"))
                    .collect()
            }
            (Said::Discord(_), Ada::Slack(..)) => unreachable!("said on the other platform"),
        };
        all.into_iter()
            .filter(|text| text.contains(server))
            .map(|text| text.lines().take(2).collect::<Vec<_>>().join("\n"))
            .collect()
    }

    async fn waits_for(&self, said: &Said, server: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let read = self.reads(said, server);
            if !read.is_empty() {
                return read;
            }
            assert!(Instant::now() < deadline, "nothing is said about {server}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A number of the program's database, read from beside it.
    async fn counts(&self, question: &'static str) -> i64 {
        let path = self.program.folder().join("patchbot.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query(question).fetch_one(&mut connection).await.unwrap().get(0)
    }

    async fn until(&self, question: &'static str, wanted: i64) {
        let deadline = Instant::now() + PATIENCE;
        while self.counts(question).await != wanted {
            assert!(Instant::now() < deadline, "{question} does not become {wanted}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ada says three things: the first is done and not answered, the second is acknowledged and waits behind it, of the
    /// third nobody knows whether it was acknowledged. Then the program is killed.
    async fn is_killed(&mut self) -> [Said; 3] {
        self.holds_the_answers();
        let first = self.says("defer web01 by 1 week").await;
        self.until("SELECT COUNT(*) FROM decisions", 1).await;
        let second = self.says("approve web02").await;
        let third = self.says("approve web03").await;
        self.until("SELECT COUNT(*) FROM heard WHERE acknowledged = 1 AND answered_at IS NULL", 3).await;
        self.serving = None;
        self.counts("UPDATE heard SET acknowledged = 0 WHERE said LIKE '%web03%' RETURNING 1").await;
        self.lets_go();
        [first, second, third]
    }

    async fn ends(self) {
        self.until("SELECT COUNT(*) FROM heard WHERE answered_at IS NULL", 0).await;
        let secrets = "SELECT COUNT(*) FROM heard WHERE said IS NOT NULL";
        assert_eq!(self.counts(secrets).await, 0, "the addresses of answers are kept no longer than needed");
        match &self.ada {
            Ada::Slack(slack, _) => slack.finish().await.unwrap(),
            Ada::Discord(discord, _) => discord.finish().await.unwrap(),
        }
    }
}

/// Without what belongs to a platform.
fn plainly(lines: &[String]) -> String {
    lines.join("\n").replace("(only you) ", "")
}

async fn started_again_at_once(on: On) {
    let mut night = Night::new(on).await;
    night.serves().await;
    let [first, second, third] = night.is_killed().await;
    night.serves().await;
    let mut read = Vec::new();
    for (said, server) in [(&first, "web01"), (&second, "web02"), (&third, "web03")] {
        read.extend(night.waits_for(said, server).await);
    }
    assert_eq!(night.counts("SELECT COUNT(*) FROM decisions").await, 2, "each once, and web03 not");
    assert_eq!(night.counts("SELECT CAST(SUM(moves) AS INTEGER) FROM windows").await, 1, "one week, not two");
    let again = night.says("status web01").await;
    night.waits_for(&again, "web01").await;
    night.ends().await;
    insta::assert_snapshot!(plainly(&read), @r#"
    web01 moves to Thu 17 Dec 2026, 20:00 Europe/Berlin (19:00 UTC). It waits for approval.
    It can be moved twice more, to Sun 31 Jan 2027 at the latest.
    web02 is approved for Thu 10 Dec 2026, 21:00 Europe/Berlin (20:00 UTC).
    Until the start you can take it back: /patch withdraw web02.
    I was stopped before I got to "approve web03", which you said a moment ago. Nothing was done.
    If you still want it, say it again.
    "#);
}

async fn started_again_much_later(on: On) -> String {
    let mut night = Night::new(on).await;
    night.serves().await;
    let [first, second, third] = night.is_killed().await;
    night.moves_the_clock(TUESDAY.parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(210));
    night.serves().await;
    let mut read = Vec::new();
    for (said, server) in [(&first, "web01"), (&second, "web02"), (&third, "web03")] {
        read.extend(night.waits_for(said, server).await);
    }
    assert_eq!(
        night.counts("SELECT COUNT(*) FROM decisions").await,
        1,
        "what is long past is not done any more"
    );
    night.ends().await;
    plainly(&read)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_slack_and_started_again_each_thing_is_done_once_and_answered() {
    started_again_at_once(On::Slack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_discord_and_started_again_each_thing_is_done_once_and_answered() {
    started_again_at_once(On::Discord).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_slack_and_started_much_later_it_says_what_was_done_and_what_was_not() {
    insta::assert_snapshot!(started_again_much_later(On::Slack).await, @r#"
    I was stopped before I could answer "defer web01 by 1 week", which you said 3 hours ago. This was done:
    web01 moves to Thu 17 Dec 2026, 20:00 Europe/Berlin (19:00 UTC). It waits for approval.
    I was stopped before I got to "approve web02", which you said 3 hours ago. Nothing was done.
    If you still want it, say it again.
    I was stopped before I got to "approve web03", which you said 3 hours ago. Nothing was done.
    If you still want it, say it again.
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_discord_and_started_much_later_it_says_what_was_done_and_what_was_not() {
    insta::assert_snapshot!(started_again_much_later(On::Discord).await, @r#"
    I was stopped before I could answer "defer web01 by 1 week", which you said 3 hours ago. This was done:
    web01 moves to Thu 17 Dec 2026, 20:00 Europe/Berlin (19:00 UTC). It waits for approval.
    I was stopped before I got to "approve web02", which you said 3 hours ago. Nothing was done.
    If you still want it, say it again.
    I was stopped before I got to "approve web03", which you said 3 hours ago. Nothing was done.
    If you still want it, say it again.
    "#);
}
