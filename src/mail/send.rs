//! Mail goes out by SMTP over connections of our own making: without delay, with TLS checked, and with an answer to
//! the question that matters when something breaks: could it have arrived?

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::compose::Composed;
use super::connect::{ConnectError, Place, Security, Stream, Trusted, dial, protect};
use crate::config::secret::Secret;

/// Servers hang up on connections that say nothing for five minutes; we do so earlier.
const IDLE: Duration = Duration::from_secs(60);
/// A farewell is a courtesy, not worth waiting for.
const FAREWELL: Duration = Duration::from_secs(2);

/// How the server is reached and used.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Where it is.
    pub place: Place,
    /// The login, when it asks for one.
    pub login: Option<(String, Secret)>,
    /// The name we introduce ourselves by.
    pub hello: String,
    /// Connections at the same time; more mails wait.
    pub connections: usize,
    /// How long one mail may take, connecting included.
    pub timeout: Duration,
}

/// A mail that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What the server answered: usually the mail's name in its queue.
    pub answer: String,
}

/// A mail that was not accepted, or perhaps was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It will never be accepted; trying again is of no use.
    #[error("the mail was refused for good: {0}")]
    Permanent(String),
    /// It was not accepted now; it can be tried again.
    #[error("the mail could not be handed over now: {0}")]
    Transient(String),
    /// It was given away and not confirmed: it may have been accepted. To be tried again with the same Message-ID.
    #[error("the mail was handed over and not confirmed: {0}")]
    Ambiguous(String),
}

/// A mail server that is spoken to by SMTP.
#[derive(Debug)]
pub struct Smtp {
    settings: SmtpSettings,
    trusted: Trusted,
    places: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

/// An open conversation with the server.
struct Talk {
    connection: AsyncSmtpConnection,
    /// The server takes several commands before it answers the first (RFC 2920).
    pipelining: bool,
}

/// A conversation that waits for the next mail.
struct Idle {
    talk: Talk,
    since: Instant,
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Idle(…)")
    }
}

impl Smtp {
    /// Prepares for a server; nothing is connected yet.
    ///
    /// # Errors
    /// When the certificate authority cannot be read.
    pub fn new(settings: SmtpSettings) -> Result<Self, ConnectError> {
        let trusted = Trusted::load(settings.place.ca_file.as_deref())?;
        let places = Semaphore::new(settings.connections.max(1));
        Ok(Self { settings, trusted, places, idle: Mutex::new(Vec::new()) })
    }

    /// Sends one mail to one recipient.
    ///
    /// # Errors
    /// Says whether trying again makes sense, and whether the mail may have been accepted.
    pub async fn send(&self, mail: &Composed) -> Result<Accepted, SendError> {
        let closed = |_| SendError::Transient("the program is ending".to_owned());
        let _place = self.places.acquire().await.map_err(closed)?;
        // From the first byte of the message on nobody knows whether it arrived, until the server says so.
        let given_away = AtomicBool::new(false);
        match timeout(self.settings.timeout, self.deliver(mail, &given_away)).await {
            Ok(result) => result,
            Err(_) => {
                let why =
                    format!("{} took longer than {} s", self.settings.place, self.settings.timeout.as_secs());
                Err(doubt(why, given_away.load(Ordering::Relaxed)))
            }
        }
    }

    async fn deliver(&self, mail: &Composed, given_away: &AtomicBool) -> Result<Accepted, SendError> {
        let envelope = envelope_of(mail)?;
        let mut talk = match self.waiting() {
            Some(mut talk) => match say_envelope(&mut talk, &envelope).await {
                Ok(()) => talk,
                // The server may have hung up meanwhile. Nothing was given away yet, so a new connection is safe.
                Err(error) if !error.is_permanent() => self.fresh(&envelope).await?,
                Err(error) => return Err(give_up(talk, &error).await),
            },
            None => self.fresh(&envelope).await?,
        };
        given_away.store(true, Ordering::Relaxed);
        match talk.connection.message(&mail.raw).await {
            Ok(response) => {
                self.keep(talk);
                Ok(Accepted { answer: said(&response) })
            }
            Err(error) => Err(classify(&error, true)),
        }
    }

    /// A new connection, with the envelope accepted.
    async fn fresh(&self, envelope: &(Address, Address)) -> Result<Talk, SendError> {
        let mut talk = self.connect().await.map_err(|why| SendError::Transient(why.to_string()))?;
        match say_envelope(&mut talk, envelope).await {
            Ok(()) => Ok(talk),
            Err(error) => Err(give_up(talk, &error).await),
        }
    }

    /// A connection that is open already.
    fn waiting(&self) -> Option<Talk> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| idle.since.elapsed() < IDLE);
        idle.pop().map(|idle| idle.talk)
    }

    fn keep(&self, talk: Talk) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(Idle { talk, since: Instant::now() });
    }

    /// Connects, protects and logs in.
    async fn connect(&self) -> Result<Talk, HelloError> {
        let place = &self.settings.place;
        let stream = dial(place).await?;
        let (stream, greeting) = match place.security {
            Security::None => (Stream::Plain(stream), &b""[..]),
            Security::Tls => (protect(stream, place, &self.trusted).await?, &b""[..]),
            Security::Starttls => {
                let stream = timeout(place.timeout, start_tls(stream, &self.settings.hello, place))
                    .await
                    .map_err(|_| ConnectError::Silent {
                    place: place.to_string(),
                    seconds: place.timeout.as_secs(),
                })??;
                // The server greets only once, and it has.
                (protect(stream, place, &self.trusted).await?, &b"220 protected\r\n"[..])
            }
        };
        let hello = ClientId::Domain(self.settings.hello.clone());
        let speaking = async {
            let stream = Box::new(Greeted { greeting, stream });
            let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await?;
            // The library knows of no pipelining, so its offers are asked for once more.
            let offers = connection.command(Ehlo::new(hello)).await?;
            let pipelining = offers.message().any(|offer| offer.trim().eq_ignore_ascii_case("pipelining"));
            if let Some((user, password)) = &self.settings.login {
                let credentials = Credentials::new(user.clone(), password.expose().to_owned());
                connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(
                    |why| HelloError::Login {
                        place: place.to_string(),
                        user: user.clone(),
                        why: reason(&why),
                    },
                )?;
            }
            Ok(Talk { connection, pipelining })
        };
        timeout(place.timeout, speaking).await.map_err(|_| ConnectError::Silent {
            place: place.to_string(),
            seconds: place.timeout.as_secs(),
        })?
    }

    /// Connects, logs in and hangs up: whether mail could go out.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub async fn check(&self) -> Result<String, HelloError> {
        let mut connection = self.connect().await?.connection;
        let place = &self.settings.place;
        let protected = match place.security {
            Security::None => "without TLS, on this machine",
            Security::Starttls => "with STARTTLS",
            Security::Tls => "with TLS",
        };
        let known = match &self.settings.login {
            Some((user, _)) => format!("and lets {user} in"),
            None => "and asks for no login".to_owned(),
        };
        let said = format!("{place} ({}) answers {protected} {known}", connection.server_info().name());
        let _ = timeout(FAREWELL, connection.quit()).await;
        Ok(said)
    }

    /// Hangs up on all connections that wait.
    pub async fn close(&self) {
        self.places.close();
        let waiting = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for mut idle in waiting {
            let _ = timeout(FAREWELL, idle.talk.connection.quit()).await;
        }
    }
}

/// A conversation with the server that did not come to the first mail.
#[derive(Debug, thiserror::Error)]
pub enum HelloError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server does not offer STARTTLS.
    #[error(
        "{0} does not offer STARTTLS, and no mail is handed over without protection; set `security` to tls, and `port` to 465, if it speaks that"
    )]
    NoStartTls(String),
    /// The server said something before TLS that only TLS should have said.
    #[error(
        "{0} answered before the connection was protected, which is what an attacker on the way would do; nothing was sent"
    )]
    Injected(String),
    /// The login is refused.
    #[error("{place} does not let {user} in ({why}); check `user` and `password`")]
    Login {
        /// Where.
        place: String,
        /// Who.
        user: String,
        /// What the server said.
        why: String,
    },
    /// The server does not speak SMTP as it should.
    #[error("the mail server does not speak as a mail server does ({0}); check `host` and `port`")]
    Protocol(String),
}

impl From<lettre::transport::smtp::Error> for HelloError {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        Self::Protocol(reason(&error))
    }
}

impl From<io::Error> for HelloError {
    fn from(error: io::Error) -> Self {
        Self::Protocol(error.to_string())
    }
}

/// Asks for TLS in the clear, and makes sure that nothing else was said in the clear.
async fn start_tls(stream: TcpStream, hello: &str, place: &Place) -> Result<TcpStream, HelloError> {
    let mut stream = BufReader::new(stream);
    answer(&mut stream, "220").await?;
    stream.write_all(format!("EHLO {hello}\r\n").as_bytes()).await?;
    let offers = answer(&mut stream, "250").await?;
    if !offers.iter().any(|offer| offer.trim().eq_ignore_ascii_case("starttls")) {
        return Err(HelloError::NoStartTls(place.to_string()));
    }
    stream.write_all(b"STARTTLS\r\n").await?;
    answer(&mut stream, "220").await?;
    if stream.buffer().is_empty() {
        Ok(stream.into_inner())
    } else {
        Err(HelloError::Injected(place.to_string()))
    }
}

/// Reads an answer of one or more lines, without their code.
async fn answer(stream: &mut BufReader<TcpStream>, code: &str) -> Result<Vec<String>, HelloError> {
    const LONGEST: u64 = 1000;
    const MOST_LINES: usize = 100;
    let mut lines = Vec::new();
    while lines.len() < MOST_LINES {
        let mut line = String::new();
        (&mut *stream).take(LONGEST).read_line(&mut line).await?;
        let (said, rest) = line.split_at_checked(3).unwrap_or((line.as_str(), ""));
        if said != code {
            return Err(HelloError::Protocol(format!("it said \"{}\" instead of {code}", line.trim())));
        }
        lines.push(rest.get(1..).unwrap_or_default().trim().to_owned());
        if !rest.starts_with('-') {
            return Ok(lines);
        }
    }
    Err(HelloError::Protocol("it does not stop talking".to_owned()))
}

/// Says from whom and to whom, and asks to go on: all at once where the server takes that.
async fn say_envelope(
    Talk { connection, pipelining }: &mut Talk,
    (from, to): &(Address, Address),
) -> Result<(), lettre::transport::smtp::Error> {
    let (from, to) = (Mail::new(Some(from.clone()), Vec::new()), Rcpt::new(to.clone(), Vec::new()));
    if *pipelining {
        connection.command(format!("{from}{to}{Data}")).await?;
        connection.read_response().await?;
        connection.read_response().await?;
    } else {
        connection.command(from).await?;
        connection.command(to).await?;
        connection.command(Data).await?;
    }
    Ok(())
}

fn envelope_of(mail: &Composed) -> Result<(Address, Address), SendError> {
    let read = |address: &String| {
        address
            .parse()
            .map_err(|why| SendError::Permanent(format!("\"{address}\" is no mail address ({why})")))
    };
    Ok((read(&mail.from)?, read(&mail.to)?))
}

/// Hangs up before anything was given away.
async fn give_up(mut talk: Talk, error: &lettre::transport::smtp::Error) -> SendError {
    // Where all was said at once, the server may wait for a message in spite of its no, and the farewell would be one.
    if !talk.pipelining {
        let _ = timeout(FAREWELL, talk.connection.quit()).await;
    }
    classify(error, false)
}

/// Whether to try again, and whether it may have arrived.
fn classify(error: &lettre::transport::smtp::Error, given_away: bool) -> SendError {
    if error.is_permanent() {
        SendError::Permanent(reason(error))
    } else if error.is_transient() {
        SendError::Transient(reason(error))
    } else if error.is_client() && !given_away {
        SendError::Permanent(reason(error))
    } else {
        doubt(reason(error), given_away)
    }
}

fn doubt(why: String, given_away: bool) -> SendError {
    if given_away { SendError::Ambiguous(why) } else { SendError::Transient(why) }
}

/// What the server or the system said, on one line.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn said(response: &Response) -> String {
    response.message().collect::<Vec<_>>().join(" ")
}

/// A stream that first repeats a greeting which was heard before it was protected.
#[derive(Debug)]
struct Greeted {
    greeting: &'static [u8],
    stream: Stream,
}

impl AsyncTokioStream for Greeted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer()
    }
}

impl AsyncRead for Greeted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.greeting.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let (now, later) = this.greeting.split_at(this.greeting.len().min(buf.remaining()));
        buf.put_slice(now);
        this.greeting = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Greeted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// How mail leaves: by SMTP, into a folder to be looked at, or into a test's hands.
#[derive(Debug, Clone)]
pub enum Mailer {
    /// To a mail server.
    Smtp(Arc<Smtp>),
    /// Into a folder, one `.eml` file each: for trying out without a mail server. Nobody gets anything.
    Folder(PathBuf),
    /// Into a list that a test reads.
    Fake(Arc<Mutex<Vec<Composed>>>),
}

impl Mailer {
    /// Sends one mail to one recipient.
    ///
    /// # Errors
    /// Says whether trying again makes sense, and whether the mail may have been accepted.
    pub async fn send(&self, mail: &Composed) -> Result<Accepted, SendError> {
        match self {
            Self::Smtp(smtp) => smtp.send(mail).await,
            Self::Folder(folder) => {
                let path = folder.join(format!("{}.eml", mail.id));
                match tokio::fs::write(&path, &mail.raw).await {
                    Ok(()) => Ok(Accepted { answer: path.display().to_string() }),
                    Err(why) => {
                        Err(SendError::Transient(format!("{} cannot be written ({why})", path.display())))
                    }
                }
            }
            Self::Fake(sent) => {
                sent.lock().unwrap_or_else(PoisonError::into_inner).push(mail.clone());
                Ok(Accepted { answer: "kept".to_owned() })
            }
        }
    }
}
