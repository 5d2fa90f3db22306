//! Answering: who it is, what is meant, and what the use cases say to it.

use patchbot_commands::{Approve, Command, Decline, ServerName, Target, Why, parse};

use super::desk::Desk;
use super::envelope::{Heard, Who};
use super::people::Standing;
use super::render::shown_of;
use super::{MessageRef, typed};
use crate::app::handle::Request;
use crate::chat::card::{Act, Shown};
use crate::chat::facts::Facts;
use crate::chat::text::{self, Line, Paragraph, of_answer};
use crate::domain::answer::{Answer, Channel, Verdict};
use crate::domain::message::ShownWindow;
use crate::domain::person::{Address, Identity};

/// So many commands are taken in one message.
const MOST_LINES: usize = 20;

/// Who asks, and by which request of Slack's.
struct Asker<'a> {
    who: &'a Who,
    vouched: Option<Address>,
    /// The same for each delivery of the same request.
    key: &'a str,
}

impl Desk {
    /// The answer to what was heard; none for programs, with which no conversation is begun.
    pub(super) async fn answer(&self, heard: &Heard) -> Option<Vec<Paragraph>> {
        let who = match heard {
            Heard::Words { who, .. } | Heard::Click { who, .. } => who,
            Heard::Nothing => return None,
        };
        let vouched = match self.admit(who).await {
            Ok(vouched) => vouched,
            Err(refused) => return refused.map(|answer| of_answer(&answer)),
        };
        Some(match heard {
            Heard::Words { text, key, .. } => self.words(&Asker { who, vouched, key }, text).await,
            Heard::Click { action, value, on, key, .. } => {
                of_answer(&self.click(&Asker { who, vouched, key }, action, value, on.as_ref()).await)
            }
            Heard::Nothing => return None,
        })
    }

    /// Whether somebody is listened to, and the address that may stand for the person.
    async fn admit(&self, who: &Who) -> Result<Option<Address>, Option<Answer>> {
        let standing = self.people.standing(&self.inner.api, &self.us.team_id, who).await;
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
        let answer = Answer::new(Verdict::Refused, why);
        Err(Some(answer.then("If servers here are yours, answer the notice mail, or ask an operator.")))
    }

    /// Answers words. In several lines, all are understood or none is acted on.
    async fn words(&self, asker: &Asker<'_>, text: &str) -> Vec<Paragraph> {
        let mut lines = typed::lines(text, self.bot());
        if lines.is_empty() {
            lines.push("help".to_owned());
        }
        if lines.len() > MOST_LINES {
            return of_answer(&Answer::new(
                Verdict::NotUnderstood,
                format!("I take at most {MOST_LINES} lines at a time, so nothing was done."),
            ));
        }
        let mut commands = Vec::new();
        for line in &lines {
            match parse(line) {
                Ok(command) => commands.push(command),
                Err(error) => {
                    let mut answer = text::of_parse_error(&error);
                    if lines.len() > 1 {
                        let none = "I do all of your lines or none, so nothing was done.";
                        answer.push(Paragraph::Lines(vec![Line::plain(none)]));
                    }
                    return answer;
                }
            }
        }
        let mut told = Vec::new();
        for (command, number) in commands.into_iter().zip(1..) {
            told.extend(of_answer(&self.ask(asker, number, command, Vec::new()).await));
        }
        told
    }

    /// Answers a click.
    async fn click(&self, asker: &Asker<'_>, action: &str, value: &str, on: Option<&MessageRef>) -> Answer {
        let (Some(act), Some(shown)) = (Act::from_name(action), shown_of(value)) else {
            return Answer::new(
                Verdict::NotUnderstood,
                "That button was made by another version of patchbot, so nothing was done.",
            )
            .then("Say \"status\" for where your windows stand.");
        };
        let facts = match Box::pin(Facts::load(&self.inner.app, shown.window, None)).await {
            Ok(Some(facts)) => facts,
            Ok(None) => {
                return Answer::new(
                    Verdict::Refused,
                    "The window of that card is not there any more, so nothing was done.",
                )
                .then("Say \"status\" for where your windows stand.");
            }
            Err(failure) => return self.inner.app.broken(&failure),
        };
        let command = match act {
            Act::Approve => Command::Approve(Approve { target: Target::These, reason: None }),
            Act::Decline => Command::Decline(Decline { target: Target::These, reason: None }),
            Act::Why => match ServerName::parse(&facts.server.name) {
                Ok(server) => Command::Why(Why { server }),
                Err(why) => {
                    return Answer::new(
                        Verdict::Refused,
                        format!("\"{}\" cannot be asked about: {why}.", facts.server.name),
                    )
                    .then("An operator can give the server a name that can be typed.");
                }
            },
        };
        let line = ShownWindow { line: 1, window: shown.window, revision: shown.revision };
        let answer = self.ask(asker, 1, command, vec![line]).await;
        if act != Act::Why
            && let Some(on) = on
        {
            self.bring_up_to_date(on, shown, answer.verdict).await;
        }
        answer
    }

    async fn ask(
        &self,
        asker: &Asker<'_>,
        number: usize,
        command: Command,
        shown: Vec<ShownWindow>,
    ) -> Answer {
        let identity = Identity::Slack { team: self.us.team_id.clone(), user: asker.who.user.clone() };
        let key = identity.key();
        let request = Request {
            identity,
            vouched: asker.vouched.clone(),
            channel: Channel::Slack,
            command,
            shown,
            typed_by: None,
            // Slack may hand over the same click again, also to a program that was started anew.
            name: Some(format!("slack {} {number}", asker.key)),
        };
        let answer = Box::pin(self.inner.app.handle(&request)).await;
        tracing::info!(verdict = ?answer.verdict, command = request.command.spec().name, "answered");
        if text::is_to_a_stranger(&answer) {
            answer.then(format!("The operator needs to know that your account is slack:{key}."))
        } else {
            answer
        }
    }

    /// Rewrites the card that was clicked when nobody else will: it showed something old, or is not known any more.
    async fn bring_up_to_date(&self, on: &MessageRef, shown: Shown, verdict: Verdict) {
        let known = match super::outbound::cards_of(&self.inner.app, shown.window).await {
            Ok(cards) => cards.iter().any(|card| card.message == on.to_string()),
            Err(_) => false,
        };
        if (verdict == Verdict::Done && known) || verdict == Verdict::Broken {
            return;
        }
        if let Err(error) = Box::pin(self.inner.redraw(on, shown.window)).await {
            tracing::info!(%error, "the card that was clicked could not be rewritten");
        }
    }
}
