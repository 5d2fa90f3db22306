//! Whether a reply comes from whom it claims to come from. Allowed is only what is proven, never what merely did not fail.
//!
//! The library calls signatures good that we must not: without From in them, with SHA-1, with a key that is only being
//! tested, years old. All of that is checked here.

mod results;

use std::fmt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::{BASE64, HEXLOWER};
use futures::FutureExt as _;
use mail_auth::common::crypto::Algorithm;
use mail_auth::common::headers::Header;
use mail_auth::common::verify::VerifySignature as _;
use mail_auth::dkim::Signature;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::hickory_resolver::Resolver;
use mail_auth::hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use mail_auth::hickory_resolver::net::runtime::TokioRuntimeProvider;
use mail_auth::hickory_resolver::system_conf::read_system_conf;
use mail_auth::{AuthenticatedMessage, DkimResult, DmarcResult, MessageAuthenticator, SpfOutput};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use self::results::vouched;
use super::read::LEADS;
use super::read::headers::Section;
use crate::domain::person::Address;

/// Signatures are this old at most; replies are not kept for weeks before they are sent.
const OLDEST: TimeDelta = TimeDelta::hours(48);
/// Clocks differ.
const NEWEST: TimeDelta = TimeDelta::minutes(10);
/// Each signature costs a hash of the message and a question to a name server.
const MOST_SIGNATURES: usize = 8;

/// Whose word is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSettings {
    /// The name server that keys and policies are asked from; the system's when absent.
    pub resolver: Option<SocketAddr>,
    /// How long one question may take.
    pub timeout: Duration,
    /// The authserv-ids whose Authentication-Results are believed: our own mail servers'.
    pub authserv_ids: Vec<String>,
    /// Domains whose mail is believed without a signature, because no stranger can send it to this mailbox.
    pub trusted_domains: Vec<String>,
}

/// What the sender's address is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The mail is from the address in From.
    Authenticated {
        /// How that is known.
        by: Proof,
        /// Whether the Content-Type is part of what was signed, so that nobody can have moved the borders of the parts.
        content_type_signed: bool,
        /// The fields of [`LEADS`] that nobody can have changed or added on the way.
        signed_leads: Vec<&'static str>,
        /// What the same mail is known again by, whatever was changed of it that is not signed.
        fingerprint: String,
    },
    /// It is not known whom the mail is from. The reason is a sentence.
    Unauthenticated(String),
    /// It cannot be known now, because a name server did not answer. The reason is a sentence.
    TryLater(String),
}

/// How it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A signature of the domain itself.
    Signature {
        /// The domain.
        domain: String,
        /// The key's name.
        selector: String,
    },
    /// The word of our own mail server.
    Results {
        /// Its authserv-id.
        authserv_id: String,
    },
    /// The configuration says that nobody else can send mail from this domain.
    TrustedDomain(String),
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature { domain, selector } => write!(f, "signed by {domain} with its key {selector}"),
            Self::Results { authserv_id } => write!(f, "checked by {authserv_id}"),
            Self::TrustedDomain(domain) => write!(f, "{domain} is a trusted domain"),
        }
    }
}

/// An authenticator that cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error(
    "the name server cannot be set up ({0}); name one as `resolver` in the configuration, for example 127.0.0.1:53"
)]
pub struct NoResolver(String);

/// Checks senders.
pub struct Authenticator {
    dns: MessageAuthenticator,
    settings: AuthSettings,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Sets up the name server; nothing is asked yet.
    ///
    /// # Errors
    /// When the system's name servers are to be used and cannot be read.
    pub fn new(settings: AuthSettings) -> Result<Self, NoResolver> {
        let broken = |why: &dyn fmt::Display| NoResolver(why.to_string());
        let (config, mut options) = match settings.resolver {
            Some(address) => {
                let mut server = NameServerConfig::udp_and_tcp(address.ip());
                for connection in &mut server.connections {
                    connection.port = address.port();
                }
                (ResolverConfig::from_parts(None, Vec::new(), vec![server]), ResolverOpts::default())
            }
            None => read_system_conf().map_err(|why| broken(&why))?,
        };
        options.timeout = settings.timeout;
        options.attempts = 2;
        // The resolver would load the machine's certificates for DNS over TLS and refuse to work where there are none; names are
        // asked for in plain DNS, so it gets a TLS that trusts nobody.
        let tls = distrusting().map_err(|why| broken(&why))?;
        let resolver = Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .with_tls_config(tls)
            .build()
            .map_err(|why| broken(&why))?;
        let dns = MessageAuthenticator(resolver);
        Ok(Self { dns, settings })
    }

    /// Says whether a raw message that came in then is from the address in its From field.
    pub async fn check(&self, raw: &[u8], received_at: DateTime<Utc>) -> Trust {
        // The library reads what strangers wrote.
        let checked = AssertUnwindSafe(self.judge(raw, received_at)).catch_unwind().await;
        checked.unwrap_or_else(|_| {
            Trust::Unauthenticated(
                "Checking the sender broke, because of a fault in this program; report it with the message."
                    .to_owned(),
            )
        })
    }

    async fn judge(&self, raw: &[u8], received_at: DateTime<Utc>) -> Trust {
        let section = Section::cut(raw);
        let from = match section.gate() {
            Ok(from) => from,
            Err(why) => return Trust::Unauthenticated(format!("The message is not trusted, because {why}.")),
        };
        let domain = from.domain();
        if self.settings.trusted_domains.iter().any(|trusted| trusted.eq_ignore_ascii_case(domain)) {
            let by = Proof::TrustedDomain(domain.to_owned());
            let fingerprint = plain_fingerprint(&from, &section);
            // Nobody else can send such mail here, so nobody was there to add a field.
            let signed_leads = LEADS.to_vec();
            return Trust::Authenticated { by, content_type_signed: false, signed_leads, fingerprint };
        }
        if section.all("DKIM-Signature").count() > MOST_SIGNATURES {
            return Trust::Unauthenticated(format!("It carries more than {MOST_SIGNATURES} signatures."));
        }
        let Some(mut message) = AuthenticatedMessage::parse_with_opts(raw, None, true) else {
            return Trust::Unauthenticated("Its headers cannot be read.".to_owned());
        };
        let sent = section.all("Date").next().and_then(super::read::sent);
        let moment = Moment { received_at, sent };
        if let Some(trust) =
            vouched(&section, domain, &self.settings.authserv_ids, &message.dkim_headers, &moment)
        {
            return trust;
        }
        // No other domain's signature can count. The library would ask each one's name server, and who sends a mail with the
        // signature of a domain that does not answer would keep the other mails waiting.
        message.dkim_headers.retain(|header| header.header.domain().eq_ignore_ascii_case(domain));
        let sealed = section.all("ARC-Seal").next().map(sealer);
        self.verify(&message, &section, domain, &moment, sealed).await
    }

    /// Verifies the signatures of the domain, and that it has a policy at all.
    async fn verify(
        &self,
        message: &AuthenticatedMessage<'_>,
        section: &Section<'_>,
        domain: &str,
        moment: &Moment,
        sealed: Option<String>,
    ) -> Trust {
        let later = || Trust::TryLater(format!("The name servers for {domain} did not answer in time."));
        // Each lookup has the resolver's timeouts; this one bounds them all together.
        let patience = self.settings.timeout.saturating_mul(6);
        let Ok(outputs) = timeout(patience, self.dns.verify_dkim(message)).await else { return later() };
        let mut flaw: Option<String> = None;
        let mut unanswered = false;
        for output in &outputs {
            let Some(signature) = output.signature().filter(|it| it.domain().eq_ignore_ascii_case(domain))
            else {
                continue;
            };
            match output.result() {
                DkimResult::Pass => {}
                DkimResult::TempError(_) => {
                    unanswered = true;
                    continue;
                }
                other => {
                    flaw.get_or_insert(format!("The signature of {domain} does not hold ({other})."));
                    continue;
                }
            }
            let Some(header) =
                message.dkim_headers.iter().find(|header| std::ptr::eq(&raw const header.header, signature))
            else {
                continue;
            };
            if let Some(why) = moment.flaw(header) {
                flaw = Some(why);
                continue;
            }
            match timeout(patience, self.is_testing(signature)).await {
                Ok(Ok(false)) => {}
                Ok(Ok(true)) => {
                    flaw = Some(format!(
                        "{domain} says of its key {} that it is only being tested.",
                        signature.selector()
                    ));
                    continue;
                }
                Ok(Err(())) | Err(_) => {
                    unanswered = true;
                    continue;
                }
            }
            let parameters = DmarcParameters {
                message,
                dkim_output: &outputs,
                dkim2_output: None,
                rfc5321_mail_from_domain: "",
                spf_output: &SpfOutput::default(),
            };
            let Ok(policy) = timeout(patience, self.dns.verify_dmarc(parameters)).await else {
                return later();
            };
            return match policy.dkim_result() {
                DmarcResult::Pass => Trust::Authenticated {
                    by: Proof::Signature {
                        domain: domain.to_owned(),
                        selector: signature.selector().to_owned(),
                    },
                    content_type_signed: signs(signature, "content-type"),
                    signed_leads: signed_leads(signature, section),
                    fingerprint: fingerprint(signature),
                },
                DmarcResult::TempError(_) => later(),
                DmarcResult::None => Trust::Unauthenticated(format!(
                    "{domain} has no DMARC policy, so its signature is not enough; publish one, or name the domain as a trusted one."
                )),
                other => {
                    Trust::Unauthenticated(format!("The DMARC policy of {domain} is not met ({other})."))
                }
            };
        }
        if unanswered {
            return later();
        }
        let flaw = flaw.unwrap_or_else(|| format!("It carries no signature of {domain}."));
        Trust::Unauthenticated(match sealed {
            Some(by) => format!(
                "{flaw} It was forwarded by {by}, whose seal (ARC) says what it saw; but only the sender's own domain is believed. \
                 Its owner must answer from the mailbox that the notice was sent to."
            ),
            None => flaw,
        })
    }

    /// Whether the key's record says that it is only being tested; an error when it cannot be asked.
    async fn is_testing(&self, signature: &Signature) -> Result<bool, ()> {
        let record = self.dns.txt_raw_lookup(signature.domain_key()).await.map_err(|_| ())?;
        let record = String::from_utf8_lossy(&record).to_ascii_lowercase();
        Ok(record
            .split(';')
            .filter_map(|tag| tag.split_once('='))
            .any(|(name, value)| name.trim() == "t" && value.split(':').any(|flag| flag.trim() == "y")))
    }
}

/// What is known about a domain: whether mail from it can be believed at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The configuration says that nobody else can send mail from it.
    pub trusted: bool,
    /// Its DMARC policy and the name it was found at.
    pub policy: Result<Option<(String, String)>, String>,
    /// What is wrong with each key that was looked at, by its name.
    pub keys: Vec<(String, Result<String, String>)>,
}

impl Authenticator {
    /// Asks the name servers about a domain.
    pub async fn standing(&self, domain: &str, selectors: &[String]) -> Standing {
        let trusted = self.settings.trusted_domains.iter().any(|name| name.eq_ignore_ascii_case(domain));
        let mut keys = Vec::new();
        for selector in selectors {
            let name = format!("{selector}._domainkey.{domain}");
            let key = match self.text_at(&name).await {
                Ok(Some(record)) => judged_key(&record),
                Ok(None) => Err(format!("there is no key at {name}")),
                Err(why) => Err(why),
            };
            keys.push((selector.clone(), key));
        }
        Standing { trusted, policy: self.policy_of(domain).await, keys }
    }

    /// The policy of a domain, or of the domain above it.
    async fn policy_of(&self, domain: &str) -> Result<Option<(String, String)>, String> {
        let mut rest = domain;
        while rest.contains('.') {
            let name = format!("_dmarc.{rest}");
            if let Some(record) = self.text_at(&name).await?.filter(|it| it.starts_with("v=DMARC1")) {
                return Ok(Some((name, record)));
            }
            rest = rest.split_once('.').map_or("", |(_, above)| above);
        }
        Ok(None)
    }

    /// The text that the name servers have at a name; none when there is no such name.
    ///
    /// # Errors
    /// When they do not answer; a sentence.
    pub async fn text_at(&self, name: &str) -> Result<Option<String>, String> {
        let asked =
            timeout(self.settings.timeout.saturating_mul(3), self.dns.txt_raw_lookup(format!("{name}.")))
                .await;
        match asked {
            Ok(Ok(record)) => Ok(Some(String::from_utf8_lossy(&record).trim().to_owned())),
            Ok(Err(mail_auth::Error::Dns(mail_auth::DnsError::RecordNotFound(_)))) => Ok(None),
            Ok(Err(why)) => Err(format!("the name server does not answer about {name} ({why})")),
            Err(_) => Err(format!("the name server does not answer about {name} in time")),
        }
    }
}

/// A TLS that takes no certificate.
fn distrusting() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// Whether a key's record is good for a decision.
fn judged_key(record: &str) -> Result<String, String> {
    let tag = |wanted: &str| {
        record
            .split(';')
            .filter_map(|tag| tag.split_once('='))
            .find(|(name, _)| name.trim() == wanted)
            .map(|(_, value)| value.trim())
    };
    let kind = tag("k").unwrap_or("rsa");
    let public: String = tag("p").unwrap_or_default().split_whitespace().collect();
    if public.is_empty() {
        return Err("the key is revoked".to_owned());
    }
    if tag("t").is_some_and(|flags| flags.split(':').any(|flag| flag.trim() == "y")) {
        return Err("the domain says that the key is only being tested".to_owned());
    }
    let Ok(bytes) = BASE64.decode(public.as_bytes()) else { return Err("the key cannot be read".to_owned()) };
    // A public key of RSA is a few bytes longer than its number.
    let bits = bytes.len().saturating_sub(38).saturating_mul(8);
    match kind {
        "rsa" if bits < 1000 => Err(format!("the key has about {bits} bits only and can be broken")),
        "rsa" => Ok(format!("RSA, about {} bits", bits.next_power_of_two())),
        other => Ok(other.to_owned()),
    }
}

/// When a mail came in, and when it says it was sent.
struct Moment {
    received_at: DateTime<Utc>,
    sent: Option<DateTime<Utc>>,
}

impl Moment {
    /// What is wrong with a signature that holds.
    fn flaw(&self, header: &Header<'_, Signature>) -> Option<String> {
        let signature = &header.header;
        let domain = signature.domain();
        if signature.algorithm() == Algorithm::RsaSha1 {
            return Some(format!("The signature of {domain} uses SHA-1, which can be forged."));
        }
        if let Some(missing) = ["from", "subject", "date"].into_iter().find(|name| !signs(signature, name)) {
            return Some(format!(
                "The signature of {domain} leaves out the {missing} field, so that can be forged."
            ));
        }
        // The library takes "l=0", which covers nothing at all, for no length.
        if has_length(header.value) {
            return Some(format!("The signature of {domain} covers only the beginning of the mail."));
        }
        // Some large providers sign without a time; the Date field is signed, and stands for it.
        let signed = match signature.t {
            0 => self.sent,
            seconds => i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
        };
        let Some(signed) = signed else {
            return Some(format!("The signature of {domain} does not say when it was made."));
        };
        let age = self.received_at.signed_duration_since(signed);
        if age > OLDEST {
            return Some(format!("The signature of {domain} is older than {} hours.", OLDEST.num_hours()));
        }
        if age < -NEWEST {
            return Some(format!("The signature of {domain} was made in the future."));
        }
        let expires = i64::try_from(signature.x).unwrap_or(i64::MAX);
        if expires != 0 && self.received_at.timestamp() >= expires {
            return Some(format!("The signature of {domain} has expired."));
        }
        None
    }
}

/// The domain that an ARC seal names.
fn sealer(value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value).into_owned();
    let named = value.split(';').filter_map(|tag| tag.split_once('=')).find(|(name, _)| name.trim() == "d");
    named.map_or_else(|| "somebody".to_owned(), |(_, domain)| domain.split_whitespace().collect())
}

/// A signature is over all that counts of a mail, so the same one is the same mail.
fn fingerprint(signature: &Signature) -> String {
    let mut hash = Sha256::new();
    hash.update(&signature.bh);
    hash.update(b"|");
    hash.update(signature.signature());
    format!("dkim:{}", HEXLOWER.encode(&hash.finalize()))
}

/// A mail without a signature is known by its sender, its id and its text.
fn plain_fingerprint(from: &Address, section: &Section<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(from.as_str());
    for id in section.ids("Message-ID") {
        hash.update(b"|");
        hash.update(id);
    }
    hash.update(b"|");
    hash.update(section.body);
    format!("text:{}", HEXLOWER.encode(&hash.finalize()))
}

/// Whether a signature says how much of the body it covers.
fn has_length(value: &[u8]) -> bool {
    let value = String::from_utf8_lossy(value);
    value
        .split(';')
        .filter_map(|tag| tag.split_once('='))
        .any(|(name, _)| name.trim().eq_ignore_ascii_case("l"))
}

/// Whether a header field is part of what was signed.
fn signs(signature: &Signature, name: &str) -> bool {
    signature.h.iter().any(|signed| signed.trim().eq_ignore_ascii_case(name))
}

/// The fields that say which notice is answered, where the signature covers each one that the mail has: a name in `h=` covers
/// one field, from the bottom, so that more fields than names were added by somebody on the way.
fn signed_leads(signature: &Signature, section: &Section<'_>) -> Vec<&'static str> {
    let times = |name: &str| signature.h.iter().filter(|signed| signed.eq_ignore_ascii_case(name)).count();
    LEADS.into_iter().filter(|&name| section.all(name).count() <= times(name)).collect()
}
