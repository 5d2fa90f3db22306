//! Questions: where windows stand, when they could be, why they are not patched, and what has happened.

use patchbot_commands::{CATALOG, Effect, List, ServerName, Spec, Surface, Target};

use super::handle::Said;
use super::selection::{Among, Selected, headings};
use super::{App, Stop};
use crate::domain::answer::{Answer, Channel, Verdict};
use crate::domain::feed::Feed;
use crate::domain::filter::Filter;
use crate::domain::permit::sees_everything;
use crate::domain::person::{Person, Role};
use crate::domain::quarter::Quarter;
use crate::domain::refusal::Refusal;
use crate::domain::server::{Rank, Server};
use crate::domain::shown::line;
use crate::domain::timeline::Event;
use crate::domain::window::{Window, WindowState};
use crate::store::Tx;
use crate::store::records::Subject;

/// More lines than this are a report, not an answer.
const MOST_LINES: usize = 40;

pub(crate) fn done(lines: Vec<String>) -> Answer {
    Answer { verdict: Verdict::Done, lines, next: Vec::new() }
}

/// A window in one line: name, time, state.
fn window_in_a_line(server: &Server, window: &Window) -> String {
    let time = window.plan.map_or_else(|| "no time yet".to_owned(), |plan| line(plan.starts_at, plan.zone));
    match window.state {
        WindowState::Unscheduled => format!("{} — {time}", server.name),
        _ => format!("{} — {time} — {}", server.name, window.state.phrase()),
    }
}

impl App {
    pub(crate) async fn status(&self, tx: &mut Tx, said: &Said<'_>, target: &Target) -> Result<Answer, Stop> {
        let everything = Target::All { except: Vec::new() };
        let target = if *target == Target::These && said.shown.is_empty() { &everything } else { target };
        let aims = match self.aims(tx, said.person, Effect::Read, target, said.shown).await {
            Err(Stop::Refused(Refusal::NothingOfYours)) => {
                return Ok(done(vec!["None of your servers waits for anything.".to_owned()])
                    .then("Say \"list\" for your windows of this quarter."));
            }
            other => other?,
        };
        let mut lines: Vec<String> =
            aims.iter().take(MOST_LINES).map(|aim| window_in_a_line(&aim.server, &aim.window)).collect();
        if aims.len() > MOST_LINES {
            lines.push(format!("… and {} more.", aims.len().saturating_sub(MOST_LINES)));
        }
        let mut answer = done(lines);
        let waiting = aims.iter().filter(|aim| aim.window.state == WindowState::Proposed).count();
        if waiting > 0 {
            answer = answer.then(match waiting {
                1 => "One waits for your approval: say \"approve\" and its name.".to_owned(),
                many => format!(
                    "{many} wait for your approval: say \"approve\" and their names, or \"approve all\"."
                ),
            });
        }
        Ok(answer)
    }

    pub(crate) async fn list(&self, tx: &mut Tx, said: &Said<'_>, list: &List) -> Result<Answer, Stop> {
        let zone = said.person.zone.unwrap_or(self.zone);
        let quarter = list.quarter.map_or_else(|| self.quarters.current(self.now(), zone), Into::into);
        let everybody = list.everybody && sees_everything(said.person);
        if let Some(text) = &list.filter {
            return self.list_where(tx, said, text, quarter, everybody).await;
        }
        let windows = if everybody {
            tx.windows_of_quarter(quarter).await?
        } else {
            tx.windows_of_owner(said.person.id, quarter).await?
        };
        let count =
            if windows.len() == 1 { "1 window".to_owned() } else { format!("{} windows", windows.len()) };
        let mut lines = vec![format!("{}: {count}.", self.quarters.describe(quarter))];
        for window in windows.iter().take(MOST_LINES) {
            let server = tx.server_by_id(window.server).await?;
            lines.push(window_in_a_line(&server, window));
        }
        let mut answer = done(lines);
        if windows.len() > MOST_LINES {
            let rest = windows.len().saturating_sub(MOST_LINES);
            answer =
                answer.then(format!("… and {rest} more; the terminal shows all: patchbot list {quarter}."));
        }
        if !everybody && list.everybody {
            answer = answer.then("These are your own; only operators and viewers see everybody's.");
        }
        Ok(answer)
    }

    /// The servers that fit conditions, with their windows; an owner's own ones.
    async fn list_where(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        text: &str,
        quarter: Quarter,
        everybody: bool,
    ) -> Result<Answer, Stop> {
        let filter = Filter::parse(text, &headings(tx).await?.others)
            .map_err(|error| Refusal::BadFilter(error.to_string()))?;
        let mut found = self.select_in(tx, Some(&filter), quarter, Among::ActiveOrPlanned).await?;
        if !everybody {
            let owns = |one: &Selected| one.owners.iter().any(|(_, owner)| owner.id == said.person.id);
            found.servers.retain(owns);
            // What others have is not theirs to know.
            found.misses.clear();
        }
        let servers = match found.servers.len() {
            1 => "1 server fits".to_owned(),
            many => format!("{many} servers fit"),
        };
        let mut lines = vec![format!("{}: {servers} {filter}.", self.quarters.describe(quarter))];
        lines.extend(found.misses);
        lines.extend(found.servers.iter().take(MOST_LINES).map(|one| match &one.window {
            Some(window) => window_in_a_line(&one.server, window),
            None => format!("{} — no window", one.server.name),
        }));
        let mut answer = done(lines);
        if found.servers.len() > MOST_LINES {
            let rest = found.servers.len().saturating_sub(MOST_LINES);
            answer = answer.then(format!(
                "… and {rest} more; the terminal shows all: patchbot list {quarter} --filter '{filter}'."
            ));
        }
        Ok(answer)
    }

    pub(crate) async fn server_and_window(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        name: &ServerName,
    ) -> Result<(Server, Option<Window>), Stop> {
        let server = self.visible_server(tx, said.person, name).await?;
        self.permit(tx, said.person, Effect::Read, &server).await?;
        let window = self.present_window(tx, &server).await?;
        Ok((server, window))
    }

    pub(crate) async fn show(&self, tx: &mut Tx, said: &Said<'_>, name: &ServerName) -> Result<Answer, Stop> {
        let (server, window) = self.server_and_window(tx, said, name).await?;
        let mut lines = vec![server.name.clone()];
        let mut fact = |label: &str, value: Option<String>| {
            if let Some(value) = value {
                lines.push(format!("{label}: {value}"));
            }
        };
        fact("zone", Some(server.zone.name().to_owned()));
        fact("host group", server.host_group.clone());
        fact("environment", server.environment.clone());
        fact("system", server.operating_system.clone());
        for owner in tx.owners_of(server.id).await? {
            let person = tx.person_by_id(owner.person).await?;
            let label = match owner.rank {
                Rank::Primary => "owner",
                Rank::Secondary => "second owner",
            };
            fact(label, Some(person.name));
        }
        let enrolled = if server.host_key.is_some() { "yes, its host key is pinned" } else { "no" };
        fact("enrolled", Some(enrolled.to_owned()));
        if let Some(window) = &window {
            fact("quarter", Some(self.quarters.describe(window.quarter)));
            fact(
                "window",
                window.plan.map(|plan| {
                    format!(
                        "{}, until {}",
                        line(plan.starts_at, plan.zone),
                        plan.ends_at.with_timezone(&plan.zone).format("%H:%M")
                    )
                }),
            );
            fact("state", Some(window.state.phrase()));
            fact("revision", Some(window.revision.to_string()));
            let wish = self.wish_sentence(tx, &server, window).await?;
            fact("wish", wish.map(|(sentence, _)| sentence));
            if let Some(waiting) = tx.waiting(Subject::Window(window.id), window.quarter).await? {
                fact(
                    "next",
                    Some(format!("{} {}", event_phrase(waiting.event), line(waiting.at, server.zone))),
                );
            }
        } else {
            fact("window", Some("none is planned".to_owned()));
        }
        if let Some(check) = tx.latest_precheck(server.id).await? {
            let word = if check.blocked { "blocked" } else { "fine" };
            fact("last pre-check", Some(format!("{word}, {}", line(check.taken_at, server.zone))));
        }
        if let Some(run) = tx.runs_of_server(server.id).await?.first() {
            fact(
                "last run",
                Some(format!(
                    "{}, {}",
                    run.state.as_str().replace('_', " "),
                    line(run.started_at, server.zone)
                )),
            );
        }
        Ok(done(lines))
    }

    pub(crate) async fn history(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        name: &ServerName,
    ) -> Result<Answer, Stop> {
        let (server, _) = self.server_and_window(tx, said, name).await?;
        // In one and the same instant ids tell what was first; a run ends after it has begun.
        let mut told = Vec::new();
        for window in tx.windows_of_server(server.id).await? {
            for decision in tx.decisions_of(window.id).await? {
                let reason =
                    decision.reason.map(|reason| format!(" because \"{reason}\"")).unwrap_or_default();
                told.push((
                    (decision.decided_at, decision.id.0, false),
                    format!(
                        "{} {} by {} {}{reason}",
                        window.quarter,
                        decision.decided.as_str(),
                        decision.decided_by,
                        decision.channel.phrase()
                    ),
                ));
            }
        }
        for run in tx.runs_of_server(server.id).await? {
            told.push(((run.started_at, run.plan.run.0, false), "run started".to_owned()));
            if let Some(ended) = run.ended_at {
                told.push((
                    (ended, run.plan.run.0, true),
                    format!("run {}", super::run::end_phrase(&run.state)),
                ));
            }
        }
        told.sort_by_key(|(order, _)| *order);
        let mut lines = vec![format!(
            "{}: {}",
            server.name,
            if told.is_empty() { "nothing has happened yet." } else { "what has happened:" }
        )];
        let skipped = told.len().saturating_sub(MOST_LINES);
        lines.extend(
            told.into_iter()
                .skip(skipped)
                .map(|((at, ..), what)| format!("{} — {what}", line(at, server.zone))),
        );
        Ok(done(lines))
    }

    pub(crate) async fn calendar_link(&self, tx: &mut Tx, said: &Said<'_>) -> Result<Answer, Stop> {
        let Some(mail) = &said.person.mail else {
            return Ok(done(vec![
                "Your calendar needs a mail address of yours, and I know none.".to_owned(),
            ]));
        };
        let link = self.feed_link(tx, &Feed::Owner(mail.clone())).await?;
        Ok(match link {
            Some(link) => done(vec![
                format!("Your calendar, to subscribe to: {link}"),
                "It shows the windows of your servers. Whoever has the link sees them: keep it to yourself."
                    .to_owned(),
            ]),
            None => done(vec!["There are no calendars to subscribe to here.".to_owned()])
                .then("An administrator can offer them: http.public_url in the configuration."),
        })
    }

    pub(crate) async fn whoami(&self, tx: &mut Tx, said: &Said<'_>) -> Result<Answer, Stop> {
        let person = said.person;
        let servers = tx.servers_of(person.id).await?;
        let mut lines = vec![format!("You are {}, {}.", person.name, role_phrase(person))];
        if let Some(mail) = &person.mail {
            lines.push(format!("Your notices go to {mail}."));
        }
        let zone = person.zone.map_or_else(
            || "not set; you see times in each server's zone".to_owned(),
            |zone| zone.name().to_owned(),
        );
        lines.push(format!("Your zone: {zone}."));
        let names: Vec<&str> = servers.iter().take(20).map(|server| server.name.as_str()).collect();
        lines.push(match servers.len() {
            0 => "You own no server.".to_owned(),
            count if count > 20 => {
                format!("Your servers: {} and {} more.", names.join(", "), count.saturating_sub(20))
            }
            _ => format!("Your servers: {}.", names.join(", ")),
        });
        Ok(done(lines))
    }
}

fn event_phrase(event: Event) -> &'static str {
    match event {
        Event::MonthlyNotice => "the monthly notice",
        Event::ApprovalRequest => "the request for approval",
        Event::Silence => "the deadline for an answer",
        Event::Rehearsal => "the rehearsal of the pre-checks",
        Event::Reminder => "the reminder",
        Event::Precheck => "the pre-checks",
        Event::Lock => "the lock",
        Event::ExceptionEnds => "the end of the exception",
        Event::Escalation => "the next deadline for an answer",
        Event::Start => "the start",
    }
}

fn role_phrase(person: &Person) -> &'static str {
    match person.role {
        Role::Viewer => "a viewer: you see everything and decide nothing",
        Role::Owner => "an owner: you decide about your own servers",
        Role::Operator => "an operator",
        Role::Administrator => "an administrator",
    }
}

/// What can be said by this person, here.
pub(crate) fn help(said: &Said<'_>, command: Option<&'static Spec>) -> Answer {
    let here = match said.channel {
        Channel::Mail => Surface::Mail,
        Channel::Slack | Channel::Discord => Surface::Chat,
        Channel::Terminal | Channel::Import | Channel::Clock => Surface::Terminal,
    };
    let may = |spec: &Spec| match spec.effect {
        Effect::Read | Effect::Oneself => true,
        Effect::Decide => said.person.role != Role::Viewer,
        Effect::Operate => said.person.role >= Role::Operator,
        Effect::Administer => said.person.role == Role::Administrator,
    };
    match command {
        Some(spec) => {
            let mut lines = vec![spec.about.to_owned(), format!("Usage: {}", spec.usage)];
            lines.extend(
                spec.examples.iter().map(|example| format!("\"{}\" — {}", example.line, example.means)),
            );
            done(lines)
        }
        None => {
            let specs = CATALOG.iter().filter(|spec| spec.surfaces.contains(&here) && may(spec));
            let mut lines = vec!["You can say:".to_owned()];
            lines.extend(specs.map(|spec| format!("{} — {}", spec.usage, spec.about)));
            done(lines).then("\"help move\" shows one command with examples.")
        }
    }
}
