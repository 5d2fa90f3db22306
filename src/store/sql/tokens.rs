//! Reply tokens: only their hashes are kept.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;
use sqlx::types::Json;

use super::{Conn, Query, Row, all, json, rows, write_all};
use crate::domain::ids::{InboxId, NoticeId, PersonId};
use crate::domain::message::ShownWindow;
use crate::store::error::StoreError;
use crate::store::records::ReplyToken;

const COLS: &str = "hash, person_id, notification_id, lines, expires_at, used_at, confirms";
/// A notice that was sent once more after it was answered has a token of its own for that, and was answered all the same.
const READ: &str = "hash, person_id, notification_id, lines, expires_at, (SELECT MIN(u.used_at) FROM reply_tokens u \
    WHERE u.notification_id = reply_tokens.notification_id) AS used_at, confirms";

statements! {
    INSERT = concatcp!("INSERT INTO reply_tokens (", COLS, ") VALUES ($1, $2, $3, $4, $5, $6, $7)");
    INSERT_MANY = concatcp!("INSERT INTO reply_tokens (", COLS, ") VALUES ", rows::OF_7);
    BY_HASH = concatcp!("SELECT ", READ, " FROM reply_tokens WHERE hash = $1");
    OF_NOTIFICATION = concatcp!("SELECT ", READ, " FROM reply_tokens WHERE notification_id = $1 ORDER BY hash LIMIT 1");
    SHOWN_TO = "SELECT t.lines FROM reply_tokens t JOIN notifications n ON n.id = t.notification_id \
        WHERE t.person_id = $1 AND n.state = 'sent'";
    USE = "UPDATE reply_tokens SET used_at = $2, used_by = $3 WHERE notification_id = $1 AND used_at IS NULL";
    USED = "SELECT COUNT(*) AS used FROM reply_tokens WHERE notification_id = $1 AND used_at IS NOT NULL";
}

fn bind<'q>(query: Query<'q>, token: &'q ReplyToken) -> Query<'q> {
    query
        .bind(&token.hash)
        .bind(token.person.0)
        .bind(token.notification.0)
        .bind(Json(&token.windows))
        .bind(token.expires_at)
        .bind(token.used_at)
        .bind((!token.confirms.is_empty()).then_some(Json(&token.confirms)))
}

pub(in crate::store) async fn insert_token(conn: &mut Conn, token: &ReplyToken) -> Result<(), StoreError> {
    bind(sqlx::query(INSERT), token).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn insert_tokens(
    conn: &mut Conn,
    tokens: &[ReplyToken],
) -> Result<(), StoreError> {
    write_all(conn, tokens, [INSERT, INSERT_MANY], bind).await
}

fn token(row: &Row) -> Result<ReplyToken, StoreError> {
    let confirms: Option<Json<Vec<String>>> = row.try_get("confirms")?;
    Ok(ReplyToken {
        hash: row.try_get("hash")?,
        person: PersonId(row.try_get("person_id")?),
        notification: NoticeId(row.try_get("notification_id")?),
        windows: json(row, "reply_tokens", "lines")?,
        expires_at: row.try_get("expires_at")?,
        used_at: row.try_get("used_at")?,
        confirms: confirms.map(|Json(commands)| commands).unwrap_or_default(),
    })
}

pub(in crate::store) async fn token_by_hash(
    conn: &mut Conn,
    hash: &str,
) -> Result<Option<ReplyToken>, StoreError> {
    sqlx::query(BY_HASH).bind(hash).fetch_optional(conn).await?.as_ref().map(token).transpose()
}

pub(in crate::store) async fn token_of_notification(
    conn: &mut Conn,
    notification: NoticeId,
) -> Result<Option<ReplyToken>, StoreError> {
    sqlx::query(OF_NOTIFICATION)
        .bind(notification.0)
        .fetch_optional(conn)
        .await?
        .as_ref()
        .map(token)
        .transpose()
}

pub(in crate::store) async fn windows_shown_to(
    conn: &mut Conn,
    person: PersonId,
) -> Result<Vec<ShownWindow>, StoreError> {
    let read = |row: &Row| json::<Vec<ShownWindow>>(row, "reply_tokens", "lines");
    Ok(all(conn, sqlx::query(SHOWN_TO).bind(person.0), read).await?.into_iter().flatten().collect())
}

pub(in crate::store) async fn use_tokens_of(
    conn: &mut Conn,
    notification: NoticeId,
    by: InboxId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let used: i64 = sqlx::query(USED).bind(notification.0).fetch_one(&mut *conn).await?.try_get("used")?;
    let done = sqlx::query(USE).bind(notification.0).bind(now).bind(by.0).execute(&mut *conn).await?;
    if used == 0 && done.rows_affected() > 0 { Ok(()) } else { Err(StoreError::Stale("the reply token")) }
}
