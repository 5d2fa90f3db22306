//! Dangerous acts: what will happen is repeated, confirmed by who asked, and by a second person where the rules want one.

use patchbot_commands::{Code, Effect, Reason, Target};

use super::decide::{Deed, Done};
use super::handle::Said;
use super::notices::OpsNote;
use super::prechecks::blocking;
use super::run::Report;
use super::targets::Aim;
use super::{App, Failure, Stop};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::check::Finding;
use crate::domain::decision::{Case, Change, Decided};
use crate::domain::event::{AuditEvent, What};
use crate::domain::introduction::code;
use crate::domain::message::{Offer, Tone};
use crate::domain::permit::Permit;
use crate::domain::refusal::Refusal;
use crate::domain::request::{CONFIRM_WITHIN, Consent, Danger, Request, SECOND_WITHIN, Stage, Verb};
use crate::domain::server::Server;
use crate::domain::shown::line;
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;

/// Letters of a request's code: enough to tell what waits apart, few enough to be typed.
const LETTERS: usize = 4;
/// More packages than this are a list for a terminal.
const MOST_PACKAGES: usize = 30;

impl App {
    /// Asks for something dangerous: nothing is done yet.
    pub(crate) async fn ask_danger(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        verb: Verb,
        target: &Target,
        reason: Option<&Reason>,
    ) -> Result<Answer, Stop> {
        let aim = self.one_aim(tx, said, target).await?;
        let server = &aim.server;
        let Some(reason) = reason else {
            return Err(Refusal::ReasonNeeded { what: format!("To {}", verb.phrase(&server.name)) }.into());
        };
        let calendar = self.calendar(tx, server, &aim.window).await?;
        let blocking = self.blocking(tx, &aim.window).await?;
        let bounds = self.bounds(server, &aim.window, &calendar);
        let case = Case { window: &aim.window, server: &server.name, bounds };
        let danger = Danger { case, blocking: &blocking, enrolled: server.host_key.is_some() };
        danger.allows(verb)?;
        let now = self.now();
        let request = Request {
            id: self.request_id(),
            code: String::new(),
            verb,
            window: aim.window.id,
            revision: aim.window.revision,
            asked_by: said.person.id,
            asked_name: said.person.name.clone(),
            channel: said.channel,
            reason: reason.as_str().to_owned(),
            stage: Stage::Asked,
            ended_by: None,
            asked_at: now,
            expires_at: now + CONFIRM_WITHIN,
            version: 0,
            checks: danger.checks(verb),
        };
        let request = self.keep_request(tx, request).await?;
        let mut lines = vec![format!("You want to {}. This will happen:", verb.phrase(&server.name))];
        lines.extend(danger.consequences(verb));
        lines.push(format!("Your reason: \"{}\".", request.reason));
        if self.policy(server).second_person.contains(&verb) {
            lines.push(
                "It needs a second person: after your yes, an owner or another operator is asked.".to_owned(),
            );
        }
        let code = &request.code;
        Ok(Answer { verdict: Verdict::Done, lines, next: Vec::new() }.then(format!(
            "Nothing is done yet. To go on, say \"confirm {code}\" within {} minutes; to drop it, \"cancel {code}\".",
            CONFIRM_WITHIN.num_minutes()
        )))
    }

    /// The one window that a dangerous act is about, by an operator, as it was shown.
    async fn one_aim(&self, tx: &mut Tx, said: &Said<'_>, target: &Target) -> Result<Aim, Stop> {
        let mut aims = self.aims(tx, said.person, Effect::Operate, target, said.shown).await?.into_iter();
        let (Some(aim), None) = (aims.next(), aims.next()) else { return Err(Refusal::WhichServer.into()) };
        match aim.stale() {
            Some(stale) => Err(stale.into()),
            None => Ok(aim),
        }
    }

    /// What blocks a window's coming run, as the last look at its server found.
    async fn blocking(&self, tx: &mut Tx, window: &Window) -> Result<Vec<Finding>, Failure> {
        let check = tx.latest_precheck(window.server).await?.filter(|check| check.window == Some(window.id));
        Ok(check.as_ref().map(blocking).unwrap_or_default())
    }

    async fn keep_request(&self, tx: &mut Tx, mut request: Request) -> Result<Request, Failure> {
        for _ in 0..20 {
            let random =
                self.ids.secret().map_err(|error| Failure::Bug(format!("no randomness: {error}")))?;
            request.code = code(&random).chars().take(LETTERS).collect();
            if tx.insert_request(&request).await? {
                return Ok(request);
            }
        }
        Err(Failure::Bug("no code is free for a request".to_owned()))
    }

    /// Says yes to a request: who asked first, then the second person.
    pub(crate) async fn confirm(&self, tx: &mut Tx, said: &Said<'_>, code: &Code) -> Result<Answer, Stop> {
        let (request, window, server, permit) = self.request_for(tx, said, code).await?;
        let consent = request.consent(&permit, self.policy(&server), self.now())?;
        if request.revision != window.revision {
            let how = "was about a plan that has changed since".to_owned();
            return Err(Refusal::RequestOver { code: request.code, how }.into());
        }
        match consent {
            Consent::AskSecond => self.ask_second(tx, said, request, &server).await,
            Consent::Go => self.go(tx, said, request, &window, &server, &permit).await,
        }
    }

    async fn request_for(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        code: &Code,
    ) -> Result<(Request, Window, Server, Permit), Stop> {
        let missing = || Refusal::NoSuchRequest { code: code.to_string() };
        let request = tx.request_by_code(code.as_str()).await?.ok_or_else(missing)?;
        let window = tx.window_by_id(request.window).await?;
        let server = tx.server_by_id(window.server).await?;
        let own = request.asked_by == said.person.id;
        let effect = if own { Effect::Operate } else { Effect::Decide };
        // To whom the server is nobody's business, what waits about it is none either.
        let permit = match self.permit(tx, said.person, effect, &server).await {
            Err(Stop::Refused(_)) if !own => return Err(missing().into()),
            other => other?,
        };
        Ok((request, window, server, permit))
    }

    async fn ask_second(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        mut request: Request,
        server: &Server,
    ) -> Result<Answer, Stop> {
        let now = self.now();
        request.stage = Stage::Confirmed;
        request.expires_at = now + SECOND_WITHIN;
        tx.update_request(&request).await?;
        let (code, until) = (&request.code, line(request.expires_at, server.zone));
        let passes = (!request.checks.is_empty())
            .then(|| format!("It lets pass {}, and nothing else.", request.checks.join(", ")));
        let note = OpsNote {
            tone: Tone::Bad,
            headline: format!(
                "{} wants to {}, because \"{}\".",
                said.person.name,
                request.verb.phrase(&server.name),
                request.reason
            ),
            lines: passes
                .into_iter()
                .chain([
                    format!(
                        "A second person must agree until {until}: an owner, or an operator other than {}.",
                        said.person.name
                    ),
                    format!("Say \"confirm {code}\" or \"cancel {code}\"."),
                ])
                .collect(),
            key: format!("second/{}", request.id),
            about: Some(request.window),
            offers: vec![
                Offer::words("Confirm", format!("confirm {code}")),
                Offer::words("Cancel", format!("cancel {code}")),
            ],
        };
        self.tell_ops(tx, note).await?;
        Ok(Answer::new(
            Verdict::Done,
            "Confirmed by you; a second person is asked in the operators' channel.",
        )
        .then(format!("Until {until} an owner or another operator can say \"confirm {code}\".")))
    }

    async fn go(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        mut request: Request,
        window: &Window,
        server: &Server,
        permit: &Permit,
    ) -> Result<Answer, Stop> {
        let calendar = self.calendar(tx, server, window).await?;
        let blocking = self.blocking(tx, window).await?;
        let bounds = self.bounds(server, window, &calendar);
        let danger = Danger {
            case: Case { window, server: &server.name, bounds },
            blocking: &blocking,
            enrolled: server.host_key.is_some(),
        };
        let change = danger.change(&request, permit, said.channel)?;
        request.stage = Stage::Done;
        request.ended_by = Some(said.person.name.clone());
        tx.update_request(&request).await?;
        let asked = if request.asked_by == said.person.id {
            String::new()
        } else {
            format!(", asked for by {}", request.asked_name)
        };
        let words = format!("{} [{} {}{asked}]", said.words, request.verb.as_str(), server.name);
        let actor = said.actor();
        let deed =
            Deed { actor: &actor, words: Some(&words), reason: Some(&request.reason), request: said.request };
        let change = match change {
            Some(change) => {
                self.commit_change(tx, server, window, &change, deed).await?;
                change
            }
            None => {
                let change = self.note_about_run(tx, &request, window, server).await?;
                self.record(tx, server, window, &change, deed).await?;
                change
            }
        };
        let sentence = change.sentence.clone();
        let done =
            Done { server: server.clone(), change, reason: Some(request.reason.clone()), undo_until: None };
        self.tell_decision(tx, &done, &said.person.name, said.channel, None).await?;
        let note = OpsNote {
            tone: Tone::Info,
            headline: sentence.clone(),
            lines: vec![format!(
                "{} asked for it because \"{}\"; {} said the last yes.",
                request.asked_name, request.reason, said.person.name
            )],
            key: format!("request/{}", request.id),
            about: Some(window.id),
            offers: Vec::new(),
        };
        self.tell_ops(tx, note).await?;
        Ok(Answer::new(Verdict::Done, sentence)
            .then(format!("\"why {}\" tells where it stands.", server.name)))
    }

    /// Keeps what concerns a window's run and not the window itself.
    async fn note_about_run(
        &self,
        tx: &mut Tx,
        request: &Request,
        window: &Window,
        server: &Server,
    ) -> Result<Change, Failure> {
        let (decided, sentence) = match (&window.state, request.verb) {
            (WindowState::Running { run }, Verb::Abort) => {
                tx.add_stop(*run, request).await?;
                let sentence = format!(
                    "The run of {} stops: what is under way ends, and nothing more is begun.",
                    server.name
                );
                (Decided::Stopped, sentence)
            }
            (_, Verb::Override) => {
                tx.add_override(request).await?;
                let sentence = format!(
                    "The coming run of {} begins although these block it: {}.",
                    server.name,
                    request.checks.join(", ")
                );
                (Decided::Overridden, sentence)
            }
            _ => return Err(Failure::Bug(format!("\"{}\" changes no run", request.verb.as_str()))),
        };
        Ok(Change { decided, window: window.clone(), before: window.plan, sentence })
    }

    /// Says no to a request; one no is enough.
    pub(crate) async fn cancel(&self, tx: &mut Tx, said: &Said<'_>, code: &Code) -> Result<Answer, Stop> {
        let (mut request, _, server, _) = self.request_for(tx, said, code).await?;
        request.is_open(self.now())?;
        let was = request.stage;
        request.stage = Stage::Cancelled;
        request.ended_by = Some(said.person.name.clone());
        tx.update_request(&request).await?;
        let sentence = format!("Cancelled: I do not {}.", request.verb.phrase(&server.name));
        if was == Stage::Confirmed {
            let note = OpsNote {
                tone: Tone::Info,
                headline: format!("{} cancelled {}: {sentence}", said.person.name, request.code),
                lines: Vec::new(),
                key: format!("cancelled/{}", request.id),
                about: Some(request.window),
                offers: Vec::new(),
            };
            self.tell_ops(tx, note).await?;
        }
        tx.append_audit(&AuditEvent {
            at: self.now(),
            actor: said.actor(),
            what: What::Decided,
            subject: server.name.clone(),
            sentence: sentence.clone(),
            words: Some(said.words.clone()),
            before: None,
            after: None,
        })
        .await?;
        Ok(Answer::new(Verdict::Done, sentence))
    }

    /// What the last run changed, and how to go back.
    pub(crate) async fn way_back(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        target: &Target,
    ) -> Result<Answer, Stop> {
        let aim = self.one_aim(tx, said, target).await?;
        let name = &aim.server.name;
        let Some(run) = tx.runs_of_server(aim.server.id).await?.into_iter().next() else {
            return Err(Refusal::CannotNow {
                server: name.clone(),
                why: "it was never patched by me".to_owned(),
            }
            .into());
        };
        let report = Report::of(run.report.as_ref());
        let began = line(run.started_at, aim.server.zone);
        if report.packages.is_empty() {
            let sentence = format!(
                "The last run of {name}, begun {began}, changed no package, so there is nothing to roll back."
            );
            return Ok(Answer::new(Verdict::Done, sentence));
        }
        let mut lines = vec![format!(
            "I cannot roll {name} back by myself. Its last run, begun {began}, changed {}:",
            super::run::packages(report.packages.len())
        )];
        lines.extend(report.packages.iter().take(MOST_PACKAGES).map(|package| {
            let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
            format!("{} — {} became {}", package.name, version(&package.before), version(&package.after))
        }));
        if report.packages.len() > MOST_PACKAGES {
            lines.push(format!("… and {} more.", report.packages.len().saturating_sub(MOST_PACKAGES)));
        }
        let old: Vec<String> = report
            .packages
            .iter()
            .filter_map(|package| Some(format!("{}={}", package.name, package.before.as_ref()?)))
            .collect();
        let mut answer = Answer { verdict: Verdict::Done, lines, next: Vec::new() };
        if !old.is_empty() {
            answer = answer.then(format!(
                "The way back, as root on {name}, as far as the repositories still have the old versions: apt-get install --allow-downgrades {}",
                old.join(" ")
            ));
        }
        Ok(answer.then(format!("Afterwards \"why {name}\" and a pre-check tell how it stands.")))
    }
}
