//! Delivery: cards, alerts and boards are drawn from the database at the moment they go out, and put where they belong.

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::card::{bulk_card, window_card};
use super::facts::Facts;
use super::screen::Screen;
use super::{Undelivered, text};
use crate::app::{App, Failure};
use crate::domain::board::Board;
use crate::domain::ids::WindowId;
use crate::domain::message::{Alert, Tone};
use crate::domain::person::Identity;
use crate::domain::window::WindowState;
use crate::store::error::StoreError;
use crate::store::records::{BoardRow, CardRow, Medium, Notification};

/// Who meant to post a board so long ago, and did not, is taken for dead.
const POSTING: TimeDelta = TimeDelta::seconds(30);

/// A card is drawn and put in its place by one task at a time: the older drawing must not arrive last.
#[derive(Debug, Default)]
pub(super) struct Drawing([tokio::sync::Mutex<()>; 32]);

impl Drawing {
    /// The turn for what stands, or will stand, under a name.
    async fn turn(&self, name: &str) -> tokio::sync::MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let count = u64::try_from(self.0.len()).unwrap_or(1);
        let place = usize::try_from(hasher.finish() % count).unwrap_or_default();
        self.0.get(place).unwrap_or(&self.0[0]).lock().await
    }
}

/// Where a message goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// A channel, or `@` and a person's id.
    pub(super) place: &'a str,
    /// The message below which it is told.
    pub(super) below: Option<&'a str>,
    /// Whether it is told in the channel as well.
    pub(super) loud: bool,
    /// What it is known by, should its confirmation be lost.
    pub(super) mark: &'a str,
    /// Whether it was tried before.
    pub(super) again: bool,
}

/// How one message is written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written<'a> {
    pub(super) thread: Option<&'a str>,
    pub(super) loud: bool,
    pub(super) mark: Option<&'a str>,
}

/// A message that is out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Posted {
    /// The platform's id of it.
    pub(super) message: String,
    /// The thread it was told in, when that has an id of its own.
    pub(super) thread: Option<String>,
}

/// What was delivered, to be kept together with the end of the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The platform's id of the message.
    pub message: String,
    /// The windows it shows, and where.
    pub cards: Vec<CardRow>,
}

/// A platform that is written to.
pub(super) trait Writer: Send + Sync {
    /// Which.
    const MEDIUM: Medium;
    /// The use cases.
    fn app(&self) -> &App;
    /// Whose turn it is to draw.
    fn drawings(&self) -> &Drawing;
    /// Who reads a place, when it is one person's.
    fn reader(&self, place: &str) -> impl Future<Output = Option<Identity>> + Send;
    /// The zone that the platform knows of the one reader of a place.
    fn zone_of(&self, place: &str) -> impl Future<Output = Option<Tz>> + Send;
    /// Posts a screen.
    fn post(
        &self,
        at: &Place<'_>,
        screen: &Screen,
    ) -> impl Future<Output = Result<Posted, Undelivered>> + Send;
    /// Rewrites a message where it stands.
    fn rewrite(&self, message: &str, screen: &Screen)
    -> impl Future<Output = Result<(), Undelivered>> + Send;
}

fn database(error: impl std::fmt::Display) -> Undelivered {
    Undelivered::Transient(format!("the database: {error}"))
}

fn undrawn(failure: &Failure) -> Undelivered {
    Undelivered::Transient(format!("the card could not be drawn: {failure}"))
}

async fn cards_of(app: &App, medium: Medium, window: WindowId) -> Result<Vec<CardRow>, Undelivered> {
    let read = async { app.store.read().await?.cards_of(window).await };
    let cards = read.await.map_err(database)?;
    Ok(cards.into_iter().filter(|card| card.platform == medium).collect())
}

/// Draws windows for a place: one as a card, several as lines of one.
async fn draw<W: Writer>(
    writer: &W,
    place: &str,
    windows: &[WindowId],
) -> Result<(Screen, Vec<Facts>), Undelivered> {
    let reader = writer.reader(place).await;
    let platform_zone = writer.zone_of(place).await;
    let mut all = Vec::with_capacity(windows.len());
    for window in windows {
        let facts =
            Facts::load(writer.app(), *window, reader.as_ref()).await.map_err(|error| undrawn(&error))?;
        if let Some(mut facts) = facts {
            facts.reader = facts.reader.or(platform_zone);
            all.push(facts);
        }
    }
    match (all.as_slice(), windows) {
        ([], _) => Err(Undelivered::Permanent("there is no such window".to_owned())),
        ([facts], [_]) => {
            let screen = window_card(facts).screen();
            Ok((screen, all))
        }
        (facts, _) => {
            let screen = bulk_card(facts);
            Ok((screen, all))
        }
    }
}

/// Draws windows' card as they are now and puts it into a place: rewritten where it stands, posted where it does not.
pub(super) async fn card<W: Writer>(
    writer: &W,
    message: &Notification,
    windows: &[WindowId],
) -> Result<Delivered, Undelivered> {
    let place = message.recipient.as_str();
    let mark = message.id.to_string();
    let at = Place { place, below: None, loud: false, mark: &mark, again: message.attempts > 0 };
    put_card(writer, &at, windows).await
}

async fn put_card<W: Writer>(
    writer: &W,
    at: &Place<'_>,
    windows: &[WindowId],
) -> Result<Delivered, Undelivered> {
    let Some(first) = windows.first() else {
        return Err(Undelivered::Permanent("a card of nothing".to_owned()));
    };
    let known = cards_of(writer.app(), W::MEDIUM, *first).await?;
    let standing = known.into_iter().find(|card| card.channel == at.place);
    if let Some(standing) = standing {
        let turn = writer.drawings().turn(&standing.message).await;
        let rows = on_message(writer.app(), W::MEDIUM, &standing.message).await?;
        let windows: Vec<WindowId> = rows.iter().map(|card| card.window).collect();
        let (screen, facts) = draw(writer, at.place, &windows).await?;
        match writer.rewrite(&standing.message, &screen).await {
            Ok(()) => {
                let posted = Posted { message: standing.message.clone(), thread: standing.thread.clone() };
                return Ok(delivered::<W>(at.place, &posted, &facts));
            }
            Err(Undelivered::Gone) => drop(turn),
            Err(error) => return Err(error),
        }
        let _turn = writer.drawings().turn(at.place).await;
        let posted = writer.post(at, &screen).await?;
        return Ok(delivered::<W>(at.place, &posted, &facts));
    }
    let _turn = writer.drawings().turn(at.place).await;
    let (screen, facts) = draw(writer, at.place, windows).await?;
    wait_for_the_reader(writer, at.place, is_urgent(&facts)).await?;
    let posted = writer.post(at, &screen).await?;
    Ok(delivered::<W>(at.place, &posted, &facts))
}

fn delivered<W: Writer>(place: &str, posted: &Posted, facts: &[Facts]) -> Delivered {
    let several = facts.len() > 1;
    let cards = (1..).zip(facts).map(|(line, facts)| CardRow {
        platform: W::MEDIUM,
        channel: place.to_owned(),
        window: facts.window.id,
        message: posted.message.clone(),
        line: several.then_some(line),
        revision: Some(facts.window.revision),
        thread: posted.thread.clone(),
    });
    Delivered { message: posted.message.clone(), cards: cards.collect() }
}

async fn on_message(app: &App, medium: Medium, message: &str) -> Result<Vec<CardRow>, Undelivered> {
    let read = async { app.store.read().await?.cards_on(medium, message).await };
    read.await.map_err(database)
}

/// Whether somebody must be told now, whatever hour it is: what went wrong, and what would.
fn is_urgent(facts: &[Facts]) -> bool {
    facts.iter().any(|facts| {
        let failed =
            matches!(facts.window.state, WindowState::Failed { .. } | WindowState::NeedsHuman { .. });
        failed || facts.check.as_ref().is_some_and(|check| check.blocked)
    })
}

/// Lets what is not urgent wait while its one reader wants to be left alone.
async fn wait_for_the_reader<W: Writer>(writer: &W, place: &str, urgent: bool) -> Result<(), Undelivered> {
    let Some(reader) = writer.reader(place).await.filter(|_| !urgent) else { return Ok(()) };
    let app = writer.app();
    let quiet = async {
        let mut tx = app.store.read().await?;
        match tx.person_by_identity(&reader).await? {
            Some(person) => Ok(tx.quiet_of(person.id).await?.map(|quiet| (quiet, person.zone))),
            None => Ok(None),
        }
    };
    let quiet: Result<_, StoreError> = quiet.await;
    let Some((quiet, zone)) = quiet.map_err(database)? else { return Ok(()) };
    let zone = match zone {
        Some(zone) => zone,
        None => writer.zone_of(place).await.unwrap_or(app.zone),
    };
    match quiet.holds_until(app.now(), zone) {
        Some(until) => Err(Undelivered::Quiet { until }),
        None => Ok(()),
    }
}

/// Tells operators something: in the thread of the window's card when it is about one, and loudly when it is bad.
pub(super) async fn alert<W: Writer>(
    writer: &W,
    message: &Notification,
    alert: &Alert,
) -> Result<Delivered, Undelivered> {
    let mark = message.id.to_string();
    let at = Place {
        place: &message.recipient,
        below: None,
        loud: alert.tone == Tone::Bad,
        mark: &mark,
        again: message.attempts > 0,
    };
    let screen = text::alert_screen(alert);
    let Some(window) = message.window else {
        let posted = writer.post(&at, &screen).await?;
        return Ok(Delivered { message: posted.message, cards: Vec::new() });
    };
    let known = cards_of(writer.app(), W::MEDIUM, window).await?;
    let root = match known.into_iter().find(|card| card.channel == message.recipient) {
        Some(root) => root,
        None => {
            let mark = format!("{mark}/card");
            let card = put_card(writer, &Place { mark: &mark, loud: false, ..at }, &[window]).await?;
            keep(writer.app(), &card.cards).await?;
            match card.cards.into_iter().next() {
                Some(root) => root,
                None => return Err(Undelivered::Permanent("there is no such window".to_owned())),
            }
        }
    };
    let below = Place { below: Some(&root.message), ..at };
    let posted = match writer.post(&below, &screen).await {
        // The card was deleted, and its thread with it.
        Err(Undelivered::Gone) => writer.post(&at, &screen).await?,
        posted => posted?,
    };
    let cards = match posted.thread {
        Some(thread) if root.thread.as_deref() != Some(&thread) => {
            vec![CardRow { thread: Some(thread), ..root }]
        }
        _ => Vec::new(),
    };
    Ok(Delivered { message: posted.message, cards })
}

/// Remembers a card at once: should what is told below it fail, it must not be posted again.
async fn keep(app: &App, cards: &[CardRow]) -> Result<(), Undelivered> {
    let kept = async {
        let mut tx = app.store.begin().await?;
        for card in cards {
            tx.put_card(card, app.now()).await?;
        }
        tx.commit().await
    };
    kept.await.map_err(database)
}

/// Draws a card anew that somebody has clicked on: as the database knows it, else as the click tells.
pub(super) async fn redraw<W: Writer>(
    writer: &W,
    message: &str,
    place: &str,
    known: &[CardRow],
    clicked: &[WindowId],
) -> Result<(), Undelivered> {
    let _turn = writer.drawings().turn(message).await;
    let windows: Vec<WindowId> =
        if known.is_empty() { clicked.to_vec() } else { known.iter().map(|card| card.window).collect() };
    let (screen, facts) = draw(writer, place, &windows).await?;
    writer.rewrite(message, &screen).await?;
    if !known.is_empty() {
        let thread = known.first().and_then(|card| card.thread.clone());
        let posted = Posted { message: message.to_owned(), thread };
        keep(writer.app(), &delivered::<W>(place, &posted, &facts).cards).await?;
    }
    Ok(())
}

/// Whether this instance posts a night's board: each draws it, one posts it.
async fn is_ours_to_post(app: &App, medium: Medium, place: &str, night: &str) -> Result<bool, StoreError> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let ours = tx.claim_board(medium, place, night, now, now - POSTING).await?;
    tx.commit().await?;
    Ok(ours)
}

/// Keeps the message that tells a night: posted once, rewritten when it would say something else.
pub(super) async fn board<W: Writer>(writer: &W, place: &str, board: &Board) -> Result<bool, Undelivered> {
    let app = writer.app();
    let night = board.evening.to_string();
    let screen = super::board::screen(board);
    let shows = screen.text("");
    let read = async { app.store.read().await?.board_of(W::MEDIUM, place, &night).await };
    let kept = read.await.map_err(database)?;
    if kept.as_ref().is_some_and(|kept| kept.shows == shows) {
        return Ok(false);
    }
    let rewritten = match &kept {
        Some(kept) => match writer.rewrite(&kept.message, &screen).await {
            Ok(()) => Some(kept.message.clone()),
            Err(Undelivered::Gone) => None,
            Err(error) => return Err(error),
        },
        None if !is_ours_to_post(app, W::MEDIUM, place, &night).await.map_err(database)? => return Ok(false),
        None => None,
    };
    let message = match rewritten {
        Some(message) => message,
        None => {
            let mark = format!("board/{night}");
            let at = Place { place, below: None, loud: false, mark: &mark, again: true };
            writer.post(&at, &screen).await?.message
        }
    };
    let row = BoardRow { platform: W::MEDIUM, channel: place.to_owned(), night, message, shows };
    let put = async {
        let mut tx = app.store.begin().await?;
        tx.put_board(&row, app.now()).await?;
        tx.commit().await
    };
    put.await.map_err(database)?;
    Ok(true)
}
