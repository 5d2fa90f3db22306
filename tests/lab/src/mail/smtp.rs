//! Hands a letter to a mail server, byte for byte.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(30);

/// Delivers `raw` with the given envelope; the error holds the server's words.
pub(crate) async fn deliver(
    server: SocketAddr,
    hello: &str,
    from: &str,
    to: &[String],
    raw: &[u8],
) -> Result<()> {
    let dialogue = async {
        let mut talk = Talk::open(server).await?;
        talk.say(&format!("EHLO {hello}"), 250).await?;
        talk.say(&format!("MAIL FROM:<{from}> BODY=8BITMIME"), 250).await?;
        for recipient in to {
            talk.say(&format!("RCPT TO:<{recipient}>"), 250).await?;
        }
        talk.say("DATA", 354).await?;
        talk.send(&stuffed(raw)).await?;
        talk.say(".", 250).await?;
        talk.say("QUIT", 221).await
    };
    tokio::time::timeout(PATIENCE, dialogue).await.with_context(|| format!("{server} does not answer"))?
}

/// Asks what the server says to a recipient, without sending anything.
pub(crate) async fn ask(server: SocketAddr, recipient: &str) -> Result<u16> {
    let dialogue = async {
        let mut talk = Talk::open(server).await?;
        talk.say("EHLO lab.test", 250).await?;
        talk.say("MAIL FROM:<>", 250).await?;
        talk.send(format!("RCPT TO:<{recipient}>\r\n").as_bytes()).await?;
        let (code, _) = talk.hear().await?;
        talk.say("QUIT", 221).await?;
        Ok(code)
    };
    tokio::time::timeout(PATIENCE, dialogue).await.with_context(|| format!("{server} does not answer"))?
}

struct Talk {
    stream: BufReader<TcpStream>,
}

impl Talk {
    async fn open(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server).await.with_context(|| format!("cannot reach {server}"))?;
        stream.set_nodelay(true)?;
        let mut talk = Self { stream: BufReader::new(stream) };
        match talk.hear().await? {
            (220, _) => Ok(talk),
            (_, words) => bail!("the server greets with {words}"),
        }
    }

    async fn say(&mut self, line: &str, wanted: u16) -> Result<()> {
        self.send(format!("{line}\r\n").as_bytes()).await?;
        match self.hear().await? {
            (code, _) if code == wanted => Ok(()),
            (_, words) => bail!("{line}: the server answers {words}"),
        }
    }

    async fn send(&mut self, raw: &[u8]) -> Result<()> {
        self.stream.get_mut().write_all(raw).await?;
        Ok(())
    }

    /// Reads one reply, which may have several lines.
    async fn hear(&mut self) -> Result<(u16, String)> {
        let mut words = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                bail!("the server hung up after \"{words}\"");
            }
            words.push_str(line.trim_end());
            let code = line.get(..3).and_then(|digits| digits.parse().ok()).context("no SMTP reply")?;
            if line.get(3..4) != Some("-") {
                return Ok((code, words));
            }
            words.push(' ');
        }
    }
}

/// Doubles the dot at the start of a line, and ends with a line end.
fn stuffed(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + 2);
    let mut line_start = true;
    for byte in raw {
        if line_start && *byte == b'.' {
            out.push(b'.');
        }
        out.push(*byte);
        line_start = *byte == b'\n';
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}
