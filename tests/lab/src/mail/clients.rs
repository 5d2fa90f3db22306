//! Mail programs that are not ours: what they make of a notice, and how they answer it.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{Mail, Message};

/// A mail program on an owner's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Sends what it is told, as a script does.
    Swaks,
    /// Opens the finished reply behind a button of the notice, and sends it.
    Mutt,
    /// Answers a notice in the mailbox, with the notice quoted above the words.
    SNail,
}

impl Mail {
    /// Has a mail program answer a letter in `from`'s mailbox; the owner's server signs what it sends.
    ///
    /// # Errors
    /// When the program or the server refuses; the error holds its words.
    pub async fn answer_with(
        &mut self,
        client: Client,
        from: &str,
        message: &Message,
        words: &str,
    ) -> Result<()> {
        let server = self.outgoing().await?;
        let home = self.folder.join("home");
        std::fs::create_dir_all(&home)?;
        let subject = format!("Re: {}", message.header("Subject").unwrap_or_default());
        let reply_to = message.header("Reply-To").or(message.header("From")).unwrap_or_default();
        let to = bare(&reply_to);
        let id = message.header("Message-ID").unwrap_or_default();
        let (mut command, input) = match client {
            Client::Swaks => {
                let mut swaks = Command::new("swaks");
                swaks.args(["--server", &server.to_string(), "--from", from, "--to", &to]);
                swaks.args(["--h-From", from, "--h-Subject", &subject, "--h-In-Reply-To", &id]);
                swaks.args(["--add-header", "MIME-Version: 1.0", "--body", words, "--hide-all"]);
                (swaks, String::new())
            }
            Client::Mutt => {
                let settings = home.join("muttrc");
                let text = format!(
                    "set from=\"{from}\"\nset realname=\"\"\nset use_domain=no\nset envelope_from=yes\nset copy=no\nset ssl_starttls=no\nset \
                     ssl_force_tls=no\nset smtp_url=\"smtp://{server}/\"\nset text_flowed=yes\nmy_hdr In-Reply-To: {id}\n"
                );
                std::fs::write(&settings, text)?;
                let mut mutt = Command::new("mutt");
                mutt.arg("-F").arg(&settings).args(["-s", &subject, "--", &to]);
                (mutt, format!("{words}\n"))
            }
            Client::SNail => {
                let copy = self.only(&home, message)?;
                let mut nail = Command::new("s-nail");
                nail.arg("-#").args(["-S", "v15-compat", "-S", &format!("mta=smtp://{server}")]);
                nail.args(["-S", "smtp-auth=none", "-S", "quote", "-S", "indentprefix=> "]);
                nail.args([
                    "-S",
                    &format!("from={from}"),
                    "-S",
                    "sendwait",
                    "-S",
                    "reply-to-honour=yes",
                    "-f",
                ])
                .arg(copy);
                (nail, format!("reply 1\n{words}\n~.\nexit\n"))
            }
        };
        command.env("HOME", &home).env("LC_ALL", "C.UTF-8").env("TERM", "dumb");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{client:?} cannot be started"))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).await?;
        }
        let output = child.wait_with_output().await?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            bail!("{client:?} ends with {}: {}", output.status, String::from_utf8_lossy(&said));
        }
        Ok(())
    }

    /// A mailbox with nothing but this letter in it.
    fn only(&self, home: &std::path::Path, message: &Message) -> Result<PathBuf> {
        let path = home.join("one.mbox");
        let mut mbox = b"From lab@lab.test Thu Dec  3 10:00:00 2026\n".to_vec();
        let text = String::from_utf8_lossy(&message.raw).replace("\r\n", "\n");
        mbox.extend_from_slice(text.as_bytes());
        mbox.extend_from_slice(b"\n");
        std::fs::write(&path, mbox)?;
        Ok(path)
    }
}

/// The address of `Name <address>`.
fn bare(address: &str) -> String {
    let inner = address.rsplit_once('<').map_or(address, |(_, rest)| rest.trim_end_matches('>'));
    inner.trim().to_owned()
}

/// What two calendar libraries that are not ours read in a mail's entries, a line for each library and entry.
///
/// # Errors
/// When one of them does not take an entry; the error holds its words.
pub async fn calendars(message: &Message) -> Result<Vec<String>> {
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", include_str!("../scripts/calendars.py")]);
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().context("python3 cannot be started")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&message.raw).await?;
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!("the calendar libraries say: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}
