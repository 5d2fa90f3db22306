//! `audit`: what was done, by whom; whether somebody changed it since; a copy for an auditor, checked without a database.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::backup::new_file;
use super::{Ended, Screen, setup};
use crate::config::Config;
use crate::domain::chain::{Broken, Chain, exported};
use crate::domain::shown::line;
use crate::store::Tx;

/// Lines that are read from the database at a time.
const AT_ONCE: i64 = 1000;

pub(super) async fn show(
    config: &Config,
    screen: &mut Screen,
    server: Option<&str>,
) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let mut tx = app.store.read().await?;
    let rows = match server {
        Some(name) => {
            // A server by its name or the part before the first dot; everything else by the word it is written down under.
            let called = tx.servers_called(&name.to_lowercase()).await?;
            let subject = match called.as_slice() {
                [only] => only.name.as_str(),
                _ => name,
            };
            let mut rows = tx.audit_of(subject, 200).await?;
            if rows.is_empty() {
                screen.complain(&format!(
                    "nothing in the audit is about \"{name}\"; name a server in full, a person's address or a quarter, as the column \"about\" does"
                ));
                return Ok(Ended::Refused);
            }
            rows.reverse();
            rows
        }
        None => tx.audit_from(1, i64::MAX).await?,
    };
    if screen.wants_json() {
        let rows: Vec<_> =
            rows.iter().map(|row| json!({ "seq": row.seq, "event": row.event, "hash": row.hash })).collect();
        screen.json(&rows);
        return Ok(Ended::Well);
    }
    let rows: Vec<[String; 5]> = rows
        .into_iter()
        .map(|row| {
            let event = row.event;
            let by = format!("{} {}", event.actor.name, event.actor.channel.phrase());
            [
                line(event.at, app.zone),
                by,
                event.subject,
                event.sentence,
                event.words.or(event.actor.input).unwrap_or_default(),
            ]
        })
        .collect();
    screen.table(["when", "who", "about", "what", "words"], &rows);
    Ok(Ended::Well)
}

/// Follows the database's chain to its end and hands on each line.
pub(super) async fn follow(
    tx: &mut Tx,
    mut each: impl FnMut(&str, &str) -> std::io::Result<()>,
) -> anyhow::Result<Result<Chain, Broken>> {
    let mut chain = Chain::default();
    loop {
        let rows = tx.audit_from(chain.length().saturating_add(1), AT_ONCE).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let content = row.event.content(row.seq, chain.last());
            if let Err(broken) = chain.follow(&content, &row.hash) {
                return Ok(Err(broken));
            }
            each(&content, &row.hash)?;
        }
    }
    let (seq, hash) = tx.audit_head().await?;
    if (seq, hash.as_str()) != (chain.length(), chain.last()) {
        let at = chain.length().saturating_add(1);
        return Ok(Err(Broken { at, what: "the lines from there on are gone" }));
    }
    Ok(Ok(chain))
}

/// Says how a chain was found, and whether a hash that was noted earlier is part of it.
fn judge(screen: &mut Screen, followed: Result<Chain, Broken>, noted: Option<(&str, bool)>) -> Ended {
    let chain = match followed {
        Ok(chain) => chain,
        Err(broken) => {
            screen.complain(&format!("{broken}."));
            screen.line("→ Restore the last backup beside it and compare from that number on.");
            return Ended::Found;
        }
    };
    if let Some((hash, false)) = noted {
        screen.complain(&format!(
            "No line of the audit has the hash {hash}: it was written anew since you noted it."
        ));
        screen.line("→ Restore the backup from when you noted it beside it, and compare.");
        return Ended::Found;
    }
    screen.line(&format!(
        "The audit is whole: {} entries, each sealed by the one before. The last hash is {}.",
        chain.length(),
        chain.last()
    ));
    if noted.is_some() {
        screen.line("The hash that you noted is part of it.");
    }
    Ended::Well
}

/// Verifies the database's audit, or an exported one.
pub(super) async fn verify(
    config: &Config,
    screen: &mut Screen,
    file: Option<&Path>,
    noted: Option<&str>,
) -> anyhow::Result<Ended> {
    if let Some(hash) = noted.filter(|hash| hash.len() != 64 || !hash.chars().all(|c| c.is_ascii_hexdigit()))
    {
        screen.complain(&format!("\"{hash}\" is no hash: it has 64 digits from 0 to f; note it as a whole"));
        return Ok(Ended::Refused);
    }
    let mut seen = false;
    let followed = if let Some(file) = file {
        let place = || format!("{} cannot be read", file.display());
        let lines = BufReader::new(std::fs::File::open(file).with_context(place)?).lines();
        let mut chain = Chain::default();
        let mut followed = Ok(());
        for line in lines {
            let line = line.with_context(place)?;
            followed = chain.follow_exported(&line);
            if followed.is_err() {
                break;
            }
            seen |= noted == Some(chain.last());
        }
        followed.map(|()| chain)
    } else {
        let app = setup::app(config).await?;
        let mut tx = app.store.read().await?;
        follow(&mut tx, |_, hash| {
            seen |= noted == Some(hash);
            Ok(())
        })
        .await?
    };
    Ok(judge(screen, followed, noted.map(|hash| (hash, seen))))
}

/// Writes the audit to a new file, one line each as [`exported`] says.
pub(super) async fn export(config: &Config, screen: &mut Screen, file: &Path) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let mut tx = app.store.read().await?;
    let place = || format!("{} cannot be written; name a new file in a folder of yours", file.display());
    let mut out = BufWriter::new(new_file(file).with_context(place)?);
    let followed = follow(&mut tx, |content, hash| writeln!(out, "{}", exported(content, hash))).await?;
    out.into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .with_context(place)?
        .sync_all()
        .with_context(place)?;
    let ended = judge(screen, followed, None);
    screen.line(&format!("It is in {}; \"patchbot audit verify {0}\" checks it, anywhere.", file.display()));
    Ok(ended)
}
