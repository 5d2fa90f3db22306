//! An inventory that another system dropped: taken over when it is sound and small, else left to a person, once told.

use super::import::{Absent, Apply, Preview};
use super::{App, Failure};
use crate::domain::answer::Channel;
use crate::domain::chain::sha256;
use crate::domain::event::Actor;
use crate::domain::message::Tone;

/// So many lines of a problem stand in an alert; the file beside the quarantined one has them all.
const LINES_TOLD: usize = 5;

/// What became of a dropped file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dropped {
    /// It was taken over.
    Taken(Preview),
    /// It changes more than may be changed without a person: it was not taken over.
    Held {
        /// Why, in a sentence.
        why: String,
        /// What it would change.
        preview: Preview,
    },
    /// Something is wrong with it: it was not taken over.
    Wrong(Vec<String>),
}

impl App {
    /// Takes a dropped file over, unless something is wrong with it or it changes more than `most_changed` of a hundred
    /// servers.
    ///
    /// # Errors
    /// When the database does not answer; then nothing was changed.
    pub async fn take_dropped(
        &self,
        place: &str,
        bytes: &[u8],
        most_changed: usize,
    ) -> Result<Dropped, Failure> {
        let actor = Actor::outside(place, Channel::Import);
        let preview = self.import(bytes, Apply::Preview, &actor).await?;
        if !preview.errors.is_empty() {
            let wrong: Vec<String> = preview.errors.iter().map(ToString::to_string).collect();
            return Ok(Dropped::Wrong(wrong));
        }
        if let Some(why) = too_big(&preview, most_changed) {
            return Ok(Dropped::Held { why, preview });
        }
        if preview.new.is_empty() && preview.changed.is_empty() && preview.windows.is_empty() {
            return Ok(Dropped::Taken(preview));
        }
        let taken = self.import_with(bytes, Apply::Now, Absent::Stay, &actor).await?;
        Ok(if taken.errors.is_empty() {
            Dropped::Taken(taken)
        } else {
            // Between the two looks somebody decided; the next file finds it so.
            Dropped::Wrong(taken.errors.iter().map(ToString::to_string).collect())
        })
    }

    /// Tells the operators once about a file that was not taken over, or whose conflicts a person should look at.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell_dropped(
        &self,
        bytes: &[u8],
        headline: String,
        lines: &[String],
    ) -> Result<(), Failure> {
        let mut shown: Vec<String> = lines.iter().take(LINES_TOLD).cloned().collect();
        let more = lines.len().saturating_sub(LINES_TOLD);
        if more > 0 {
            shown.push(format!("… and {more} more."));
        }
        let mut tx = self.store.begin().await?;
        let key = format!("dropped/{}/{}", sha256(bytes), sha256(headline.as_bytes()));
        self.alert(&mut tx, Tone::Bad, headline, shown, &key).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Why a person must look first: so much at once is more often a broken export than a new fleet.
fn too_big(preview: &Preview, most_changed: usize) -> Option<String> {
    let (new, changed, absent) = (preview.new.len(), preview.changed.len(), preview.absent.len());
    let touched = new.saturating_add(changed).saturating_add(absent);
    let is_big = touched.saturating_mul(100) > most_changed.saturating_mul(preview.before);
    is_big.then(|| {
        format!(
            "of {} servers it would change {changed}, add {new} and miss {absent}; more than {most_changed} of a hundred wait for a person",
            preview.before
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_servers_may_change_without_a_person() {
        let preview = |new: usize, changed: usize, before: usize| Preview {
            new: vec![String::new(); new],
            changed: vec![(String::new(), Vec::new()); changed],
            before,
            ..Preview::default()
        };
        assert_eq!(too_big(&preview(5, 5, 100), 10), None);
        assert!(too_big(&preview(6, 5, 100), 10).is_some());
        assert_eq!(too_big(&preview(0, 0, 0), 10), None);
        insta::assert_snapshot!(too_big(&preview(1, 0, 0), 10).unwrap(), @"of 0 servers it would change 0, add 1 and miss 0; more than 10 of a hundred wait for a person");
    }
}
