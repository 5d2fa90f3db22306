//! Who is listened to in Slack, what is meant, and where the answer is brought.

use super::Inner;
use super::Us;
use super::envelope::{Heard, Way, Who};
use super::people::{People, Standing};
use super::{MessageRef, forms, typed};
use crate::app::App;
use crate::chat::desk::Front;
use crate::chat::form::Filled;
use crate::chat::press::{Pick, Press};
use crate::chat::screen::Screen;
use crate::chat::talk::{Answered, Reply, Speaker, Talk, unreadable};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::person::{Address, Identity};
use crate::store::records::Medium;
use std::sync::Arc;

/// One workspace, as the desk uses it.
#[derive(Debug)]
pub(super) struct Workspace {
    pub(super) inner: Arc<Inner>,
    pub(super) us: Us,
    pub(super) talk: Talk,
}

impl Workspace {
    pub(super) fn new(inner: Arc<Inner>, us: Us) -> Self {
        let talk = Talk { app: inner.app.clone() };
        Self { inner, us, talk }
    }

    pub(super) fn people(&self) -> &People {
        &self.inner.people
    }

    /// Whether somebody is listened to, and the address that may stand for the person.
    async fn admit(&self, who: &Who) -> Result<Option<Address>, Option<Answer>> {
        let standing = self.people().standing(&self.inner.api, &self.us.team_id, who).await;
        let why = match standing {
            Ok(Standing::Member(mail)) => return Ok(mail.filter(|_| self.inner.settings.match_mail)),
            Ok(Standing::Bot) => return Err(None),
            Ok(Standing::Elsewhere) => {
                "You belong to another Slack workspace, so I do not act on what you say here. Nothing was done."
            }
            Ok(Standing::Guest) => {
                "You are a guest in this Slack workspace, so I do not act on what you say here. Nothing was done."
            }
            Ok(Standing::Deactivated) => "Your Slack account is deactivated, so nothing was done.",
            Err(trouble) => {
                tracing::warn!(why = trouble.why(), "Slack does not say who this is");
                let answer = Answer::new(
                    Verdict::Broken,
                    "I could not ask Slack who you are just now, so nothing was done.",
                );
                return Err(Some(answer.then("Please try again in a minute.")));
            }
        };
        tracing::warn!(team = ?who.team, standing = ?standing.ok(), "somebody who is not listened to");
        let identity = self.identity(&who.user);
        self.talk.turned_away(&identity, why).await;
        let answer = Answer::new(Verdict::Refused, why);
        Err(Some(answer.then("If servers here are yours, answer the notice mail, or ask an operator.")))
    }

    pub(super) fn identity(&self, user: &str) -> Identity {
        Identity::Slack { team: self.us.team_id.clone(), user: user.to_owned() }
    }

    fn speaker(&self, who: &Who, vouched: Option<Address>, key: &str, on: Option<&MessageRef>) -> Speaker {
        Speaker {
            identity: self.identity(&who.user),
            vouched,
            key: key.to_owned(),
            message: on.map(ToString::to_string),
            thread: None,
            lists_in_forms: true,
        }
    }

    /// Who speaks, when somebody is to be listened to who only types or looks.
    pub(super) async fn quiet_speaker(&self, who: &Who) -> Option<Speaker> {
        let vouched = self.admit(who).await.ok()?;
        Some(self.speaker(who, vouched, "", None))
    }

    async fn click(&self, speaker: &Speaker, action: &str, value: &str, chosen: bool) -> Answered {
        if chosen {
            // A list carries what it is about in its name.
            let (name, about) = action.split_once('|').unwrap_or((action, ""));
            return match Pick::from_wire(name, about) {
                Some(pick) => self.talk.chosen(speaker, pick, value).await,
                None => Answered::said(unreadable()),
            };
        }
        match Press::from_wire(action, value) {
            Some(press) => self.talk.press(speaker, &press).await,
            None => Answered::said(unreadable()),
        }
    }

    async fn form(
        &self,
        speaker: &Speaker,
        sent: bool,
        about: &str,
        filled: &[(String, Vec<String>)],
    ) -> Option<Answered> {
        let Some(id) = forms::id_of(about) else { return Some(Answered::said(unreadable())) };
        let mut taken = Filled::default();
        for (name, values) in filled {
            taken.put(name.clone(), values.clone());
        }
        if sent {
            return Some(self.talk.filled(speaker, &id, &taken).await);
        }
        let form = self.talk.form_again(speaker, &id, &taken).await?;
        Some(Answered { reply: Reply::Form(form), outdated: Vec::new(), verdict: None })
    }
}

impl Front for Workspace {
    type Heard = Heard;
    const MEDIUM: Medium = Medium::Slack;

    fn app(&self) -> &App {
        &self.inner.app
    }

    async fn answer(&self, heard: &Heard) -> Option<Answered> {
        let (who, key) = match heard {
            Heard::Words { who, key, .. }
            | Heard::Click { who, key, .. }
            | Heard::Form { who, key, .. }
            | Heard::Home { who, key } => (who, key),
            Heard::Typing { .. } | Heard::Nothing => return None,
        };
        let vouched = match self.admit(who).await {
            Ok(vouched) => vouched,
            Err(refused) => return refused.map(|answer| Answered::said(Screen::answer(&answer))),
        };
        let below = match heard {
            Heard::Words { below, .. } => below.as_ref(),
            Heard::Click { on, .. } => on.as_ref(),
            Heard::Form { .. } | Heard::Home { .. } | Heard::Typing { .. } | Heard::Nothing => None,
        };
        let speaker = self.speaker(who, vouched, key, below);
        match heard {
            Heard::Words { text, .. } => {
                let lines = typed::lines(text, &self.us.user_id);
                Some(Answered::said(self.talk.words(&speaker, &lines).await))
            }
            Heard::Click { action, value, chosen, .. } => {
                Some(self.click(&speaker, action, value, *chosen).await)
            }
            Heard::Form { sent, about, filled, .. } => self.form(&speaker, *sent, about, filled).await,
            Heard::Home { .. } => match self.talk.mine(&speaker, 1).await {
                Ok(screen) => Some(Answered::said(screen)),
                Err(failure) => Some(Answered::said(Screen::answer(&self.inner.app.broken(&failure)))),
            },
            Heard::Typing { .. } | Heard::Nothing => None,
        }
    }

    async fn tell(&self, heard: &Heard, answered: Answered) {
        let Answered { reply, outdated, verdict } = answered;
        match heard {
            Heard::Home { who, .. } => self.show_home(&who.user, &reply.into_screen()).await,
            Heard::Form { who, way: Way::View { view }, sent, about, .. } => {
                self.show_in_form(&who.user, view, about, reply, *sent).await;
            }
            Heard::Click { who, way, trigger, on, .. } => {
                self.tell_click(&who.user, way, trigger, on.as_ref(), reply).await;
                if let Way::Home { .. } = way {
                    self.refresh_home(who).await;
                }
            }
            Heard::Words { who, way, .. } | Heard::Form { who, way, .. } => {
                self.tell_screen(&who.user, way, &reply.into_screen()).await;
            }
            Heard::Typing { .. } | Heard::Nothing => return,
        }
        let on = match heard {
            Heard::Click { on, .. } => on.clone(),
            Heard::Form { about, .. } => forms::origin_of(about),
            Heard::Words { .. } | Heard::Home { .. } | Heard::Typing { .. } | Heard::Nothing => None,
        };
        if let Some(on) = on.filter(|_| !outdated.is_empty()) {
            self.bring_up_to_date(&on, &outdated, verdict).await;
        }
    }

    fn is_owed_a_refusal(&self, heard: &Heard) -> bool {
        // A command is told by its acknowledgement.
        !heard.is_by_command() && self.is_owed_an_answer(heard)
    }

    fn is_owed_an_answer(&self, heard: &Heard) -> bool {
        match heard {
            Heard::Words { .. } | Heard::Click { .. } => true,
            // What is chosen in a form only changes the form.
            Heard::Form { sent, .. } => *sent,
            Heard::Home { .. } | Heard::Typing { .. } | Heard::Nothing => false,
        }
    }

    async fn tell_account(&self, account: &str, screen: &Screen) {
        self.tell_screen(account, &Way::View { view: String::new() }, screen).await;
    }
}

impl Workspace {
    /// Rewrites the card that was clicked when nobody else will: it showed something old, or is not known any more.
    async fn bring_up_to_date(
        &self,
        on: &MessageRef,
        windows: &[crate::domain::ids::WindowId],
        verdict: Option<Verdict>,
    ) {
        let known = match super::outbound::cards_on(&self.inner.app, on).await {
            Ok(cards) => !cards.is_empty(),
            Err(_) => false,
        };
        if (verdict == Some(Verdict::Done) && known) || verdict == Some(Verdict::Broken) {
            return;
        }
        if let Err(error) = Box::pin(self.inner.redraw(on, windows)).await {
            tracing::info!(%error, "the card that was clicked could not be rewritten");
        }
    }
}
