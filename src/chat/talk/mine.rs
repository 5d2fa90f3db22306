//! Somebody's own servers, page by page, with what can be clicked about each.

use super::{Speaker, Talk, introduced};
use crate::app::Failure;
use crate::app::sheet::{MinePage, in_a_line};
use crate::chat::card::Shown;
use crate::chat::press::{Act, Pick, Press, window_value};
use crate::chat::screen::{Button, Choice, Row, Screen, Select, Style};
use crate::chat::text::{Line, Paragraph};
use crate::domain::refusal::Refusal;
use crate::domain::window::{Window, WindowState};

impl Talk {
    /// Somebody's own servers, with what can be clicked about each.
    pub(in crate::chat) async fn mine(&self, speaker: &Speaker, page: usize) -> Result<Screen, Failure> {
        let Some(person) = self.app.who(&speaker.identity, speaker.vouched.as_ref()).await? else {
            return Ok(Screen::answer(&introduced(&speaker.identity, Refusal::Stranger.answer())));
        };
        let page = self.app.mine_of(&person, page).await?;
        Ok(mine_screen(&page, speaker.lists_in_forms))
    }
}

/// What is said at one's own servers.
fn mine_screen(page: &MinePage, buttons_in_rows: bool) -> Screen {
    let mut screen = Screen::default();
    let title = match page.servers {
        0 => "You own no server.".to_owned(),
        1 => "Your server:".to_owned(),
        many if page.pages > 1 => format!("Your {many} servers, page {} of {}:", page.page, page.pages),
        many => format!("Your {many} servers:"),
    };
    screen.body.push(Paragraph::Lines(vec![Line::strong(title)]));
    let told = |server: &crate::domain::server::Server, window: &Option<Window>| {
        Line::plain(in_a_line(server, window.as_ref()))
    };
    if buttons_in_rows {
        screen.rows = page
            .lines
            .iter()
            .map(|(server, window)| Row {
                line: told(server, window),
                buttons: window.as_ref().map(row_buttons).unwrap_or_default(),
            })
            .collect();
    } else {
        let lines = page.lines.iter().map(|(server, window)| told(server, window)).collect();
        screen.body.push(Paragraph::List(lines));
        let choices: Vec<Choice> = page
            .lines
            .iter()
            .filter_map(|(server, window)| {
                let window = window.as_ref()?;
                let shown = Shown { window: window.id, revision: window.revision };
                Some(Choice::new(window_value(shown), server.name.clone()).with_about(briefly(window)))
            })
            .collect();
        if !choices.is_empty() {
            screen.select = Some(Select { pick: Pick::Window, hint: "Choose a server to act on", choices });
        }
    }
    let go = |label: &str, page: usize| Button::new(label, Press::Say(format!("mine {page}")));
    if page.page > 1 {
        screen.buttons.push(go("◀ Back", page.page.saturating_sub(1)));
    }
    if page.page < page.pages {
        screen.buttons.push(go("Next ▶", page.page.saturating_add(1)));
    }
    screen.buttons.push(Button::new("Calendar", Press::Say("calendar".to_owned())));
    screen.buttons.push(Button::new("Help", Press::Say("help".to_owned())));
    screen
}

/// What can be clicked about a window in a list.
fn row_buttons(window: &Window) -> Vec<Button> {
    let shown = Shown { window: window.id, revision: window.revision };
    let about = |label: &str, act: Act| Button::new(label, Press::About(act, shown));
    match window.state {
        WindowState::Proposed => vec![
            about("Approve", Act::Approve).styled(Style::Primary),
            about("Move…", Act::Move),
            about("Decline…", Act::Decline),
            about("Why?", Act::Why),
        ],
        WindowState::Unscheduled | WindowState::Approved(_) => {
            vec![about("Move…", Act::Move), about("Decline…", Act::Decline), about("Why?", Act::Why)]
        }
        WindowState::Locked(_) => vec![about("Decline…", Act::Decline), about("Why?", Act::Why)],
        _ => vec![about("Why?", Act::Why)],
    }
}

/// A window in a few words: `Thu 3 Dec 2026, 20:00 — approved`.
pub(super) fn briefly(window: &Window) -> String {
    let time = window.plan.map(|plan| crate::domain::shown::wall(plan.starts_at, plan.zone));
    match time {
        Some(time) => format!("{time} — {}", window.state.word()),
        None => window.state.word().to_owned(),
    }
}
