//! Opens what commands work with: the store, the use cases, the way to the hosts; and small acts of administration.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::TimeDelta;

use super::{Ended, Screen};
use crate::app::{App, ChatPlaces};
use crate::clock::{Clock, Ids};
use crate::config::hosts::Snmp as SnmpSection;
use crate::config::secret::SecretSource;
use crate::config::{Config, login_name};
use crate::domain::answer::Channel;
use crate::domain::event::Actor;
use crate::domain::person::{Address, Identity};
use crate::snmp::{Access, Probe, User};
use crate::ssh::{LoginKey, Remote, Settings};
use crate::store::Store;
use crate::work::hosts::{Defaults, Hosts, Snmp, Times};

/// Opens the database without changing its schema.
pub(super) async fn store(config: &Config) -> anyhow::Result<Store> {
    Ok(match &config.database.postgres {
        Some(source) => Store::postgres(source.read()?.expose()).await?,
        None => Store::sqlite(&config.database.sqlite).await?,
    })
}

/// The clock: the machine's, unless a lab says otherwise.
pub(super) fn clock(config: &Config) -> anyhow::Result<Clock> {
    match &config.lab.clock {
        None => Ok(Clock::System),
        Some(path) => Ok(Clock::shifted(ahead(path)?)),
    }
}

/// How far a lab's clock is ahead of the machine's.
pub(super) fn ahead(path: &Path) -> anyhow::Result<TimeDelta> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the lab's clock {} cannot be read", path.display()))?;
    let seconds = text
        .trim()
        .parse()
        .with_context(|| format!("{} does not hold a number of seconds", path.display()))?;
    TimeDelta::try_seconds(seconds)
        .with_context(|| format!("{} holds more seconds than there are", path.display()))
}

/// The use cases on a database whose schema is up to date.
pub(super) async fn app(config: &Config) -> anyhow::Result<App> {
    let store = store(config).await?;
    store.migrate().await?;
    let chat = ChatPlaces {
        slack_ops: config.slack.as_ref().map(|slack| slack.ops_channel.clone()),
        slack_windows: config.slack.as_ref().and_then(|slack| slack.windows_channel.clone()),
        discord_ops: config.discord.as_ref().map(|discord| discord.ops_channel.clone()),
        discord_windows: config.discord.as_ref().and_then(|discord| discord.windows_channel.clone()),
    };
    let app = App {
        store,
        clock: clock(config)?,
        ids: Ids::Random,
        policies: Arc::new(config.policies.clone()),
        quarters: Arc::new(config.quarters.clone()),
        zone: config.operations.zone.0,
        chat: Arc::new(chat),
        public_url: config.http.public_url.as_deref().map(Arc::from),
    };
    app.give_roles(&config.roles()).await?;
    Ok(app)
}

/// What stands behind the ids of calendar entries.
pub(super) fn domain(config: &Config) -> String {
    config.mail.as_ref().map_or("patchbot", |mail| mail.address.domain()).to_owned()
}

/// The way to the servers.
pub(super) fn hosts(config: &Config, clock: &Clock) -> anyhow::Result<Hosts> {
    let ssh = &config.ssh;
    let passphrase = ssh.passphrase.as_ref().map(SecretSource::read).transpose()?;
    let key = LoginKey::read(&ssh.key, passphrase.as_ref())?;
    let lab_only = !clock.is_system();
    let remote = Remote::new(Settings {
        connect_timeout: *ssh.connect_timeout,
        login_timeout: *ssh.connect_timeout,
        lab_only,
        ..Settings::default()
    });
    let snmp = match &config.snmp {
        None => None,
        Some(snmp) => Some(Snmp {
            access: snmp_access(snmp)?,
            port: snmp.port,
            probe: Probe { timeout: *snmp.timeout, retries: snmp.retries, lab_only },
        }),
    };
    let times =
        Times { facts: *ssh.facts_timeout, poll: *ssh.poll, patience: *ssh.patience, settle: *ssh.settle };
    let defaults = Defaults { user: ssh.user.clone(), port: ssh.port, key };
    Ok(Hosts::new(remote, defaults, snmp, times, clock.clone()))
}

fn snmp_access(snmp: &SnmpSection) -> anyhow::Result<Access> {
    if let Some(community) = &snmp.community {
        return Ok(Access::V2c(community.read()?));
    }
    let Some(name) = snmp.user.clone() else { bail!("snmp.community: this key is needed") };
    let password = snmp.password.as_ref().map(SecretSource::read).transpose()?;
    let privacy = snmp.privacy_password.as_ref().map(SecretSource::read).transpose()?;
    Ok(Access::V3(User {
        name,
        authentication: password.map(|password| (snmp.digest, password)),
        privacy: privacy.map(|password| (snmp.cipher, password)),
    }))
}

/// Who acts when somebody types on this machine.
pub(super) fn actor() -> Actor {
    Actor::outside(login_name(), Channel::Terminal)
}

pub(super) async fn migrate(config: &Config, screen: &mut Screen) -> anyhow::Result<Ended> {
    let store = store(config).await?;
    store.migrate().await?;
    screen.line(&format!("The {} database is up to date.", store.engine()));
    store.close().await;
    Ok(Ended::Well)
}

pub(super) async fn link(
    config: &Config,
    screen: &mut Screen,
    mail: &str,
    account: &str,
) -> anyhow::Result<Ended> {
    let mail = Address::parse(mail)?;
    let identity = account
        .split_once(':')
        .and_then(|(kind, key)| Identity::from_parts(kind, key))
        .filter(|identity| matches!(identity, Identity::Slack { .. } | Identity::Discord { .. }));
    let Some(identity) = identity else {
        screen.complain(&format!("\"{account}\" is not an account; write it as slack:T0123/U0456"));
        return Ok(Ended::Refused);
    };
    let app = app(config).await?;
    match app.link(&mail, &identity, actor()).await? {
        Some(person) => {
            screen.line(&format!("{} is {} now.", account, person.name));
            Ok(Ended::Well)
        }
        None => {
            screen.complain(&format!("nobody is known as {mail}; import the inventory first, or name the person in the configuration"));
            Ok(Ended::Refused)
        }
    }
}
