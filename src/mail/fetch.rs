//! Replies are fetched over IMAP, one by one: kept first, marked only then, and skipped when they cannot be fetched.
//!
//! Nothing here waits for ever: each command has its time, a silent connection is found out within minutes by renewing
//! IDLE, and whatever breaks leads to a new connection after a pause that grows.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use async_imap::Client;
use async_imap::extensions::idle::IdleResponse;
use async_imap::types::UnsolicitedResponse;
use futures::TryStreamExt as _;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::connect::{ConnectError, Place, Security, Stream, Trusted, dial, protect};
use super::read::LARGEST;
use super::utf7::encoded;
use crate::config::secret::Secret;

/// Targets of the log that must stay above `trace`: the library writes the login's password there.
pub const NEVER_TRACE: &[&str] = &["async_imap"];

/// How often IDLE is renewed, if nothing speaks for another time.
pub const RENEW: Duration = Duration::from_secs(5 * 60);
/// A message that could not be fetched this often is skipped.
const MOST_FAILURES: u32 = 5;
/// Sizes are asked for so many messages at once.
const AT_ONCE: usize = 100;
/// How much of a message that is too large is still looked at.
const HEAD: usize = 64 * 1024;
/// The first pause before connecting anew, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// What is done with a message once it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// It is marked as seen and stays where it is.
    MarkSeen,
    /// It is moved into another folder.
    MoveTo(String),
}

/// How the mailbox is reached and read.
#[derive(Debug, Clone)]
pub struct ImapSettings {
    /// Where the server is.
    pub place: Place,
    /// The login.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// The folder that is read.
    pub folder: String,
    /// What is done with a message once it is kept.
    pub after: After,
    /// How often the folder is looked at when the server does not tell of new mail.
    pub poll: Duration,
    /// How often IDLE is renewed: a connection that died silently is found out by that. [`RENEW`] is usual.
    pub renew: Duration,
    /// How long one command may take.
    pub timeout: Duration,
}

/// How far a folder was read. It is worth nothing once the folder's UIDVALIDITY has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The folder's UIDVALIDITY.
    pub validity: u32,
    /// The UID of the last message that was kept.
    pub last: u32,
}

/// A message as it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The folder's UIDVALIDITY.
    pub validity: u32,
    /// The message's UID.
    pub uid: u32,
    /// What could be fetched of it.
    pub content: Content,
}

/// What could be fetched of a message.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// All of it.
    Whole(Vec<u8>),
    /// It is too large to be a reply; only its headers were fetched.
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The headers, or the beginning of them.
        head: Vec<u8>,
    },
    /// It could not be fetched, however often; somebody should look at it.
    Unfetchable {
        /// What went wrong the last time.
        why: String,
    },
}

// What people write is nobody's business in a log.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(raw) => write!(f, "{} bytes", raw.len()),
            Self::TooLarge { size, .. } => write!(f, "too large, {size} bytes"),
            Self::Unfetchable { why } => write!(f, "unfetchable: {why}"),
        }
    }
}

/// A mailbox that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The login is refused.
    #[error(
        "{place} does not let {user} in ({why}); check `user` and `password`, and whether IMAP is allowed for this mailbox"
    )]
    Login {
        /// Where.
        place: String,
        /// Who.
        user: String,
        /// What the server said.
        why: String,
    },
    /// The folder cannot be opened.
    #[error("the folder {folder} cannot be opened ({why}); check `folder`")]
    Folder {
        /// The folder.
        folder: String,
        /// What the server said.
        why: String,
    },
    /// A command failed.
    #[error("the mail server did not do {command} ({why}); it is tried again over a new connection")]
    Command {
        /// The command.
        command: &'static str,
        /// What it said.
        why: String,
    },
    /// A command took too long.
    #[error(
        "the mail server did not answer to {command} within {seconds} s; it is tried again over a new connection"
    )]
    Silent {
        /// The command.
        command: &'static str,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A message could not be kept on our side, so it was not marked.
    #[error("message {uid} could not be kept ({why}); it stays in the mailbox and is fetched again")]
    NotKept {
        /// Its UID.
        uid: u32,
        /// Why.
        why: String,
    },
}

/// An open, logged-in connection.
pub struct Session {
    imap: async_imap::Session<Stream>,
    can: Can,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("can", &self.can).finish_non_exhaustive()
    }
}

/// What the server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Can {
    idle: bool,
    move_: bool,
    uid_plus: bool,
}

/// A mailbox and how far it was read.
#[derive(Debug)]
pub struct Mailbox {
    settings: ImapSettings,
    trusted: Trusted,
    cursor: Option<Cursor>,
    failures: HashMap<u32, u32>,
    /// Whether sizes are asked for many messages at once; not any more once that has failed, for one of them may be to blame.
    at_once: bool,
}

impl Mailbox {
    /// Prepares for a mailbox; nothing is connected yet. `cursor` is where reading ended the last time; without one, all
    /// that nobody has seen yet is fetched.
    ///
    /// # Errors
    /// When the certificate authority cannot be read.
    pub fn new(settings: ImapSettings, cursor: Option<Cursor>) -> Result<Self, ConnectError> {
        let trusted = Trusted::load(settings.place.ca_file.as_deref())?;
        Ok(Self { settings, trusted, cursor, failures: HashMap::new(), at_once: true })
    }

    /// How far the folder was read.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// Connects, protects and logs in.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub async fn connect(&self) -> Result<Session, FetchError> {
        let place = &self.settings.place;
        let stream = dial(place).await?;
        let mut client = match place.security {
            Security::Tls => Client::new(protect(stream, place, &self.trusted).await?),
            Security::None => Client::new(Stream::Plain(stream)),
            Security::Starttls => {
                let mut plain = Client::new(stream);
                self.within("its greeting", plain.read_response()).await?;
                self.within("STARTTLS", plain.run_command_and_check_ok("STARTTLS", None)).await?;
                // What was said in the clear behind the answer is thrown away with the reader.
                Client::new(protect(plain.into_inner(), place, &self.trusted).await?)
            }
        };
        if place.security != Security::Starttls {
            self.within("its greeting", client.read_response()).await?;
        }
        let login = client.login(&self.settings.user, self.settings.password.expose());
        let mut imap = match timeout(self.settings.timeout, login).await {
            Ok(Ok(session)) => session,
            Ok(Err((why, _))) => {
                let (place, user) = (place.to_string(), self.settings.user.clone());
                return Err(FetchError::Login { place, user, why: why.to_string() });
            }
            Err(_) => return Err(self.silent("LOGIN")),
        };
        let offers = self.within("CAPABILITY", imap.capabilities()).await?;
        let can = Can {
            idle: offers.has_str("IDLE"),
            move_: offers.has_str("MOVE"),
            uid_plus: offers.has_str("UIDPLUS"),
        };
        if let After::MoveTo(folder) = &self.settings.after {
            match self.within("CREATE", imap.create(encoded(folder))).await {
                // It is there already.
                Err(FetchError::Command { why, .. }) if is_refusal(&why) => {}
                created => created?,
            }
        }
        Ok(Session { imap, can })
    }

    /// Connects, opens the folder and hangs up: whether replies could be read.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub async fn check(&self) -> Result<String, FetchError> {
        let mut session = self.connect().await?;
        let folder = self.open(&mut session).await?;
        let told = if session.can.idle { "tells of new mail by itself" } else { "is asked for new mail" };
        let _ = timeout(self.settings.timeout, session.imap.logout()).await;
        Ok(format!("{} holds {} messages, and the server {told}", self.settings.folder, folder.exists))
    }

    async fn open(&self, session: &mut Session) -> Result<async_imap::types::Mailbox, FetchError> {
        match timeout(self.settings.timeout, session.imap.select(encoded(&self.settings.folder))).await {
            Ok(Ok(folder)) => {
                // What was told up to here is in the answer; what is told from here on is news.
                while session.imap.unsolicited_responses.try_recv().is_ok() {}
                Ok(folder)
            }
            Ok(Err(async_imap::error::Error::No(why) | async_imap::error::Error::Bad(why))) => {
                Err(FetchError::Folder { folder: self.settings.folder.clone(), why })
            }
            Ok(Err(why)) => Err(FetchError::Command { command: "SELECT", why: why.to_string() }),
            Err(_) => Err(self.silent("SELECT")),
        }
    }

    /// Fetches what is new and hands it over, one message after the other, oldest first. A message is marked or moved
    /// only after `sink` has said that it is kept; when it says no, everything stays as it is. How many were handed over.
    ///
    /// # Errors
    /// After an error the session must not be used any more.
    pub async fn fetch_new<S, F>(&mut self, session: &mut Session, mut sink: S) -> Result<usize, FetchError>
    where
        S: FnMut(Arrived) -> F,
        F: Future<Output = Result<(), String>>,
    {
        let folder = self.open(session).await?;
        let no_validity = || FetchError::Folder {
            folder: self.settings.folder.clone(),
            why: "it has no UIDVALIDITY".to_owned(),
        };
        let validity = folder.uid_validity.ok_or_else(no_validity)?;
        let new = self.new_messages(session, validity).await?;
        let mut handed = 0;
        let mut sizes: HashMap<u32, u64> = HashMap::new();
        for (at, uid) in new.iter().copied().enumerate() {
            if at.is_multiple_of(AT_ONCE) {
                sizes = self.sizes(session, new.iter().skip(at).take(AT_ONCE)).await?;
            }
            let Some(content) = self.content(session, uid, sizes.get(&uid).copied()).await? else {
                // Somebody else took it away.
                self.cursor = Some(Cursor { validity, last: uid });
                continue;
            };
            sink(Arrived { validity, uid, content }).await.map_err(|why| FetchError::NotKept { uid, why })?;
            handed += 1;
            self.cursor = Some(Cursor { validity, last: uid });
            self.failures.remove(&uid);
            match self.put_away(session, uid).await {
                Ok(()) => {}
                // The message is kept, so it counts; that it looks unread is a blemish.
                Err(FetchError::Command { command, why }) if is_refusal(&why) => {
                    warn!(uid, "a reply is kept and could not be put away: {command}: {why}");
                }
                Err(why) => return Err(why),
            }
        }
        // Nothing up to here is new any more, whether it was handed over or had been seen before.
        let seen = folder.uid_next.unwrap_or(1).saturating_sub(1);
        let last = self.cursor.filter(|cursor| cursor.validity == validity).map_or(0, |cursor| cursor.last);
        self.cursor = Some(Cursor { validity, last: last.max(seen) });
        Ok(handed)
    }

    /// The UIDs that were not handed over yet, in order.
    async fn new_messages(&mut self, session: &mut Session, validity: u32) -> Result<Vec<u32>, FetchError> {
        let (query, after) = match self.cursor {
            Some(cursor) if cursor.validity == validity => {
                (format!("UID {}:*", cursor.last.saturating_add(1)), cursor.last)
            }
            // All numbers have changed: everything is handed over again, and what was kept is recognised.
            Some(_) => {
                self.failures.clear();
                ("ALL".to_owned(), 0)
            }
            None => ("UNSEEN".to_owned(), 0),
        };
        let found = self.within("UID SEARCH", session.imap.uid_search(query)).await?;
        // "n:*" names the last message also when its number is smaller.
        let mut new: Vec<u32> = found.into_iter().filter(|uid| *uid > after).collect();
        new.sort_unstable();
        Ok(new)
    }

    /// The sizes of these messages, as far as the server tells them in one answer: half of the questions for a backlog.
    async fn sizes(
        &mut self,
        session: &mut Session,
        uids: impl ExactSizeIterator<Item = &u32>,
    ) -> Result<HashMap<u32, u64>, FetchError> {
        if !self.at_once || uids.len() < 2 {
            return Ok(HashMap::new());
        }
        let set = uids.map(u32::to_string).collect::<Vec<_>>().join(",");
        let fetching = async {
            let answers: Vec<_> =
                session.imap.uid_fetch(set, "(UID RFC822.SIZE)").await?.try_collect().await?;
            Ok::<_, async_imap::error::Error>(answers)
        };
        let answers = match self.within("UID FETCH", fetching).await {
            Ok(answers) => answers,
            Err(why) => {
                self.at_once = false;
                return Err(why);
            }
        };
        Ok(answers.iter().filter_map(|fetch| Some((fetch.uid?, u64::from(fetch.size?)))).collect())
    }

    /// What can be fetched of a message; nothing when it is gone.
    async fn content(
        &mut self,
        session: &mut Session,
        uid: u32,
        size: Option<u64>,
    ) -> Result<Option<Content>, FetchError> {
        let failures = self.failures.entry(uid).or_default();
        if *failures >= MOST_FAILURES {
            return Ok(Some(Content::Unfetchable {
                why: format!("it could not be fetched in {failures} attempts"),
            }));
        }
        *failures += 1;
        let content = self.fetch(session, uid, size).await?;
        self.failures.remove(&uid);
        Ok(content)
    }

    async fn fetch(
        &self,
        session: &mut Session,
        uid: u32,
        size: Option<u64>,
    ) -> Result<Option<Content>, FetchError> {
        let size = match size {
            Some(size) => size,
            None => match self.fetch_part(session, uid, "(UID RFC822.SIZE)", |fetch| fetch.size).await? {
                Some(size) => u64::from(size),
                None => return Ok(None),
            },
        };
        if size <= LARGEST as u64 {
            // One byte more than allowed, so that a server that is wrong about the size cannot fill our memory.
            let query = format!("(UID BODY.PEEK[]<0.{}>)", LARGEST.saturating_add(1));
            let body =
                self.fetch_part(session, uid, &query, |fetch| fetch.body().map(<[u8]>::to_vec)).await?;
            match body {
                None => {
                    // Sizes are asked for in advance; somebody may have taken the message away meanwhile.
                    let still =
                        self.fetch_part(session, uid, "(UID RFC822.SIZE)", |fetch| fetch.size).await?;
                    if still.is_none() {
                        return Ok(None);
                    }
                    let why = "it told the size of a message and sent no text of it".to_owned();
                    return Err(FetchError::Command { command: "UID FETCH", why });
                }
                Some(raw) if raw.len() <= LARGEST => return Ok(Some(Content::Whole(raw))),
                Some(_) => {}
            }
        }
        let query = format!("(UID BODY.PEEK[HEADER]<0.{HEAD}>)");
        let head = self.fetch_part(session, uid, &query, |fetch| fetch.header().map(<[u8]>::to_vec)).await?;
        Ok(Some(Content::TooLarge { size, head: head.unwrap_or_default() }))
    }

    async fn fetch_part<T>(
        &self,
        session: &mut Session,
        uid: u32,
        query: &str,
        take: impl Fn(&async_imap::types::Fetch) -> Option<T>,
    ) -> Result<Option<T>, FetchError> {
        let fetching = async {
            let mut answers = session.imap.uid_fetch(uid.to_string(), query).await?;
            let mut found = None;
            // To the end, for what is left unread would be taken for the answer to the next command.
            while let Some(fetch) = answers.try_next().await? {
                if fetch.uid == Some(uid) && found.is_none() {
                    found = take(&fetch);
                }
            }
            Ok::<_, async_imap::error::Error>(found)
        };
        self.within("UID FETCH", fetching).await
    }

    /// Marks or moves a message that is kept.
    async fn put_away(&self, session: &mut Session, uid: u32) -> Result<(), FetchError> {
        let uid = uid.to_string();
        match &self.settings.after {
            After::MarkSeen => self.store(session, &uid, "+FLAGS.SILENT (\\Seen)").await,
            After::MoveTo(folder) if session.can.move_ => {
                self.within("UID MOVE", session.imap.uid_mv(&uid, encoded(folder))).await
            }
            After::MoveTo(folder) => {
                self.within("UID COPY", session.imap.uid_copy(&uid, encoded(folder))).await?;
                self.store(session, &uid, "+FLAGS.SILENT (\\Seen \\Deleted)").await?;
                if session.can.uid_plus {
                    let expunging = async {
                        session.imap.uid_expunge(&uid).await?.try_collect::<Vec<_>>().await.map(drop)
                    };
                    self.within("UID EXPUNGE", expunging).await?;
                }
                Ok(())
            }
        }
    }

    async fn store(&self, session: &mut Session, uid: &str, flags: &str) -> Result<(), FetchError> {
        let storing =
            async { session.imap.uid_store(uid, flags).await?.try_collect::<Vec<_>>().await.map(drop) };
        self.within("UID STORE", storing).await
    }

    /// Waits until there may be something new: told by the server, or after a while.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn wait(&self, session: Session) -> Result<Session, FetchError> {
        let Session { mut imap, can } = session;
        if !can.idle {
            tokio::time::sleep(self.settings.poll).await;
            self.within("NOOP", imap.noop()).await?;
            return Ok(Session { imap, can });
        }
        let told = imap.unsolicited_responses.clone();
        let mut idle = imap.idle();
        self.within("IDLE", idle.init()).await?;
        // Mail that came since the folder was opened is told of once: with the answer to any command after it, or
        // while IDLE begins. Waiting for it to be told again would be waiting for ever.
        let mut came = false;
        while let Ok(news) = told.try_recv() {
            came |= matches!(news, UnsolicitedResponse::Exists(_) | UnsolicitedResponse::Recent(_));
        }
        if !came {
            // What the server forgets to tell is found by looking.
            let longest = self.settings.renew.min(self.settings.poll);
            // The source of the interruption must live, or the wait ends at once.
            let (waiting, _interrupt) = idle.wait_with_timeout(longest);
            // The library's own time begins anew with each sign of life.
            match timeout(longest, waiting).await {
                Err(_) | Ok(Ok(IdleResponse::NewData(_) | IdleResponse::Timeout)) => {}
                Ok(Ok(IdleResponse::ManualInterrupt)) => {
                    // Nobody interrupts; this is how the library says that the connection has ended.
                    return Err(FetchError::Command {
                        command: "IDLE",
                        why: "the connection has ended".to_owned(),
                    });
                }
                Ok(Err(why)) => return Err(FetchError::Command { command: "IDLE", why: why.to_string() }),
            }
        }
        let imap = self.within("DONE", idle.done()).await?;
        Ok(Session { imap, can })
    }

    /// Reads the mailbox until it is told to end: fetches, waits, and connects anew when something breaks. `jitter`
    /// gives numbers from 0 to 1.
    pub async fn run<S, F>(&mut self, mut sink: S, mut jitter: impl FnMut() -> f64, end: CancellationToken)
    where
        S: FnMut(Arrived) -> F,
        F: Future<Output = Result<(), String>>,
    {
        let mut broken: u32 = 0;
        loop {
            let ended = tokio::select! {
                () = end.cancelled() => return,
                ended = self.read_on(&mut sink, &mut broken) => ended,
            };
            broken = broken.saturating_add(1);
            let pause = pause(broken, jitter());
            warn!(attempt = broken, pause_s = pause.as_secs(), "replies cannot be read: {ended}");
            tokio::select! {
                () = end.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One connection's life; how it ended.
    async fn read_on<S, F>(&mut self, sink: &mut S, broken: &mut u32) -> FetchError
    where
        S: FnMut(Arrived) -> F,
        F: Future<Output = Result<(), String>>,
    {
        let mut session = match self.connect().await {
            Ok(session) => session,
            Err(why) => return why,
        };
        loop {
            match self.fetch_new(&mut session, &mut *sink).await {
                Ok(0) => {}
                Ok(count) => debug!(count, "replies fetched"),
                Err(why) => return why,
            }
            *broken = 0;
            session = match self.wait(session).await {
                Ok(session) => session,
                Err(why) => return why,
            };
        }
    }

    async fn within<T, E: fmt::Display>(
        &self,
        command: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, FetchError> {
        match timeout(self.settings.timeout, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(why)) => Err(FetchError::Command { command, why: shortened(&why.to_string()) }),
            Err(_) => Err(self.silent(command)),
        }
    }

    fn silent(&self, command: &'static str) -> FetchError {
        FetchError::Silent { command, seconds: self.settings.timeout.as_secs() }
    }
}

/// Whether the server said no, rather than nothing: then the connection is as good as before.
fn is_refusal(why: &str) -> bool {
    why.starts_with("no response") || why.starts_with("bad response")
}

/// The library puts whole messages into its errors; nobody wants those in a log.
fn shortened(why: &str) -> String {
    const MOST_LETTERS: usize = 120;
    why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_LETTERS).collect()
}

/// Twice as long after each failure, and never in step with others.
fn pause(broken: u32, jitter: f64) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(broken.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(LONGEST_PAUSE).mul_f64(0.5 + jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        let seconds = |broken, jitter| pause(broken, jitter).as_secs_f64();
        assert_eq!([seconds(1, 0.5), seconds(2, 0.5), seconds(3, 0.5)], [2.0, 4.0, 8.0]);
        assert_eq!([seconds(40, 0.5), seconds(4_000_000_000, 0.0), seconds(9, 1.0)], [300.0, 150.0, 450.0]);
    }
}
