//! How hosts are reached: SSH, and SNMP for the zone probe.

use std::path::PathBuf;
use std::time::Duration;

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

section! {
    /// SNMP, for the zone probe. Leave the table out to ask over SSH only.
    pub struct Snmp in "snmp" {
        /// Where the community (v2c) is kept.
        community: Option<SecretSource> = None, "{ file = \"/etc/patching/snmp.community\" }";
        /// The port.
        port: u16 = 161, "161";
        /// How long one answer may take.
        timeout: Time = Duration::from_secs(2).into(), "\"2s\"";
        /// How often a question is repeated.
        retries: u32 = 2, "2";
    }
}
