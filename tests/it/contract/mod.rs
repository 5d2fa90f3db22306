//! What the store promises, on both engines: each body runs on SQLite and on PostgreSQL.

mod heard;
mod leases;
mod outbox;
mod rows;
mod schema;

use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use patchbot::clock::Ids;
use patchbot::domain::ids::{PersonId, ServerId, WindowId};
use patchbot::domain::person::{Address, Person, Role};
use patchbot::domain::server::{Reach, Server};
use patchbot::domain::window::Window;
use patchbot::store::Store;
use sqlx::{Connection, Executor};

/// An empty, migrated database, gone with this value.
pub(crate) struct Fresh {
    pub(crate) store: Store,
    _folder: Option<tempfile::TempDir>,
}

/// An empty SQLite file.
pub(crate) async fn sqlite() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("patchbot.db")).await.unwrap();
    store.migrate().await.unwrap();
    Fresh { store, _folder: Some(folder) }
}

/// The administrator's URL of the PostgreSQL that the test run started.
fn postgres_url() -> String {
    std::env::var("PATCHBOT_TEST_POSTGRES").expect(
        "these tests need PostgreSQL: run tests/run, or cargo run -p patchbot-lab -- postgres -- cargo nextest run",
    )
}

/// An empty, migrated database on the test run's PostgreSQL.
pub(crate) async fn postgres() -> Fresh {
    let store = Store::postgres(&empty_postgres().await).await.unwrap();
    store.migrate().await.unwrap();
    Fresh { store, _folder: None }
}

/// The URL of a database with nothing in it.
pub(crate) async fn empty_postgres() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let admin = postgres_url();
    let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut connection = sqlx::PgConnection::connect(&admin).await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    let (server, _) = admin.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// Runs each body on both engines.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test]
            async fn on_sqlite() {
                super::$name($crate::contract::sqlite().await).await;
            }
            #[tokio::test]
            async fn on_postgres() {
                super::$name($crate::contract::postgres().await).await;
            }
        }
    )+};
}
pub(crate) use on_both;

pub(crate) fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn server(name: &str) -> Server {
    Server {
        id: ServerId(Ids::Random.next()),
        name: name.to_owned(),
        zone: chrono_tz::Tz::Europe__Berlin,
        host_group: Some("web".to_owned()),
        environment: None,
        operating_system: None,
        reach: Reach { port: Some(2222), ..Reach::default() },
        host_key: None,
        reboot: None,
        attributes: [("Cost Center", "4711")].into_iter().collect(),
        active: true,
        version: 0,
    }
}

pub(crate) fn person(mail: &str) -> Person {
    Person {
        id: PersonId(Ids::Random.next()),
        name: mail.to_owned(),
        mail: Some(Address::parse(mail).unwrap()),
        zone: Some(chrono_tz::Tz::Asia__Tokyo),
        role: Role::Owner,
    }
}

pub(crate) fn window(server: &Server) -> Window {
    Window::unscheduled(WindowId(Ids::Random.next()), server.id, "2027-Q1".parse().unwrap())
}
