//! Puts the helper and its line of sudoers on a host: checked before, all or nothing, proven afterwards.

use super::connect::{Connection, Remote, Target};
use super::error::EnrollError;
use super::exec::{Limits, Output};
use super::keys::HostKey;
use crate::config::secret::Secret;
use crate::patch::{self, Command, HELPER, HELPER_VERSION, Hello, SUDOERS};

/// How the login that enrolls becomes root.
#[derive(Debug, Clone)]
pub enum Sudo {
    /// It is root.
    NotNeeded,
    /// It may use sudo without a password.
    Passwordless,
    /// It uses sudo with this password, which is told on standard input and never on a command line.
    Password(Secret),
}

/// What is put on the host.
#[derive(Debug, Clone)]
pub struct Enrollment {
    /// The account patchbot will log in with; it is made when it is missing.
    pub account: String,
    /// The public key that may log in to it; `None` leaves its authorized_keys alone.
    pub public_key: Option<String>,
}

/// A host that was enrolled.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// The key the host showed: to be pinned from now on.
    pub host_key: HostKey,
    /// What the helper said, asked by the account through sudo.
    pub hello: Hello,
}

/// Enrolls a host: installs the helper and its sudoers file by `admin`, then asks the helper by `service`, the way
/// every later connection will. The decision about an unknown host key is `admin.hop.trust`; the key seen there is
/// demanded of the second connection.
///
/// # Errors
/// When the host cannot be reached, the login may not become root, a check on the host fails (what was there before
/// is left), or the helper does not answer afterwards.
pub async fn enroll(
    remote: &Remote,
    admin: &Target,
    sudo: &Sudo,
    enrollment: &Enrollment,
    service: &Target,
) -> Result<Enrolled, EnrollError> {
    let script = script(enrollment)?;
    let connection = remote.connect(admin).await?;
    let host_key = connection.host_key().clone();
    let installed = install(&connection, &admin.hop.user, sudo, &script, enrollment).await;
    connection.close().await;
    installed?;
    let mut service = service.clone();
    service.hop.trust = super::keys::Trust::Pinned(host_key.clone());
    let connection = remote.connect(&service).await?;
    let hello = verify(&connection).await;
    connection.close().await;
    Ok(Enrolled { host_key, hello: hello? })
}

/// Separates a password that sudo did not ask for from what the script reads.
const MARK: &str = "--- patchbot enroll ---";

/// What root runs on the host. It reads the helper, then the sudoers file, from its standard input.
const INSTALL: &str = r#"set -eu
umask 077
say() { echo "patchbot-enroll: $*" >&2; exit 1; }
while IFS= read -r line; do [ "$line" != '@MARK@' ] || break; done
[ "$(id -u)" = 0 ] || say 'this needs root'
command -v visudo >/dev/null || say 'sudo is not installed'
helper=/usr/local/sbin/.patchbot-host.new
rules=/etc/sudoers.d/.patchbot.new
mkdir -p /usr/local/sbin /etc/sudoers.d
trap 'rm -f "$helper" "$rules"' EXIT
head -c @HELPER_SIZE@ >"$helper"
cat >"$rules"
[ "$(sha256sum <"$helper" | cut -d ' ' -f 1)" = @HELPER_HASH@ ] || say 'the helper arrived damaged'
sh -n "$helper" || say 'the shell of this host does not understand the helper'
visudo -cqf "$rules" >/dev/null || say 'visudo does not accept the sudoers file'
grep -Eq '^[@#]includedir[[:space:]]+/etc/sudoers\.d' /etc/sudoers || say '/etc/sudoers does not include /etc/sudoers.d'
id -u @ACCOUNT@ >/dev/null 2>&1 || useradd --create-home --shell /bin/sh --password '*' @ACCOUNT@ || say 'the account cannot be made'
key='@KEY@'
if [ -n "$key" ]; then
  home=$(getent passwd @ACCOUNT@ | cut -d : -f 6)
  [ -d "$home" ] || say 'the account has no home'
  group=$(id -gn @ACCOUNT@)
  [ ! -L "$home/.ssh" ] && [ ! -L "$home/.ssh/authorized_keys" ] || say 'the .ssh of the account is a link'
  [ -d "$home/.ssh" ] || install -d -m 700 -o @ACCOUNT@ -g "$group" "$home/.ssh"
  touch "$home/.ssh/authorized_keys"
  grep -qxF "$key" "$home/.ssh/authorized_keys" || printf '%s\n' "$key" >>"$home/.ssh/authorized_keys"
  chown @ACCOUNT@:"$group" "$home/.ssh/authorized_keys"
  chmod 600 "$home/.ssh/authorized_keys"
fi
chown 0:0 "$helper" "$rules"
chmod 755 "$helper"
chmod 440 "$rules"
sync "$helper" "$rules"
mv -f "$helper" /usr/local/sbin/patchbot-host
mv -f "$rules" /etc/sudoers.d/patchbot
echo enrolled
"#;

/// The script with its values in place. Each value is checked here: nothing in it can end the quotes around it.
fn script(enrollment: &Enrollment) -> Result<String, EnrollError> {
    let account = &enrollment.account;
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let starts = account.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if !starts || !account.chars().all(fine) || account.len() > 32 || account == "root" {
        return Err(EnrollError::Account { account: account.chars().take(60).collect() });
    }
    let key = match &enrollment.public_key {
        None => String::new(),
        Some(text) => HostKey::parse(text).map_err(|_| EnrollError::PublicKey)?.line(),
    };
    Ok(INSTALL
        .replace("@MARK@", MARK)
        .replace("@HELPER_SIZE@", &HELPER.len().to_string())
        .replace("@HELPER_HASH@", &helper_hash())
        .replace("@ACCOUNT@", account)
        .replace("@KEY@", &key))
}

/// The hash of the helper that belongs to this program, as hosts tell it.
fn helper_hash() -> String {
    use sha2::Digest;
    data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(HELPER.as_bytes()))
}

async fn install(
    connection: &Connection,
    user: &str,
    sudo: &Sudo,
    script: &str,
    enrollment: &Enrollment,
) -> Result<(), EnrollError> {
    let quoted = format!("'{}'", script.replace('\'', r"'\''"));
    let (command, password) = match sudo {
        Sudo::NotNeeded => (format!("sh -c {quoted}"), None),
        Sudo::Passwordless => (format!("sudo -n sh -c {quoted}"), None),
        Sudo::Password(password) => (format!("sudo -S -p '' sh -c {quoted}"), Some(password)),
    };
    let rules = SUDOERS.replace("patchadmin", &enrollment.account);
    let mut stdin = String::new();
    if let Some(password) = password {
        stdin.push_str(password.expose());
        stdin.push('\n');
    }
    for part in [MARK, "\n", HELPER, &rules] {
        stdin.push_str(part);
    }
    let output = connection.run(&command, Some(stdin.as_bytes()), &Limits::default()).await?;
    let place = connection.place().clone();
    match own_complaint(&output) {
        _ if output.success() && output.stdout.trim_ascii_end().ends_with(b"enrolled") => Ok(()),
        Some(why) => Err(EnrollError::Install { place, why }),
        None if matches!(sudo, Sudo::NotNeeded) => {
            Err(EnrollError::Install { place, why: output.complaint() })
        }
        None => Err(EnrollError::Sudo { place, user: user.to_owned(), why: output.complaint() }),
    }
}

/// What the script itself said, apart from what sudo says.
fn own_complaint(output: &Output) -> Option<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().rev().find_map(|line| line.strip_prefix("patchbot-enroll: "))?;
    Some(line.trim().to_owned())
}

async fn verify(connection: &Connection) -> Result<Hello, EnrollError> {
    let output = connection.run(&Command::hello().line(), None, &Limits::default()).await?;
    let place = connection.place().clone();
    let why = match patch::hello(&output.stdout) {
        Ok(hello) if hello.sha256 == helper_hash() => return Ok(hello),
        Ok(hello) => {
            format!("version {} answers, and it is not the file of version {HELPER_VERSION}", hello.helper)
        }
        Err(error) if output.stdout.is_empty() && !output.stderr.is_empty() => {
            format!("{}: {error}", output.complaint())
        }
        Err(error) => error.to_string(),
    };
    Err(EnrollError::Verify { place, why })
}
