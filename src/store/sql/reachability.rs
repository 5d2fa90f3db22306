//! Who cannot be reached by mail, and who is away.

use chrono::{DateTime, Utc};
use sqlx::Row as _;

use super::{Conn, Row};
use crate::domain::ids::PersonId;
use crate::store::error::StoreError;
use crate::store::records::Reachability;

statements! {
    GET = "SELECT unreachable_since, unreachable_why, away_until FROM reachability WHERE person_id = $1";
    PUT = "INSERT INTO reachability (person_id, unreachable_since, unreachable_why, away_until, updated_at) \
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (person_id) DO UPDATE SET unreachable_since = excluded.unreachable_since, \
        unreachable_why = excluded.unreachable_why, away_until = excluded.away_until, updated_at = excluded.updated_at";
    ABSENT = "SELECT person_id, unreachable_since, unreachable_why, away_until FROM reachability \
        WHERE unreachable_since IS NOT NULL OR away_until > $1";
}

fn reachability(row: &Row) -> Result<Reachability, StoreError> {
    Ok(Reachability {
        unreachable_since: row.try_get("unreachable_since")?,
        unreachable_why: row.try_get("unreachable_why")?,
        away_until: row.try_get("away_until")?,
    })
}

pub(in crate::store) async fn reachability_of(
    conn: &mut Conn,
    person: PersonId,
) -> Result<Reachability, StoreError> {
    let row = sqlx::query(GET).bind(person.0).fetch_optional(conn).await?;
    row.as_ref().map_or(Ok(Reachability::default()), reachability)
}

pub(in crate::store) async fn put_reachability(
    conn: &mut Conn,
    person: PersonId,
    known: &Reachability,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(PUT)
        .bind(person.0)
        .bind(known.unreachable_since)
        .bind(&known.unreachable_why)
        .bind(known.away_until)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn absent_people(
    conn: &mut Conn,
    now: DateTime<Utc>,
) -> Result<Vec<(PersonId, Reachability)>, StoreError> {
    let rows = sqlx::query(ABSENT).bind(now).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((PersonId(row.try_get("person_id")?), reachability(row)?))).collect()
}
