//! The zones of the fleet: what hosts told is kept, and operators are told once of those that keep another time.

use std::collections::BTreeMap;

use super::{App, Failure};
use crate::domain::chain::sha256;
use crate::domain::ids::ServerId;
use crate::domain::message::Tone;
use crate::domain::server::Server;
use crate::domain::zone_check::{ZoneCheck, ZoneVerdict};
use crate::store::records::ZoneCheckRow;

/// So many servers stand in an alert; `patchbot zones --last` has them all.
const SERVERS_TOLD: usize = 10;

impl App {
    /// Keeps what servers told, and alerts the operators of contradictions and clocks that are off: of the same ones once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_zones(&self, checks: &[(Server, ZoneCheck)]) -> Result<(), Failure> {
        let now = self.now();
        let rows: Vec<ZoneCheckRow> = checks
            .iter()
            .map(|(server, check)| ZoneCheckRow {
                server: server.id,
                checked_at: now,
                declared: server.zone,
                check: check.clone(),
            })
            .collect();
        let mut tx = self.store.begin().await?;
        tx.put_zone_checks(&rows).await?;
        let wrong: Vec<&(Server, ZoneCheck)> = checks
            .iter()
            .filter(|(_, check)| check.verdict == ZoneVerdict::Contradicted || check.is_skewed())
            .collect();
        if !wrong.is_empty() {
            let mut lines: Vec<String> = wrong
                .iter()
                .take(SERVERS_TOLD)
                .flat_map(|(server, check)| told(&server.name, check))
                .collect();
            if wrong.len() > SERVERS_TOLD {
                let more = wrong.len().saturating_sub(SERVERS_TOLD);
                lines.push(format!("… and {more} more: patchbot zones --last"));
            }
            // A clock drifts by a second; that is no news.
            let names: Vec<String> = wrong
                .iter()
                .map(|(server, check)| format!("{} {}", server.name, check.verdict.as_str()))
                .collect();
            let key = format!("zones/{}", sha256(names.join("\n").as_bytes()));
            let headline = match wrong.len() {
                1 => "A server's zone or clock is not as it should be; nothing is blocked by it".to_owned(),
                many => format!(
                    "{many} servers' zones or clocks are not as they should be; nothing is blocked by it"
                ),
            };
            self.alert(&mut tx, Tone::Bad, headline, lines, &key).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// What servers last told.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn last_zones(&self) -> Result<BTreeMap<ServerId, ZoneCheckRow>, Failure> {
        let rows = self.store.read().await?.all_zone_checks().await?;
        Ok(rows.into_iter().map(|row| (row.server, row)).collect())
    }
}

/// What is wrong with a server's zone and clock, a line each.
#[must_use]
pub fn told(server: &str, check: &ZoneCheck) -> Vec<String> {
    let zone = (check.verdict == ZoneVerdict::Contradicted).then(|| format!("{server}: {}", check.sentence));
    let clock = check.skew_phrase().filter(|_| check.is_skewed());
    let clock = clock.map(|skew| format!("{server}: the host's clock is {skew}"));
    zone.into_iter().chain(clock).collect()
}
