//! Mondays: what still waits for an answer, and what is patched this week; and what the last look at a server found.

use std::collections::HashMap;

use super::notices::{Letter, answerable};
use super::prechecks::{OLDEST_LOOK, look_sentence};
use super::{App, Failure};
use crate::domain::ids::ServerId;
use crate::domain::notice::{Notice, WeekAhead, WindowLine};
use crate::domain::person::Person;
use crate::domain::server::Server;
use crate::domain::window::Window;
use crate::store::Tx;
use crate::store::records::PrecheckRow;

impl App {
    /// Tells an owner what is patched this week.
    pub(crate) async fn mail_week(
        &self,
        tx: &mut Tx,
        reader: &Person,
        windows: &[(Server, Window)],
        key: &str,
    ) -> Result<(), Failure> {
        let Some((_, first)) = windows.first() else { return Ok(()) };
        let mut lines: Vec<WindowLine> = (1..)
            .zip(windows)
            .map(|(number, (server, window))| self.window_line(number, server, window, reader.zone))
            .collect();
        self.look_back(tx, Some(reader), &mut lines, windows).await?;
        let numbered: Vec<(usize, &Window)> = (1..).zip(windows.iter().map(|(_, window)| window)).collect();
        let answerable = answerable(&numbered, self.now());
        let notice = Notice::WeeklyReminder(WeekAhead {
            reader: reader.name.clone(),
            quarter: first.quarter.to_string(),
            windows: lines,
            sentences: vec![
                "Nothing is left to do for you. A day before each of them I remind you once more.".to_owned(),
            ],
            next: vec![
                "To take an approval back, reply with its number, for example \"withdraw 1\".".to_owned(),
                "To see where they stand, reply \"status\".".to_owned(),
            ],
        });
        let letter = Letter { notice, answerable, window: None, key: key.to_owned(), in_reply_to: None };
        self.mail(tx, reader, letter).await
    }

    /// Puts into each line what the last look at the server found; `own` is the reader when all of them are his.
    pub(crate) async fn look_back(
        &self,
        tx: &mut Tx,
        own: Option<&Person>,
        lines: &mut [WindowLine],
        windows: &[(Server, Window)],
    ) -> Result<(), Failure> {
        let Some(owner) = own else {
            for (line, (server, _)) in lines.iter_mut().zip(windows) {
                line.today = self.last_look(tx, server).await?;
            }
            return Ok(());
        };
        let looks = tx.latest_prechecks_of(owner.id, self.now() - OLDEST_LOOK).await?;
        let looks: HashMap<ServerId, PrecheckRow> = looks.into_iter().map(|row| (row.server, row)).collect();
        for (line, (server, _)) in lines.iter_mut().zip(windows) {
            line.today = looks.get(&server.id).map(|row| look_sentence(row, server.zone, self.now()));
        }
        Ok(())
    }

    /// What the last look at a server found, as a sentence; nothing when nobody has looked lately.
    pub(crate) async fn last_look(&self, tx: &mut Tx, server: &Server) -> Result<Option<String>, Failure> {
        let Some(row) = tx.latest_precheck(server.id).await? else { return Ok(None) };
        let age = self.now().signed_duration_since(row.taken_at);
        Ok((age <= OLDEST_LOOK).then(|| look_sentence(&row, server.zone, self.now())))
    }
}
