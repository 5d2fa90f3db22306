//! The loopback pages for machines: `/healthz`, `/metrics` and `/calendar/…`.

pub mod calendar;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::chat::Chat;
use crate::store::Store;
use crate::supervisor::Pulse;

/// The pages cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is taken or not ours.
    #[error("http.listen: {address} cannot be opened ({why}); choose another port, or stop what uses it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        why: std::io::Error,
    },
    /// The metrics have been set up already.
    #[error("the metrics cannot be set up: {0}")]
    Metrics(String),
}

/// What `/healthz` says.
#[derive(Debug, Serialize)]
struct Health {
    /// Whether everything works.
    ok: bool,
    /// Whether the database answers.
    database: bool,
    /// The loops, and whether each has done its round lately.
    loops: Vec<(String, bool)>,
    /// The chat platforms, and how the connection to each stands.
    chat: Vec<(String, String)>,
    /// Messages that wait.
    waiting: i64,
    /// Messages that were given up.
    parked: i64,
}

/// What the pages are made of.
#[derive(Debug, Clone)]
pub struct Pages {
    /// The database.
    pub store: Store,
    /// The loops.
    pub pulse: Arc<Pulse>,
    /// The counters.
    pub metrics: PrometheusHandle,
    /// The chat platforms that are on.
    pub chats: Vec<Chat>,
}

async fn healthz(State(pages): State<Pages>) -> (StatusCode, Json<Health>) {
    let counts = async { pages.store.read().await?.count_notifications().await }.await;
    let loops = pages.pulse.beats();
    let database = counts.is_ok();
    let heard = pages.chats.iter().all(|chat| chat.health().is_fine());
    let chat = pages.chats.iter().map(|chat| (chat.medium().as_str().to_owned(), chat.health().to_string()));
    let chat = chat.collect();
    let ok = database && heard && loops.iter().all(|(_, alive)| *alive);
    let (waiting, parked) = counts.unwrap_or_default();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Health { ok, database, loops, chat, waiting, parked }))
}

async fn metrics_page(State(pages): State<Pages>) -> String {
    if let Ok(mut tx) = pages.store.read().await
        && let Ok((waiting, parked)) = tx.count_notifications().await
    {
        metrics::gauge!("patchbot_notifications_waiting").set(float(waiting));
        metrics::gauge!("patchbot_notifications_parked").set(float(parked));
    }
    pages.metrics.render()
}

/// A count as a gauge has it; beyond 2⁵³ nobody counts.
fn float(count: i64) -> f64 {
    f64::from(i32::try_from(count).unwrap_or(i32::MAX))
}

/// Sets up the program's counters.
///
/// # Errors
/// When they have been set up already.
pub fn counters() -> Result<PrometheusHandle, HttpError> {
    PrometheusBuilder::new().install_recorder().map_err(|error| HttpError::Metrics(error.to_string()))
}

/// Opens the pages and serves them until `stop`; `feeds` are the calendars to subscribe to.
///
/// # Errors
/// When the address cannot be opened.
pub async fn serve(
    address: SocketAddr,
    pages: Pages,
    feeds: Router,
    stop: CancellationToken,
) -> Result<(), HttpError> {
    let refused = |why| HttpError::Listen { address, why };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(refused)?;
    let pages = Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics_page))
        .with_state(pages)
        .merge(feeds);
    axum::serve(listener, pages).with_graceful_shutdown(stop.cancelled_owned()).await.map_err(refused)
}
