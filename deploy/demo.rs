//! One quarter's story for real: hosts, mail, Slack, Discord, a forgery, a night; told in plain words.

#![expect(clippy::print_stdout, reason = "telling the story is what this program is for")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use patchbot_lab::{Dns, Host, Installation, Lab, Letter, Mail, Message, Sudo};
use patchbot_standins::discord::{Discord, GUILD, Member, TOKEN};
use patchbot_standins::slack::{Person, Slack};
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(60);
const QUARTER: &str = "2027-Q1";

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(program), Some(out)) = (arguments.next(), arguments.next()) else {
        bail!("usage: demo PATCHBOT FOLDER; deploy/demo does it all");
    };
    let mut story = Story::begin(&program, &out).await?;
    let told = story.tell().await;
    let ended = story.end().await;
    // What went wrong first is what is said.
    told.and(ended)
}

/// Everything that takes part.
struct Story {
    /// The program in the folder that is left to look at.
    bot: Installation,
    /// Ends with the story: hosts, mail and DNS live in it.
    lab: Lab,
    mail: Mail,
    dns: Dns,
    slack: Slack,
    ada: Person,
    bob: Person,
    discord: Discord,
    /// The operators' channel there.
    discord_ops: String,
    ada_on_discord: Member,
    /// Each host with the package that is watched on it.
    hosts: Vec<(Host, &'static str)>,
    /// How many mails each owner has read.
    read: std::collections::BTreeMap<&'static str, usize>,
}

fn say(text: &str) {
    println!("\n\x1b[1m▌ {text}\x1b[0m");
}

fn boxed(title: &str, text: &str) {
    println!("  ┌─ {title}");
    for line in text.trim_end().lines() {
        println!("  │ {line}");
    }
    println!("  └─");
}

impl Story {
    async fn begin(program: &Path, out: &Path) -> Result<Self> {
        say(
            "Real hosts, real mail, a name server, and Slack's and Discord's protocols on loopback are started",
        );
        if out.exists() {
            std::fs::remove_dir_all(out)?;
        }
        std::fs::create_dir_all(out.join("logs"))?;
        let lab = Lab::start().await?;
        let (mail, dns) = (lab.mail().await?, lab.dns().await?);
        let slack = Slack::start().await?;
        let ada = slack.person("ada").mail("ada@owners.test").zone("Europe/Berlin")?;
        let bob = slack.person("bob").mail("bob@owners.test").zone("America/New_York")?;
        slack.channel("ops").with([&ada]);
        let discord = Discord::start().await?;
        let (discord_ops, ada_on_discord) = (discord.channel("ops"), discord.member("ada"));
        let mut hosts = Vec::new();
        for (name, zone, package) in [
            ("web01", "Europe/Berlin", "lab-reboot"),
            ("db01", "America/New_York", "lab-service"),
            ("app01", "Asia/Kolkata", "lab-postfail"),
            ("mail01", "Europe/London", "lab-app"),
        ] {
            let host = lab.host(name).zone(zone).installed([package, "lab-app"]).start().await?;
            println!("  {name} runs at {}, {zone}, with {package} 1.0", host.address());
            hosts.push((host, package));
        }
        // The story is told as if today were a Friday a little after the quarter began.
        let bot = Installation::new(program, out, "2026-11-06T08:00:00Z".parse()?)?;
        let read = std::collections::BTreeMap::new();
        let story =
            Self { bot, lab, mail, dns, slack, ada, bob, discord, discord_ops, ada_on_discord, hosts, read };
        story.configure()?;
        Ok(story)
    }

    fn configure(&self) -> Result<()> {
        let tables = format!(
            r#"{mail}
[operations]
zone = "Europe/Berlin"
operators = ["olga@patchbot.test"]

[slack]
api_url = "{slack}"
app_token = {app_token}
bot_token = {bot_token}
ops_channel = "{ops}"

[discord]
api_url = "{discord}"
token = {token}
guild = "{GUILD}"
ops_channel = "{discord_ops}"

[snmp]
community = {community}

[policy]
answer_days = 3
reboot_wait = "2m"

[log]
folder = "{out}/logs"
"#,
            mail = self.bot.mail_tables(&self.mail, &self.dns)?,
            slack = self.slack.api_url(),
            app_token = self.bot.secret("slack.app-token", self.slack.app_token())?,
            bot_token = self.bot.secret("slack.bot-token", self.slack.bot_token())?,
            ops = self.slack.channel("ops").id(),
            discord = self.discord.api_url(),
            token = self.bot.secret("discord.token", TOKEN)?,
            discord_ops = self.discord_ops,
            community = self.bot.secret("snmp.community", "labpub")?,
            out = self.bot.folder().display(),
        );
        self.bot.configure(&self.lab, &tables)
    }

    fn leap(&mut self, at: DateTime<Utc>, what: &str) -> Result<()> {
        say(&format!("The clock is moved to {} — {what}", at.format("%a %-d %b %Y, %H:%M UTC")));
        self.bot.move_clock(at)
    }

    /// Runs a command of patchbot's and shows it with what it says.
    async fn patchbot(&self, words: &[&str]) -> Result<String> {
        println!(
            "  $ patchbot {}",
            words
                .iter()
                .map(|word| if word.contains(' ') { format!("\"{word}\"") } else { (*word).to_owned() })
                .collect::<Vec<_>>()
                .join(" ")
        );
        let output = self.quietly(words).await?;
        for line in output.trim_end().lines() {
            println!("    {}", line.replace('\t', "   "));
        }
        Ok(output)
    }

    async fn quietly(&self, words: &[&str]) -> Result<String> {
        Ok(self.bot.run(words).await?.text)
    }

    /// Waits for an owner's next mail with this in its subject.
    async fn next_mail(&mut self, address: &'static str, wanted: &str) -> Result<Message> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let messages = self.mail.mailbox(address).messages()?;
            let seen = self.read.entry(address).or_default();
            if let Some(found) = messages.iter().skip(*seen).position(|mail| subject(mail).contains(wanted)) {
                *seen += found + 1;
                return messages.into_iter().nth(*seen - 1).context("a mail that was there is gone");
            }
            ensure!(
                Instant::now() < deadline,
                "no mail to {address} about \"{wanted}\" came; see {}/serve.log",
                self.bot.folder().display()
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a server no longer waits for an event.
    async fn until_past(&self, server: &str, event: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE * 3;
        loop {
            let shown = self.quietly(&["show", server]).await?;
            if !shown.contains(&format!("next: {event} ")) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{event} of {server} does not come:\n{shown}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn tell(&mut self) -> Result<()> {
        self.prepare().await?;
        self.ask_the_owners().await?;
        self.forge().await?;
        self.decide_in_slack().await?;
        self.night().await?;
        self.look_back().await
    }

    async fn prepare(&mut self) -> Result<()> {
        say("The administrator imports the spreadsheet and plans the quarter");
        let mut sheet = String::from("Server Name;Owner;Secondary Owner;Time Zone;Host Group;IP Address\n");
        for ((host, _), (owner, second, zone, group)) in self.hosts.iter().zip([
            ("ada@owners.test", "bob@owners.test", "Europe/Berlin", "web"),
            ("bob@owners.test", "", "America/New_York", "db"),
            ("ada@owners.test", "", "Asia/Kolkata", "app"),
            ("ada@owners.test", "", "Europe/London", "mail"),
        ]) {
            sheet.push_str(&format!("{};{owner};{second};{zone};{group};{}\n", host.name(), host.address()));
        }
        let path = self.bot.folder().join("servers.csv");
        std::fs::write(&path, sheet)?;
        let file = path.to_str().context("the folder's name is not UTF-8")?;
        self.patchbot(&["import", file]).await?;
        self.patchbot(&["import", file, "--apply"]).await?;
        self.patchbot(&["plan", QUARTER]).await?;
        for (person, mail) in [(&self.ada, "ada@owners.test"), (&self.bob, "bob@owners.test")] {
            self.patchbot(&["link", mail, &format!("slack:{}/{}", self.slack.team(), person.id())]).await?;
        }
        self.patchbot(&["link", "ada@owners.test", &format!("discord:{}", self.ada_on_discord.id())]).await?;
        say("Every host gets the one command that patchbot may run there; its key is pinned");
        for (host, _) in &self.hosts {
            self.patchbot(&["enroll", host.name(), "--login", Host::USER, "--accept-new"]).await?;
            // From here on sudo allows nothing but the helper.
            host.set_sudo(Sudo::None).await?;
        }
        self.patchbot(&["probe"]).await?;
        self.patchbot(&["doctor"]).await?;
        Ok(())
    }

    async fn ask_the_owners(&mut self) -> Result<()> {
        say("patchbot serves; the owners get their notices by mail and in Slack");
        self.bot.serve()?;
        let notice = self.next_mail("ada@owners.test", QUARTER).await?;
        boxed("mail to ada", &text(&notice));
        let card = self.ada.wait_for_message(|message| message.as_text().contains("web01")).await?;
        boxed("Slack, to ada", &card.as_text());

        say("ada answers the mail: she approves web01 and app01, and declines mail01 with a reason");
        let shown = text(&notice);
        let (web, app, mail) =
            (line_of(&shown, "web01")?, line_of(&shown, "app01")?, line_of(&shown, "mail01")?);
        let answer =
            format!("Hello,\n\n{web}, {app} ok; {mail} no: the new mail server comes first\n\nThanks,\nAda");
        self.reply("ada@owners.test", &notice, &answer).await?;
        let transcript = self.next_mail("ada@owners.test", "").await?;
        boxed("mail to ada", &text(&transcript));
        for (server, state) in [("web01", "approved"), ("app01", "approved"), ("mail01", "declined")] {
            let shown = self.quietly(&["show", server]).await?;
            ensure!(
                shown.contains(&format!("state: {state} by ada@owners.test")),
                "ada was misread:\n{shown}"
            );
        }
        Ok(())
    }

    async fn forge(&mut self) -> Result<()> {
        say("Somebody who got hold of bob's notice tries to approve db01 in his name");
        let notice = self.next_mail("bob@owners.test", QUARTER).await?;
        let to = notice.header("Reply-To").context("the notice has no Reply-To")?;
        let forged = Letter::new("bob@owners.test", &address(&to), self.bot.now())
            .subject(&format!("Re: {}", subject(&notice)))
            .text("approve");
        self.mail.send(&forged).await?;
        let stranger = Letter::new("eve@stranger.test", &address(&to), self.bot.now())
            .subject(&format!("Re: {}", subject(&notice)))
            .text("approve")
            .signed();
        self.mail.send(&stranger).await?;
        self.until_inbox(3).await?;
        self.patchbot(&["inbox"]).await?;
        self.patchbot(&["show", "db01"]).await?;
        Ok(())
    }

    /// Waits until so many mails have been read.
    async fn until_inbox(&self, wanted: usize) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let listed: serde_json::Value = serde_json::from_str(&self.quietly(&["--json", "inbox"]).await?)?;
            let read =
                listed.as_array().map_or(0, |rows| rows.iter().filter(|row| row["outcome"] != "new").count());
            if read >= wanted {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the mails are not read: {listed}");
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn decide_in_slack(&mut self) -> Result<()> {
        say("bob moves db01 in Slack, and approves the new time by the button on its card");
        let card = self.bob.wait_for_message(|message| message.as_text().contains("db01")).await?;
        let told = self.bob.slash("/patch", "move db01 to Friday 22:00").await?;
        boxed("Slack, to bob: /patch move db01 to Friday 22:00", &told.answer().await?.as_text());
        let told = self.bob.slash("/patch", "move db01 to 2026-11-13 22:00").await?;
        boxed("Slack, to bob: /patch move db01 to 2026-11-13 22:00", &told.answer().await?.as_text());
        let dm = self.bob.dm();
        let card = dm.wait_until(&card, |message| message.as_text().contains("moved by bob")).await?;
        let told = self.bob.clicks(&card, "Approve").await?;
        boxed("Slack, to bob: [Approve]", &told.answer().await?.as_text());
        let card = dm.wait_until(&card, |message| message.as_text().contains("approved by bob")).await?;
        boxed("Slack, bob's card", &card.as_text());
        self.patchbot(&["list", QUARTER]).await?;
        self.ask_in_discord().await
    }

    async fn ask_in_discord(&self) -> Result<()> {
        say("ada is on Discord as well: her cards there tell what she answered by mail, and she asks why");
        let ada = &self.ada_on_discord;
        let place = ada.conversation();
        let card = self.discord.wait_for(&place, |seen| seen.as_text().contains("approved by ada")).await?;
        boxed("Discord, to ada", &card.as_text());
        let told = ada.patch(&place, "why", &[("server", "web01")])?.answer().await?;
        boxed("Discord, to ada: /patch why web01", &told.as_text());
        Ok(())
    }

    async fn night(&mut self) -> Result<()> {
        say("The repository gets new versions: lab-app, lab-reboot, lab-service, lab-postfail 1.1");
        self.lab.repository().publish_updates().await?;
        let before = self.boots()?;
        self.show_packages("before").await?;

        for (at, server, event) in self.events().await? {
            if self.bot.now() < at {
                self.leap(at, &format!("{event} of {server}"))?;
            } else {
                say(&format!("{event} of {server}"));
            }
            match event {
                "the reminder" if server == "web01" => {
                    self.until_past(&server, event).await?;
                    let reminder = self.next_mail("ada@owners.test", "web01 will be patched").await?;
                    boxed("mail to ada", &text(&reminder));
                }
                "the lock" if server == "web01" => {
                    self.until_past(&server, event).await?;
                    self.patchbot(&["why", "web01"]).await?;
                }
                "the start" => {
                    self.until_ended(&server).await?;
                    if server == "app01" {
                        let failed = self.next_mail("ada@owners.test", "app01 could not be patched").await?;
                        boxed("mail to ada", &text(&failed));
                    }
                }
                _ => self.until_past(&server, event).await?,
            }
        }
        self.show_packages("after").await?;
        for ((host, _), before) in self.hosts.iter().zip(before) {
            let after = host.boot_id()?;
            // Only web01 has an update that needs a reboot.
            ensure!((before != after) == (host.name() == "web01"), "{} was rebooted wrongly", host.name());
            println!(
                "  {}: boot id {before} → {after}{}",
                host.name(),
                if before == after { "" } else { "  (rebooted)" }
            );
        }
        let done = self.next_mail("ada@owners.test", "web01 is patched").await?;
        boxed("mail to ada", &text(&done));
        self.slack
            .channel("ops")
            .wait_for_message(|message| message.as_text().contains("db01 is patched"))
            .await?;
        let ops: String = self
            .slack
            .channel("ops")
            .messages()
            .iter()
            .map(|message| format!("{}\n\n", message.as_text()))
            .collect();
        boxed("Slack, #ops", &ops);
        let patched = |seen: &patchbot_standins::discord::Seen| seen.as_text().contains("db01 is patched");
        self.discord.wait_for(&self.discord_ops, patched).await?;
        let ops: String = self
            .discord
            .messages(&self.discord_ops)
            .iter()
            .map(|message| format!("{}\n\n", message.as_text()))
            .collect();
        boxed("Discord, #ops", &ops);
        Ok(())
    }

    /// What comes for the approved servers, in its order: by the default rules a reminder a day before the start,
    /// pre-checks five hours and the lock three hours before it.
    async fn events(&self) -> Result<Vec<(DateTime<Utc>, String, &'static str)>> {
        let listed: serde_json::Value =
            serde_json::from_str(&self.quietly(&["--json", "list", QUARTER]).await?)?;
        let mut events = Vec::new();
        for row in listed.as_array().context("patchbot list gives no list")? {
            if row["state"] != "approved" {
                continue;
            }
            let server = row["server"].as_str().context("a window without a server")?;
            let start: DateTime<Utc> =
                row["starts_at"].as_str().context("a window without a start")?.parse()?;
            for (hours, event) in
                [(24, "the reminder"), (5, "the pre-checks"), (3, "the lock"), (0, "the start")]
            {
                events.push((start - TimeDelta::hours(hours), server.to_owned(), event));
            }
        }
        events.sort();
        Ok(events)
    }

    async fn until_ended(&self, server: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE * 3;
        loop {
            let shown = self.quietly(&["show", server]).await?;
            if ["state: patched", "state: failed", "state: missed", "state: a person"]
                .iter()
                .any(|end| shown.contains(end))
            {
                let state = shown.lines().find(|line| line.starts_with("state:")).unwrap_or_default();
                println!("    {state}");
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{server} does not end:\n{shown}");
            sleep(Duration::from_millis(300)).await;
        }
    }

    fn boots(&self) -> Result<Vec<String>> {
        self.hosts.iter().map(|(host, _)| host.boot_id()).collect()
    }

    async fn show_packages(&self, when: &str) -> Result<()> {
        println!("  dpkg -l, {when}:");
        for (host, _) in &self.hosts {
            let listed = host.exec("dpkg -l 'lab-*' | tail -n +6").await?.ok()?;
            for line in listed.lines() {
                let words: Vec<&str> = line.split_whitespace().take(3).collect();
                println!("    {:8} {}", host.name(), words.join(" "));
            }
        }
        Ok(())
    }

    async fn look_back(&mut self) -> Result<()> {
        say("What happened, who decided, through which channel");
        for server in ["web01", "db01", "app01", "mail01"] {
            self.patchbot(&["history", server]).await?;
        }
        self.patchbot(&["audit"]).await?;
        self.patchbot(&["audit", "verify"]).await?;
        self.check().await
    }

    /// The story is only told well when it ended as it should.
    async fn check(&self) -> Result<()> {
        let versions =
            [("web01", "lab-reboot", "1.1"), ("db01", "lab-service", "1.1"), ("mail01", "lab-app", "1.0")];
        for (name, package, wanted) in versions {
            let (host, _) =
                self.hosts.iter().find(|(host, _)| host.name() == name).context("a host is missing")?;
            let version = host.package_version(package).await?;
            ensure!(version.as_deref() == Some(wanted), "{name} has {package} {version:?}, not {wanted}");
        }
        // Everybody was answered, and neither platform was sent anything that it would refuse.
        self.slack.finish().await?;
        self.discord.finish().await
    }

    async fn reply(&self, from: &str, notice: &Message, words: &str) -> Result<()> {
        let to = notice.header("Reply-To").context("the notice has no Reply-To")?;
        let quoted: String = text(notice).lines().map(|line| format!("> {line}\n")).collect();
        let body = format!(
            "{words}\n\nOn Fri, Nov 6, 2026 at 9:00 AM patchbot <patchbot@patchbot.test> wrote:\n{quoted}"
        );
        boxed(&format!("mail from {from}"), words);
        let id = notice.header("Message-ID").unwrap_or_default();
        let letter = Letter::new(from, &address(&to), self.bot.now())
            .subject(&format!("Re: {}", subject(notice)))
            .answers(&id)
            .text(&body)
            .signed();
        self.mail.send(&letter).await?;
        Ok(())
    }

    async fn end(&mut self) -> Result<()> {
        self.bot.stop().await?;
        for address in ["ada@owners.test", "bob@owners.test", "patchbot@patchbot.test"] {
            let folder = self.bot.folder().join("mail").join(address);
            std::fs::create_dir_all(&folder)?;
            for (number, message) in (1..).zip(self.mail.mailbox(address).messages()?) {
                std::fs::write(folder.join(format!("{number:02}.eml")), &message.raw)?;
            }
        }
        say(&format!("Everything that was started has ended. To look at: {}", self.bot.folder().display()));
        println!(
            "  patching.conf, patchbot.db, servers.csv, serve.log, logs/, mail/ (open the .eml files in a mail program)"
        );
        Ok(())
    }
}

fn subject(mail: &Message) -> String {
    mail.header("Subject").unwrap_or_default()
}

/// The address in `Name <address>`.
fn address(header: &str) -> String {
    header.rsplit_once('<').map_or(header, |(_, rest)| rest.trim_end_matches('>')).trim().to_owned()
}

/// The number of a server's line in a notice.
fn line_of(notice: &str, server: &str) -> Result<u16> {
    let numbers = notice.lines().filter_map(|line| line.trim().split_once(". "));
    let found = numbers.into_iter().find(|(_, what)| what.starts_with(&format!("{server} (")));
    let (number, _) = found.with_context(|| format!("the notice has no line about {server}"))?;
    number.parse().with_context(|| format!("{server}'s line begins with \"{number}\""))
}

/// A mail as a mail program shows it: sender, subject, the text.
fn text(mail: &Message) -> String {
    let parsed = mail_parser::MessageParser::new().parse(&mail.raw);
    let body = parsed.as_ref().and_then(|parsed| parsed.body_text(0)).unwrap_or_default().into_owned();
    let subject = parsed.as_ref().and_then(|parsed| parsed.subject()).unwrap_or_default().to_owned();
    format!("Subject: {subject}\n\n{body}")
}
