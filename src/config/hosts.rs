//! How hosts are reached: SSH, and SNMP for the zone probe.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Time;
use super::secret::SecretSource;
use super::section::section;

section! {
    /// SSH to the servers.
    pub struct Ssh in "ssh" {
        /// The login on the servers; the inventory can name another one per server.
        user: String = "patchadmin".to_owned(), "\"patchadmin\"";
        /// The port, likewise.
        port: u16 = 22, "22";
        /// The private key; readable by the service user only.
        key: PathBuf = "/etc/patching/id_ed25519".into(), "\"/etc/patching/id_ed25519\"";
        /// Where the key's passphrase is kept, when it has one.
        passphrase: Option<SecretSource> = None, "# { file = \"/etc/patching/id_ed25519.passphrase\" }";
        /// How long connecting and logging in may take.
        connect_timeout: Time = Duration::from_secs(15).into(), "\"15s\"";
        /// How long the pre-checks of one server may take.
        facts_timeout: Time = Duration::from_secs(180).into(), "\"3m\"";
        /// How often a server is asked how far it is.
        poll: Time = Duration::from_secs(10).into(), "\"10s\"";
        /// A server that cannot be reached for so long in the middle of its run is left to a person.
        patience: Time = Duration::from_secs(900).into(), "\"15m\"";
        /// How long a server may take after its run until everything runs again.
        settle: Time = Duration::from_secs(120).into(), "\"2m\"";
        /// Servers that are worked on at the same time.
        concurrency: usize = 32, "32";
    }
}

/// How a user of SNMP v3 proves himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Digest {
    /// For old agents only.
    Md5,
    /// SHA-1, which net-snmp calls SHA.
    Sha,
    /// SHA-2 with 224 bits.
    Sha224,
    /// SHA-2 with 256 bits.
    Sha256,
    /// SHA-2 with 384 bits.
    Sha384,
    /// SHA-2 with 512 bits.
    Sha512,
}

/// How what is said over SNMP v3 is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cipher {
    /// For old agents only.
    Des,
    /// AES with 128 bits, which net-snmp calls AES.
    Aes,
}

section! {
    /// SNMP, for the zones of whole fleets: v2c with a community, or v3 with a user. Leave the table out to ask over SSH only.
    pub struct Snmp in "snmp" {
        /// Where the community (v2c) is kept.
        community: Option<SecretSource> = None, "{ file = \"/etc/patching/snmp.community\" }";
        /// The user (v3), in the place of the community.
        user: Option<String> = None, "# \"patchbot\"";
        /// How the user proves himself: md5, sha, sha224, sha256, sha384 or sha512.
        digest: Digest = Digest::Sha, "\"sha\"";
        /// Where the user's password is kept.
        password: Option<SecretSource> = None, "# { file = \"/etc/patching/snmp.password\" }";
        /// How what is said is hidden: aes or des.
        cipher: Cipher = Cipher::Aes, "\"aes\"";
        /// Where the password for that is kept; without it nothing is hidden.
        privacy_password: Option<SecretSource> = None, "# { file = \"/etc/patching/snmp.privacy\" }";
        /// The port.
        port: u16 = 161, "161";
        /// How long one answer may take.
        timeout: Time = Duration::from_secs(2).into(), "\"2s\"";
        /// How often a question is repeated.
        retries: u32 = 2, "2";
    }
}
