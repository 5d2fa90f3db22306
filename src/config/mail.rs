//! Mail: who writes, the server that sends, the mailbox that is read, and whose word is believed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::Time;
use super::secret::SecretSource;
use super::section::section;
use crate::domain::person::Address;

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS after a command, which is insisted on.
    Starttls,
    /// None: only to this machine itself.
    None,
}

section! {
    /// Mail: notices go out by SMTP, replies are read over IMAP. Leave the three tables out to run without mail.
    pub struct Mail in "mail" {
        /// The address that notices come from and that replies go to.
        address: Option<Address> = None, "\"patchbot@example.org\"";
        /// The name beside it.
        name: String = "patchbot".to_owned(), "\"patchbot\"";
        /// A folder with templates of one's own; each one is checked at the start.
        templates: Option<PathBuf> = None, "# \"/etc/patching/templates\"";
        /// A private key in PEM form (RSA or Ed25519) that notices are signed with (DKIM), where the mail server does not.
        dkim_key: Option<PathBuf> = None, "# \"/etc/patching/dkim.pem\"";
        /// The name of that key in the name server: SELECTOR._domainkey.example.org.
        dkim_selector: String = "patchbot".to_owned(), "\"patchbot\"";
        /// Mails of one person that are answered in an hour; more are kept and not read, and operators are told.
        per_person_hour: u32 = 60, "60";
        /// Mails that are answered in an hour, of everybody together; more wait.
        per_hour: u32 = 3000, "3000";
    }
}

section! {
    /// The server that notices are handed to.
    pub struct Smtp in "smtp" {
        /// Its name.
        host: String = "localhost".to_owned(), "\"smtp.example.org\"";
        /// Its port: 587 for starttls, 465 for tls, 25 on this machine.
        port: u16 = 587, "587";
        /// starttls, tls, or none (only to an address of this machine).
        security: Security = Security::Starttls, "\"starttls\"";
        /// The login, when the server asks for one.
        user: Option<String> = None, "# \"patchbot\"";
        /// Where its password is kept.
        password: Option<SecretSource> = None, "# { file = \"/etc/patching/smtp.password\" }";
        /// The certificate authority, when it is a private one.
        ca_file: Option<PathBuf> = None, "# \"/etc/patching/ca.pem\"";
        /// Connections at the same time.
        connections: u32 = 4, "4";
        /// Mails to one domain at the same time; 0 is no limit of its own.
        per_domain: u32 = 2, "2";
        /// Mails in a minute; 0 is no limit.
        per_minute: u32 = 0, "0";
        /// How long one mail may take.
        timeout: Time = Duration::from_secs(60).into(), "\"60s\"";
    }
}

section! {
    /// The mailbox that replies are read from.
    pub struct Imap in "imap" {
        /// The server's name.
        host: String = "localhost".to_owned(), "\"imap.example.org\"";
        /// Its port: 993 for tls, 143 for starttls.
        port: u16 = 993, "993";
        /// tls, starttls, or none (only to an address of this machine).
        security: Security = Security::Tls, "\"tls\"";
        /// The login.
        user: String = String::new(), "\"patchbot\"";
        /// Where its password is kept.
        password: Option<SecretSource> = None, "{ file = \"/etc/patching/imap.password\" }";
        /// The folder that is read.
        folder: String = "INBOX".to_owned(), "\"INBOX\"";
        /// Further folders of the same mailbox.
        more_folders: Vec<String> = Vec::new(), "[]";
        /// A folder that mails are moved to once they are kept; left out, they are marked as seen and stay.
        move_to: Option<String> = None, "# \"Handled\"";
        /// The certificate authority, when it is a private one.
        ca_file: Option<PathBuf> = None, "# \"/etc/patching/ca.pem\"";
        /// How often the folder is looked at when the server does not tell of new mail by itself.
        poll: Time = Duration::from_secs(60).into(), "\"1m\"";
        /// How long the server may take for one answer.
        timeout: Time = Duration::from_secs(30).into(), "\"30s\"";
    }
}

section! {
    /// Whose word is believed: a reply counts only when its sender is proven.
    pub struct Authentication in "authentication" {
        /// The name server that DKIM keys and DMARC policies are asked from; the system's when left out.
        resolver: Option<SocketAddr> = None, "# \"127.0.0.1:53\"";
        /// The authserv-id of your own mail server, when its Authentication-Results are to be believed. It must remove
        /// such headers from mail that comes in.
        authserv_id: Option<String> = None, "# \"mx.example.org\"";
        /// Domains whose mail is believed without a signature, because no stranger can send mail from them to this mailbox.
        trusted_domains: Vec<String> = Vec::new(), "[]";
        /// How long a name server may take.
        timeout: Time = Duration::from_secs(5).into(), "\"5s\"";
    }
}
