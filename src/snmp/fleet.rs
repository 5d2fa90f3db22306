//! The date of many hosts at once over SNMP v2c: one socket for all, each question numbered, retries in rounds.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use snmp::{Oid, Pdu};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::{Access, Agent, HostTime, Probe, SYSTEM_DATE, SnmpError, Told, parse, told};
use crate::config::secret::Secret;

/// So many names are looked up, or v3 agents asked, at the same time.
const AT_ONCE: usize = 64;
/// So many questions are out at the same time: what comes back must fit the socket's buffer.
const OPEN: usize = 256;
// The types of BER that a question is made of.
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const GET: u8 = 0xa0;
/// SNMP v2c as it is written in a message.
const V2C: u8 = 1;

/// A host's date and time, and how long ago it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// What it told.
    pub time: HostTime,
    /// How long ago.
    pub ago: Duration,
}

/// What came of one agent, and when.
type Outcome = Result<(HostTime, Instant), SnmpError>;

/// An agent that has not answered.
struct Waiting {
    /// Its place among the agents.
    index: usize,
    address: SocketAddr,
}

impl Probe {
    /// Asks many hosts for their date and time; `done` hears of each that is settled. The results come in the order of
    /// the agents. Silent hosts cost one schedule of timeouts, however many they are.
    pub async fn host_times(
        &self,
        agents: &[Agent],
        access: &Access,
        done: impl Fn(usize) + Sync,
    ) -> Vec<Result<Heard, SnmpError>> {
        let outcomes: Vec<Outcome> = match access {
            Access::V2c(community) => self.over_one_socket(agents, community, done).await,
            Access::V3(_) => {
                let done = &done;
                let asked = agents.iter().map(|agent| async move {
                    let outcome = self.host_time(agent, access).await;
                    done(1);
                    outcome.map(|time| (time, Instant::now()))
                });
                stream::iter(asked).buffered(AT_ONCE).collect().await
            }
        };
        let now = Instant::now();
        let heard = |(time, at): (HostTime, Instant)| Heard { time, ago: now.saturating_duration_since(at) };
        outcomes.into_iter().map(|outcome| outcome.map(heard)).collect()
    }

    async fn over_one_socket(
        &self,
        agents: &[Agent],
        community: &Secret,
        done: impl Fn(usize) + Sync,
    ) -> Vec<Outcome> {
        let addresses: Vec<Result<SocketAddr, SnmpError>> =
            stream::iter(agents.iter().map(|agent| self.address(agent))).buffered(AT_ONCE).collect().await;
        let asked = self.retries.saturating_add(1);
        let mut outcomes: Vec<Outcome> =
            agents.iter().map(|agent| Err(SnmpError::NoAnswer { agent: agent.clone(), asked })).collect();
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (index, address) in addresses.into_iter().enumerate() {
            match address {
                Ok(address) if address.is_ipv4() => v4.push(Waiting { index, address }),
                Ok(address) => v6.push(Waiting { index, address }),
                Err(error) => {
                    done(1);
                    if let Some(outcome) = outcomes.get_mut(index) {
                        *outcome = Err(error);
                    }
                }
            }
        }
        let sweeps = [(IpAddr::V4(Ipv4Addr::UNSPECIFIED), v4), (IpAddr::V6(Ipv6Addr::UNSPECIFIED), v6)];
        for (own, mut waiting) in sweeps {
            if waiting.is_empty() {
                continue;
            }
            let Ok(socket) = UdpSocket::bind(SocketAddr::new(own, 0)).await else { continue };
            for _ in 0..asked {
                let round = Round { socket: &socket, community, timeout: self.timeout, agents };
                waiting = round.ask(waiting, &mut outcomes, &done).await;
                if waiting.is_empty() {
                    break;
                }
            }
            done(waiting.len());
        }
        outcomes
    }
}

/// Every agent that has not answered is asked once.
struct Round<'a> {
    socket: &'a UdpSocket,
    community: &'a Secret,
    timeout: Duration,
    agents: &'a [Agent],
}

impl Round<'_> {
    /// The result is those that stayed silent.
    async fn ask(
        &self,
        waiting: Vec<Waiting>,
        outcomes: &mut [Outcome],
        done: &(impl Fn(usize) + Sync),
    ) -> Vec<Waiting> {
        let mut open: HashMap<i32, (Waiting, Instant)> = HashMap::with_capacity(OPEN);
        let mut silent = Vec::new();
        let mut coming = waiting.into_iter();
        let mut buffer = vec![0; 2048];
        loop {
            while open.len() < OPEN {
                let Some(next) = coming.next() else { break };
                let number = super::next_question();
                // A question that cannot be sent is one that gets no answer.
                let _ = self.socket.send_to(&question(number, self.community), next.address).await;
                open.insert(number, (next, Instant::now() + self.timeout));
            }
            let Some(deadline) = open.values().map(|(_, deadline)| *deadline).min() else { return silent };
            // Else the deadline, or an ICMP message about some earlier question.
            if let Ok(Ok((length, from))) = timeout_at(deadline, self.socket.recv_from(&mut buffer)).await {
                let bytes = buffer.get(..length).unwrap_or_default();
                if let Some((index, outcome)) = self.answered(bytes, from, &mut open)
                    && let Some(place) = outcomes.get_mut(index)
                {
                    *place = outcome;
                    done(1);
                }
            }
            let now = Instant::now();
            let late: Vec<i32> = open
                .iter()
                .filter(|(_, (_, deadline))| *deadline <= now)
                .map(|(number, _)| *number)
                .collect();
            silent.extend(late.iter().filter_map(|number| open.remove(number)).map(|(waiting, _)| waiting));
        }
    }

    /// An answer counts only from the address that was asked, with the question's number.
    fn answered(
        &self,
        bytes: &[u8],
        from: SocketAddr,
        open: &mut HashMap<i32, (Waiting, Instant)>,
    ) -> Option<(usize, Outcome)> {
        let answer = Pdu::from_bytes(bytes).ok()?;
        if answer.community != self.community.expose().as_bytes() {
            return None;
        }
        let (waiting, _) = open.get(&answer.req_id)?;
        if waiting.address != from {
            return None;
        }
        let (waiting, _) = open.remove(&answer.req_id)?;
        let agent = self.agents.get(waiting.index)?.clone();
        let outcome = match told(&answer, &Oid::from(SYSTEM_DATE).ok()?) {
            Told::Date(bytes) => {
                let time = parse(&bytes).map_err(|why| SnmpError::Garbage { agent, why: why.to_string() });
                time.map(|time| (time, Instant::now()))
            }
            Told::NoSuchObject => Err(SnmpError::NoSuchObject { agent }),
            Told::Else => Err(SnmpError::Garbage { agent, why: "it is of another type".to_owned() }),
        };
        Some((waiting.index, outcome))
    }
}

/// A GetRequest for hrSystemDate.0.
fn question(number: i32, community: &Secret) -> Vec<u8> {
    let name = match Oid::from(SYSTEM_DATE) {
        Ok(name) => part(OBJECT, name.as_bytes()),
        Err(_) => return Vec::new(),
    };
    let binding = part(SEQUENCE, &[name, part(NULL, &[])].concat());
    let request = [
        part(INTEGER, &number.to_be_bytes()),
        part(INTEGER, &[0]),
        part(INTEGER, &[0]),
        part(SEQUENCE, &binding),
    ];
    let message =
        [part(INTEGER, &[V2C]), part(OCTETS, community.expose().as_bytes()), part(GET, &request.concat())];
    part(SEQUENCE, &message.concat())
}

/// A type, a length, and what is that long.
fn part(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![kind];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => bytes.push(short),
        Ok(byte) => bytes.extend([0x81, byte]),
        Err(_) => {
            bytes.push(0x82);
            bytes.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    bytes.extend(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_what_it_asks() {
        for community in ["public", &"long".repeat(60)] {
            let bytes = question(0x0102_0304, &Secret::new(community));
            let pdu = Pdu::from_bytes(&bytes).unwrap();
            assert_eq!((pdu.req_id, pdu.community), (0x0102_0304, community.as_bytes()));
            let asked: Vec<String> = pdu.varbinds.map(|(name, _)| name.to_string()).collect();
            assert_eq!(asked, ["1.3.6.1.2.1.25.1.2.0"]);
        }
    }
}
