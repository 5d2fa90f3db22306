//! Calendars to subscribe to: what a feed shows, where it is, and how all links end.

use chrono::TimeDelta;
use serde_json::Value;

use super::{App, Failure};
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::feed::{Feed, FeedKey};
use crate::store::Tx;
use crate::store::records::FeedRow;

/// Where the database keeps the key.
const KEY: &str = "calendar.key";
/// How long a window that is over stays in the calendars.
const KEPT: TimeDelta = TimeDelta::days(100);

impl App {
    /// The windows that a feed shows, by their start; nothing for an owner or group that nobody knows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn feed(&self, feed: &Feed) -> Result<Vec<FeedRow>, Failure> {
        let from = self.now().checked_sub_signed(KEPT).unwrap_or_else(|| self.now());
        let mut tx = self.store.read().await?;
        Ok(match feed {
            Feed::Operations => tx.feed_of_all(from).await?,
            Feed::Group(name) => tx.feed_of_group(from, name).await?,
            Feed::Owner(address) => match tx.person_by_mail(address).await? {
                Some(person) => tx.feed_of_owner(from, person.id).await?,
                None => Vec::new(),
            },
        })
    }

    /// Whether a link's last part opens the feed. Without a key no link was ever given out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn opens_feed(&self, feed: &Feed, file: &str) -> Result<bool, Failure> {
        let key = kept(self.store.read().await?.get_configuration(KEY).await?)?;
        Ok(key.is_some_and(|key| key.is_signed(feed, file)))
    }

    async fn make_key(&self, tx: &mut Tx) -> Result<FeedKey, Failure> {
        let random = self.ids.secret().map_err(|error| Failure::Bug(format!("no randomness: {error}")))?;
        let key = FeedKey::new(random);
        tx.put_configuration(KEY, &Value::String(key.kept()), self.now()).await?;
        Ok(key)
    }

    /// Makes a new key: every link that was given out ends.
    ///
    /// # Errors
    /// When the database does not answer, or the system has no randomness.
    pub async fn renew_feeds(&self, actor: Actor) -> Result<(), Failure> {
        let mut tx = self.store.begin().await?;
        self.make_key(&mut tx).await?;
        tx.append_audit(&AuditEvent::new(
            self.now(),
            actor,
            What::LinksRenewed,
            "calendars",
            "All links to calendars have ended; new ones are made with a new key.",
        ))
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The link to a feed, signed with a key that is made when it is needed first; nothing when the configuration does
    /// not say where the pages are reached.
    ///
    /// # Errors
    /// When the database does not answer, or the system has no randomness.
    pub async fn feed_link(&self, tx: &mut Tx, feed: &Feed) -> Result<Option<String>, Failure> {
        let Some(base) = &self.public_url else { return Ok(None) };
        let key = match kept(tx.get_configuration(KEY).await?)? {
            Some(key) => key,
            None => self.make_key(tx).await?,
        };
        Ok(Some(format!("{}{}", base.trim_end_matches('/'), key.path(feed))))
    }
}

fn kept(value: Option<Value>) -> Result<Option<FeedKey>, Failure> {
    match value {
        None => Ok(None),
        Some(value) => value
            .as_str()
            .and_then(FeedKey::read)
            .map(Some)
            .ok_or_else(|| Failure::Bug("configuration.calendar.key holds no key".to_owned())),
    }
}
