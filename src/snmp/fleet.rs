//! The date of many hosts at once: one socket for all, each question numbered, retries in rounds.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use snmp::{Oid, Pdu};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::users::{Met, Speaking, discovery, engine_of, numbered};
use super::{Access, Agent, HostTime, Probe, SYSTEM_DATE, SnmpError, Told, parse, told};
use crate::config::secret::Secret;

/// So many names are looked up, or keys made, at the same time.
const AT_ONCE: usize = 64;
/// So many answers may come at the same moment: they must fit the socket's buffer.
const OPEN: usize = 256;
/// Whoever has not answered by then does not hold up the questions to others.
const FRESH: Duration = Duration::from_millis(50);
/// How often an agent may say that its clock or its count of restarts is another one.
const CORRECTIONS: u8 = 3;
// The types of BER that a question is made of.
const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
const GET: u8 = 0xa0;
/// SNMP v2c as it is written in a message.
const V2C: i32 = 1;

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
    /// With SNMP v3: what is known of its engine.
    met: Met,
    corrected: u8,
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
        let outcomes = self.over_one_socket(agents, access, done).await;
        let now = Instant::now();
        let heard = |(time, at): (HostTime, Instant)| Heard { time, ago: now.saturating_duration_since(at) };
        outcomes.into_iter().map(|outcome| outcome.map(heard)).collect()
    }

    async fn over_one_socket(
        &self,
        agents: &[Agent],
        access: &Access,
        done: impl Fn(usize) + Sync,
    ) -> Vec<Outcome> {
        let addresses: Vec<Result<SocketAddr, SnmpError>> =
            stream::iter(agents.iter().map(|agent| self.address(agent))).buffered(AT_ONCE).collect().await;
        let asked = self.retries.saturating_add(1);
        let mut outcomes: Vec<Outcome> =
            agents.iter().map(|agent| Err(SnmpError::NoAnswer { agent: agent.clone(), asked })).collect();
        let (mut v4, mut v6) = (HashMap::new(), HashMap::new());
        for (index, address) in addresses.into_iter().enumerate() {
            match address {
                Ok(address) => {
                    let waiting = Waiting { index, address, met: Met::Nobody, corrected: 0 };
                    let family = if address.is_ipv4() { &mut v4 } else { &mut v6 };
                    family.insert(super::next_question(), waiting);
                }
                Err(error) => {
                    done(1);
                    if let Some(outcome) = outcomes.get_mut(index) {
                        *outcome = Err(error);
                    }
                }
            }
        }
        for (own, waiting) in
            [(IpAddr::V4(Ipv4Addr::UNSPECIFIED), v4), (IpAddr::V6(Ipv6Addr::UNSPECIFIED), v6)]
        {
            if waiting.is_empty() {
                continue;
            }
            let Ok(socket) = UdpSocket::bind(SocketAddr::new(own, 0)).await else { continue };
            let (timeout, keys) = (self.timeout, JoinSet::new());
            let (fresh, deadlines) = (VecDeque::with_capacity(OPEN), VecDeque::new());
            let mut sweep = Sweep { socket, access, timeout, agents, waiting, keys, fresh, deadlines };
            for _ in 0..asked {
                sweep.ask(&mut outcomes, &done).await;
            }
            done(sweep.waiting.len());
        }
        outcomes
    }
}

/// Everybody who has not answered yet, by the number of his question: the same in every round, so that a late answer counts.
struct Sweep<'a> {
    socket: UdpSocket,
    access: &'a Access,
    timeout: Duration,
    agents: &'a [Agent],
    waiting: HashMap<i32, Waiting>,
    /// Keys that are being made for an agent's engine: with SNMP v3 a password is hashed for a megabyte.
    keys: JoinSet<(i32, Speaking)>,
    /// By the order in which they were asked: those that may answer at any moment, and when each has had its time.
    fresh: VecDeque<(Instant, i32)>,
    deadlines: VecDeque<(Instant, i32)>,
}

impl Sweep<'_> {
    /// Asks each of them once, and waits until all have answered or had their time.
    async fn ask(&mut self, outcomes: &mut [Outcome], done: &(impl Fn(usize) + Sync)) {
        let mut coming = self.waiting.keys().copied().collect::<Vec<_>>().into_iter();
        let mut buffer = vec![0; 2048];
        self.fresh.clear();
        self.deadlines.clear();
        loop {
            while self.fresh.len() < OPEN
                && self.keys.len() < AT_ONCE
                && let Some(number) = coming.next()
            {
                self.send(number).await;
            }
            let deadline = self.deadlines.front().map(|(at, _)| *at);
            if deadline.is_none() && self.keys.is_empty() {
                return;
            }
            let more = self.fresh.front().filter(|_| coming.len() > 0).map(|(until, _)| *until);
            let idle = Instant::now() + self.timeout;
            let wake = deadline.into_iter().chain(more).min().unwrap_or(idle);
            tokio::select! {
                Some(made) = self.keys.join_next() => {
                    if let Ok((number, speaking)) = made
                        && let Some(waiting) = self.waiting.get_mut(&number)
                    {
                        waiting.met = Met::Somebody(Box::new(speaking));
                        self.send(number).await;
                    }
                }
                // Else the time is over, or an ICMP message tells about some earlier question.
                come = timeout_at(wake, self.socket.recv_from(&mut buffer)) => {
                    if let Ok(Ok((length, from))) = come
                        && let Some((index, outcome)) =
                            self.heard(buffer.get(..length).unwrap_or_default(), from).await
                        && let Some(place) = outcomes.get_mut(index)
                    {
                        *place = outcome;
                        done(1);
                    }
                }
            }
            let now = Instant::now();
            for queue in [&mut self.fresh, &mut self.deadlines] {
                while queue
                    .front()
                    .is_some_and(|(at, number)| *at <= now || !self.waiting.contains_key(number))
                {
                    queue.pop_front();
                }
            }
        }
    }

    /// Puts an agent's question, or with SNMP v3 first of all the one who it is.
    async fn send(&mut self, number: i32) {
        let Some(Waiting { address, met, .. }) = self.waiting.get_mut(&number) else { return };
        let message = match (self.access, met) {
            (Access::V2c(community), _) => question(number, community),
            (Access::V3(_), Met::Nobody) => discovery(number),
            (Access::V3(_), Met::KeysAreMade) => return,
            (Access::V3(_), Met::Somebody(speaking)) => speaking.question(number, &request(number, true)),
        };
        // A question that cannot be sent is one that gets no answer.
        let _ = self.socket.send_to(&message, *address).await;
        let now = Instant::now();
        self.fresh.push_back((now + FRESH, number));
        self.deadlines.push_back((now + self.timeout, number));
    }

    /// An answer counts only from the address that was asked, with the question's number.
    async fn heard(&mut self, bytes: &[u8], from: SocketAddr) -> Option<(usize, Outcome)> {
        match self.access {
            Access::V2c(community) => {
                let answer = Pdu::from_bytes(bytes).ok()?;
                let expected = answer.community == community.expose().as_bytes()
                    && self.waiting.get(&answer.req_id).is_some_and(|waiting| waiting.address == from);
                expected.then(|| self.settled(answer.req_id, told_by(&answer)))?
            }
            Access::V3(user) => {
                let number = numbered(bytes)?;
                let waiting = self.waiting.get_mut(&number).filter(|waiting| waiting.address == from)?;
                match &mut waiting.met {
                    Met::Nobody => {
                        let engine = engine_of(bytes)?;
                        waiting.met = Met::KeysAreMade;
                        let user = user.clone();
                        self.keys.spawn_blocking(move || (number, Speaking::with(&user, &engine)));
                        None
                    }
                    Met::KeysAreMade => None,
                    Met::Somebody(speaking) => {
                        let answer = speaking.answer(bytes, number);
                        let again = matches!(answer, Err(snmp::Error::AuthUpdated));
                        if again && waiting.corrected < CORRECTIONS {
                            waiting.corrected = waiting.corrected.saturating_add(1);
                            self.send(number).await;
                            return None;
                        }
                        self.settled(number, answer.map_err(Some))
                    }
                }
            }
        }
    }

    /// What came of an agent, which is not asked any more.
    fn settled(&mut self, number: i32, told: Result<Told, Option<snmp::Error>>) -> Option<(usize, Outcome)> {
        let waiting = self.waiting.remove(&number)?;
        let agent = self.agents.get(waiting.index)?.clone();
        let outcome = match (told, self.access) {
            (Ok(Told::Date(bytes)), _) => match parse(&bytes) {
                Ok(time) => Ok((time, Instant::now())),
                Err(why) => Err(SnmpError::Garbage { agent, why: why.to_string() }),
            },
            (Ok(Told::NoSuchObject), _) => Err(SnmpError::NoSuchObject { agent }),
            // A report in the place of an answer is about the user.
            (
                Ok(Told::Else) | Err(Some(snmp::Error::AuthFailure(_) | snmp::Error::AuthUpdated)),
                Access::V3(user),
            ) => Err(SnmpError::LoginRefused { agent, user: user.name.clone() }),
            (Err(Some(error)), _) => Err(SnmpError::Garbage { agent, why: error.to_string() }),
            (Ok(Told::Else) | Err(None), _) => {
                Err(SnmpError::Garbage { agent, why: "it is of another type".to_owned() })
            }
        };
        Some((waiting.index, outcome))
    }
}

fn told_by(answer: &Pdu<'_>) -> Result<Told, Option<snmp::Error>> {
    Oid::from(SYSTEM_DATE).map(|question| told(answer, &question)).map_err(|_| None)
}

/// A GetRequest for hrSystemDate.0, or for nothing.
pub(super) fn request(number: i32, for_date: bool) -> Vec<u8> {
    let name = Oid::from(SYSTEM_DATE).map(|name| part(OBJECT, name.as_bytes())).unwrap_or_default();
    let binding = part(SEQUENCE, &[name, part(NULL, &[])].concat());
    let bindings = if for_date { binding } else { Vec::new() };
    part(GET, &[integer(number), integer(0), integer(0), part(SEQUENCE, &bindings)].concat())
}

/// A question over SNMP v2c.
fn question(number: i32, community: &Secret) -> Vec<u8> {
    let message = [integer(V2C), part(OCTETS, community.expose().as_bytes()), request(number, true)];
    part(SEQUENCE, &message.concat())
}

/// A number that is not negative.
pub(super) fn integer(number: i32) -> Vec<u8> {
    part(INTEGER, shortest(&number.to_be_bytes()))
}

/// The bytes of a positive number without those that say nothing.
fn shortest(mut bytes: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = bytes
        && rest.first().is_some_and(|next| *next < 0x80)
    {
        bytes = rest;
    }
    bytes
}

/// A type, a length, and what is that long.
pub(super) fn part(kind: u8, content: &[u8]) -> Vec<u8> {
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
        for (number, community) in [
            (0x0102_0304, "public"),
            (1, &"long".repeat(60)),
            (128, "x"),
            (255, "y"),
            (i32::MAX, &"z".repeat(300)),
        ] {
            let bytes = question(number, &Secret::new(community));
            let pdu = Pdu::from_bytes(&bytes).unwrap();
            assert_eq!((pdu.req_id, pdu.community), (number, community.as_bytes()));
            let asked: Vec<String> = pdu.varbinds.map(|(name, _)| name.to_string()).collect();
            assert_eq!(asked, ["1.3.6.1.2.1.25.1.2.0"]);
        }
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        let of = |number: i32| shortest(&number.to_be_bytes()).to_vec();
        assert_eq!([of(0), of(127), of(128), of(256)], [vec![0], vec![127], vec![0, 128], vec![1, 0]]);
    }
}
