//! `check-config` and `doctor`: whether the configuration is right, and whether everything it names answers.

use std::path::Path;

use serde_json::json;

use super::{Ended, Screen, serve, setup};
use crate::app::App;
use crate::chat::Chat;
use crate::config::Config;
use crate::domain::consistency::{Finding, findings};
use crate::domain::look::Look;
use crate::domain::server::Server;
use crate::snmp::Agent;
use crate::work::hosts::Hosts;

/// So many servers are asked whether SNMP answers.
const AGENTS_ASKED: usize = 5;

pub(super) async fn check_config(config: &Config, screen: &mut Screen) -> anyhow::Result<Ended> {
    let place =
        config.file.as_ref().map_or_else(|| "the defaults".to_owned(), |file| file.display().to_string());
    let today = setup::clock(config)?.now().with_timezone(&config.operations.zone.0).date_naive();
    let mut found = findings(&config.policies, &config.quarters, today);
    found.extend(without_servers(config).await);
    let wrong = found.iter().any(|finding| finding.wrong);
    if screen.wants_json() {
        let all: Vec<_> = found
            .iter()
            .map(|finding| {
                json!({ "place": finding.place, "rule": finding.rule, "wrong": finding.wrong, "sentence": finding.sentence })
            })
            .collect();
        screen.json(&all);
    } else {
        for finding in &found {
            let word = match (finding.wrong, finding.rule) {
                (true, _) => "is wrong",
                (false, "") => "applies to nothing",
                (false, _) => "never triggers",
            };
            let place = [finding.place.as_str(), finding.rule].join(".");
            screen.line(&format!("{} {word}: {}.", place.trim_end_matches('.'), finding.sentence));
        }
        screen.line(&match (wrong, found.is_empty()) {
            (true, _) => format!("The rules contradict themselves ({place}); mend what is wrong."),
            (false, true) => format!("The configuration is right ({place})."),
            (false, false) => {
                format!("The configuration is right ({place}); the rules named above do nothing.")
            }
        });
    }
    Ok(if wrong { Ended::Found } else { Ended::Well })
}

/// Groups with rules that no server of the inventory is in: only where a database is at hand.
async fn without_servers(config: &Config) -> Vec<Finding> {
    if config.database.postgres.is_none() && !config.database.sqlite.exists() {
        return Vec::new();
    }
    let Ok(store) = setup::store(config).await else { return Vec::new() };
    let Ok(mut tx) = store.read().await else { return Vec::new() };
    let Ok(servers) = tx.all_servers().await else { return Vec::new() };
    let there: std::collections::BTreeSet<String> =
        servers.iter().filter(|server| server.active).map(Server::group_key).collect();
    let empty = config.policies.groups.keys().filter(|group| !there.contains(*group));
    empty
        .map(|group| Finding {
            place: format!("groups.{group}"),
            rule: "",
            wrong: false,
            sentence: "no server of the inventory is in this host group".to_owned(),
        })
        .collect()
}

pub(super) async fn doctor(config: &Config, screen: &mut Screen) -> anyhow::Result<Ended> {
    let place = config
        .file
        .as_ref()
        .map_or_else(|| "the defaults are used".to_owned(), |file| format!("{} is right", file.display()));
    let mut looks = vec![Look::fine("configuration", place)];
    let app = match setup::app(config).await {
        Ok(app) => {
            looks.push(look_at_database(&app).await);
            Some(app)
        }
        Err(error) => {
            looks.push(Look::wrong("database", error));
            None
        }
    };
    looks.push(look_at_templates(config));
    looks.extend(look_at_places(config, app.as_ref()).await);
    if let Some(app) = &app {
        looks.push(look_at_enrolment(app).await);
    }
    let wrong = looks.iter().any(|look| !look.fine);
    if screen.wants_json() {
        let looks: Vec<_> = looks
            .iter()
            .map(|look| json!({ "what": look.what, "fine": look.fine, "sentence": look.sentence }))
            .collect();
        screen.json(&looks);
    } else {
        for look in &looks {
            screen.line(&format!("{} {}", if look.fine { "✓" } else { "✗" }, look.line()));
        }
    }
    Ok(if wrong { Ended::Found } else { Ended::Well })
}

/// What the turn of a quarter looks at: the database, and everything that the configuration names.
pub(super) async fn health(config: &Config, app: &App) -> Vec<Look> {
    let mut looks = vec![look_at_database(app).await];
    looks.extend(look_at_places(config, Some(app)).await);
    looks
}

async fn look_at_database(app: &App) -> Look {
    match app.store.unfit_statements().await {
        Ok(unfit) if unfit.is_empty() => {
            Look::fine("database", format!("{} answers and has the right schema", app.store.engine()))
        }
        Ok(unfit) => Look::wrong(
            "database",
            format!(
                "statements do not fit the schema: {}; restore a backup of the right version",
                unfit.join("; ")
            ),
        ),
        Err(error) => Look::wrong("database", error),
    }
}

fn look_at_templates(config: &Config) -> Look {
    crate::work::rollover::look_at_templates(templates(config))
}

/// The folder that replaces templates, when there is one.
pub(super) fn templates(config: &Config) -> Option<&Path> {
    config.mail.as_ref().and_then(|mail| mail.mail.templates.as_deref())
}

/// Everything that the configuration names: mail, chat, SSH, SNMP.
async fn look_at_places(config: &Config, app: Option<&App>) -> Vec<Look> {
    let mut looks = Vec::new();
    look_at_mail(config, &mut looks).await;
    let Some(app) = app else { return looks };
    let slack = serve::slack(config, app).map(|slack| slack.map(Chat::Slack));
    look_at_chat("Slack", slack, &mut looks).await;
    let discord = serve::discord(config, app).map(|discord| discord.map(Chat::Discord));
    look_at_chat("Discord", discord, &mut looks).await;
    match setup::hosts(config, &app.clock) {
        Ok(hosts) => {
            looks.push(Look::fine("SSH", format!("the key {} can be used", config.ssh.key.display())));
            looks.push(look_at_snmp(app, &hosts).await);
        }
        Err(error) => looks.push(Look::wrong("SSH", error)),
    }
    looks
}

/// Whether patchbot may work on every server.
async fn look_at_enrolment(app: &App) -> Look {
    let servers = match active_servers(app).await {
        Ok(servers) => servers,
        Err(error) => return Look::wrong("inventory", error),
    };
    let bare: Vec<&str> = servers
        .iter()
        .filter(|server| server.host_key.is_none())
        .map(|server| server.name.as_str())
        .collect();
    if bare.is_empty() {
        return Look::fine("inventory", format!("{} servers, all enrolled", servers.len()));
    }
    let shown = bare.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    let more = bare.len().saturating_sub(5);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Look::wrong("inventory", format!("not enrolled: {shown}{more}; enroll them with \"patchbot enroll\""))
}

async fn active_servers(app: &App) -> anyhow::Result<Vec<Server>> {
    let mut servers = app.store.read().await?.all_servers().await?;
    servers.retain(|server| server.active);
    Ok(servers)
}

async fn look_at_mail(config: &Config, looks: &mut Vec<Look>) {
    let Some(mail) = &config.mail else {
        looks.push(Look::fine("mail", "off: there are no tables [mail] and [smtp]"));
        return;
    };
    let ours = crate::mail::ours::Ours::new(mail.address.clone());
    looks.push(match serve::smtp(&mail.smtp, &ours) {
        Ok(smtp) => match smtp.check().await {
            Ok(sentence) => Look::fine("SMTP", sentence),
            Err(error) => Look::wrong("SMTP", error),
        },
        Err(error) => Look::wrong("SMTP", error),
    });
    let Some(imap) = &mail.imap else {
        looks.push(Look::fine("IMAP", "off: there is no table [imap], so replies are not read"));
        return;
    };
    for section in std::iter::once(imap).chain(mail.mailboxes.values()) {
        for folder in std::iter::once(&section.folder).chain(&section.more_folders) {
            looks.push(match serve::mailbox(section, folder, None) {
                Ok(mailbox) => match mailbox.check().await {
                    Ok(sentence) => Look::fine("IMAP", sentence),
                    Err(error) => Look::wrong("IMAP", error),
                },
                Err(error) => Look::wrong("IMAP", error),
            });
        }
    }
    match serve::signer(mail) {
        Ok(None) => {}
        Ok(Some(signer)) => looks.push(look_at_key(mail, &signer).await),
        Err(error) => looks.push(Look::wrong("DKIM", error)),
    }
    looks.push(match serve::authenticator(mail) {
        Ok(_) => Look::fine("authentication", "replies are proven by DKIM and DMARC"),
        Err(error) => Look::wrong("authentication", error),
    });
}

/// Whether other servers can find the key that notices are signed with.
async fn look_at_key(mail: &crate::config::MailSections, signer: &crate::mail::dkim::Signer) -> Look {
    let (place, record) = signer.record();
    let authenticator = match serve::authenticator(mail) {
        Ok(authenticator) => authenticator,
        Err(error) => return Look::wrong("DKIM", error),
    };
    match authenticator.text_at(&place).await {
        Ok(Some(published)) if same_key(&published, &record) => {
            Look::fine("DKIM", format!("notices are signed, and {place} has the key"))
        }
        Ok(Some(_)) => {
            Look::wrong("DKIM", format!("{place} has another key than the file; publish \"{record}\""))
        }
        Ok(None) => Look::wrong("DKIM", format!("{place} has no key; publish \"{record}\"")),
        Err(why) => Look::wrong("DKIM", why),
    }
}

/// Whether agents answer: a few servers are asked, each of another host group where there are several.
async fn look_at_snmp(app: &App, hosts: &Hosts) -> Look {
    let Some(snmp) = hosts.snmp() else {
        return Look::fine("SNMP", "off: there is no table [snmp]; zones are asked for over SSH");
    };
    let mut servers = match active_servers(app).await {
        Ok(servers) => servers,
        Err(error) => return Look::wrong("SNMP", error),
    };
    let mut groups = std::collections::BTreeSet::new();
    servers.sort_by_key(|server| !groups.insert(server.group_key()));
    servers.truncate(AGENTS_ASKED);
    if servers.is_empty() {
        return Look::fine("SNMP", "on; there is no server to ask yet");
    }
    let agents: Vec<Agent> = servers.iter().map(|server| snmp.agent(server)).collect();
    let answers = snmp.probe.host_times(&agents, &snmp.access, |_| {}).await;
    let silent = answers.iter().filter_map(|answer| answer.as_ref().err()).collect::<Vec<_>>();
    let answered = answers.len().saturating_sub(silent.len());
    match silent.first() {
        None => {
            Look::fine("SNMP", format!("{answered} of {answered} servers that were asked tell their time"))
        }
        Some(error) => Look::wrong(
            "SNMP",
            format!("{answered} of {} servers that were asked tell their time; {error}", answers.len()),
        ),
    }
}

fn same_key(published: &str, wanted: &str) -> bool {
    let key = |record: &str| -> String {
        let tag =
            record.split(';').filter_map(|tag| tag.split_once('=')).find(|(name, _)| name.trim() == "p");
        tag.map(|(_, key)| key.split_whitespace().collect()).unwrap_or_default()
    };
    key(published) == key(wanted)
}

async fn look_at_chat(name: &'static str, chat: anyhow::Result<Option<Chat>>, looks: &mut Vec<Look>) {
    match chat {
        Ok(None) => {
            looks.push(Look::fine(name, format!("off: there is no table [{}]", name.to_ascii_lowercase())));
        }
        Ok(Some(chat)) => {
            let checked = chat.check().await;
            let mark = format!("{name}: ");
            let bare =
                |sentence: String| sentence.strip_prefix(&mark).map_or(sentence.clone(), str::to_owned);
            looks.extend(checked.fine.into_iter().map(|sentence| Look::fine(name, bare(sentence))));
            looks.extend(checked.wrong.into_iter().map(|sentence| Look::wrong(name, bare(sentence))));
        }
        Err(error) => looks.push(Look::wrong(name, error)),
    }
}
