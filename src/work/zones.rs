//! Asks a whole fleet for its zones: all of it over SNMP first, then over SSH whoever did not settle it there.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::stream::{self, StreamExt};

use super::hosts::Hosts;
use crate::domain::server::Server;
use crate::domain::zone_check::{QUESTIONS, Told, Witness, ZoneCheck, ZoneVerdict, answers, compare};
use crate::snmp::{Agent, HostTime};
use crate::ssh::Limits;

/// How long the answers over SSH may take, once connected.
const PATIENCE: Duration = Duration::from_secs(30);

impl Hosts {
    /// What each server tells of its zone and clock, in the order of the servers. At most `at_once` are connected over SSH
    /// at the same time; `done` hears of each that is settled.
    pub async fn zones(
        &self,
        servers: &[Server],
        jumps: &HashMap<String, Server>,
        at_once: usize,
        done: impl Fn(usize) + Sync,
    ) -> Vec<ZoneCheck> {
        let over_snmp = self.zones_over_snmp(servers, &done).await;
        let rest = servers.iter().zip(over_snmp).map(|(server, first)| {
            let done = &done;
            async move {
                if let Ok(check) = &first
                    && check.verdict == ZoneVerdict::Confirmed
                {
                    return check.clone();
                }
                let jump = server.reach.jump.as_ref().and_then(|name| jumps.get(name));
                let check = self.zone_over_ssh(server, jump, first).await;
                done(1);
                check
            }
        });
        stream::iter(rest).buffered(at_once.max(1)).collect().await
    }

    /// What the fleet says over SNMP; for whoever says nothing, why.
    async fn zones_over_snmp(
        &self,
        servers: &[Server],
        done: &(impl Fn(usize) + Sync),
    ) -> Vec<Result<ZoneCheck, Option<String>>> {
        let Some(snmp) = self.snmp() else { return servers.iter().map(|_| Err(None)).collect() };
        let agents: Vec<Agent> = servers.iter().map(|server| snmp.agent(server)).collect();
        let times = snmp.probe.host_times(&agents, &snmp.access, |_| {}).await;
        let machine = self.clock().machine();
        let checks = servers.iter().zip(times).map(|(server, time)| match time {
            Err(error) => Err(Some(error.to_string())),
            Ok(heard) => {
                let then = machine - TimeDelta::from_std(heard.ago).unwrap_or_default();
                let check = compare(server.zone, &from_snmp(&heard.time), then);
                if check.verdict == ZoneVerdict::Confirmed {
                    done(1);
                }
                Ok(check)
            }
        });
        checks.collect()
    }

    /// The named zone over SSH; `first` is what SNMP came to.
    async fn zone_over_ssh(
        &self,
        server: &Server,
        jump: Option<&Server>,
        first: Result<ZoneCheck, Option<String>>,
    ) -> ZoneCheck {
        match self.ask_zone(server, jump).await {
            Ok(check) if check.verdict != ZoneVerdict::Unknown => check,
            other => match (first, other) {
                // An offset that contradicts is worth more than nothing.
                (Ok(check), _) => check,
                (Err(snmp), other) => {
                    let ssh = match other {
                        Ok(check) => format!("over SSH {}", check.sentence),
                        Err(error) => error,
                    };
                    let sentence = snmp.map_or(ssh.clone(), |snmp| format!("{snmp}; {ssh}"));
                    ZoneCheck { verdict: ZoneVerdict::Unknown, witness: None, skew: None, sentence }
                }
            },
        }
    }

    async fn ask_zone(&self, server: &Server, jump: Option<&Server>) -> Result<ZoneCheck, String> {
        let connection = self.connect(server, jump).await.map_err(|error| error.to_string())?;
        let asked = self.clock().machine();
        let limits = Limits { total: PATIENCE, silence: PATIENCE, output: 64 * 1024 };
        let output = connection.run(QUESTIONS, None, &limits).await;
        connection.close().await;
        let output = output.map_err(|error| error.to_string())?;
        Ok(compare(server.zone, &answers(&String::from_utf8_lossy(&output.stdout)), asked))
    }
}

/// A date without an offset tells neither zone nor clock.
fn from_snmp(time: &HostTime) -> Told {
    let clock: Option<DateTime<Utc>> = time.offset.and_then(|offset| {
        time.local.and_local_timezone(offset).single().map(|local| local.with_timezone(&Utc))
    });
    Told { offset: time.offset.map(|offset| (Witness::Snmp, offset)), clock, ..Told::default() }
}
