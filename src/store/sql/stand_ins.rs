//! Who decides for whom, and who is away.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;
use uuid::Uuid;

use super::servers;
use super::{Conn, Row};
use crate::domain::ids::{PersonId, ServerId};
use crate::domain::server::Server;
use crate::store::error::StoreError;
use crate::store::records::StandInRow;

const COLS: &str = "d.id, d.person_id, d.by_id, d.server_id, d.away, d.starts_at, d.ends_at, d.reason";

statements! {
    INSERT = "INSERT INTO stand_ins (id, person_id, by_id, server_id, away, starts_at, ends_at, reason, said_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    END = "UPDATE stand_ins SET ends_at = $1 WHERE person_id = $2 AND ends_at > $1";
    OF = concatcp!("SELECT ", COLS, " FROM stand_ins d WHERE d.person_id = $1 AND d.ends_at > $2 ORDER BY d.starts_at, d.id");
    FOR_SERVER = "SELECT DISTINCT d.by_id FROM stand_ins d JOIN ownerships o ON o.person_id = d.person_id \
        WHERE o.server_id = $1 AND d.by_id IS NOT NULL AND d.starts_at <= $2 AND d.ends_at > $2 \
        AND (d.server_id IS NULL OR d.server_id = $1) ORDER BY d.by_id";
    SERVERS = concatcp!("SELECT ", servers::COLS, " FROM servers s WHERE s.active = $3 AND s.id IN \
        (SELECT o.server_id FROM ownerships o JOIN stand_ins d ON d.person_id = o.person_id WHERE d.by_id = $1 \
        AND d.starts_at <= $2 AND d.ends_at > $2 AND (d.server_id IS NULL OR d.server_id = o.server_id)) ORDER BY s.name");
}

fn stand_in(row: &Row) -> Result<StandInRow, StoreError> {
    Ok(StandInRow {
        id: row.try_get("id")?,
        person: PersonId(row.try_get("person_id")?),
        by: row.try_get::<Option<Uuid>, _>("by_id")?.map(PersonId),
        server: row.try_get::<Option<Uuid>, _>("server_id")?.map(ServerId),
        away: row.try_get("away")?,
        starts_at: row.try_get("starts_at")?,
        ends_at: row.try_get("ends_at")?,
        reason: row.try_get("reason")?,
    })
}

pub(in crate::store) async fn insert_stand_in(
    conn: &mut Conn,
    row: &StandInRow,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(row.id)
        .bind(row.person.0)
        .bind(row.by.map(|by| by.0))
        .bind(row.server.map(|server| server.0))
        .bind(row.away)
        .bind(row.starts_at)
        .bind(row.ends_at)
        .bind(&row.reason)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn end_stand_ins(
    conn: &mut Conn,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    Ok(sqlx::query(END).bind(now).bind(person.0).execute(conn).await?.rows_affected())
}

pub(in crate::store) async fn stand_ins_of(
    conn: &mut Conn,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<Vec<StandInRow>, StoreError> {
    sqlx::query(OF).bind(person.0).bind(now).fetch_all(conn).await?.iter().map(stand_in).collect()
}

pub(in crate::store) async fn stand_ins_for(
    conn: &mut Conn,
    server: ServerId,
    now: DateTime<Utc>,
) -> Result<Vec<PersonId>, StoreError> {
    let rows = sqlx::query(FOR_SERVER).bind(server.0).bind(now).fetch_all(conn).await?;
    rows.iter().map(|row| Ok(PersonId(row.try_get("by_id")?))).collect()
}

pub(in crate::store) async fn servers_stood_in_for(
    conn: &mut Conn,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<Vec<Server>, StoreError> {
    let rows = sqlx::query(SERVERS).bind(person.0).bind(now).bind(true).fetch_all(conn).await?;
    rows.iter().map(servers::server).collect()
}
