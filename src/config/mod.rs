//! The configuration: one struct per section with its defaults and checks, secrets from files or the environment.

pub mod calendar;
pub mod chat;
pub mod database;
pub mod hosts;
pub mod mail;
pub mod operations;
pub mod policy;
pub mod secret;
pub mod section;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono_tz::Tz;
use figment::Figment;
use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use figment::value::Dict;
use serde::Deserialize;

use crate::domain::blackout::Blackout;
use crate::domain::consistency::circle;
use crate::domain::person::{Address, Role};
use crate::domain::policy::{Policies, Policy};
use crate::domain::quarter::Quarters;
use crate::domain::zone::parse_zone;
use crate::telemetry;

/// Where the configuration is when nothing else is said.
pub const DEFAULT_FILE: &str = "/etc/patching/patching.conf";

/// A length of time, written as `3h` or `10m`.
pub type Time = humantime_serde::Serde<Duration>;

/// A time zone, written as `Europe/Berlin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct TimeZone(pub Tz);

impl TryFrom<String> for TimeZone {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        parse_zone(&text).map(Self).map_err(|error| error.to_string())
    }
}

/// Who is logged in on this machine: the one who called sudo, else the user.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "configuration is the one place that reads the environment")]
pub fn login_name() -> String {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "root".to_owned())
}

/// The folder that systemd made for the service's logs
/// (<https://www.freedesktop.org/software/systemd/man/systemd.exec.html#RuntimeDirectory=>).
#[must_use]
#[expect(clippy::disallowed_methods, reason = "configuration is the one place that reads the environment")]
pub fn logs_of_the_service() -> Option<PathBuf> {
    // More than one folder would be separated by colons; the unit names one.
    std::env::var("LOGS_DIRECTORY").ok().filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The file as it is written; a table that is left out has its defaults, or is switched off.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    database: database::Database,
    operations: operations::Operations,
    quarters: operations::QuarterMonths,
    inventory: operations::Inventory,
    mail: Option<mail::Mail>,
    smtp: Option<mail::Smtp>,
    imap: Option<Dict>,
    mailboxes: BTreeMap<String, Dict>,
    authentication: mail::Authentication,
    slack: Option<chat::Slack>,
    discord: Option<chat::Discord>,
    ssh: hosts::Ssh,
    snmp: Option<hosts::Snmp>,
    policy: Dict,
    groups: BTreeMap<String, Dict>,
    http: operations::Http,
    log: operations::Log,
    lab: operations::Lab,
}

/// Mail is on: its three tables.
#[derive(Debug, Clone)]
pub struct MailSections {
    /// The address of notices and replies.
    pub address: Address,
    /// Who writes.
    pub mail: mail::Mail,
    /// The server that sends.
    pub smtp: mail::Smtp,
    /// The mailbox that is read; without it replies are not read.
    pub imap: Option<mail::Imap>,
    /// Further mailboxes that are read, by their names.
    pub mailboxes: BTreeMap<String, mail::Imap>,
    /// Whose word is believed.
    pub authentication: mail::Authentication,
}

/// The configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read from; absent for the defaults.
    pub file: Option<PathBuf>,
    /// The database.
    pub database: database::Database,
    /// The people who run patchbot.
    pub operations: operations::Operations,
    /// The quarters.
    pub quarters: Quarters,
    /// The inventory that another system drops.
    pub inventory: operations::Inventory,
    /// Mail, when it is on.
    pub mail: Option<MailSections>,
    /// Slack, when it is on.
    pub slack: Option<chat::Slack>,
    /// Discord, when it is on.
    pub discord: Option<chat::Discord>,
    /// SSH.
    pub ssh: hosts::Ssh,
    /// SNMP, when it is on.
    pub snmp: Option<hosts::Snmp>,
    /// The host groups' rules.
    pub policies: Policies,
    /// The pages for machines.
    pub http: operations::Http,
    /// The logs.
    pub log: operations::Log,
    /// A test clock.
    pub lab: operations::Lab,
}

/// A configuration that cannot be used, with its place and the way out.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {path} cannot be read ({why}); name another one with --config, or copy deploy/config.example.toml there", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// A key or value is wrong.
    #[error("{place}: {sentence}")]
    Wrong {
        /// The key, with its table: `smtp.port`.
        place: String,
        /// What is wrong and what to do.
        sentence: String,
    },
}

impl ConfigError {
    fn wrong(place: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self::Wrong { place: place.into(), sentence: sentence.into() }
    }

    /// The first error of figment's, as a sentence with its place.
    fn from_figment(error: &figment::Error, prefix: &str) -> Self {
        let mut path: Vec<&str> = Some(prefix).filter(|prefix| !prefix.is_empty()).into_iter().collect();
        path.extend(error.path.iter().map(String::as_str));
        let sentence = match &error.kind {
            Kind::UnknownField(name, known) => {
                if path.last() != Some(&name.as_str()) {
                    path.push(name);
                }
                let near = known
                    .iter()
                    .map(|key| (strsim::osa_distance(name, key), *key))
                    .filter(|(distance, _)| *distance <= 3)
                    .min();
                match near {
                    Some((_, key)) => format!("there is no such key; did you mean {key}?"),
                    None => format!("there is no such key; known here: {}", known.join(", ")),
                }
            }
            Kind::UnknownVariant(name, known) => {
                format!("\"{name}\" is not known here; use {}", known.join(", "))
            }
            Kind::InvalidType(actual, expected) => format!("found {actual}, expected {expected}"),
            Kind::InvalidValue(actual, expected) => format!("{actual} does not fit; expected {expected}"),
            Kind::MissingField(name) => {
                path.push(name);
                "this key is needed".to_owned()
            }
            other => other.to_string().trim_end_matches('.').to_owned(),
        };
        let place = if path.is_empty() { "configuration".to_owned() } else { path.join(".") };
        Self::wrong(place, sentence)
    }
}

impl Config {
    /// Reads the file that was named, or the usual one; without either, the defaults.
    ///
    /// # Errors
    /// When the file cannot be read or something in it is wrong.
    pub fn load(named: Option<&Path>) -> Result<Self, ConfigError> {
        let path = match named {
            Some(path) => path.to_owned(),
            None if Path::new(DEFAULT_FILE).exists() => DEFAULT_FILE.into(),
            None => return Self::parse("").map(|config| Self { file: None, ..config }),
        };
        let text = std::fs::read_to_string(&path)
            .map_err(|why| ConfigError::Unreadable { path: path.clone(), why })?;
        Self::parse(&text).map(|config| Self { file: Some(path), ..config })
    }

    /// Reads and checks the text of a configuration.
    ///
    /// # Errors
    /// When something in it is wrong; the sentence names the key.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let written: Written = Figment::from(Toml::string(text))
            .extract()
            .map_err(|error| ConfigError::from_figment(&error, ""))?;
        telemetry::filter(&written.log.level)
            .map_err(|error| ConfigError::wrong("log.level", error.to_string()))?;
        let months = &written.quarters;
        let quarters =
            Quarters::new(&[months.q1.clone(), months.q2.clone(), months.q3.clone(), months.q4.clone()])
                .map_err(|error| ConfigError::wrong("quarters", error.to_string()))?;
        let policies = policies(&written.policy, &written.groups)?;
        let (imap, mailboxes) = mailboxes(written.imap.as_ref(), &written.mailboxes)?;
        let mail = mail_sections(written.mail, written.smtp, imap, written.authentication)?
            .map(|mail| MailSections { mailboxes, ..mail });
        if let Some(slack) = &written.slack {
            check_slack(slack)?;
        }
        if let Some(discord) = &written.discord {
            check_discord(discord)?;
        }
        if let Some(snmp) = &written.snmp {
            check_snmp(snmp)?;
        }
        if !written.http.listen.ip().is_loopback() {
            return Err(ConfigError::wrong(
                "http.listen",
                "the pages have no login; use a loopback address such as 127.0.0.1:9117",
            ));
        }
        if written.ssh.concurrency == 0 {
            return Err(ConfigError::wrong(
                "ssh.concurrency",
                "0 servers at the same time is none; use at least 1",
            ));
        }
        Ok(Self {
            file: None,
            database: written.database,
            operations: written.operations,
            quarters,
            inventory: written.inventory,
            mail,
            slack: written.slack,
            discord: written.discord,
            ssh: written.ssh,
            snmp: written.snmp,
            policies,
            http: written.http,
            log: written.log,
            lab: written.lab,
        })
    }

    /// Who has which role beyond owning servers.
    #[must_use]
    pub fn roles(&self) -> Vec<(Address, Role)> {
        let named = |list: &[Address], role| list.iter().map(|mail| (mail.clone(), role)).collect::<Vec<_>>();
        let operations = &self.operations;
        [
            named(&operations.administrators, Role::Administrator),
            named(&operations.operators, Role::Operator),
            named(&operations.viewers, Role::Viewer),
        ]
        .concat()
    }

    /// The example file: every key with its meaning and its default.
    #[must_use]
    pub fn example() -> String {
        let mut text = String::from(
            "# patchbot's configuration, /etc/patching/patching.conf. Every key with its meaning; what is left out has\n\
             # the value shown here. Secrets are kept in files or in the environment: { file = \"…\" } or { env = \"…\" }.\n\
             # \"patchbot check-config\" says whether a file is right, \"patchbot doctor\" whether everything answers.\n",
        );
        let sections = [
            database::Database::DESCRIBED,
            operations::Operations::DESCRIBED,
            operations::QuarterMonths::DESCRIBED,
            operations::Inventory::DESCRIBED,
            mail::Mail::DESCRIBED,
            mail::Smtp::DESCRIBED,
            mail::Imap::DESCRIBED,
            mail::Authentication::DESCRIBED,
            chat::Slack::DESCRIBED,
            chat::Discord::DESCRIBED,
            hosts::Ssh::DESCRIBED,
            hosts::Snmp::DESCRIBED,
            policy::PolicySection::DESCRIBED,
            operations::Http::DESCRIBED,
            operations::Log::DESCRIBED,
            operations::Lab::DESCRIBED,
        ];
        for section in sections {
            section.write(&mut text);
        }
        text.push_str("\n# Rules for one host group.\n# [groups.db_servers]\n# silence = \"hold\"\n# per_slot_hour = 1\n");
        text.push_str("\n# A further mailbox that replies are read from; what it does not say, it has from [imap].\n# [mailboxes.old]\n# user = \"patching\"\n# password = { file = \"/etc/patching/old.password\" }\n");
        text
    }
}

fn check_snmp(snmp: &hosts::Snmp) -> Result<(), ConfigError> {
    match (&snmp.community, &snmp.user) {
        (None, None) => Err(ConfigError::wrong(
            "snmp.community",
            "this key is needed, or user for SNMP v3; write { file = \"…\" }",
        )),
        (Some(_), Some(_)) => {
            Err(ConfigError::wrong("snmp.user", "there is a community as well; keep one of them"))
        }
        (None, Some(_)) if snmp.password.is_none() && snmp.privacy_password.is_some() => {
            Err(ConfigError::wrong("snmp.password", "this key is needed beside privacy_password"))
        }
        _ => Ok(()),
    }
}

fn policies(all: &Dict, groups: &BTreeMap<String, Dict>) -> Result<Policies, ConfigError> {
    let read = |figment: Figment, prefix: &str| {
        let section: policy::PolicySection =
            figment.extract().map_err(|error| ConfigError::from_figment(&error, prefix))?;
        section.policy().map_err(|error| ConfigError::wrong(prefix, error.to_string()))
    };
    let base = || Figment::from(Serialized::defaults(all));
    let mut policies = Policies { default: read(base(), "policy")?, groups: BTreeMap::new() };
    for (name, rules) in groups {
        let prefix = format!("groups.{name}");
        let policy = read(base().merge(Serialized::defaults(rules)), &prefix)?;
        // A blackout of the company is one of every group.
        let mut policy = policy;
        policy.blackouts =
            policies.default.blackouts.iter().chain(own_blackouts(rules, &policy)).cloned().collect();
        policies.groups.insert(name.trim().to_lowercase(), policy);
    }
    if let Some(way) = circle(&policies) {
        let place = format!("groups.{}.after", way.first().map_or("", String::as_str));
        let way = way.join(" waits for ");
        return Err(ConfigError::wrong(
            place,
            format!("{way}: nothing of them could ever be planned; break the circle"),
        ));
    }
    Ok(policies.knowing_each_other())
}

/// The blackouts that a group itself says.
fn own_blackouts<'a>(rules: &Dict, policy: &'a Policy) -> &'a [Blackout] {
    if rules.contains_key("blackouts") { &policy.blackouts } else { &[] }
}

/// The mailbox of the table [imap], and those of the tables [mailboxes.NAME], which inherit from it.
fn mailboxes(
    imap: Option<&Dict>,
    more: &BTreeMap<String, Dict>,
) -> Result<(Option<mail::Imap>, BTreeMap<String, mail::Imap>), ConfigError> {
    let read = |figment: Figment, prefix: &str| {
        let section: mail::Imap =
            figment.extract().map_err(|error| ConfigError::from_figment(&error, prefix))?;
        if section.user.is_empty() || section.password.is_none() {
            return Err(ConfigError::wrong(prefix, "user and password are needed"));
        }
        Ok(section)
    };
    let Some(imap) = imap else {
        return match more.keys().next() {
            Some(name) => Err(ConfigError::wrong(
                format!("mailboxes.{name}"),
                "the table [imap] is needed beside it: it is the first mailbox, and what others inherit from",
            )),
            None => Ok((None, BTreeMap::new())),
        };
    };
    let base = || Figment::from(Serialized::defaults(imap));
    let mut all = BTreeMap::new();
    for (name, section) in more {
        let prefix = format!("mailboxes.{name}");
        all.insert(name.clone(), read(base().merge(Serialized::defaults(section)), &prefix)?);
    }
    Ok((Some(read(base(), "imap")?), all))
}

fn mail_sections(
    mail: Option<mail::Mail>,
    smtp: Option<mail::Smtp>,
    imap: Option<mail::Imap>,
    authentication: mail::Authentication,
) -> Result<Option<MailSections>, ConfigError> {
    let (mail, smtp) = match (mail, smtp, &imap) {
        (None, None, None) => return Ok(None),
        (Some(mail), Some(smtp), _) => (mail, smtp),
        (None, _, _) => {
            return Err(ConfigError::wrong(
                "mail",
                "this table is needed beside smtp and imap: it has the address that notices come from",
            ));
        }
        (_, None, _) => {
            return Err(ConfigError::wrong(
                "smtp",
                "this table is needed beside mail: it names the server that notices are handed to",
            ));
        }
    };
    let Some(address) = mail.address.clone() else {
        return Err(ConfigError::wrong(
            "mail.address",
            "this key is needed: the address that notices come from",
        ));
    };
    if smtp.user.is_some() != smtp.password.is_some() {
        return Err(ConfigError::wrong("smtp", "user and password belong together; give both or none"));
    }
    Ok(Some(MailSections { address, mail, smtp, imap, mailboxes: BTreeMap::new(), authentication }))
}

fn check_slack(slack: &chat::Slack) -> Result<(), ConfigError> {
    for (key, there) in [
        ("slack.app_token", slack.app_token.is_some()),
        ("slack.bot_token", slack.bot_token.is_some()),
        ("slack.ops_channel", !slack.ops_channel.is_empty()),
    ] {
        if !there {
            return Err(ConfigError::wrong(key, "this key is needed"));
        }
    }
    Ok(())
}

fn check_discord(discord: &chat::Discord) -> Result<(), ConfigError> {
    if discord.token.is_none() {
        return Err(ConfigError::wrong("discord.token", "this key is needed"));
    }
    let is_id = |id: &str| (15..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    let windows = discord.windows_channel.as_deref().unwrap_or(&discord.ops_channel);
    for (key, id) in [
        ("discord.guild", discord.guild.as_str()),
        ("discord.ops_channel", &discord.ops_channel),
        ("discord.windows_channel", windows),
    ] {
        if !is_id(id) {
            let why = format!(
                "\"{id}\" is no id of Discord; switch on its developer mode and choose \"Copy ID\", which gives 17 to 20 digits"
            );
            return Err(ConfigError::wrong(key, why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn nothing_to_configure_is_a_configuration() {
        let config = Config::parse("").unwrap();
        assert!(config.mail.is_none() && config.slack.is_none());
        assert_eq!(config.policies.default, Policy::default());
        assert_eq!(config.quarters, Quarters::default());
    }

    #[test]
    fn a_mistyped_key_gets_the_nearest_one() {
        insta::assert_snapshot!(refused("[smtp]\nprot = 25\n"), @"smtp.prot: there is no such key; did you mean port?");
        insta::assert_snapshot!(refused("[slak]\n"), @"slak: there is no such key; did you mean slack?");
        insta::assert_snapshot!(refused("[policy]\nlockbefore = \"3h\"\n"), @"policy.lockbefore: there is no such key; did you mean lock_before?");
        insta::assert_snapshot!(refused("[groups.db]\nfreeze_form = \"Thu\"\n"), @"groups.db.freeze_form: there is no such key; did you mean freeze_from?");
    }

    #[test]
    fn a_secret_that_stands_in_the_configuration_is_not_repeated() {
        for secret in ["\"hunter2\"", "20262027", "2026.25"] {
            let said = refused(&format!("[slack]\napp_token = {secret}\n"));
            assert!(said.starts_with("slack.app_token: a secret does not stand in"), "{said}");
            assert!(!said.contains(secret.trim_matches('"')), "{said}");
        }
    }

    #[test]
    fn a_level_that_would_log_nothing_is_refused() {
        let said = refused("[log]\nlevel = \"warning\"\n");
        assert!(
            said.starts_with("log.level: \"warning\" is not understood; write error, warn, info"),
            "{said}"
        );
        for level in ["warn", "off", "info,patchbot::mail=debug"] {
            assert!(Config::parse(&format!("[log]\nlevel = \"{level}\"\n")).is_ok(), "{level}");
        }
    }

    #[test]
    fn a_wrong_value_is_named_by_its_key() {
        insta::assert_snapshot!(refused("[smtp]\nport = \"many\"\n"), @r#"smtp.port: found string "many", expected u16"#);
        insta::assert_snapshot!(refused("[smtp]\nsecurity = \"ssl\"\n"), @r#"smtp.security: "ssl" is not known here; use tls, starttls, none"#);
        insta::assert_snapshot!(refused("[operations]\nzone = \"Mars\"\n"), @r#"operations.zone: "Mars" is no known time zone; write one such as Europe/Berlin"#);
        insta::assert_snapshot!(refused("[operations]\noperators = [\"ops\"]\n"), @r#"operations.operators.0: "ops" is not a mail address; write it as name@example.org"#);
        insta::assert_snapshot!(refused("[quarters]\nq1 = [11, 12]\n"), @"quarters: January is in no quarter; every month must be in exactly one");
        insta::assert_snapshot!(refused("[http]\nlisten = \"0.0.0.0:80\"\n"), @"http.listen: the pages have no login; use a loopback address such as 127.0.0.1:9117");
        insta::assert_snapshot!(refused("[mail]\naddress = \"bot@example.org\"\n"), @"smtp: this table is needed beside mail: it names the server that notices are handed to");
    }

    #[test]
    fn rules_that_contradict_each_other_are_refused() {
        insta::assert_snapshot!(refused("[policy]\nlock_before = \"6h\"\n"), @"policy: precheck_before is shorter than lock_before: the pre-checks must come before the lock, so that an owner can still act on them");
        insta::assert_snapshot!(refused("[groups.db]\nwindow = \"5m\"\n"), @"groups.db: window is not longer than reboot_wait: no reboot could ever end inside it; lengthen window");
    }

    #[test]
    fn a_group_inherits_what_it_does_not_say() {
        let config = Config::parse(
            "[policy]\nper_slot_hour = 2\nchecks = { load = \"off\" }\n[groups.DB_servers]\nsilence = \"approve\"\nchecks = { users = \"off\" }\n",
        )
        .unwrap();
        let db = config.policies.of(Some("db_Servers"));
        assert_eq!(db.per_slot_hour, 2);
        assert_eq!(db.silence, crate::domain::policy::Silence::Approve);
        assert_eq!(
            (db.checks.load, db.checks.users),
            (crate::domain::check::Severity::Off, crate::domain::check::Severity::Off)
        );
        assert_eq!(config.policies.of(Some("web")).silence, crate::domain::policy::Silence::Hold);
    }

    #[test]
    fn the_example_file_is_fresh_and_holds_the_defaults() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/config.example.toml");
        let example = Config::example();
        let config = Config::parse(&example).unwrap();
        assert_eq!(config.policies.default, Policy::default());
        assert_eq!(config.quarters, Quarters::default());
        if std::fs::read_to_string(path).unwrap_or_default() != example {
            std::fs::write(path, example).unwrap();
            panic!(
                "deploy/config.example.toml was out of date and has been written anew; look at it and commit it"
            );
        }
    }
}
