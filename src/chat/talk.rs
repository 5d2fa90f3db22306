//! The conversation: what was said, clicked or filled in becomes a command, and its answer becomes a screen or a form.
//!
//! Nothing in here knows a platform, so the same words get the same answer everywhere.

mod forms;
mod mine;
mod suggest;

use patchbot_commands::{
    Approve, Command, Decline, Effect, ParseError, QuarterName, ServerName, Target, Why, parse, spec_of,
};

use super::card::{Shown, examples, window_card};
use super::facts::Facts;
use super::form::{Filled, Form};
use super::press::{Act, FormId, Pick, Press, window_of, window_value};
use super::screen::{Button, Choice, Picture, Screen, Select, Style};
use super::text::{self, Line, Paragraph, Span};
use crate::app::handle::Request;
use crate::app::{App, Failure};
use crate::domain::answer::{Answer, Channel, Verdict};
use crate::domain::ids::WindowId;
use crate::domain::message::ShownWindow;
use crate::domain::person::{Address, Identity, Person};
use crate::domain::refusal::Refusal;
use crate::domain::window::WindowState;
use crate::store::records::Medium;

use mine::briefly;
pub(super) use suggest::Wanted;

/// So many commands are taken in one message.
pub(super) const MOST_LINES: usize = 20;
/// Words longer than this do not fit behind a button.
const MOST_SAID: usize = 85;

/// Somebody who says something, and where.
#[derive(Debug, Clone)]
pub(super) struct Speaker {
    /// Who.
    pub(super) identity: Identity,
    /// The address the platform vouches for, where the configuration lets it stand for the person.
    pub(super) vouched: Option<Address>,
    /// The platform's name for what was done: the same for each delivery of it.
    pub(super) key: String,
    /// The message that was clicked on, or that words are said below.
    pub(super) message: Option<String>,
    /// The thread that words are said in, when it has an id of its own.
    pub(super) thread: Option<String>,
    /// Whether forms can hold lists on the platform.
    pub(super) lists_in_forms: bool,
}

impl Speaker {
    fn medium(&self) -> Medium {
        match self.identity {
            Identity::Discord { .. } => Medium::Discord,
            _ => Medium::Slack,
        }
    }

    fn channel(&self) -> Channel {
        match self.identity {
            Identity::Discord { .. } => Channel::Discord,
            _ => Channel::Slack,
        }
    }
}

/// What becomes of something said.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// It is answered.
    Screen(Screen),
    /// Something has to be filled in first.
    Form(Form),
}

impl Reply {
    /// The answer, whatever it is; a form that cannot be opened any more is told in words.
    pub(super) fn into_screen(self) -> Screen {
        match self {
            Self::Screen(screen) => screen,
            Self::Form(form) => {
                let late = "The form could not be opened in time, so nothing was done. Please click again.";
                Screen::line(late).with(forms::button(&form.id))
            }
        }
    }
}

/// An answer, and whether what was clicked on shows something old.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answered {
    /// What is said.
    pub(super) reply: Reply,
    /// The windows whose card should be drawn anew.
    pub(super) outdated: Vec<WindowId>,
    /// How it ended, where something was to be decided.
    pub(super) verdict: Option<Verdict>,
}

impl Answered {
    pub(super) fn said(screen: Screen) -> Self {
        Self { reply: Reply::Screen(screen), outdated: Vec::new(), verdict: None }
    }

    fn form(form: Form) -> Self {
        Self { reply: Reply::Form(form), outdated: Vec::new(), verdict: None }
    }

    /// A decision about windows, whatever came of it.
    fn decided(answer: &Answer, outdated: Vec<WindowId>) -> Self {
        Self { reply: Reply::Screen(offering(answer)), outdated, verdict: Some(answer.verdict) }
    }

    fn to(answer: &Answer) -> Self {
        Self::said(offering(answer))
    }
}

/// The name of the request that one line of something heard leads to.
pub(super) fn request_name(platform: &str, key: &str, line: usize) -> String {
    format!("{platform} {key} {line}")
}

/// The conversation of one platform.
#[derive(Debug, Clone)]
pub(super) struct Talk {
    pub(super) app: App,
}

impl Talk {
    /// Answers words. In several lines, all are understood or none is acted on.
    pub(super) async fn words(&self, speaker: &Speaker, lines: &[String]) -> Screen {
        let help = vec!["help".to_owned()];
        let lines = if lines.is_empty() { &help } else { lines };
        if lines.len() > MOST_LINES {
            return Screen::answer(&Answer::new(
                Verdict::NotUnderstood,
                format!("I take at most {MOST_LINES} lines at a time, so nothing was done."),
            ));
        }
        let mut commands = Vec::new();
        let shown = match self.shown_where(speaker).await {
            Ok(shown) => shown,
            Err(failure) => return Screen::answer(&self.app.broken(&failure)),
        };
        for line in lines {
            match parse(line) {
                Ok(command) => commands.push(command),
                Err(error) => match self.asked_of_what_is_shown(line, &shown).await {
                    Some(command) => commands.push(command),
                    None => return not_understood(speaker, &error, lines.len() > 1),
                },
            }
        }
        let mut told = Screen::default();
        for (command, number) in commands.into_iter().zip(1..) {
            let shown = if names_by_place(&command) { shown.clone() } else { Vec::new() };
            let screen = self.say(speaker, number, command, shown).await;
            told.body.extend(screen.body);
            told.rows.extend(screen.rows);
            told.buttons.extend(screen.buttons.into_iter().map(|mut button| {
                // Several of a kind say what each is about.
                if let (Press::Say(words), true) = (&button.press, lines.len() > 1) {
                    button.label = text::capitalized(words);
                }
                button
            }));
            told.footer.extend(screen.footer);
            told.picture = screen.picture.or(told.picture);
            told.select = screen.select.or(told.select);
        }
        told
    }

    /// The windows that are shown where something is said: on the message it is said below.
    async fn shown_where(&self, speaker: &Speaker) -> Result<Vec<ShownWindow>, Failure> {
        let mut tx = self.app.store.read().await?;
        let mut cards = match &speaker.message {
            Some(message) => tx.cards_on(speaker.medium(), message).await?,
            None => Vec::new(),
        };
        if cards.is_empty()
            && let Some(thread) = &speaker.thread
        {
            cards = tx.cards_in_thread(speaker.medium(), thread).await?;
        }
        let mut shown = Vec::new();
        for (card, number) in cards.into_iter().zip(1..) {
            let revision = match card.revision {
                Some(revision) => revision,
                None => tx.window_by_id(card.window).await?.revision,
            };
            shown.push(ShownWindow { line: card.line.unwrap_or(number), window: card.window, revision });
        }
        Ok(shown)
    }

    /// A question without a server, said where one server is shown: it is about that one.
    async fn asked_of_what_is_shown(&self, line: &str, shown: &[ShownWindow]) -> Option<Command> {
        let [only] = shown else { return None };
        spec_of(line.trim()).filter(|spec| spec.effect == Effect::Read)?;
        let mut tx = self.app.store.read().await.ok()?;
        let window = tx.window_by_id(only.window).await.ok()?;
        let server = ServerName::parse(&tx.server_by_id(window.server).await.ok()?.name).ok()?;
        parse(&format!("{} {server}", line.trim())).ok()
    }

    /// Says a command, and shows its answer as richly as chat can.
    async fn say(
        &self,
        speaker: &Speaker,
        number: usize,
        command: Command,
        shown: Vec<ShownWindow>,
    ) -> Screen {
        let answer = self.ask(speaker, number, command.clone(), shown).await;
        let mut screen = offering(&answer);
        if answer.verdict != Verdict::Done {
            if answer.lines.iter().any(|line| line.ends_with(" needs a reason.")) {
                let name = command.spec().name;
                screen.buttons.push(Button::new("Give a reason…", Press::Fill(name.to_owned())));
            }
            return screen;
        }
        let richer = match &command {
            Command::Mine(mine) => self.mine(speaker, usize::from(mine.page)).await,
            Command::Calendar(calendar) => {
                self.with_picture(speaker, screen.clone(), Drawn::Calendar(calendar.quarter)).await
            }
            Command::Report(report) => {
                self.with_picture(speaker, screen.clone(), Drawn::Progress(report.quarter)).await
            }
            _ => return screen,
        };
        match richer {
            Ok(richer) => richer,
            // The words are there; a picture that cannot be drawn does not take them away.
            Err(failure) => {
                tracing::error!(error = %failure, "an answer could not be shown with buttons or a picture");
                screen
            }
        }
    }

    async fn ask(
        &self,
        speaker: &Speaker,
        number: usize,
        command: Command,
        shown: Vec<ShownWindow>,
    ) -> Answer {
        let request = Request {
            identity: speaker.identity.clone(),
            vouched: speaker.vouched.clone(),
            channel: speaker.channel(),
            command,
            shown,
            typed_by: None,
            // A platform may hand over the same click again, also to a program that was started anew.
            name: Some(request_name(speaker.identity.kind(), &speaker.key, number)),
        };
        let answer = Box::pin(self.app.handle(&request)).await;
        tracing::info!(verdict = ?answer.verdict, command = request.command.spec().name, "answered");
        if text::is_to_a_stranger(&answer) { introduced(&speaker.identity, answer) } else { answer }
    }

    /// Keeps in the audit that somebody was not listened to.
    pub(super) async fn turned_away(&self, identity: &Identity, why: &str) {
        if let Err(failure) = self.app.turned_away(identity, why).await {
            tracing::error!(error = %failure, "somebody who is not listened to could not be audited");
        }
    }

    /// Who speaks; else the answer to a stranger.
    async fn person(&self, speaker: &Speaker) -> Result<Person, Answer> {
        match self.app.who(&speaker.identity, speaker.vouched.as_ref()).await {
            Ok(Some(person)) => Ok(person),
            Ok(None) => Err(introduced(&speaker.identity, Refusal::Stranger.answer())),
            Err(failure) => Err(self.app.broken(&failure)),
        }
    }

    /// Answers a click.
    pub(super) async fn press(&self, speaker: &Speaker, press: &Press) -> Answered {
        match press {
            Press::About(act, shown) => self.press_about(speaker, *act, *shown).await,
            Press::Say(words) => {
                Answered::said(self.words(&unplaced(speaker), std::slice::from_ref(words)).await)
            }
            Press::All if !speaker.lists_in_forms => match (&speaker.message, press.question()) {
                (Some(message), Some(question)) => {
                    let yes =
                        Button::new("Yes, approve all", Press::Sure(message.clone())).styled(Style::Primary);
                    Answered::said(Screen::line(question).with(yes))
                }
                _ => Answered::to(&gone()),
            },
            Press::All => self.approve_all(speaker).await,
            Press::Sure(message) => {
                let speaker = Speaker { message: Some(message.clone()), ..speaker.clone() };
                self.approve_all(&speaker).await
            }
            Press::Choose => self.choose(speaker).await,
            Press::Fill(name) => match spec_of(name) {
                Some(spec) => match self.command_form(speaker, spec, &Filled::default()).await {
                    Ok(form) => Answered::form(form),
                    Err(answer) => Answered::to(&answer),
                },
                None => Answered::to(&another_version()),
            },
        }
    }

    async fn press_about(&self, speaker: &Speaker, act: Act, shown: Shown) -> Answered {
        let facts = match Box::pin(Facts::load(&self.app, shown.window, Some(&speaker.identity))).await {
            Ok(Some(facts)) => facts,
            Ok(None) => return Answered::to(&gone()),
            Err(failure) => return Answered::to(&self.app.broken(&failure)),
        };
        let line = ShownWindow { line: 1, window: shown.window, revision: shown.revision };
        let command = match act {
            Act::Approve => Command::Approve(Approve { target: Target::These, reason: None }),
            Act::Undo => return self.said_about(speaker, "undo", line).await,
            Act::Rollback => return self.said_about(speaker, "rollback", line).await,
            Act::Why => match ServerName::parse(&facts.server.name) {
                Ok(server) => Command::Why(Why { server }),
                Err(why) => return Answered::to(&cannot_be_typed(&facts.server.name, &why)),
            },
            Act::Open => {
                // A question about the window decides whether it may be seen.
                return match self.person(speaker).await {
                    Ok(person) => self.opened(&person, &facts).await,
                    Err(answer) => Answered::to(&answer),
                };
            }
            Act::Move | Act::Other | Act::Decline | Act::Danger(_) => {
                return self.opens_form(speaker, act, shown, &facts).await;
            }
        };
        let answer = self.ask(speaker, 1, command, vec![line]).await;
        let outdated = if act == Act::Why { Vec::new() } else { vec![shown.window] };
        Answered::decided(&answer, outdated)
    }

    async fn said_about(&self, speaker: &Speaker, word: &str, line: ShownWindow) -> Answered {
        let Ok(command) = parse(word) else { return Answered::to(&another_version()) };
        let answer = self.ask(speaker, 1, command, vec![line]).await;
        Answered::decided(&answer, vec![line.window])
    }

    async fn opened(&self, person: &Person, facts: &Facts) -> Answered {
        match self.app.window_for(person, Effect::Read, facts.window.id).await {
            Ok(Ok(_)) => Answered::said(window_card(facts).screen()),
            Ok(Err(answer)) => Answered::to(&answer),
            Err(failure) => Answered::to(&self.app.broken(&failure)),
        }
    }

    /// Approves whatever a message shows that waits for an approval.
    async fn approve_all(&self, speaker: &Speaker) -> Answered {
        let shown = match self.shown_where(speaker).await {
            Ok(shown) => shown,
            Err(failure) => return Answered::to(&self.app.broken(&failure)),
        };
        let mut waiting = Vec::new();
        for line in &shown {
            match self.app.window(line.window).await {
                Ok(window) if window.state == WindowState::Proposed => waiting.push(*line),
                Ok(_) => {}
                Err(failure) => return Answered::to(&self.app.broken(&failure)),
            }
        }
        if waiting.is_empty() {
            let answer =
                Answer::new(Verdict::Refused, "Nothing on that card waits for an approval any more.");
            let outdated = shown.iter().map(|line| line.window).collect();
            return Answered::decided(&answer, outdated);
        }
        let outdated = waiting.iter().map(|line| line.window).collect();
        let command = Command::Approve(Approve { target: Target::These, reason: None });
        let answer = self.ask(speaker, 1, command, waiting).await;
        Answered::decided(&answer, outdated)
    }

    /// Lets somebody choose among the windows that a message shows.
    async fn choose(&self, speaker: &Speaker) -> Answered {
        let Some(message) = &speaker.message else { return Answered::to(&gone()) };
        let shown = match self.shown_where(speaker).await {
            Ok(shown) if !shown.is_empty() => shown,
            Ok(_) => return Answered::to(&gone()),
            Err(failure) => return Answered::to(&self.app.broken(&failure)),
        };
        let choices = match self.choices_of(&shown).await {
            Ok(choices) => choices,
            Err(failure) => return Answered::to(&self.app.broken(&failure)),
        };
        if speaker.lists_in_forms {
            let form = forms::choose(message, choices);
            return Answered::form(form);
        }
        let mut screen = Screen::line("Which of them?");
        let (several, _) = examples(choices.len(), true);
        screen.select = Some(Select { pick: Pick::Window, hint: "Choose a server", choices });
        screen.footer =
            vec![Line::plain("For several at once, answer the card with ").with(Span::Write(several))];
        Answered::said(screen)
    }

    async fn choices_of(&self, shown: &[ShownWindow]) -> Result<Vec<Choice>, Failure> {
        let mut tx = self.app.store.read().await?;
        let mut choices = Vec::new();
        for line in shown {
            let window = tx.window_by_id(line.window).await?;
            let server = tx.server_by_id(window.server).await?;
            let value = window_value(Shown { window: line.window, revision: line.revision });
            choices.push(
                Choice::new(value, format!("{}. {}", line.line, server.name)).with_about(briefly(&window)),
            );
        }
        Ok(choices)
    }

    /// Answers a choice from a list on a message.
    pub(super) async fn chosen(&self, speaker: &Speaker, pick: Pick, value: &str) -> Answered {
        match pick {
            Pick::Window => match window_of(value) {
                Some(shown) => self.press_about(speaker, Act::Open, shown).await,
                None => Answered::to(&another_version()),
            },
            Pick::Time(shown) => {
                let mut filled = Filled::default();
                filled.put("slot", vec![value.to_owned()]);
                self.filled(speaker, &FormId::Move(shown), &filled).await
            }
        }
    }

    async fn with_picture(
        &self,
        speaker: &Speaker,
        mut screen: Screen,
        drawn: Drawn,
    ) -> Result<Screen, Failure> {
        let Some(person) = self.app.who(&speaker.identity, speaker.vouched.as_ref()).await? else {
            return Ok(screen);
        };
        let (name, alt, drawing) = match drawn {
            Drawn::Calendar(quarter) => {
                let calendar = self.app.calendar_of(&person, quarter).await?;
                let alt = calendar.lines().join("\n");
                (
                    format!("calendar-{}.png", calendar.quarter),
                    alt,
                    super::picture::Drawing::Calendar(calendar),
                )
            }
            Drawn::Progress(quarter) => {
                let progress = self.app.progress_of(&person, quarter).await?;
                let alt = progress.lines().join("\n");
                (
                    format!("progress-{}.png", progress.quarter),
                    alt,
                    super::picture::Drawing::Progress(progress),
                )
            }
        };
        // Drawing takes tens of milliseconds of one core; the sockets must not wait for it.
        let png = tokio::task::spawn_blocking(move || drawing.png())
            .await
            .map_err(|error| Failure::Bug(format!("a picture: {error}")))?
            .map_err(Failure::Bug)?;
        screen.picture = Some(Picture { png, name, alt });
        Ok(screen)
    }
}

/// What a picture shows.
enum Drawn {
    Calendar(Option<QuarterName>),
    Progress(Option<QuarterName>),
}

/// An answer, with what it offers to say next on buttons.
fn offering(answer: &Answer) -> Screen {
    let mut screen = Screen::answer(answer);
    for words in answer.next.iter().flat_map(|next| text::quoted_commands(next)) {
        let Ok(command) = parse(&words) else { continue };
        let (label, style) = match command.spec().name {
            "undo" => ("Undo", Style::Plain),
            "confirm" => ("Confirm", Style::Danger),
            "cancel" => ("Cancel", Style::Plain),
            _ => continue,
        };
        let there = screen.buttons.iter().any(|button| button.label == label);
        if !there && words.len() <= MOST_SAID {
            screen.buttons.push(Button::new(label, Press::Say(words)).styled(style));
        }
    }
    screen
}

/// Whether a command that names nothing is about what is shown where it is said. Others are about everything of one's
/// own, wherever they are said.
fn names_by_place(command: &Command) -> bool {
    !matches!(command, Command::Confirm(_) | Command::Cancel(_) | Command::Mine(_))
}

fn unplaced(speaker: &Speaker) -> Speaker {
    Speaker { message: None, thread: None, ..speaker.clone() }
}

fn not_understood(speaker: &Speaker, error: &ParseError, several: bool) -> Screen {
    let mut screen = Screen::of(text::of_parse_error(error));
    if several {
        let none = "I do all of your lines or none, so nothing was done.";
        screen.body.push(Paragraph::Lines(vec![Line::plain(none)]));
    }
    let word = error.line.split_whitespace().next().unwrap_or_default();
    let spec = spec_of(word).filter(|spec| !spec.args.is_empty() && error.usage.is_some());
    if let Some(spec) = spec.filter(|_| speaker.lists_in_forms) {
        screen.buttons.push(Button::new("Fill in a form…", Press::Fill(spec.name.to_owned())));
    }
    screen
}

/// The answer to somebody who is not known, with the ways to be; what he can do himself comes first.
fn introduced(identity: &Identity, answer: Answer) -> Answer {
    Answer { next: Vec::new(), ..answer }
        .then("Say \"link you@example.org\" with your own mail address: I mail a code there, and you say that here.")
        .then(format!(
            "Or answer a notice mail, or ask an operator, who needs to know that your account is {}:{}.",
            identity.kind(),
            identity.key()
        ))
}

fn another_version() -> Answer {
    Answer::new(
        Verdict::NotUnderstood,
        "That button was made by another version of patchbot, so nothing was done.",
    )
    .then("Say \"status\" for where your windows stand.")
}

/// The answer to a click that cannot be read.
pub(super) fn unreadable() -> Screen {
    Screen::answer(&another_version())
}

fn gone() -> Answer {
    Answer::new(Verdict::Refused, "The window of that card is not there any more, so nothing was done.")
        .then("Say \"status\" for where your windows stand.")
}

fn cannot_be_typed(name: &str, why: &str) -> Answer {
    Answer::new(Verdict::Refused, format!("\"{name}\" cannot be asked about: {why}."))
        .then("An operator can give the server a name that can be typed.")
}

/// A no with its reason.
fn declined(reason: Option<patchbot_commands::Reason>) -> Command {
    Command::Decline(Decline { target: Target::These, reason })
}
