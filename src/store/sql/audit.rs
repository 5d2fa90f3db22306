//! The audit: append-only, each line's hash covers the line before it.

use const_format::concatcp;
use serde_json::Value;
use sqlx::Row as _;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Conn, Row, word};
use crate::domain::answer::Channel;
use crate::domain::chain::sha256;
use crate::domain::event::{Actor, AuditEvent, What};
use crate::domain::ids::PersonId;
use crate::store::error::StoreError;
use crate::store::records::AuditRow;

const COLS: &str =
    "seq, at, person_id, actor, channel, what, subject, sentence, words, before, after, hash, input";

statements! {
    // Whoever appends holds this row until the commit, so that numbers have no gaps and hashes no forks.
    HEAD = "UPDATE audit_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, hash";
    TOP = "SELECT seq, hash FROM audit_head WHERE id = 1";
    SEAL = "UPDATE audit_head SET hash = $1 WHERE id = 1";
    INSERT = concatcp!("INSERT INTO audit (", COLS, ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)");
    OF_SUBJECT = concatcp!("SELECT ", COLS, " FROM audit WHERE subject = $1 ORDER BY seq DESC LIMIT $2");
    FROM = concatcp!("SELECT ", COLS, " FROM audit WHERE seq >= $1 ORDER BY seq LIMIT $2");
}

fn audit(row: &Row) -> Result<AuditRow, StoreError> {
    const T: &str = "audit";
    let before: Option<Json<Value>> = row.try_get("before")?;
    let after: Option<Json<Value>> = row.try_get("after")?;
    Ok(AuditRow {
        seq: row.try_get("seq")?,
        event: AuditEvent {
            at: row.try_get("at")?,
            actor: Actor {
                person: row.try_get::<Option<Uuid>, _>("person_id")?.map(PersonId),
                name: row.try_get("actor")?,
                channel: word(row, T, "channel", Channel::from_name)?,
                input: row.try_get("input")?,
            },
            what: word(row, T, "what", What::from_name)?,
            subject: row.try_get("subject")?,
            sentence: row.try_get("sentence")?,
            words: row.try_get("words")?,
            before: before.map(|Json(value)| value),
            after: after.map(|Json(value)| value),
        },
        hash: row.try_get("hash")?,
    })
}

pub(in crate::store) async fn append_audit(conn: &mut Conn, event: &AuditEvent) -> Result<i64, StoreError> {
    let head = sqlx::query(HEAD).fetch_one(&mut *conn).await?;
    let (seq, last): (i64, String) = (head.try_get("seq")?, head.try_get("hash")?);
    let hash = sha256(event.content(seq, &last).as_bytes());
    sqlx::query(INSERT)
        .bind(seq)
        .bind(event.at)
        .bind(event.actor.person.map(|person| person.0))
        .bind(&event.actor.name)
        .bind(event.actor.channel.as_str())
        .bind(event.what.as_str())
        .bind(&event.subject)
        .bind(&event.sentence)
        .bind(&event.words)
        .bind(event.before.as_ref().map(Json))
        .bind(event.after.as_ref().map(Json))
        .bind(&hash)
        .bind(&event.actor.input)
        .execute(&mut *conn)
        .await?;
    sqlx::query(SEAL).bind(&hash).execute(&mut *conn).await?;
    Ok(seq)
}

pub(in crate::store) async fn audit_of(
    conn: &mut Conn,
    subject: &str,
    most: i64,
) -> Result<Vec<AuditRow>, StoreError> {
    sqlx::query(OF_SUBJECT).bind(subject).bind(most).fetch_all(conn).await?.iter().map(audit).collect()
}

pub(in crate::store) async fn audit_from(
    conn: &mut Conn,
    seq: i64,
    most: i64,
) -> Result<Vec<AuditRow>, StoreError> {
    sqlx::query(FROM).bind(seq).bind(most).fetch_all(conn).await?.iter().map(audit).collect()
}

pub(in crate::store) async fn audit_head(conn: &mut Conn) -> Result<(i64, String), StoreError> {
    let head = sqlx::query(TOP).fetch_one(conn).await?;
    Ok((head.try_get("seq")?, head.try_get("hash")?))
}
