//! Forms: which fields they have, and what it means when they are sent.

use patchbot_commands::{ArgKind, Command, Effect, Reason, Reschedule, Spec, Surface, Target, parse};

use super::{Answered, Reply, Speaker, Talk, another_version, declined};
use crate::app::forms::{MoveSheet, Slot};
use crate::chat::card::Shown;
use crate::chat::facts::Facts;
use crate::chat::form::{Field, FieldKind, Filled, Form};
use crate::chat::press::{Act, FormId, Pick, Press, window_of};
use crate::chat::screen::{Button, Choice, Screen, Select};
use crate::chat::text::{self, Line, Paragraph, Span};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::message::ShownWindow;
use crate::domain::person::Person;
use crate::domain::policy::Reasoned;
use crate::domain::refusal::Refusal;
use crate::domain::request::Verb;
use crate::domain::shown::{line, wall};

/// So many times a list offers. Discord takes 25, Slack 100; further away, the calendar is the better help.
const MOST_SLOTS: usize = 25;
/// A reason may have so many letters.
const REASON: u16 = 500;

fn reason(needed: bool) -> Field {
    let hint = if needed {
        "Why? Your host group wants to know."
    } else {
        "Why? It is told to everybody concerned."
    };
    Field::new("reason", "Reason", FieldKind::Text(REASON)).hint(hint).needed(needed)
}

/// The form for a decision about some of many windows.
pub(super) fn choose(message: &str, windows: Vec<Choice>) -> Form {
    let acts = vec![
        Choice::new("approve", "Approve"),
        Choice::new("defer 1 week", "Move by one week"),
        Choice::new("decline", "Decline"),
    ];
    Form {
        id: FormId::Choose(message.to_owned()),
        title: "Choose servers",
        intro: Vec::new(),
        fields: vec![
            Field::new("windows", "Servers", FieldKind::Several(windows)).needed(true),
            Field::new("act", "What", FieldKind::One(acts)).needed(true),
            reason(false),
        ],
        submit: "Send",
    }
}

fn slot_choice(slot: &Slot, sheet: &MoveSheet) -> Choice {
    let zone = sheet.server.zone;
    // UTC is exact whatever the clocks do, and read back by the same grammar as typed words.
    let mut choice = Choice::new(format!("{} UTC", slot.at.format("%Y-%m-%d %H:%M")), wall(slot.at, zone));
    choice.group = Some(slot.at.with_timezone(&zone).format("%a %-d %b %Y").to_string());
    let utc = format!("{} UTC", slot.at.format("%H:%M"));
    let costs: Vec<String> = std::iter::once(utc).chain(slot.costs.iter().cloned()).collect();
    choice.with_about(costs.join(", "))
}

fn now_line(sheet: &MoveSheet) -> Paragraph {
    let mut spans = vec![Span::Strong(sheet.server.name.clone())];
    match sheet.plan {
        Some(plan) => {
            spans.push(Span::Plain(format!(" is planned for {}.", line(plan.starts_at, plan.zone))));
        }
        None => spans.push(Span::Plain(" has no time yet.".to_owned())),
    }
    if sheet.moves > 0 {
        spans.push(Span::Plain(format!(" It was moved {} so far.", times(sheet.moves))));
    }
    Paragraph::Lines(vec![Line(spans)])
}

fn times(count: i64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        many => format!("{many} times"),
    }
}

/// The form for another time, with lists.
fn move_form(shown: Shown, sheet: &MoveSheet) -> Form {
    let slots: Vec<Choice> = sheet.slots.iter().map(|slot| slot_choice(slot, sheet)).collect();
    let mut fields = Vec::new();
    if !slots.is_empty() {
        fields.push(
            Field::new("slot", "A free time", FieldKind::One(slots))
                .hint(format!("In {}; below each, what it costs.", sheet.server.zone.name())),
        );
    }
    fields.extend(free_time_fields(sheet));
    fields.push(reason(sheet.wants_reason));
    let mut intro = vec![now_line(sheet)];
    if sheet.slots.is_empty() {
        intro.push(Paragraph::Lines(vec![Line::plain("There is no free regular time left in its quarter.")]));
    }
    Form { id: FormId::Move(shown), title: "Another time", intro, fields, submit: "Move" }
}

/// A date, a time and a zone that are not among the times offered.
fn free_time_fields(sheet: &MoveSheet) -> Vec<Field> {
    vec![
        Field::new("date", "Or a date of your own", FieldKind::Date).hint("2026-12-10"),
        Field::new("time", "Its time of day", FieldKind::Time).hint("20:00"),
        Field::new("zone", "In the zone", FieldKind::Zone)
            .hint("The server's own when left empty")
            .filled(Some(sheet.server.zone.name().to_owned())),
    ]
}

impl Talk {
    /// Opens the form of a click, or offers a list where forms cannot hold any.
    pub(super) async fn opens_form(
        &self,
        speaker: &Speaker,
        act: Act,
        shown: Shown,
        facts: &Facts,
    ) -> Answered {
        let person = match self.person(speaker).await {
            Ok(person) => person,
            Err(answer) => return Answered::to(&answer),
        };
        if let Err(heard) = self.may(&person, act, shown).await {
            return heard;
        }
        let form = match act {
            Act::Move | Act::Other => {
                let sheet = match self.app.move_sheet(&person, shown.window, MOST_SLOTS).await {
                    Ok(Ok(sheet)) => sheet,
                    Ok(Err(answer)) => return Answered::to(&answer),
                    Err(failure) => return Answered::to(&self.app.broken(&failure)),
                };
                if act == Act::Move && !speaker.lists_in_forms {
                    return Answered::said(time_list(shown, &sheet));
                }
                let mut form = move_form(shown, &sheet);
                if !speaker.lists_in_forms {
                    form.fields.retain(|field| field.name != "slot");
                }
                form
            }
            Act::Decline => decline_form(shown, facts),
            Act::Danger(verb) => danger_form(verb, shown, facts),
            Act::Approve | Act::Undo | Act::Why | Act::Open | Act::Rollback => {
                return Answered::to(&another_version());
            }
        };
        Answered::form(form)
    }

    /// Whether somebody may act on a window as it is shown; else the answer that says why not.
    async fn may(&self, person: &Person, act: Act, shown: Shown) -> Result<(), Answered> {
        let effect = if matches!(act, Act::Danger(_)) { Effect::Operate } else { Effect::Decide };
        match self.app.window_for(person, effect, shown.window).await {
            Ok(Ok((server, window))) => {
                match Refusal::of_stale(Some(shown.revision), &window, &server.name, server.zone) {
                    Some(stale) => Err(Answered::decided(&stale.answer(), vec![shown.window])),
                    None => Ok(()),
                }
            }
            Ok(Err(answer)) => Err(Answered::to(&answer)),
            Err(failure) => Err(Answered::to(&self.app.broken(&failure))),
        }
    }

    /// The form that a command's arguments are filled into.
    pub(super) async fn command_form(
        &self,
        speaker: &Speaker,
        spec: &'static Spec,
        filled: &Filled,
    ) -> Result<Form, Answer> {
        let person = self.person(speaker).await?;
        let mut fields = Vec::new();
        for arg in spec.args {
            let kind = match arg.kind {
                ArgKind::Servers => FieldKind::Servers,
                ArgKind::Server => FieldKind::Server,
                ArgKind::Time => match self.times_of(&person, filled).await {
                    Some(slots) if speaker.lists_in_forms && !slots.is_empty() => FieldKind::One(slots),
                    _ => FieldKind::Text(60),
                },
                ArgKind::Reason => FieldKind::Text(REASON),
                ArgKind::Zone => FieldKind::Zone,
                ArgKind::Flag => FieldKind::One(vec![Choice::new(arg.name, "Yes")]),
                ArgKind::Words(usual) if !usual.is_empty() && speaker.lists_in_forms => {
                    FieldKind::One(usual.iter().map(|word| Choice::new(*word, *word)).collect())
                }
                ArgKind::Quarter | ArgKind::Command | ArgKind::Words(_) => FieldKind::Text(80),
            };
            let needed = arg.required || spec.effect == Effect::Operate;
            fields.push(
                Field::new(arg.name, label(arg.name), kind)
                    .hint(arg.about)
                    .needed(needed && arg.kind != ArgKind::Flag)
                    .filled(match filled.all(arg.name) {
                        [] => None,
                        values => Some(values.join("\n")),
                    }),
            );
        }
        Ok(Form {
            id: FormId::Command(spec.name.to_owned()),
            title: "A command",
            intro: vec![Paragraph::Lines(vec![Line(vec![
                Span::Say(spec.name.to_owned()),
                Span::Plain(format!(" — {}", spec.about)),
            ])])],
            fields,
            submit: "Send",
        })
    }

    /// The free times of the one server that is filled in.
    async fn times_of(&self, person: &Person, filled: &Filled) -> Option<Vec<Choice>> {
        let server = filled
            .one("server")
            .or_else(|| filled.one("servers").filter(|_| filled.all("servers").len() == 1))?;
        let sheet = self.app.find_slots(person, server, MOST_SLOTS).await.ok()??;
        Some(sheet.slots.iter().map(|slot| slot_choice(slot, &sheet)).collect())
    }

    /// A form is drawn anew after something in it was chosen: then the times of a server are known.
    pub(crate) async fn form_again(&self, speaker: &Speaker, id: &FormId, filled: &Filled) -> Option<Form> {
        let FormId::Command(name) = id else { return None };
        let spec = patchbot_commands::spec_of(name)?;
        self.command_form(speaker, spec, filled).await.ok()
    }

    /// Answers a form that was sent; one that cannot be acted on comes again, with the reason above it.
    pub(crate) async fn filled(&self, speaker: &Speaker, id: &FormId, filled: &Filled) -> Answered {
        match id {
            FormId::Move(shown) => self.filled_move(speaker, *shown, filled).await,
            FormId::Decline(shown) => self.decides(speaker, *shown, declined(why(filled)), id, filled).await,
            FormId::Danger(verb, shown) => {
                let reason = why(filled).map(|reason| format!(" because {reason}")).unwrap_or_default();
                match parse(&format!("{}{reason}", verb.as_str())) {
                    Ok(command) => self.decides(speaker, *shown, command, id, filled).await,
                    Err(_) => Answered::to(&another_version()),
                }
            }
            FormId::Command(name) => self.filled_command(speaker, name, filled).await,
            FormId::Choose(_) => self.filled_choice(speaker, filled).await,
        }
    }

    async fn filled_move(&self, speaker: &Speaker, shown: Shown, filled: &Filled) -> Answered {
        let id = FormId::Move(shown);
        let when = match time_of(filled) {
            Ok(when) => when,
            Err(why) => return self.asks_again(speaker, &id, filled, vec![plain(why)]).await,
        };
        match parse(&format!("move to {when}")) {
            Ok(Command::Reschedule(it)) => {
                let command =
                    Command::Reschedule(Reschedule { target: Target::These, reason: why(filled), ..it });
                self.decides(speaker, shown, command, &id, filled).await
            }
            Ok(_) => Answered::to(&another_version()),
            Err(error) => {
                let said = error.to_string();
                let said = said.split(" Usage: ").next().unwrap_or_default().to_owned();
                self.asks_again(speaker, &id, filled, vec![plain(said)]).await
            }
        }
    }

    /// Decides about one window; a refusal that another try could mend shows the form again.
    async fn decides(
        &self,
        speaker: &Speaker,
        shown: Shown,
        command: Command,
        id: &FormId,
        filled: &Filled,
    ) -> Answered {
        let line = ShownWindow { line: 1, window: shown.window, revision: shown.revision };
        let moves = matches!(command, Command::Reschedule(_));
        let answer = self.ask(speaker, 1, command, vec![line]).await;
        if answer.verdict == Verdict::Refused && moves {
            return self.asks_again(speaker, id, filled, text::of_answer(&answer)).await;
        }
        Answered::decided(&answer, vec![shown.window])
    }

    /// The form once more, with why.
    async fn asks_again(
        &self,
        speaker: &Speaker,
        id: &FormId,
        filled: &Filled,
        why: Vec<Paragraph>,
    ) -> Answered {
        let fresh = match id {
            FormId::Move(shown) | FormId::Decline(shown) | FormId::Danger(_, shown) => {
                let act = match id {
                    FormId::Move(_) => Act::Other,
                    FormId::Danger(verb, _) => Act::Danger(*verb),
                    _ => Act::Decline,
                };
                match Box::pin(Facts::load(&self.app, shown.window, None)).await {
                    Ok(Some(facts)) => Box::pin(self.opens_form(speaker, act, *shown, &facts)).await.reply,
                    _ => Reply::Screen(Screen::default()),
                }
            }
            FormId::Command(name) => match patchbot_commands::spec_of(name) {
                Some(spec) => match self.command_form(speaker, spec, filled).await {
                    Ok(form) => Reply::Form(form),
                    Err(_) => Reply::Screen(Screen::default()),
                },
                None => Reply::Screen(Screen::default()),
            },
            FormId::Choose(_) => Reply::Screen(Screen::default()),
        };
        match fresh {
            Reply::Form(form) => {
                let said = Screen::of(why.clone());
                if speaker.lists_in_forms {
                    Answered::form(form.again(filled, why))
                } else {
                    // A form cannot follow a form there: the answer has a button that opens it.
                    Answered::said(said.with(button(id)))
                }
            }
            Reply::Screen(_) => Answered::said(Screen::of(why)),
        }
    }

    async fn filled_command(&self, speaker: &Speaker, name: &str, filled: &Filled) -> Answered {
        let Some(spec) = patchbot_commands::spec_of(name) else {
            return Answered::to(&another_version());
        };
        let joined: Vec<(&str, String)> =
            spec.args.iter().map(|arg| (arg.name, filled.all(arg.name).join(" "))).collect();
        let line = spec
            .line(|name| joined.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str()));
        match parse(&line) {
            Ok(command) if command.spec().surfaces.contains(&Surface::Chat) => {
                let speaker = super::unplaced(speaker);
                let screen = self.say(&speaker, 1, command, Vec::new()).await;
                Answered::said(screen)
            }
            Ok(_) => Answered::to(&another_version()),
            Err(error) => {
                let id = FormId::Command(name.to_owned());
                self.asks_again(speaker, &id, filled, text::of_parse_error(&error)).await
            }
        }
    }

    async fn filled_choice(&self, speaker: &Speaker, filled: &Filled) -> Answered {
        let lines: Vec<ShownWindow> = (1..)
            .zip(filled.all("windows").iter().filter_map(|value| window_of(value)))
            .map(|(line, shown)| ShownWindow { line, window: shown.window, revision: shown.revision })
            .collect();
        let act = match filled.one("act") {
            Some("approve") => "approve".to_owned(),
            Some("decline") => "decline".to_owned(),
            Some("defer 1 week") => "defer by 1 week".to_owned(),
            _ => return Answered::to(&another_version()),
        };
        let reason = why(filled).map(|reason| format!(" because {reason}")).unwrap_or_default();
        let (Ok(command), false) = (parse(&format!("{act}{reason}")), lines.is_empty()) else {
            return Answered::to(&another_version());
        };
        let outdated = lines.iter().map(|line| line.window).collect();
        let answer = self.ask(speaker, 1, command, lines).await;
        Answered::decided(&answer, outdated)
    }
}

/// The times that can be chosen, as a list on a message.
fn time_list(shown: Shown, sheet: &MoveSheet) -> Screen {
    let mut screen = Screen::of(vec![now_line(sheet)]);
    let choices: Vec<Choice> = sheet.slots.iter().map(|slot| slot_choice(slot, sheet)).collect();
    if choices.is_empty() || sheet.wants_reason {
        let said = if choices.is_empty() {
            "There is no free regular time left in its quarter."
        } else {
            "Its host group wants a reason for another time, so it is asked for in the form."
        };
        screen.body.push(plain(said.to_owned()));
    }
    if !choices.is_empty() && !sheet.wants_reason {
        let zone = sheet.server.zone.name();
        screen.body.push(plain(format!("The free times, in {zone}:")));
        screen.select = Some(Select { pick: Pick::Time(shown), hint: "Choose a time", choices });
    }
    screen.with(Button::new("Another time…", Press::About(Act::Other, shown)))
}

fn decline_form(shown: Shown, facts: &Facts) -> Form {
    let consequence = format!(
        "{} is then not patched in {}. You can take it back before the start.",
        facts.server.name, facts.window.quarter
    );
    Form {
        id: FormId::Decline(shown),
        title: "Decline",
        intro: vec![plain(consequence)],
        fields: vec![reason(facts.policy.reason_for.contains(&Reasoned::Decline))],
        submit: "Decline",
    }
}

fn danger_form(verb: Verb, shown: Shown, facts: &Facts) -> Form {
    let sentence = format!(
        "You want to {}. What will happen is shown before it is done.",
        verb.phrase(&facts.server.name)
    );
    Form {
        id: FormId::Danger(verb, shown),
        title: "A reason is needed",
        intro: vec![plain(sentence)],
        fields: vec![reason(true)],
        submit: "Go on",
    }
}

/// The button that opens a form once more.
pub(super) fn button(id: &FormId) -> Button {
    let press = match id {
        FormId::Move(shown) => Press::About(Act::Other, *shown),
        FormId::Decline(shown) => Press::About(Act::Decline, *shown),
        FormId::Danger(verb, shown) => Press::About(Act::Danger(*verb), *shown),
        FormId::Command(name) => Press::Fill(name.clone()),
        FormId::Choose(_) => Press::Choose,
    };
    Button::new("Try again…", press)
}

/// The time that was filled in, in words of the grammar.
fn time_of(filled: &Filled) -> Result<String, String> {
    let free = (filled.one("date"), filled.one("time"));
    match (filled.one("slot"), free) {
        (Some(slot), (None, None)) => Ok(slot.to_owned()),
        (None, (Some(date), Some(time))) => {
            let zone = filled.one("zone").map(|zone| format!(" {zone}")).unwrap_or_default();
            Ok(format!("{date} {time}{zone}"))
        }
        (Some(_), _) => Err("Choose a free time or a date of your own, not both.".to_owned()),
        (None, (Some(_), None)) => Err("The time of day is missing beside your date.".to_owned()),
        (None, (None, Some(_))) => Err("The date is missing beside your time of day.".to_owned()),
        (None, (None, None)) => Err("Choose a free time, or a date and a time of your own.".to_owned()),
    }
}

fn why(filled: &Filled) -> Option<Reason> {
    Reason::new(filled.one("reason")?).ok()
}

fn plain(text: String) -> Paragraph {
    Paragraph::Lines(vec![Line::plain(text)])
}

/// An argument's name as it stands above a field.
fn label(name: &'static str) -> &'static str {
    match name {
        "servers" => "Servers",
        "server" => "Server",
        "time" => "Time",
        "reason" => "Reason",
        "quarter" => "Quarter",
        "by" => "By",
        "zone" => "Zone",
        "hours" => "Hours",
        "code" => "Code",
        "page" => "Page",
        "all" => "Everybody's",
        "command" => "Command",
        "as" => "Address or code",
        other => other,
    }
}
