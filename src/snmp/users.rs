//! The messages of SNMP v3 apart from any socket: who an agent's engine is, and what is said to it in a user's name.

use snmp::v3::{Auth, Security};
use snmp::{AsnReader, MessageType, Oid, Pdu};
use tokio::time::Instant;

use super::fleet::{OCTETS, SEQUENCE, integer, part, request};
use super::{SYSTEM_DATE, Told, User, told};

/// SNMP v3 as it is written in a message.
const V3: i32 = 3;
/// The model of security that knows users.
const USERS: i32 = 3;
/// An agent may answer with a report.
const REPORTABLE: u8 = 4;
/// The longest message there is.
const LONGEST: i32 = 65_507;

/// What is known of the engine of an agent.
pub(super) enum Met {
    /// Nothing yet.
    Nobody,
    /// It has told its name; the user's keys for it are being made.
    KeysAreMade,
    /// It can be spoken to.
    Somebody(Box<Speaking>),
}

/// An agent's engine, as it has told it.
pub(super) struct Engine {
    id: Vec<u8>,
    /// How often it was started, and for how many seconds it runs.
    boots: i64,
    time: i64,
    told: Instant,
}

/// A user with the keys for one engine.
pub(super) struct Speaking {
    security: Security,
    /// How the engine's clock stood, and when.
    time: i64,
    told: Instant,
}

impl Speaking {
    /// Makes the user's keys for an engine, which takes milliseconds.
    pub(super) fn with(user: &User, engine: &Engine) -> Self {
        // It fails for an engine without a name only, and such a one is not taken for an engine.
        let security = user.security().with_engine_id(&engine.id).unwrap_or_else(|_| user.security());
        let security = security.with_engine_boots_and_time(engine.boots, engine.time);
        Self { security, time: engine.time, told: engine.told }
    }

    /// A request in the user's name, with the time that the engine's clock shows by now.
    pub(super) fn question(&mut self, number: i32, request: &[u8]) -> Vec<u8> {
        let passed = i64::try_from(self.told.elapsed().as_secs()).unwrap_or(0);
        let (boots, time) = (self.security.engine_boots(), self.time.saturating_add(passed));
        self.security = self.security.clone().with_engine_boots_and_time(boots, time);
        let plain = in_the_clear(number, request);
        // Read by somebody who has met an engine, a message in the clear is what it seems.
        let anybody = Security::new(b"", b"").with_auth(Auth::NoAuthNoPriv).with_engine_id(b"any");
        let message = anybody.and_then(|mut anybody| {
            let request = Pdu::from_bytes_with_security(&plain, Some(&mut anybody))?;
            request.to_bytes_with_security(Some(&self.security))
        });
        message.unwrap_or_default()
    }

    /// Reads an answer. `AuthUpdated` when the engine's clock is another one than it told; it is known now.
    pub(super) fn answer(&mut self, bytes: &[u8], number: i32) -> Result<Told, snmp::Error> {
        let question = Oid::from(SYSTEM_DATE).map_err(|_| snmp::Error::AsnInvalidLen)?;
        let read = Pdu::from_bytes_with_security(bytes, Some(&mut self.security)).map(|answer| {
            let answers = answer.message_type == MessageType::Response && answer.req_id == number;
            if answers { told(&answer, &question) } else { Told::Else }
        });
        if matches!(read, Err(snmp::Error::AuthUpdated)) {
            (self.time, self.told) = (self.security.engine_time(), Instant::now());
        }
        read
    }
}

/// The question to an agent who its engine is.
pub(super) fn discovery(number: i32) -> Vec<u8> {
    in_the_clear(number, &request(number, false))
}

/// A message of nobody to whatever engine there is.
fn in_the_clear(number: i32, request: &[u8]) -> Vec<u8> {
    let header = [integer(number), integer(LONGEST), part(OCTETS, &[REPORTABLE]), integer(USERS)];
    let nothing = || part(OCTETS, &[]);
    let user = [nothing(), integer(0), integer(0), nothing(), nothing(), nothing()];
    let scoped = [nothing(), nothing(), request.to_vec()];
    let message = [
        integer(V3),
        part(SEQUENCE, &header.concat()),
        part(OCTETS, &part(SEQUENCE, &user.concat())),
        part(SEQUENCE, &scoped.concat()),
    ];
    part(SEQUENCE, &message.concat())
}

/// The header of a message, and what it says of users.
fn opened(bytes: &[u8]) -> Option<(AsnReader<'_>, AsnReader<'_>)> {
    let mut message = AsnReader::from_bytes(AsnReader::from_bytes(bytes).read_raw(SEQUENCE).ok()?);
    if message.read_asn_integer().ok()? != i64::from(V3) {
        return None;
    }
    let header = AsnReader::from_bytes(message.read_raw(SEQUENCE).ok()?);
    let users = message.read_asn_octetstring().ok()?;
    Some((header, AsnReader::from_bytes(AsnReader::from_bytes(users).read_raw(SEQUENCE).ok()?)))
}

/// The number of the question that a message answers.
pub(super) fn numbered(bytes: &[u8]) -> Option<i32> {
    opened(bytes)?.0.read_asn_integer().ok()?.try_into().ok()
}

/// The engine that a message comes from; RFC 3411 gives its name 5 to 32 bytes.
pub(super) fn engine_of(bytes: &[u8]) -> Option<Engine> {
    let mut users = opened(bytes)?.1;
    let id = users.read_asn_octetstring().ok()?.to_vec();
    let (boots, time) = (users.read_asn_integer().ok()?, users.read_asn_integer().ok()?);
    let counts = 0..=i64::from(i32::MAX);
    let fine = (5..=32).contains(&id.len()) && counts.contains(&boots) && counts.contains(&time);
    fine.then(|| Engine { id, boots, time, told: Instant::now() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::secret::Secret;
    use crate::snmp::{Cipher, Digest};

    fn engine() -> Engine {
        Engine { id: b"\x80\0\x1f\x88\x04lab".to_vec(), boots: 7, time: 100, told: Instant::now() }
    }

    #[test]
    fn what_is_asked_in_a_users_name_is_read_by_who_has_his_keys_only() {
        let user = |password: &str| User {
            name: "fleet".to_owned(),
            authentication: Some((Digest::Sha, Secret::new(password))),
            privacy: Some((Cipher::Aes, Secret::new("privpass12"))),
        };
        let asked = Speaking::with(&user("authpass12"), &engine()).question(300, &request(300, true));
        assert_eq!(numbered(&asked), Some(300));
        let told = engine_of(&asked).unwrap();
        assert_eq!((told.id, told.boots), (engine().id, 7));
        let read = |password: &str| {
            let mut security = Speaking::with(&user(password), &engine()).security;
            let pdu = Pdu::from_bytes_with_security(&asked, Some(&mut security));
            pdu.map(|pdu| (pdu.req_id, pdu.varbinds.map(|(name, _)| name.to_string()).collect::<Vec<_>>()))
        };
        assert_eq!(read("authpass12").unwrap(), (300, vec!["1.3.6.1.2.1.25.1.2.0".to_owned()]));
        assert!(matches!(read("wrong-password"), Err(snmp::Error::AuthFailure(_))));
    }

    proptest! {
        #[test]
        fn whatever_comes_is_no_engine_or_one_with_a_name(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0..60_usize, byte: u8) {
            prop_assert!(numbered(&bytes).is_none() || bytes[0] == SEQUENCE);
            let mut damaged = Speaking::with(&User { name: "u".to_owned(), authentication: None, privacy: None }, &engine())
                .question(1, &request(1, true));
            if let Some(place) = damaged.get_mut(at) {
                *place = byte;
            }
            if let Some(engine) = engine_of(&damaged) {
                prop_assert!((5..=32).contains(&engine.id.len()));
            }
        }
    }
}
