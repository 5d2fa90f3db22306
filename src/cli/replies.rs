//! `replay-mail` and `doctor --domain`: what a reply would come to, and whether replies from a domain are believed.

use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::json;

use super::{Ended, Screen, serve, setup};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, MailSections};
use crate::domain::ids::InboxId;
use crate::domain::inbound::Outcome;
use crate::domain::shown::line;
use crate::domain::zone::parse_zone;
use crate::mail::auth::{Authenticator, Standing, Trust};
use crate::mail::ours::Ours;
use crate::mail::read::signers;
use crate::work::inbox::{InboxReader, Rehearsed};

/// So many of a domain's latest mails are looked at.
const MOST_MAILS: i64 = 20;

fn mail(config: &Config) -> anyhow::Result<&MailSections> {
    config.mail.as_ref().context("mail is off: there are no tables [mail] and [smtp]")
}

pub(super) async fn replay_mail(
    config: &Config,
    screen: &mut Screen,
    file: &Path,
    at: Option<&str>,
) -> anyhow::Result<Ended> {
    let mail = mail(config)?;
    let app = setup::app(config).await?;
    let (came, raw) = mail_of(&app, file).await?;
    let at = match at {
        Some(text) => moment(text, app.zone)?,
        None => came.unwrap_or_else(|| app.now()),
    };
    let app = App { clock: Clock::manual(at), ..app };
    let ours = Ours::new(mail.address.clone());
    let zone = app.zone;
    let reader =
        InboxReader::new(app, ours, serve::authenticator(mail)?, serve::limits(mail), "replay".to_owned());
    let rehearsed = reader.rehearse(&raw).await?;
    show(screen, &rehearsed, at, zone);
    Ok(if rehearsed.outcome == Outcome::Accepted { Ended::Well } else { Ended::Found })
}

/// The mail of a file, or of the inbox.
async fn mail_of(app: &App, file: &Path) -> anyhow::Result<(Option<DateTime<Utc>>, Vec<u8>)> {
    let kept = file.to_str().and_then(|id| id.parse().ok()).map(InboxId);
    if let (Some(id), false) = (kept, file.exists()) {
        let found = app.store.read().await?.raw_mail(id).await?;
        let (came, raw) = found.with_context(|| format!("no mail came in with the id {}", id.0))?;
        return Ok((Some(came), raw));
    }
    let raw = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok((None, raw))
}

/// `2026-12-03 10:00`, with a zone behind it or not, or `2026-12-03T10:00:00Z`.
fn moment(text: &str, usual: Tz) -> anyhow::Result<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let (time, zone) = match text.rsplit_once(' ') {
        Some((time, zone)) if time.contains(' ') => (time, parse_zone(zone)?),
        _ => (text, usual),
    };
    let local = NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M")
        .with_context(|| format!("\"{text}\" is no time; write it as \"2026-12-03 10:00\""))?;
    let at = zone.from_local_datetime(&local).single();
    Ok(at.with_context(|| format!("{local} does not exist once in {zone}; name another minute"))?.to_utc())
}

fn show(screen: &mut Screen, rehearsed: &Rehearsed, at: DateTime<Utc>, zone: Tz) {
    let end = rehearsed.outcome.end();
    if screen.wants_json() {
        let stages: Vec<_> =
            rehearsed.stages.iter().map(|(stage, found)| json!({ "stage": stage, "found": found })).collect();
        screen.json(&json!({
            "at": at, "end": end, "outcome": rehearsed.outcome, "commands": rehearsed.commands,
            "servers": rehearsed.servers, "stages": stages,
        }));
        return;
    }
    screen.line(&format!("As if it were {}; nothing is done.", line(at, zone)));
    let last = rehearsed.stages.len().saturating_sub(1);
    for (number, (stage, found)) in rehearsed.stages.iter().enumerate() {
        let mark = match rehearsed.outcome {
            _ if number < last => "✓",
            Outcome::Accepted => "✓",
            Outcome::Confirm | Outcome::Clarify => "?",
            Outcome::Rejected | Outcome::Ignored | Outcome::Quarantined => "✗",
        };
        screen.line(&format!("{mark} {:<9} {found}", stage.as_str()));
    }
    screen.line(&format!("→ {end}"));
    if !rehearsed.commands.is_empty() {
        screen.line(&format!("  command: {}", rehearsed.commands.join("; ")));
    }
    if !rehearsed.servers.is_empty() {
        screen.line(&format!("  servers: {}", rehearsed.servers.join(" ")));
    }
}

pub(super) async fn doctor_of_domain(
    config: &Config,
    screen: &mut Screen,
    domain: &str,
    selector: Option<&str>,
) -> anyhow::Result<Ended> {
    let mail = mail(config)?;
    let domain = domain.rsplit('@').next().unwrap_or(domain).trim_end_matches('.').to_lowercase();
    let app = setup::app(config).await?;
    let authenticator = serve::authenticator(mail)?;
    let kept = app.store.read().await?.latest_mail_of_domain(&domain, MOST_MAILS).await?;
    let mut selectors: Vec<String> = selector.map(str::to_owned).into_iter().collect();
    for (_, raw) in &kept {
        for (signed_for, name) in signers(raw) {
            if signed_for.eq_ignore_ascii_case(&domain) && !selectors.contains(&name) {
                selectors.push(name);
            }
        }
    }
    let standing = authenticator.standing(&domain, &selectors).await;
    let judged = judge_again(&authenticator, &kept).await;
    let (believed, sentences) = told(&domain, mail, &standing, &judged);
    if screen.wants_json() {
        screen.json(&json!({ "domain": domain, "believed": believed, "sentences": sentences }));
    } else {
        for sentence in &sentences {
            screen.line(sentence);
        }
    }
    Ok(if believed { Ended::Well } else { Ended::Found })
}

/// What the latest mails would be worth now, each at the moment it came in.
async fn judge_again(
    authenticator: &Authenticator,
    kept: &[(DateTime<Utc>, Vec<u8>)],
) -> (usize, Vec<String>) {
    let (mut believed, mut refused) = (0, Vec::new());
    for (at, raw) in kept {
        match authenticator.check(raw, *at).await {
            Trust::Authenticated { .. } => believed += 1,
            Trust::Unauthenticated(why) | Trust::TryLater(why) if !refused.contains(&why) => {
                refused.push(why);
            }
            Trust::Unauthenticated(_) | Trust::TryLater(_) => {}
        }
    }
    (believed, refused)
}

fn told(
    domain: &str,
    mail: &MailSections,
    standing: &Standing,
    (believed, refused): &(usize, Vec<String>),
) -> (bool, Vec<String>) {
    if standing.trusted {
        let sentence = format!(
            "✓ {domain} is named in authentication.trusted_domains: its mail is believed without a signature."
        );
        return (true, vec![sentence]);
    }
    let mut sentences = Vec::new();
    let policy = match &standing.policy {
        Ok(Some((name, record))) => {
            sentences.push(format!("✓ {name}: {record}"));
            true
        }
        Ok(None) => {
            sentences.push(format!(
                "✗ {domain} publishes no DMARC policy, so a signature of it is not enough: publish one, \"v=DMARC1; p=none\" at _dmarc.{domain} suffices."
            ));
            false
        }
        Err(why) => {
            sentences.push(format!("✗ {why}; mails would wait for a day and then be given up."));
            false
        }
    };
    for (selector, key) in &standing.keys {
        sentences.push(match key {
            Ok(kind) => format!("✓ {selector}._domainkey.{domain}: {kind}."),
            Err(why) => format!("✗ {selector}._domainkey.{domain}: {why}."),
        });
    }
    if standing.keys.is_empty() {
        sentences.push(format!(
            "- No mail of {domain} came in yet, so the names of its keys are not known; name one with --selector."
        ));
    }
    if *believed > 0 {
        sentences.push(format!("✓ {believed} of its latest mails would be believed."));
    }
    sentences.extend(refused.iter().map(|why| format!("✗ A mail of it would not be believed: {why}")));
    if let Some(id) = &mail.authentication.authserv_id {
        sentences.push(format!("- Authentication-Results of {id} are believed as well."));
    }
    let key = standing.keys.iter().any(|(_, key)| key.is_ok()) || standing.keys.is_empty();
    let believed = policy && key;
    sentences.push(if believed {
        format!(
            "→ A reply from {domain} counts when {domain} itself signed it (DKIM, d={domain}) over From, Subject and Date, not longer than 48 hours ago, and its DMARC policy is met."
        )
    } else {
        format!("→ No reply from {domain} counts as it is now.")
    });
    (believed, sentences)
}
