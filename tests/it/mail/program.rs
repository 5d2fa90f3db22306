//! The built program with real mail servers: what an administrator asks it, its limits, its mailboxes, templates of his own.

use std::path::Path;
use std::time::Duration;

use patchbot_lab::{Dns, Installation, Lab, Letter, Mail, Message};
use serde_json::Value;

use crate::night::utc;

const PATIENCE: Duration = Duration::from_secs(60);
const OWNERS: [&str; 5] = ["ada", "bob", "carl", "dora", "emil"];

struct Office {
    mail: Mail,
    _dns: Dns,
    bot: Installation,
    folder: tempfile::TempDir,
    _lab: Lab,
}

impl Office {
    /// Five owners with a server each in 2027-Q1, planned; it is 24 November 2026. `change` is made to the tables of the mail.
    async fn new(change: impl Fn(String) -> String) -> Self {
        let lab = Lab::start().await.unwrap();
        let (dns, mail) = tokio::try_join!(lab.dns(), lab.mail()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_patchbot"));
        let bot = Installation::new(program, folder.path(), utc("2026-11-24T08:00:00Z")).unwrap();
        bot.configure(&lab, &change(bot.mail_tables(&mail, &dns).unwrap())).unwrap();
        let mut sheet = "server_name,primary_owner,server_timezone\n".to_owned();
        for owner in OWNERS {
            sheet.push_str(&format!("srv-{owner},{owner}@owners.test,Europe/Berlin\n"));
        }
        let file = folder.path().join("servers.csv");
        std::fs::write(&file, sheet).unwrap();
        bot.ok(&["import", file.to_str().unwrap(), "--apply"]).await.unwrap();
        bot.ok(&["plan", "2027-Q1"]).await.unwrap();
        Self { mail, _dns: dns, bot, folder, _lab: lab }
    }

    async fn notice_to(&self, owner: &str) -> Message {
        self.mail.wait_for(&format!("{owner}@owners.test"), 1, PATIENCE).await.unwrap().remove(0)
    }

    fn answer(&self, notice: &Message, words: &str) -> Letter {
        let header = |name: &str| notice.header(name).unwrap();
        let reply_to = header("Reply-To");
        let to = reply_to.rsplit_once('<').unwrap().1.trim_end_matches('>').to_owned();
        Letter::new(&header("To"), &to, self.bot.now())
            .subject(&format!("Re: {}", header("Subject")))
            .answers(&header("Message-ID"))
            .text(words)
    }

    async fn replay(&self, name: &str, raw: &[u8]) -> Value {
        let file = self.folder.path().join(name);
        std::fs::write(&file, raw).unwrap();
        let said = self.bot.run(&["--json", "replay-mail", file.to_str().unwrap()]).await.unwrap();
        serde_json::from_str(&said.text).unwrap()
    }

    async fn state(&self, server: &str) -> String {
        let said = self.bot.ok(&["show", server]).await.unwrap();
        said.lines().find(|line| line.starts_with("state: ")).unwrap().to_owned()
    }
}

#[tokio::test]
async fn what_a_mail_would_come_to_and_whose_mail_counts_can_be_asked_before_it_matters() {
    let mut office = Office::new(|tables| tables).await;
    office.bot.serve().unwrap();
    let followed = office.bot.ok(&["outbox", "--follow"]).await.unwrap();
    assert!(followed.contains("0 wait, 0 are parked"), "{followed}");
    let notice = office.notice_to("ada").await;
    let genuine = office.answer(&notice, "Approved.\n\nThanks,\nAda\n").signed();
    let replayed = office.replay("genuine.eml", &office.mail.sign(&genuine).await.unwrap()).await;
    assert_eq!(replayed["end"], "execute", "{replayed}");
    assert_eq!(replayed["servers"], serde_json::json!(["srv-ada"]), "{replayed}");
    for (words, end) in [("approve if it rains", "clarify"), ("move to Friday 20:00", "confirm")] {
        let letter = office.answer(&notice, words).signed();
        let replayed = office.replay("other.eml", &office.mail.sign(&letter).await.unwrap()).await;
        assert_eq!(replayed["end"], end, "{replayed}");
    }
    let unsigned = office.answer(&notice, "approve");
    assert_eq!(
        office.replay("unsigned.eml", &office.mail.sign(&unsigned).await.unwrap()).await["end"],
        "reject"
    );
    let automatic = office.answer(&notice, "approve").header("Auto-Submitted", "auto-replied").signed();
    assert_eq!(
        office.replay("automatic.eml", &office.mail.sign(&automatic).await.unwrap()).await["end"],
        "ignore"
    );
    assert_eq!(office.state("srv-ada").await, "state: waits for approval", "nothing was done");

    // A real answer names the keys of its domain, so that nobody has to know them.
    office.mail.send(&genuine).await.unwrap();
    office
        .bot
        .wait_until(&["show", "srv-ada"], |said| said.contains("state: approved by ada"))
        .await
        .unwrap();
    let known = office.bot.ok(&["doctor", "--domain", "owners.test"]).await.unwrap();
    insta::assert_snapshot!(known, @"
    ✓ _dmarc.owners.test: v=DMARC1; p=reject; adkim=s; aspf=s
    ✓ lab._domainkey.owners.test: RSA, about 2048 bits.
    ✓ 1 of its latest mails would be believed.
    → A reply from owners.test counts when owners.test itself signed it (DKIM, d=owners.test) over From, Subject and Date, not longer than 48 hours ago, and its DMARC policy is met.
    ");
    let unknown = office.bot.run(&["doctor", "--domain", "nowhere.test"]).await.unwrap();
    insta::assert_snapshot!(unknown.text, @r#"
    ✗ nowhere.test publishes no DMARC policy, so a signature of it is not enough: publish one, "v=DMARC1; p=none" at _dmarc.nowhere.test suffices.
    - No mail of nowhere.test came in yet, so the names of its keys are not known; name one with --selector.
    → No reply from nowhere.test counts as it is now.
    "#);
    office.bot.stop().await.unwrap();
}

#[tokio::test]
async fn a_big_send_keeps_its_pace_and_goes_on_after_a_restart() {
    let mut office = Office::new(|tables| tables.replace("[smtp]\n", "[smtp]\nper_minute = 3\n")).await;
    office.bot.serve().unwrap();
    let waits = |said: &str| serde_json::from_str::<Value>(said).unwrap()["waiting"] == 2;
    office.bot.wait_until(&["--json", "outbox"], waits).await.unwrap();
    office.bot.kill().await.unwrap();
    // The limit is the program's own: a new one begins to count anew.
    office.bot.serve().unwrap();
    office.bot.ok(&["outbox", "--follow"]).await.unwrap();
    for owner in OWNERS {
        let mails = office.mail.wait_for(&format!("{owner}@owners.test"), 1, PATIENCE).await.unwrap();
        assert_eq!(mails.len(), 1, "{owner}");
    }
    office.bot.stop().await.unwrap();
}

#[tokio::test]
async fn answers_are_read_from_several_mailboxes_and_put_away_in_each() {
    let further = "\n[mailboxes.old]\nuser = \"patching@patchbot.test\"\nmove_to = \"Handled\"\n";
    let mut office = Office::new(|tables| tables + further).await;
    office.bot.serve().unwrap();
    let notice = office.notice_to("ada").await;
    // Her address book has the former address; the token is in the subject.
    let subject = format!("Re: {}", notice.header("Subject").unwrap());
    let letter = Letter::new("ada@owners.test", "patching@patchbot.test", office.bot.now())
        .subject(&subject)
        .text("approve")
        .signed();
    office.mail.send(&letter).await.unwrap();
    office
        .bot
        .wait_until(&["show", "srv-ada"], |said| said.contains("state: approved by ada"))
        .await
        .unwrap();
    let bob = office.notice_to("bob").await;
    office.mail.send(&office.answer(&bob, "decline because of the release").signed()).await.unwrap();
    office
        .bot
        .wait_until(&["show", "srv-bob"], |said| said.contains("state: declined by bob"))
        .await
        .unwrap();
    assert!(office.mail.mailbox("patching@patchbot.test").messages().unwrap().is_empty(), "it was moved");
    assert_eq!(office.mail.mailbox("patchbot@patchbot.test").messages().unwrap().len(), 1, "it is marked");
    office.bot.stop().await.unwrap();
}

#[tokio::test]
async fn templates_of_ones_own_are_used_and_wrong_ones_keep_it_from_starting() {
    let folder = tempfile::tempdir().unwrap();
    let subject = folder.path().join("mail/monthly_notice");
    std::fs::create_dir_all(&subject).unwrap();
    let subject = subject.join("subject.txt.j2");
    std::fs::write(&subject, "{{ n.quarter }}: Wartung von {{ n.windows[0].server }}").unwrap();
    let key = format!("name = \"Wartung\"\ntemplates = \"{}\"\n", folder.path().display());
    let mut office = Office::new(|tables| tables.replace("[mail]\n", &format!("[mail]\n{key}"))).await;
    office.bot.serve().unwrap();
    let notice = office.notice_to("ada").await;
    assert!(notice.header("Subject").unwrap().starts_with("2027-Q1: Wartung von srv-ada [#"), "{notice:?}");
    office.bot.stop().await.unwrap();
    for (text, place) in [("{{ n.quater }}", "monthly_notice/subject"), ("{{ n.quarter", "line 1")] {
        std::fs::write(&subject, text).unwrap();
        let said = office.bot.run(&["serve"]).await.unwrap();
        assert!(said.code != Some(0) && said.text.contains(place), "{said:?}");
    }
}
