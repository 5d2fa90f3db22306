//! Opens connections: address, host key, login, each within its time.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, AuthResult, Handle};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Disconnect, Preferred, kex};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::{ConnectError, Place};
use super::keys::{Fingerprint, HostKey, LoginKey, Trust};

/// How connections are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// For the name, the TCP connection and the key exchange together.
    pub connect_timeout: Duration,
    /// For the login.
    pub login_timeout: Duration,
    /// After so long without a word from the host it is asked for one; three silent answers end the connection.
    pub keepalive: Duration,
    /// Refuses every address outside the lab's networks: set whenever the clock is not the machine's own.
    pub lab_only: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(15),
            login_timeout: Duration::from_secs(15),
            keepalive: Duration::from_secs(15),
            lab_only: false,
        }
    }
}

/// One end to log in at.
#[derive(Debug, Clone)]
pub struct Hop {
    /// A name or an IP address.
    pub address: String,
    /// The port of sshd.
    pub port: u16,
    /// The account.
    pub user: String,
    /// The key to log in with.
    pub key: LoginKey,
    /// Which key the host may show.
    pub trust: Trust,
}

/// A server to connect to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name, for sentences.
    pub name: String,
    /// Where it is and how to get in.
    pub hop: Hop,
    /// The host to go through, when there is no direct way. Its name resolves the target's address.
    pub jump: Option<Hop>,
}

/// Makes connections.
#[derive(Debug, Clone)]
pub struct Remote {
    settings: Settings,
}

/// A connection to a host, logged in. Any number of commands can run on it, one after the other or at once.
pub struct Connection {
    pub(super) handle: Handle<Doorman>,
    /// Ends with the connection that goes through it.
    jump: Option<Handle<Doorman>>,
    pub(super) place: Place,
    key: HostKey,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.place)
    }
}

impl Remote {
    /// Makes connections with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Connects to a host and logs in.
    ///
    /// # Errors
    /// When there is no way, no answer in time, another host key, or no admittance. Nothing was run on the host.
    pub async fn connect(&self, target: &Target) -> Result<Connection, ConnectError> {
        let place = place(&target.name, &target.hop);
        let Some(jump) = &target.jump else {
            let stream = self.dial(&target.hop, &place).await?;
            let (handle, key) = self.enter(stream, &target.hop, &place).await?;
            return Ok(Connection { handle, jump: None, place, key });
        };
        let jump_place = self::place(&format!("the jump host of {}", target.name), jump);
        self.allow_by_text(&target.hop.address, &place)?;
        let stream = self.dial(jump, &jump_place).await?;
        let (through, _) = self.enter(stream, jump, &jump_place).await?;
        let channel = self
            .in_time(&place, self.settings.connect_timeout, async {
                let opened = through
                    .channel_open_direct_tcpip(
                        &target.hop.address,
                        u32::from(target.hop.port),
                        "127.0.0.1",
                        0,
                    )
                    .await;
                opened.map_err(|why| ConnectError::Jump { place: place.clone(), why: why.to_string() })
            })
            .await?;
        let (handle, key) = self.enter(channel.into_stream(), &target.hop, &place).await?;
        Ok(Connection { handle, jump: Some(through), place, key })
    }

    /// Opens the TCP connection.
    async fn dial(&self, hop: &Hop, place: &Place) -> Result<TcpStream, ConnectError> {
        self.in_time(place, self.settings.connect_timeout, async {
            let no_address = |why: String| ConnectError::NoAddress { place: place.clone(), why };
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((hop.address.as_str(), hop.port))
                .await
                .map_err(|why| no_address(why.to_string()))?
                .collect();
            if self.settings.lab_only && !addresses.iter().all(|address| in_lab(address.ip())) {
                return Err(ConnectError::OutsideLab { place: place.clone() });
            }
            let mut last = no_address("the name is known and has none".to_owned());
            for address in addresses {
                match TcpStream::connect(address).await {
                    Ok(stream) => {
                        // Answers are small and waited for; Nagle's algorithm would only delay them.
                        let _ = stream.set_nodelay(true);
                        return Ok(stream);
                    }
                    Err(why) => {
                        last = ConnectError::Unreachable { place: place.clone(), why: why.to_string() };
                    }
                }
            }
            Err(last)
        })
        .await
    }

    /// Exchanges keys, looks at the host's, and logs in.
    async fn enter<S>(
        &self,
        stream: S,
        hop: &Hop,
        place: &Place,
    ) -> Result<(Handle<Doorman>, HostKey), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = Arc::new(self.config(&hop.trust));
        let (doorman, mut shown) = Doorman::new(hop.trust.clone());
        let mut handle = self
            .in_time(place, self.settings.connect_timeout, async {
                let connected = client::connect_stream(config, stream, doorman).await;
                connected.map_err(|turned_away| turned_away.told(place, &hop.trust))
            })
            .await?;
        let key = shown.try_recv().map_err(|_| ConnectError::Unreachable {
            place: place.clone(),
            why: "the host showed no key".to_owned(),
        })?;
        let refused = || ConnectError::LoginRefused { place: place.clone(), user: hop.user.clone() };
        let login = self
            .in_time(place, self.settings.login_timeout, async {
                let key =
                    PrivateKeyWithHashAlg::new(Arc::clone(&hop.key.0), rsa_hash(&handle, &hop.key).await);
                let login = handle.authenticate_publickey(&hop.user, key).await;
                login.map_err(|why| match why {
                    russh::Error::Disconnect | russh::Error::HUP => refused(),
                    other => ConnectError::Unreachable { place: place.clone(), why: other.to_string() },
                })
            })
            .await?;
        match login {
            AuthResult::Success => Ok((handle, key)),
            AuthResult::Failure { .. } => Err(refused()),
        }
    }

    async fn in_time<T>(
        &self,
        place: &Place,
        limit: Duration,
        work: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        match timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(ConnectError::NoAnswer { place: place.clone(), limit }),
        }
    }

    /// What a jump host would resolve cannot be looked at here: in a lab it must be an address.
    fn allow_by_text(&self, address: &str, place: &Place) -> Result<(), ConnectError> {
        let in_lab = address.parse::<IpAddr>().is_ok_and(in_lab);
        if self.settings.lab_only && !in_lab {
            return Err(ConnectError::OutsideLab { place: place.clone() });
        }
        Ok(())
    }

    fn config(&self, trust: &Trust) -> client::Config {
        let key = match trust {
            // Only the pinned kind: a host with several keys must show this one.
            Trust::Pinned(key) => key.algorithms(),
            Trust::Fingerprint(_) | Trust::FirstContact | Trust::Unknown => vec![
                Algorithm::Ed25519,
                Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
                Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
                Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
                Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
                Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
            ],
        };
        client::Config {
            preferred: Preferred {
                kex: Cow::Borrowed(KEY_EXCHANGES),
                key: Cow::Owned(key),
                ..Preferred::DEFAULT
            },
            keepalive_interval: Some(self.settings.keepalive),
            keepalive_max: 3,
            // What a host may send ahead of our reading; hundreds of connections are open at once.
            window_size: 512 * 1024,
            ..client::Config::default()
        }
    }
}

/// Cheap ones first. Group exchange costs three hundred times as much and comes last, for hosts that know nothing else.
const KEY_EXCHANGES: &[kex::Name] = &[
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::MLKEM768X25519_SHA256,
    kex::DH_G14_SHA256,
    kex::DH_G16_SHA512,
    kex::DH_G18_SHA512,
    kex::DH_GEX_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// The hash an RSA key signs with: SHA-512 or SHA-256 as the host likes, never SHA-1.
async fn rsa_hash(handle: &Handle<Doorman>, key: &LoginKey) -> Option<HashAlg> {
    if !key.0.algorithm().is_rsa() {
        return None;
    }
    match handle.best_supported_rsa_hash().await {
        Ok(Some(Some(hash))) => Some(hash),
        _ => Some(HashAlg::Sha256),
    }
}

fn place(name: &str, hop: &Hop) -> Place {
    let address = if hop.address.contains(':') {
        format!("[{}]:{}", hop.address, hop.port)
    } else {
        format!("{}:{}", hop.address, hop.port)
    };
    Place { name: name.to_owned(), address }
}

/// 127.0.0.0/8 and 198.18.0.0/15, which no real host has.
pub(crate) fn in_lab(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, _, _] = v4.octets();
            a == 127 || (a == 198 && (b == 18 || b == 19))
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.to_ipv4_mapped().is_some_and(|v4| in_lab(IpAddr::V4(v4))),
    }
}

impl Connection {
    /// The key the host showed: what is pinned after the first contact.
    #[must_use]
    pub fn host_key(&self) -> &HostKey {
        &self.key
    }

    /// Where this connection leads.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether the connection has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed() || self.jump.as_ref().is_some_and(Handle::is_closed)
    }

    /// Says goodbye. Dropping the connection ends it as well.
    pub async fn close(self) {
        let limit = Duration::from_secs(2);
        let _ = timeout(limit, self.handle.disconnect(Disconnect::ByApplication, "", "")).await;
        if let Some(jump) = self.jump {
            let _ = timeout(limit, jump.disconnect(Disconnect::ByApplication, "", "")).await;
        }
    }
}

/// Looks at the key a host shows.
pub(super) struct Doorman {
    trust: Trust,
    shown: tokio::sync::mpsc::Sender<HostKey>,
}

/// Why the doorman, or the protocol, turned a host away.
#[derive(Debug)]
pub(super) enum TurnedAway {
    Changed { seen: Fingerprint, pinned: Fingerprint },
    Unknown { seen: Fingerprint },
    Protocol(russh::Error),
}

impl From<russh::Error> for TurnedAway {
    fn from(error: russh::Error) -> Self {
        Self::Protocol(error)
    }
}

impl TurnedAway {
    fn told(self, place: &Place, trust: &Trust) -> ConnectError {
        let place = place.clone();
        match (self, trust) {
            (Self::Changed { seen, pinned }, _) => ConnectError::HostKeyChanged { place, seen, pinned },
            (Self::Unknown { seen }, _) => ConnectError::HostKeyUnknown { place, seen },
            (
                Self::Protocol(russh::Error::NoCommonAlgo { kind: russh::AlgorithmKind::Key, .. }),
                Trust::Pinned(key),
            ) => ConnectError::HostKeyGone { place, pinned: key.fingerprint() },
            (Self::Protocol(russh::Error::NoCommonAlgo { kind, .. }), _) => {
                let kind = match kind {
                    russh::AlgorithmKind::Kex => "key exchange",
                    russh::AlgorithmKind::Key => "kind of host key",
                    russh::AlgorithmKind::Cipher => "cipher",
                    russh::AlgorithmKind::Compression => "compression",
                    russh::AlgorithmKind::Mac => "message authentication",
                };
                ConnectError::NoAlgorithm { place, kind: kind.to_owned() }
            }
            (Self::Protocol(error), _) => ConnectError::Unreachable { place, why: error.to_string() },
        }
    }
}

impl Doorman {
    fn new(trust: Trust) -> (Self, tokio::sync::mpsc::Receiver<HostKey>) {
        let (shown, receiver) = tokio::sync::mpsc::channel(1);
        (Self { trust, shown }, receiver)
    }
}

impl client::Handler for Doorman {
    type Error = TurnedAway;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, TurnedAway> {
        let key = HostKey::of(&shown.public_key());
        let seen = key.fingerprint();
        match &self.trust {
            Trust::Pinned(pinned) if *pinned == key => {}
            Trust::Pinned(pinned) => return Err(TurnedAway::Changed { seen, pinned: pinned.fingerprint() }),
            Trust::Fingerprint(pinned) if *pinned == seen => {}
            Trust::Fingerprint(pinned) => {
                return Err(TurnedAway::Changed { seen, pinned: pinned.clone() });
            }
            Trust::FirstContact => {}
            Trust::Unknown => return Err(TurnedAway::Unknown { seen }),
        }
        // Keys are exchanged again in the course of a long connection: the first one is the one that is told.
        let _ = self.shown.try_send(key);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_labs_networks_are_the_lab() {
        for address in ["127.0.0.1", "127.77.0.1", "198.18.0.1", "198.19.255.255", "::1", "::ffff:127.0.0.1"]
        {
            assert!(in_lab(address.parse().unwrap()), "{address}");
        }
        for address in ["10.0.0.1", "198.17.0.1", "198.20.0.1", "128.0.0.1", "2001:db8::1", "0.0.0.0"] {
            assert!(!in_lab(address.parse().unwrap()), "{address}");
        }
    }
}
