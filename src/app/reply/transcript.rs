//! The answer to a reply: one mail, to the person who is registered, whatever the reply's headers say.

use super::{Reply, Spoken};
use crate::app::notices::{Letter, answerable};
use crate::app::{App, Failure};
use crate::domain::notice::{EntryChange, Notice, Transcript, WindowLine};
use crate::domain::person::Person;
use crate::domain::window::Window;
use crate::store::Tx;
use crate::store::records::InboxMail;

/// More lines of the reply than this are not repeated.
const MOST_SAID: usize = 8;

impl App {
    pub(super) async fn mail_transcript(
        &self,
        tx: &mut Tx,
        mail: &InboxMail,
        reply: &Reply,
        person: &Person,
        spoken: Spoken,
    ) -> Result<(), Failure> {
        let mut lines: Vec<WindowLine> = Vec::new();
        let mut entries = Vec::new();
        let mut windows: Vec<(usize, Window)> = Vec::new();
        for (line, id) in spoken.windows {
            let window = tx.window_by_id(id).await?;
            let server = tx.server_by_id(window.server).await?;
            let number = usize::from(line);
            let shown = self.window_line(number, &server, &window, person.zone);
            for (_, act) in spoken.entries.iter().filter(|(window, _)| *window == id) {
                entries.push(EntryChange { window: shown.clone(), act: act.clone() });
            }
            lines.push(shown);
            windows.push((number, window));
        }
        let shown: Vec<(usize, &Window)> = windows.iter().map(|(number, window)| (*number, window)).collect();
        let mut answerable = answerable(&shown, self.now());
        if let Some(answerable) = &mut answerable {
            answerable.confirms.clone_from(&spoken.confirms);
        }
        let said = reply.text.lines().filter(|line| !line.trim().is_empty()).take(MOST_SAID);
        let notice = Notice::Transcript(Transcript {
            reader: person.name.clone(),
            verdict: spoken.answer.verdict,
            said: said.map(str::to_owned).collect(),
            lines: spoken.answer.lines,
            next: spoken.answer.next,
            windows: lines,
            confirms: spoken.confirms,
            entries,
        });
        let (key, in_reply_to) = (mail.id.to_string(), mail.message_id.clone());
        self.mail(tx, person, Letter { notice, answerable, window: None, key, in_reply_to }).await
    }
}
