//! The schema: every statement fits it on both engines, and both engines have the same one.

use std::collections::BTreeMap;

use sqlx::{Connection, Row};

use super::{Fresh, on_both, postgres, sqlite};
use patchbot::store::Store;

on_both!(every_statement_fits_the_schema, migrating_again_changes_nothing);

async fn every_statement_fits_the_schema(fresh: Fresh) {
    assert_eq!(fresh.store.unfit_statements().await.unwrap(), Vec::<String>::new());
}

async fn migrating_again_changes_nothing(fresh: Fresh) {
    fresh.store.migrate().await.unwrap();
    assert_eq!(fresh.store.unfit_statements().await.unwrap(), Vec::<String>::new());
}

/// Table → column → whether it may be empty.
type Shape = BTreeMap<String, BTreeMap<String, bool>>;

async fn shape_of_sqlite(store: &Store) -> Shape {
    let Store::Sqlite(_) = store else { panic!("SQLite is asked for") };
    let mut shape = Shape::new();
    let mut tx = store.read().await.unwrap();
    let patchbot::store::Tx::Sqlite(conn) = &mut tx else { panic!() };
    let rows = sqlx::query(
        "SELECT m.name AS t, p.name AS c, p.\"notnull\" AS n FROM sqlite_master m JOIN pragma_table_info(m.name) p \
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'",
    )
    .fetch_all(&mut **conn)
    .await
    .unwrap();
    for row in rows {
        let not_null: i64 = row.get("n");
        shape.entry(row.get("t")).or_default().insert(row.get("c"), not_null == 0);
    }
    shape
}

async fn shape_of_postgres(store: &Store) -> Shape {
    let mut shape = Shape::new();
    let mut tx = store.read().await.unwrap();
    let patchbot::store::Tx::Postgres(conn) = &mut tx else { panic!("PostgreSQL is asked for") };
    let rows = sqlx::query(
        "SELECT table_name::text AS t, column_name::text AS c, is_nullable = 'YES' AS n FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'",
    )
    .fetch_all(&mut **conn)
    .await
    .unwrap();
    for row in rows {
        shape.entry(row.get("t")).or_default().insert(row.get("c"), row.get("n"));
    }
    shape
}

#[tokio::test]
async fn both_engines_have_the_same_tables_columns_and_gaps() {
    let (small, large) = (sqlite().await, postgres().await);
    let (one, other) = (shape_of_sqlite(&small.store).await, shape_of_postgres(&large.store).await);
    assert_eq!(one, other);
    for table in [
        "servers", "windows", "decisions", "patch_history", "run_steps", "notifications", "inbox",
        "precheck_results", "configuration", "people", "identities", "audit",
    ] {
        assert!(one.contains_key(table), "{table}");
    }
}

#[tokio::test]
async fn a_sqlite_file_is_safe_against_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("patchbot.db");
    let store = Store::sqlite(&path).await.unwrap();
    store.migrate().await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let patchbot::store::Tx::Sqlite(conn) = &mut tx else { panic!() };
    let synchronous: i64 = sqlx::query("PRAGMA synchronous").fetch_one(&mut **conn).await.unwrap().get(0);
    let journal: String = sqlx::query("PRAGMA journal_mode").fetch_one(&mut **conn).await.unwrap().get(0);
    let foreign: i64 = sqlx::query("PRAGMA foreign_keys").fetch_one(&mut **conn).await.unwrap().get(0);
    assert_eq!((synchronous, journal.as_str(), foreign), (2, "wal", 1));
    drop(tx);
    store.close().await;
    let mut plain = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    let strict: i64 = sqlx::query("SELECT COUNT(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'")
        .fetch_one(&mut plain)
        .await
        .unwrap()
        .get(0);
    assert_eq!(strict, 0, "every table of ours is STRICT");
}
