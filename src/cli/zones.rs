//! `zones`: what servers tell of their zones and clocks, beside the inventory; and what abbreviations mean there.

use std::collections::HashMap;

use serde_json::json;

use super::args::Zones;
use super::hosts::named_or_fitting;
use super::{Ended, Screen, setup};
use crate::app::zones::told;
use crate::config::Config;
use crate::domain::server::Server;
use crate::domain::shown::line;
use crate::domain::zone::ABBREVIATIONS;
use crate::domain::zone_check::{Witness, ZoneCheck, ZoneVerdict};

/// More unknown servers than this are counted, not listed.
const UNKNOWN_SHOWN: usize = 20;

pub(super) async fn zones(config: &Config, screen: &mut Screen, asked: &Zones) -> anyhow::Result<Ended> {
    if asked.abbreviations {
        abbreviations(screen);
        return Ok(Ended::Well);
    }
    let app = setup::app(config).await?;
    let Some(servers) = named_or_fitting(&app, screen, &asked.servers, asked.filter.as_deref()).await? else {
        return Ok(Ended::Refused);
    };
    let checks: Vec<(Server, ZoneCheck)> = if asked.last {
        let mut last = app.last_zones().await?;
        let oldest = servers.iter().filter_map(|server| last.get(&server.id)).map(|row| row.checked_at).min();
        if let (Some(at), false) = (oldest, screen.wants_json()) {
            screen.line(&format!("As told since {}:", line(at, app.zone)));
        }
        let never = || ZoneCheck {
            verdict: ZoneVerdict::Unknown,
            witness: None,
            skew: None,
            sentence: "was never asked".to_owned(),
        };
        servers
            .into_iter()
            .map(|server| {
                // What was told against another declared zone says nothing about this one.
                let row = last.remove(&server.id).filter(|row| row.declared == server.zone);
                (server, row.map_or_else(never, |row| row.check))
            })
            .collect()
    } else {
        let hosts = setup::hosts(config, &app.clock)?;
        let all = app.store.read().await?.all_servers().await?;
        let jumps: HashMap<String, Server> =
            all.into_iter().map(|server| (server.name.clone(), server)).collect();
        let progress = screen.progress(servers.len(), "asking");
        let done = |count: usize| progress.inc(u64::try_from(count).unwrap_or(0));
        let checks = hosts.zones(&servers, &jumps, config.ssh.concurrency, done).await;
        progress.finish_and_clear();
        let checks: Vec<(Server, ZoneCheck)> = servers.into_iter().zip(checks).collect();
        app.keep_zones(&checks).await?;
        checks
    };
    if screen.wants_json() {
        screen.json(&checks.iter().map(|(server, check)| as_json(server, check)).collect::<Vec<_>>());
    } else {
        report(screen, &checks);
    }
    let wrong =
        |(_, check): &(Server, ZoneCheck)| check.verdict == ZoneVerdict::Contradicted || check.is_skewed();
    Ok(if checks.iter().any(wrong) { Ended::Found } else { Ended::Well })
}

fn as_json(server: &Server, check: &ZoneCheck) -> serde_json::Value {
    json!({
        "server": server.name,
        "declared": server.zone.name(),
        "verdict": check.verdict,
        "witness": check.witness,
        "skew_seconds": check.skew,
        "sentence": check.sentence,
    })
}

fn report(screen: &mut Screen, checks: &[(Server, ZoneCheck)]) {
    let of = |verdict: ZoneVerdict| checks.iter().filter(move |(_, check)| check.verdict == verdict);
    let wrong: Vec<String> = checks.iter().flat_map(|(server, check)| told(&server.name, check)).collect();
    for sentence in &wrong {
        screen.line(sentence);
    }
    let unknown: Vec<&(Server, ZoneCheck)> = of(ZoneVerdict::Unknown).collect();
    for (server, check) in unknown.iter().take(UNKNOWN_SHOWN) {
        screen.line(&format!("{}: not known: {}", server.name, check.sentence.trim_end_matches('.')));
    }
    if unknown.len() > UNKNOWN_SHOWN {
        let more = unknown.len().saturating_sub(UNKNOWN_SHOWN);
        screen.line(&format!("… and {more} more that are not known: patchbot --json zones --last"));
    }
    let by = |witness: fn(&Witness) -> bool| {
        of(ZoneVerdict::Confirmed).filter(|(_, check)| check.witness.as_ref().is_some_and(witness)).count()
    };
    screen.line(&format!(
        "{} servers: {} confirmed ({} by SNMP, {} over SSH), {} contradicted, {} with a clock that is off, {} not known.",
        checks.len(),
        of(ZoneVerdict::Confirmed).count(),
        by(|witness| *witness == Witness::Snmp),
        by(|witness| *witness != Witness::Snmp),
        of(ZoneVerdict::Contradicted).count(),
        checks.iter().filter(|(_, check)| check.is_skewed()).count(),
        unknown.len(),
    ));
    if of(ZoneVerdict::Contradicted).next().is_some() {
        screen.line("→ Nothing is blocked by it. Correct the zone in the inventory, or on the host: timedatectl set-timezone ZONE.");
    }
}

/// The one table by which abbreviations become zones.
fn abbreviations(screen: &mut Screen) {
    let rows: Vec<[String; 2]> = ABBREVIATIONS
        .iter()
        .map(|(name, zones)| {
            let names: Vec<&str> = zones.iter().map(|zone| zone.name()).collect();
            let meaning = match names.as_slice() {
                [one] => (*one).to_owned(),
                several => format!("refused: can mean {}", several.join(", ")),
            };
            [(*name).to_owned(), meaning]
        })
        .collect();
    screen.table(["abbreviation", "zone"], &rows);
}
