//! `check-config` and `doctor`: whether the configuration is right, and whether everything it names answers.

use serde_json::json;

use super::{Ended, Screen, serve, setup};
use crate::config::Config;
use crate::render::Renderer;

pub(super) fn check_config(config: &Config, screen: &mut Screen) -> Ended {
    let place =
        config.file.as_ref().map_or_else(|| "the defaults".to_owned(), |file| file.display().to_string());
    screen.line(&format!("The configuration is right ({place})."));
    Ended::Well
}

/// What was looked at, and a sentence of what was found.
#[derive(Debug)]
struct Look {
    what: &'static str,
    fine: bool,
    sentence: String,
}

impl Look {
    fn fine(what: &'static str, sentence: impl Into<String>) -> Self {
        Self { what, fine: true, sentence: sentence.into() }
    }

    fn wrong(what: &'static str, error: impl std::fmt::Display) -> Self {
        Self { what, fine: false, sentence: format!("{error:#}") }
    }
}

pub(super) async fn doctor(config: &Config, screen: &mut Screen) -> anyhow::Result<Ended> {
    let mut looks = vec![Look::fine(
        "configuration",
        config.file.as_ref().map_or_else(
            || "the defaults are used".to_owned(),
            |file| format!("{} is right", file.display()),
        ),
    )];
    let app = match setup::app(config).await {
        Ok(app) => {
            looks.push(match app.store.unfit_statements().await {
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
            });
            Some(app)
        }
        Err(error) => {
            looks.push(Look::wrong("database", error));
            None
        }
    };
    let templates = config.mail.as_ref().and_then(|mail| mail.mail.templates.as_deref());
    looks.push(match Renderer::new(templates) {
        Ok(_) => Look::fine("templates", "every notice can be rendered"),
        Err(error) => Look::wrong("templates", error),
    });
    look_at_mail(config, &mut looks).await;
    if let Some(app) = &app {
        look_at_slack(config, app, &mut looks).await;
        looks.push(match setup::hosts(config, &app.clock) {
            Ok(_) => Look::fine("SSH", format!("the key {} can be used", config.ssh.key.display())),
            Err(error) => Look::wrong("SSH", error),
        });
        let servers = app.store.read().await?.all_servers().await?;
        let active = servers.iter().filter(|server| server.active);
        let bare: Vec<&str> = active
            .clone()
            .filter(|server| server.host_key.is_none())
            .map(|server| server.name.as_str())
            .collect();
        looks.push(if bare.is_empty() {
            Look::fine("inventory", format!("{} servers, all enrolled", active.count()))
        } else {
            let shown = bare.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            let more = bare.len().saturating_sub(5);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            Look::wrong(
                "inventory",
                format!("not enrolled: {shown}{more}; enroll them with \"patchbot enroll\""),
            )
        });
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
            screen.line(&format!(
                "{} {}: {}.",
                if look.fine { "✓" } else { "✗" },
                look.what,
                look.sentence.trim_end_matches('.')
            ));
        }
    }
    Ok(if wrong { Ended::Found } else { Ended::Well })
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

fn same_key(published: &str, wanted: &str) -> bool {
    let key = |record: &str| -> String {
        let tag =
            record.split(';').filter_map(|tag| tag.split_once('=')).find(|(name, _)| name.trim() == "p");
        tag.map(|(_, key)| key.split_whitespace().collect()).unwrap_or_default()
    };
    key(published) == key(wanted)
}

async fn look_at_slack(config: &Config, app: &crate::app::App, looks: &mut Vec<Look>) {
    match serve::slack(config, app) {
        Ok(None) => looks.push(Look::fine("Slack", "off: there is no table [slack]")),
        Ok(Some(slack)) => {
            let checked = slack.check().await;
            let bare =
                |sentence: String| sentence.strip_prefix("Slack: ").map_or(sentence.clone(), str::to_owned);
            looks.extend(checked.fine.into_iter().map(|sentence| Look::fine("Slack", bare(sentence))));
            looks.extend(checked.wrong.into_iter().map(|sentence| Look::wrong("Slack", bare(sentence))));
        }
        Err(error) => looks.push(Look::wrong("Slack", error)),
    }
}
