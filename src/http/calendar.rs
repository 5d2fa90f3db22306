//! `/calendar/FEED/SIGNATURE.ics`: windows as a calendar that programs subscribe to (RFC 5545).

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus};

use crate::app::App;
use crate::domain::feed::Feed;
use crate::domain::shown::line;
use crate::domain::window::WindowState;
use crate::store::records::FeedRow;

/// How often a subscriber should ask again.
const REFRESH: &str = "PT1H";

/// A feed as text/calendar.
#[must_use]
pub fn text(feed: &Feed, rows: &[FeedRow], domain: &str, now: DateTime<Utc>) -> String {
    let name = match feed {
        Feed::Owner(_) => "Patching of my servers".to_owned(),
        Feed::Group(group) => format!("Patching of {group}"),
        Feed::Operations => "Patching of all servers".to_owned(),
    };
    let mut calendar = Calendar::empty();
    calendar
        .append_property(("VERSION", "2.0"))
        .append_property(("PRODID", "-//patchbot//EN"))
        .append_property(("CALSCALE", "GREGORIAN"))
        .append_property(("METHOD", "PUBLISH"))
        // RFC 7986 knows NAME and REFRESH-INTERVAL; older programs know the two X-… instead.
        .append_property(("NAME", name.as_str()))
        .append_property(("X-WR-CALNAME", name.as_str()))
        .append_property(("X-PUBLISHED-TTL", REFRESH));
    let mut refresh = icalendar::Property::new("REFRESH-INTERVAL", REFRESH);
    refresh.add_parameter("VALUE", "DURATION");
    calendar.append_property(refresh);
    for row in rows {
        if let Some(event) = event(row, domain, now) {
            calendar.push(event);
        }
    }
    calendar.done().to_string()
}

/// One window; none when it has no time, or nobody needs to see it any more.
fn event(row: &FeedRow, domain: &str, now: DateTime<Utc>) -> Option<Event> {
    let window = &row.window;
    let plan = window.plan.as_ref()?;
    let (status, summary) = match &window.state {
        WindowState::Unscheduled
        | WindowState::Deferred { .. }
        | WindowState::Declined(_)
        | WindowState::Cancelled { .. } => return None,
        WindowState::Proposed => {
            (EventStatus::Tentative, format!("Patching of {} (waits for approval)", row.server))
        }
        WindowState::Approved(_) | WindowState::Locked(_) => {
            (EventStatus::Confirmed, format!("Patching of {}", row.server))
        }
        WindowState::Running { .. } => {
            (EventStatus::Confirmed, format!("Patching of {} (running)", row.server))
        }
        WindowState::Completed => (EventStatus::Confirmed, format!("✓ {} is patched", row.server)),
        WindowState::Failed { .. } => (EventStatus::Confirmed, format!("✗ {} failed", row.server)),
        WindowState::Missed { .. } => (EventStatus::Confirmed, format!("✗ {} was missed", row.server)),
        WindowState::NeedsHuman { .. } => {
            (EventStatus::Confirmed, format!("✗ {}: a person must look", row.server))
        }
    };
    let group = row.host_group.as_ref().map(|group| format!(" Host group: {group}.")).unwrap_or_default();
    let event = Event::with_uid(&format!("{}.{}@{domain}", window.quarter, row.server).to_ascii_lowercase())
        .sequence(u32::try_from(window.revision.0).unwrap_or(u32::MAX))
        .summary(&summary)
        .description(&format!(
            "{}. State: {}. Quarter: {}.{group}\nIt may be rebooted within this time. This entry decides nothing: answer the notice.",
            line(plan.starts_at, plan.zone),
            window.state.phrase(),
            window.quarter,
        ))
        .timestamp(now)
        .starts(plan.starts_at)
        .ends(plan.ends_at)
        .status(status)
        // Patching a server keeps nobody from a meeting.
        .add_property("TRANSP", "TRANSPARENT")
        .add_property("X-MICROSOFT-CDO-BUSYSTATUS", "FREE")
        .done();
    Some(event)
}

/// What the page needs.
#[derive(Debug, Clone)]
struct Feeds {
    app: App,
    domain: String,
}

/// The calendars to subscribe to; `domain` stands behind the ids of their entries.
pub fn router(app: App, domain: String) -> Router {
    Router::new().route("/calendar/{feed}/{file}", get(page)).with_state(Feeds { app, domain })
}

async fn page(State(feeds): State<Feeds>, Path((name, file)): Path<(String, String)>) -> Response {
    // A wrong signature and a feed that does not exist look the same.
    let Ok(feed) = name.parse::<Feed>() else { return StatusCode::NOT_FOUND.into_response() };
    let text = async {
        if !feeds.app.opens_feed(&feed, &file).await? {
            return Ok(None);
        }
        let rows = feeds.app.feed(&feed).await?;
        Ok::<_, crate::app::Failure>(Some(text(&feed, &rows, &feeds.domain, feeds.app.now())))
    };
    match text.await {
        Ok(Some(text)) => {
            let headers = [
                (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
                (header::CACHE_CONTROL, "private, max-age=300"),
            ];
            (headers, text).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(%error, "a calendar cannot be shown");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
