//! One's own servers page by page, the quarter day by day, and how far it is: in words, and as what pictures are made of.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use patchbot_commands::QuarterName;

use super::handle::Said;
use super::{App, Failure, Stop};
use crate::domain::answer::{Answer, Verdict};
use crate::domain::calendar::frozen_before;
use crate::domain::message::ShownWindow;
use crate::domain::permit::sees_everything;
use crate::domain::person::Person;
use crate::domain::quarter::Quarter;
use crate::domain::refusal::Refusal;
use crate::domain::server::Server;
use crate::domain::sheet::{Calendar, Counts, Progress, Standing, monday};
use crate::domain::shown::line;
use crate::domain::window::Window;
use crate::store::Tx;
use crate::store::records::WindowCount;

/// So many servers are on one page.
pub const ON_A_PAGE: usize = 10;

/// A page of somebody's own servers.
#[derive(Debug, Clone, PartialEq)]
pub struct MinePage {
    /// How the reader is called.
    pub reader: String,
    /// The page, from 1.
    pub page: usize,
    /// How many pages there are.
    pub pages: usize,
    /// How many servers there are on all pages.
    pub servers: usize,
    /// What is on this page: the servers with the windows that matter now.
    pub lines: Vec<(Server, Option<Window>)>,
}

impl MinePage {
    /// The windows of the page, as an answer to it would name them.
    #[must_use]
    pub fn shown(&self) -> Vec<ShownWindow> {
        (1..)
            .zip(&self.lines)
            .filter_map(|(line, (_, window))| {
                let window = window.as_ref()?;
                Some(ShownWindow { line, window: window.id, revision: window.revision })
            })
            .collect()
    }
}

/// A window in one line: name, time, state.
#[must_use]
pub fn in_a_line(server: &Server, window: Option<&Window>) -> String {
    let Some(window) = window else { return format!("{} — no window is planned", server.name) };
    let state = window.state.phrase();
    match &window.plan {
        Some(plan) => format!("{} — {} — {state}", server.name, line(plan.starts_at, plan.zone)),
        None => format!("{} — {state}", server.name),
    }
}

impl App {
    pub(crate) async fn mine(&self, tx: &mut Tx, said: &Said<'_>, page: u16) -> Result<Answer, Stop> {
        let page = self.mine_page(tx, said.person, usize::from(page)).await?;
        if page.servers == 0 {
            return Err(Refusal::NothingOfYours.into());
        }
        let mut lines = vec![format!("Your servers, page {} of {}:", page.page, page.pages)];
        lines.extend(page.lines.iter().map(|(server, window)| in_a_line(server, window.as_ref())));
        let answer = Answer { verdict: Verdict::Done, lines, next: Vec::new() };
        Ok(if page.page < page.pages {
            answer.then(format!("Say \"mine {}\" for the next page.", page.page.saturating_add(1)))
        } else {
            answer
        })
    }

    async fn mine_page(&self, tx: &mut Tx, person: &Person, page: usize) -> Result<MinePage, Failure> {
        let servers = tx.servers_of(person.id).await?;
        let pages = servers.len().div_ceil(ON_A_PAGE).max(1);
        let page = page.clamp(1, pages);
        let count = servers.len();
        let first = page.saturating_sub(1).saturating_mul(ON_A_PAGE);
        let mut lines = Vec::new();
        for server in servers.into_iter().skip(first).take(ON_A_PAGE) {
            let window = self.present_window(tx, &server).await?;
            lines.push((server, window));
        }
        Ok(MinePage { reader: person.name.clone(), page, pages, servers: count, lines })
    }

    /// A page of somebody's servers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mine_of(&self, person: &Person, page: usize) -> Result<MinePage, Failure> {
        let mut tx = self.store.read().await?;
        self.mine_page(&mut tx, person, page).await
    }

    fn quarter_meant(&self, quarter: Option<QuarterName>, zone: Tz) -> Quarter {
        quarter.map_or_else(|| self.quarters.current(self.now(), zone), Into::into)
    }

    pub(crate) async fn show_calendar(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        quarter: Option<QuarterName>,
    ) -> Result<Answer, Stop> {
        let calendar = self.calendar_for(tx, said.person, quarter).await?;
        let answer = Answer { verdict: Verdict::Done, lines: calendar.lines(), next: Vec::new() };
        Ok(answer.then("\"slots\" and a server's name shows the times it could move to."))
    }

    async fn calendar_for(
        &self,
        tx: &mut Tx,
        person: &Person,
        quarter: Option<QuarterName>,
    ) -> Result<Calendar, Failure> {
        let zone = person.zone.unwrap_or(self.zone);
        let quarter = self.quarter_meant(quarter, zone);
        let starts: Vec<_> = tx
            .count_windows(quarter)
            .await?
            .into_iter()
            .filter_map(|count| Some((count.hour?, Standing::of_state(&count.state), count.windows)))
            .collect();
        let (first, last) = (self.quarters.first_day(quarter), self.quarters.last_day(quarter));
        let mut days = Calendar::of_days(first, last, zone, &starts);
        let now = self.now();
        let today = now.with_timezone(&zone).date_naive();
        let frozen = frozen_before(&self.policies.default, zone, now);
        for window in tx.windows_of_owner(person.id, quarter).await? {
            let Some(plan) = window.plan else { continue };
            let here = plan.starts_at.with_timezone(&zone);
            let server = tx.server_by_id(window.server).await?;
            if let Some(day) = days.iter_mut().find(|day| day.date == here.date_naive()) {
                day.own.push(format!("{} {}", server.name, here.format("%H:%M")));
            }
        }
        for day in &mut days {
            day.frozen = frozen.is_some_and(|until| day.date >= today && day.date < until);
        }
        Ok(Calendar { title: self.quarters.describe(quarter), quarter, zone, today, days })
    }

    pub(crate) async fn show_progress(
        &self,
        tx: &mut Tx,
        said: &Said<'_>,
        quarter: Option<QuarterName>,
    ) -> Result<Answer, Stop> {
        let progress = self.progress_for(tx, said.person, quarter).await?;
        let mut answer = Answer { verdict: Verdict::Done, lines: progress.lines(), next: Vec::new() };
        if !sees_everything(said.person) {
            answer = answer.then("These are your own servers; operators and viewers see everybody's.");
        }
        Ok(answer)
    }

    async fn progress_for(
        &self,
        tx: &mut Tx,
        person: &Person,
        quarter: Option<QuarterName>,
    ) -> Result<Progress, Failure> {
        let zone = person.zone.unwrap_or(self.zone);
        let quarter = self.quarter_meant(quarter, zone);
        let counted = if sees_everything(person) {
            tx.count_windows(quarter).await?
        } else {
            let own = tx.windows_of_owner(person.id, quarter).await?;
            own.iter().map(counted_alone).collect()
        };
        let mut counts = Counts::default();
        let mut weeks: BTreeMap<chrono::NaiveDate, Counts> = BTreeMap::new();
        for count in counted {
            let standing = Standing::of_state(&count.state);
            counts.add(standing, count.windows);
            if let Some(hour) = count.hour {
                let week = monday(hour.with_timezone(&zone).date_naive());
                weeks.entry(week).or_default().add(standing, count.windows);
            }
        }
        let first = monday(self.quarters.first_day(quarter));
        let last = self.quarters.last_day(quarter);
        let mut all = Vec::new();
        for week in first.iter_weeks().take_while(|week| *week <= last) {
            all.push((week, weeks.remove(&week).unwrap_or_default()));
        }
        let today = self.now().with_timezone(&zone).date_naive();
        Ok(Progress { title: self.quarters.describe(quarter), quarter, today, counts, weeks: all })
    }

    /// What a picture of the calendar is drawn from.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn calendar_of(
        &self,
        person: &Person,
        quarter: Option<QuarterName>,
    ) -> Result<Calendar, Failure> {
        let mut tx = self.store.read().await?;
        self.calendar_for(&mut tx, person, quarter).await
    }

    /// What a chart of the progress is drawn from.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn progress_of(
        &self,
        person: &Person,
        quarter: Option<QuarterName>,
    ) -> Result<Progress, Failure> {
        let mut tx = self.store.read().await?;
        self.progress_for(&mut tx, person, quarter).await
    }
}

fn counted_alone(window: &Window) -> WindowCount {
    WindowCount {
        hour: window.plan.map(|plan| crate::domain::occupancy::hour_of(plan.starts_at)),
        state: window.state.as_str().to_owned(),
        windows: 1,
    }
}
