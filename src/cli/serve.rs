//! `serve`: wires everything together, starts the loops, and waits.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;

use super::{Ended, setup};
use crate::app::App;
use crate::chat::Chat;
use crate::chat::discord::{Discord, Settings as DiscordSettings};
use crate::chat::slack::{Settings as SlackSettings, Slack};
use crate::config::mail::{Imap, Smtp as SmtpSection};
use crate::config::operations::Inventory;
use crate::config::{Config, MailSections, logs_of_the_service};
use crate::domain::inbound::Limits;
use crate::mail::auth::{AuthSettings, Authenticator};
use crate::mail::connect::Place;
use crate::mail::dkim::Signer;
use crate::mail::fetch::{After, Cursor, ImapSettings, Mailbox};
use crate::mail::ours::Ours;
use crate::mail::send::{Mailer, Smtp, SmtpSettings};
use crate::render::Renderer;
use crate::store::Store;
use crate::supervisor::Supervisor;
use crate::work::board::Boards;
use crate::work::dropped::{Drop, DroppedInventory};
use crate::work::due::Scheduler;
use crate::work::inbox::{self, InboxReader};
use crate::work::outbox::{Outbox, Postman};
use crate::work::pace::Pace;
use crate::work::recheck::Recheck;
use crate::work::reports::Reporter;
use crate::{http, telemetry};

/// A board is drawn at most so often.
const BOARD_REST: Duration = Duration::from_secs(5);
/// How often it is looked whether the rules or the inventory changed.
const RECHECK_REST: Duration = Duration::from_secs(10);
/// How long a loop rests when there was nothing to do.
const REST: Duration = Duration::from_millis(500);

/// The server that notices are handed to.
pub(super) fn smtp(section: &SmtpSection, ours: &Ours) -> anyhow::Result<Smtp> {
    let login = match (&section.user, &section.password) {
        (Some(user), Some(password)) => Some((user.clone(), password.read()?)),
        _ => None,
    };
    Ok(Smtp::new(SmtpSettings {
        place: Place {
            host: section.host.clone(),
            port: section.port,
            security: section.security,
            ca_file: section.ca_file.clone(),
            timeout: *section.timeout,
        },
        login,
        hello: ours.domain().to_owned(),
        connections: usize::try_from(section.connections).unwrap_or(1),
        timeout: *section.timeout,
    })?)
}

/// The mailbox that replies are read from.
pub(super) fn mailbox(section: &Imap, folder: &str, cursor: Option<Cursor>) -> anyhow::Result<Mailbox> {
    let password = section.password.as_ref().context("imap.password: this key is needed")?.read()?;
    let settings = ImapSettings {
        place: Place {
            host: section.host.clone(),
            port: section.port,
            security: section.security,
            ca_file: section.ca_file.clone(),
            timeout: *section.timeout,
        },
        user: section.user.clone(),
        password,
        folder: folder.to_owned(),
        after: section.move_to.clone().map_or(After::MarkSeen, After::MoveTo),
        poll: *section.poll,
        renew: crate::mail::fetch::RENEW,
        timeout: *section.timeout,
    };
    Ok(Mailbox::new(settings, cursor)?)
}

/// Whose word is believed.
pub(super) fn authenticator(mail: &MailSections) -> anyhow::Result<Authenticator> {
    let section = &mail.authentication;
    Ok(Authenticator::new(AuthSettings {
        resolver: section.resolver,
        timeout: *section.timeout,
        authserv_ids: section.authserv_id.iter().cloned().collect(),
        trusted_domains: section.trusted_domains.clone(),
    })?)
}

/// Who signs the mails, when there is a key.
pub(super) fn signer(mail: &MailSections) -> anyhow::Result<Option<Signer>> {
    let Some(key) = &mail.mail.dkim_key else { return Ok(None) };
    Ok(Some(Signer::read(key, mail.address.domain(), &mail.mail.dkim_selector)?))
}

/// How much mail is read.
pub(super) fn limits(mail: &MailSections) -> Limits {
    Limits { per_person: mail.mail.per_person_hour, per_hour: mail.mail.per_hour, ..Limits::default() }
}

/// How mails are made and leave.
pub(super) fn postman(config: &Config, mail: &MailSections) -> anyhow::Result<Postman> {
    let ours = Ours::new(mail.address.clone());
    let contact = config.operations.operators.first().or(config.operations.administrators.first());
    Ok(Postman {
        mailer: Mailer::Smtp(Arc::new(smtp(&mail.smtp, &ours)?)),
        renderer: Arc::new(Renderer::new(mail.mail.templates.as_deref())?),
        name: mail.mail.name.clone(),
        contact: contact.unwrap_or(&mail.address).to_string(),
        signer: signer(mail)?.map(Arc::new),
        ours,
    })
}

/// Slack, when it is on.
pub(super) fn slack(config: &Config, app: &App) -> anyhow::Result<Option<Slack>> {
    let Some(section) = &config.slack else { return Ok(None) };
    let token = |source: &Option<crate::config::secret::SecretSource>, key: &str| {
        anyhow::Ok(source.as_ref().with_context(|| format!("slack.{key}: this key is needed"))?.read()?)
    };
    let settings = SlackSettings {
        api_url: section.api_url.clone(),
        match_mail: section.match_mail,
        timeout: *section.timeout,
        ..SlackSettings::new(token(&section.app_token, "app_token")?, token(&section.bot_token, "bot_token")?)
    };
    Ok(Some(Slack::new(settings, app.clone())?))
}

/// Discord, when it is on.
pub(super) fn discord(config: &Config, app: &App) -> anyhow::Result<Option<Discord>> {
    let Some(section) = &config.discord else { return Ok(None) };
    let token = section.token.as_ref().context("discord.token: this key is needed")?.read()?;
    let settings = DiscordSettings {
        api_url: section.api_url.clone(),
        timeout: *section.timeout,
        ..DiscordSettings::new(token, section.guild.clone())
    };
    Ok(Some(Discord::new(settings, app.clone())?))
}

/// The claim on a SQLite file: one serving process at a time. It ends with the process.
pub(super) struct Alone {
    _file: std::fs::File,
}

impl Alone {
    pub(super) fn on(database: &Path) -> anyhow::Result<Self> {
        let path = database.with_extension("lock");
        let file =
            std::fs::File::create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        file.try_lock().map_err(|_| {
            anyhow::anyhow!(
                "another patchbot serves {}; stop that one first, or use PostgreSQL for several instances",
                database.display()
            )
        })?;
        Ok(Self { _file: file })
    }
}

/// Gives back what a process that was killed had claimed; only for who is alone on the database.
async fn release(store: &Store) -> anyhow::Result<()> {
    let mut tx = store.begin().await?;
    let released = tx
        .release_due()
        .await?
        .saturating_add(tx.release_outbox().await?)
        .saturating_add(tx.release_inbox().await?)
        .saturating_add(tx.release_heard().await?);
    tx.commit().await?;
    if released > 0 {
        tracing::info!(released, "the last process ended in the middle of {released} things; they go on now");
    }
    Ok(())
}

pub(super) async fn serve(config: &Config) -> anyhow::Result<Ended> {
    let logs = config.log.folder.clone().or_else(logs_of_the_service);
    telemetry::start(logs.as_deref(), &config.log.level)?;
    let _alone = match config.database.postgres {
        None => Some(Alone::on(&config.database.sqlite)?),
        Some(_) => None,
    };
    let app = setup::app(config).await?;
    if config.database.postgres.is_none() {
        release(&app.store).await?;
    }
    let hosts = setup::hosts(config, &app.clock)?;
    // A name nobody else has: claims of another process are never taken for ours.
    let owner = app.ids.next().simple().to_string();
    let mut supervisor = Supervisor::default();
    let stop = supervisor.stop();
    let metrics = http::counters()?;

    if let Some(path) = config.lab.clock.clone() {
        tracing::warn!("the clock is a lab's: only 127.0.0.0/8 and 198.18.0.0/15 can be reached");
        follow_lab_clock(&mut supervisor, &app, path);
    }
    let scheduler = Scheduler::new(app.clone(), hosts, owner.clone(), config.ssh.concurrency);
    {
        let scheduler = scheduler.clone();
        supervisor.tick("scheduler", REST, move || {
            let scheduler = scheduler.clone();
            async move { Ok(scheduler.tick().await?) }
        });
    }
    let recheck = Recheck::new(app.clone());
    supervisor.tick("recheck", RECHECK_REST, move || {
        let recheck = recheck.clone();
        async move { Ok(recheck.tick().await?) }
    });
    {
        let turner = super::rollover::turner(config, &app);
        supervisor.tick("rollover", REST, move || {
            let turner = turner.clone();
            async move { Ok(turner.tick().await?) }
        });
    }
    if let Some(mail) = &config.mail {
        start_mail(config, mail, &app, &owner, &mut supervisor).await?;
    }
    let mut chats = Vec::new();
    if let Some(slack) = slack(config, &app)? {
        let loops = ["slack_sender", "slack_board", "slack"];
        chats.push(start_chat(Chat::Slack(slack), loops, &app, &owner, &mut supervisor));
    }
    if let Some(file) = &config.inventory.file {
        let inventory = DroppedInventory::new(app.clone(), dropped(&config.inventory, file));
        supervisor.tick("inventory", REST, move || {
            let inventory = inventory.clone();
            async move { Ok(inventory.tick().await?) }
        });
    }
    if let Some(discord) = discord(config, &app)? {
        let loops = ["discord_sender", "discord_board", "discord"];
        chats.push(start_chat(Chat::Discord(discord), loops, &app, &owner, &mut supervisor));
    }
    {
        let (listen, stop) = (config.http.listen, stop.clone());
        let pages = http::Pages { store: app.store.clone(), pulse: supervisor.pulse(), metrics, chats };
        let feeds = http::calendar::router(app.clone(), setup::domain(config));
        supervisor.run("http", async move { Ok(http::serve(listen, pages, feeds, stop).await?) });
    }
    tracing::info!(engine = app.store.engine(), "patchbot serves");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let result = supervisor.wait().await;
    // Work on hosts is detached there and found again by the next start.
    scheduler.halt().await;
    app.store.close().await;
    result.map(|()| Ended::Well)
}

/// Starts what a chat platform needs: one loop that writes, one that keeps the board of the night, one that listens.
/// Each platform has its own, so that one that is down holds up nobody else.
fn start_chat(
    chat: Chat,
    [sender, board, listener]: [&'static str; 3],
    app: &App,
    owner: &str,
    supervisor: &mut Supervisor,
) -> Chat {
    let outbox = Outbox::chat(app.clone(), chat.clone(), owner.to_owned());
    supervisor.tick(sender, REST, move || {
        let outbox = outbox.clone();
        async move { Ok(outbox.tick().await?) }
    });
    let ops = app.chat.ops().find(|(medium, _)| *medium == chat.medium()).map(|(_, place)| place.to_owned());
    if let Some(place) = ops {
        let boards = Boards::new(app.clone(), chat.clone(), place);
        supervisor.tick(board, BOARD_REST, move || {
            let boards = boards.clone();
            async move { Ok(boards.tick().await?) }
        });
    }
    let (listening, stop) = (chat.clone(), supervisor.stop());
    supervisor.run(listener, async move {
        listening.run(stop).await;
        Ok(())
    });
    chat
}

fn dropped(section: &Inventory, file: &Path) -> Drop {
    Drop {
        file: file.to_owned(),
        checksum: section.checksum,
        every: TimeDelta::from_std(*section.every).unwrap_or(TimeDelta::MAX),
        most_changed: section.most_changed,
    }
}

async fn start_mail(
    config: &Config,
    mail: &MailSections,
    app: &App,
    owner: &str,
    supervisor: &mut Supervisor,
) -> anyhow::Result<()> {
    let postman = postman(config, mail)?;
    let ours = postman.ours.clone();
    let at_once = usize::try_from(mail.smtp.connections).unwrap_or(1);
    let number = |number: u32| usize::try_from(number).unwrap_or(0);
    let pace =
        Pace { at_once, per_domain: number(mail.smtp.per_domain), per_minute: number(mail.smtp.per_minute) };
    let outbox = Outbox::mail(app.clone(), postman, owner.to_owned(), at_once).paced(pace);
    supervisor.tick("mail_sender", REST, move || {
        let outbox = outbox.clone();
        async move { Ok(outbox.tick().await?) }
    });
    let reporter = Reporter::new(app.clone(), config.operations.reports.clone());
    supervisor.tick("reports", REST, move || {
        let reporter = reporter.clone();
        async move { Ok(reporter.tick().await?) }
    });
    let Some(imap) = &mail.imap else { return Ok(()) };
    let reader = InboxReader::new(app.clone(), ours, authenticator(mail)?, limits(mail), owner.to_owned());
    supervisor.tick("mail_reader", REST, move || {
        let reader = reader.clone();
        async move { Ok(reader.tick().await?) }
    });
    for (name, section) in
        std::iter::once((None, imap)).chain(mail.mailboxes.iter().map(|(n, s)| (Some(n), s)))
    {
        for folder in std::iter::once(&section.folder).chain(&section.more_folders) {
            // The first account's folders are known by their bare names, as they always were.
            let place = name.map_or_else(|| folder.clone(), |name| format!("{name}:{folder}"));
            let mailbox = mailbox(section, folder, inbox::cursor(app, &place).await?)?;
            start_fetcher(app, place, mailbox, supervisor);
        }
    }
    Ok(())
}

/// Fetches one folder's mails until the end.
fn start_fetcher(app: &App, place: String, mut mailbox: Mailbox, supervisor: &mut Supervisor) {
    let (app, stop) = (app.clone(), supervisor.stop());
    supervisor.run("mail_fetcher", async move {
        let ids = app.ids.clone();
        let jitter = move || f64::from(u16::try_from(ids.next().as_u128() % 1000).unwrap_or(0)) / 1000.0;
        let keep = |arrived| {
            let (app, place) = (app.clone(), place.clone());
            async move { inbox::accept(&app, &place, arrived).await.map_err(|error| error.to_string()) }
        };
        mailbox.run(keep, jitter, stop).await;
        Ok(())
    });
}

/// A lab moves its clock by writing to a file.
fn follow_lab_clock(supervisor: &mut Supervisor, app: &App, path: std::path::PathBuf) {
    let clock = app.clock.clone();
    let stop = supervisor.stop();
    supervisor.run("lab_clock", async move {
        let mut last: Option<TimeDelta> = None;
        while !stop.is_cancelled() {
            if let Ok(ahead) = setup::ahead(&path)
                && last != Some(ahead)
            {
                clock.shift(ahead);
                tracing::info!(seconds = ahead.num_seconds(), "the lab's clock was moved");
                last = Some(ahead);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        }
        Ok(())
    });
}
