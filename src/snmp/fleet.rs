//! The date of many hosts at once over SNMP v2c: one socket for all, each question numbered, retries in rounds.

use std::collections::{HashMap, VecDeque};
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
/// So many answers may come at the same moment: they must fit the socket's buffer.
const OPEN: usize = 256;
/// Whoever has not answered by then does not hold up the questions to others.
const FRESH: Duration = Duration::from_millis(50);
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
#[derive(Clone, Copy)]
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
        let (mut v4, mut v6) = (HashMap::new(), HashMap::new());
        for (index, address) in addresses.into_iter().enumerate() {
            match address {
                Ok(address) => {
                    let waiting = Waiting { index, address };
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
            let mut sweep = Sweep { socket, community, timeout: self.timeout, agents, waiting };
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
    community: &'a Secret,
    timeout: Duration,
    agents: &'a [Agent],
    waiting: HashMap<i32, Waiting>,
}

impl Sweep<'_> {
    /// Asks each of them once, and waits until all have answered or had their time.
    async fn ask(&mut self, outcomes: &mut [Outcome], done: &(impl Fn(usize) + Sync)) {
        let mut coming = self.waiting.keys().copied().collect::<Vec<_>>().into_iter();
        // By the order in which they were asked: those that may answer at any moment, and when each has had its time.
        let mut fresh: VecDeque<(Instant, i32)> = VecDeque::with_capacity(OPEN);
        let mut deadlines: VecDeque<(Instant, i32)> = VecDeque::new();
        let mut buffer = vec![0; 2048];
        loop {
            let now = Instant::now();
            while fresh.len() < OPEN
                && let Some(number) = coming.next()
            {
                let Some(Waiting { address, .. }) = self.waiting.get(&number) else { continue };
                // A question that cannot be sent is one that gets no answer.
                let _ = self.socket.send_to(&question(number, self.community), address).await;
                fresh.push_back((now + FRESH, number));
                deadlines.push_back((now + self.timeout, number));
            }
            let Some((deadline, _)) = deadlines.front() else { return };
            let more = fresh.front().filter(|_| coming.len() > 0).map(|(until, _)| *until);
            let wake = more.map_or(*deadline, |until| until.min(*deadline));
            // Else the time is over, or an ICMP message tells about some earlier question.
            if let Ok(Ok((length, from))) = timeout_at(wake, self.socket.recv_from(&mut buffer)).await
                && let Some((index, outcome)) = self.answered(buffer.get(..length).unwrap_or_default(), from)
                && let Some(place) = outcomes.get_mut(index)
            {
                *place = outcome;
                done(1);
            }
            let now = Instant::now();
            for queue in [&mut fresh, &mut deadlines] {
                while queue
                    .front()
                    .is_some_and(|(at, number)| *at <= now || !self.waiting.contains_key(number))
                {
                    queue.pop_front();
                }
            }
        }
    }

    /// An answer counts only from the address that was asked, with the question's number.
    fn answered(&mut self, bytes: &[u8], from: SocketAddr) -> Option<(usize, Outcome)> {
        let answer = Pdu::from_bytes(bytes).ok()?;
        let expected = answer.community == self.community.expose().as_bytes()
            && self.waiting.get(&answer.req_id).is_some_and(|waiting| waiting.address == from);
        if !expected {
            return None;
        }
        let waiting = self.waiting.remove(&answer.req_id)?;
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
        part(INTEGER, shortest(&number.to_be_bytes())),
        part(INTEGER, &[0]),
        part(INTEGER, &[0]),
        part(SEQUENCE, &binding),
    ];
    let message =
        [part(INTEGER, &[V2C]), part(OCTETS, community.expose().as_bytes()), part(GET, &request.concat())];
    part(SEQUENCE, &message.concat())
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
