//! The configuration of Postfix and Dovecot, all of it below one folder and on one address.

use std::net::Ipv4Addr;
use std::path::Path;

use super::{DOMAINS, PASSWORD, Plus};

/// The user id that owns all mailboxes; nobody on the machine has it.
pub(crate) const OWNER: u32 = 4243;

/// Dovecot: IMAP for people and patchbot, LMTP and authentication for Postfix.
pub(crate) fn dovecot(folder: &Path, tls: &Path, address: Ipv4Addr) -> String {
    let (folder, tls) = (folder.display(), tls.display());
    // Not on 127.0.0.1: Dovecot takes a client from its own address as secured and allows plaintext logins.
    format!(
        r#"base_dir = {folder}/dovecot
state_dir = {folder}/dovecot-state
instance_name = lab
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = {address}
ssl = required
ssl_cert = <{tls}/crt.pem
ssl_key = <{tls}/key.pem
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
auth_mechanisms = plain login
auth_username_format = %Lu
auth_failure_delay = 0
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
mail_location = maildir:~/Maildir
mail_fsync = never
first_valid_uid = 1
mail_max_userip_connections = 0
default_client_limit = 4000
default_process_limit = 1000
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={OWNER} gid={OWNER} home={folder}/boxes/%d/%n allow_all_users=yes
}}
service imap-login {{
  inet_listener imap {{
    port = 143
  }}
  inet_listener imaps {{
    port = 993
    ssl = yes
  }}
}}
service lmtp {{
  unix_listener lmtp-postfix {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener auth-postfix {{
    mode = 0666
  }}
}}
service anvil {{
  client_limit = 5000
}}
service stats {{
  client_limit = 5000
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"#
    )
}

/// Postfix, its behaviour. Letters pass unchanged: no header is added, completed, folded or cut, so that what is
/// forged arrives as forged.
pub(crate) fn main_cf(folder: &Path, tls: &Path) -> String {
    let (folder, tls, domains) = (folder.display(), tls.display(), DOMAINS.join(" "));
    format!(
        r#"compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/postfix-data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
syslog_name = postfix
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mail.patchbot.test
mydomain = patchbot.test
mydestination =
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_transport = lmtp:unix:{folder}/dovecot/lmtp-postfix
default_transport = error:5.1.2 there is no outside world in the lab
relay_transport = error:5.1.2 there is no outside world in the lab
transport_maps = texthash:{folder}/transport
recipient_canonical_maps = regexp:{folder}/recipients
recipient_canonical_classes = envelope_recipient
local_header_rewrite_clients =
disable_mime_output_conversion = yes
lmtp_line_length_limit = 0
header_size_limit = 4194304
message_size_limit = 20480000
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
in_flow_delay = 0
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
smtpd_client_connection_count_limit = 0
smtpd_banner = $myhostname ESMTP
smtpd_peername_lookup = no
smtpd_reject_unlisted_recipient = no
smtpd_tls_cert_file = {tls}/crt.pem
smtpd_tls_key_file = {tls}/key.pem
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/dovecot/auth-postfix
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/refused
"#
    )
}

/// Postfix, its programs: port 25 for the world, 587 with a password, 2525 for whoever asks.
///
/// The queue manager looks for new letters each second, not each five minutes: a start or stop can swallow the word that
/// one has come.
pub(crate) fn master_cf(address: Ipv4Addr) -> String {
    let programs = "pickup unix n - n 60 1 pickup\n\
        cleanup unix n - n - 0 cleanup\n\
        qmgr unix n - n 1 1 qmgr\n\
        tlsmgr unix - - n 1000? 1 tlsmgr\n\
        rewrite unix - - n - - trivial-rewrite\n\
        bounce unix - - n - 0 bounce\n\
        defer unix - - n - 0 bounce\n\
        trace unix - - n - 0 bounce\n\
        verify unix - - n - 1 verify\n\
        flush unix n - n 1000? 0 flush\n\
        proxymap unix - - n - - proxymap\n\
        smtp unix - - n - - smtp\n\
        relay unix - - n - - smtp\n\
        showq unix n - n - - showq\n\
        error unix - - n - - error\n\
        retry unix - - n - - error\n\
        discard unix - - n - - discard\n\
        lmtp unix - - n - - lmtp\n\
        anvil unix - - n - 1 anvil\n\
        scache unix - - n - 1 scache\n\
        postlog unix-dgram n - n - 1 postlogd\n";
    format!(
        "{address}:25 inet n - n - - smtpd\n\
         {address}:587 inet n - n - - smtpd -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes \
         -o smtpd_tls_auth_only=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject\n\
         {address}:2525 inet n - n - - smtpd -o mynetworks=127.0.0.0/8 \
         -o smtpd_relay_restrictions=permit_mynetworks,reject\n\
         {address}:2526 inet n - n - - smtpd -o mynetworks=127.0.0.0/8 \
         -o smtpd_relay_restrictions=permit_mynetworks,reject \
         -o smtpd_milters=inet:{address}:{SIGNER_PORT} -o milter_default_action=tempfail\n{programs}"
    )
}

/// Where the signer of the owners' server listens.
pub(crate) const SIGNER_PORT: u16 = 8891;

/// OpenDKIM, signing for whoever sends from one of the domains that sign.
pub(crate) fn opendkim(folder: &Path, address: Ipv4Addr) -> String {
    let folder = folder.display();
    format!(
        "Socket inet:{SIGNER_PORT}@{address}\nMode s\nSyslog no\nCanonicalization relaxed/relaxed\n\
         KeyTable file:{folder}/keytable\nSigningTable refile:{folder}/signingtable\nInternalHosts {folder}/insiders\n\
         ExternalIgnoreList {folder}/insiders\nRequireSafeKeys no\nOversignHeaders From\nUserID root\n"
    )
}

/// What Postfix does to the recipients of the envelope.
pub(crate) fn recipients(plus: Plus) -> &'static str {
    match plus {
        Plus::Kept => "",
        Plus::Stripped => "/^([^+@]+)\\+[^@]*@(.*)$/ ${1}@${2}\n",
    }
}
