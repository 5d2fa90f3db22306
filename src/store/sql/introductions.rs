//! Codes that were mailed to link accounts.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;
use uuid::Uuid;

use super::{Conn, Row};
use crate::domain::ids::{NoticeId, PersonId};
use crate::domain::introduction::Introduction;
use crate::domain::person::Identity;
use crate::store::error::{StoreError, one};

const COLS: &str = "id, hash, kind, key, person_id, made_at, tries";

statements! {
    INSERT = "INSERT INTO introductions (id, kind, key, person_id, made_at, tries) VALUES ($1, $2, $3, $4, $5, 0)";
    SEAL = "UPDATE introductions SET hash = $2 WHERE id = $1";
    BY_ID = concatcp!("SELECT ", COLS, " FROM introductions WHERE id = $1");
    BY_HASH = concatcp!("SELECT ", COLS, " FROM introductions WHERE hash = $1");
    COUNT = "SELECT COUNT(*) AS codes FROM introductions WHERE made_at > $4 AND (person_id = $1 OR (kind = $2 AND key = $3))";
    TRIED = "UPDATE introductions SET tries = tries + 1 WHERE kind = $1 AND key = $2 AND made_at > $3";
    TRIES = "SELECT COALESCE(MAX(tries), 0) AS tries FROM introductions WHERE kind = $1 AND key = $2 AND made_at > $3";
    DROP_OF = "DELETE FROM introductions WHERE kind = $1 AND key = $2";
    DROP_OLD = "DELETE FROM introductions WHERE made_at <= $1";
}

fn introduction(row: &Row) -> Result<Introduction, StoreError> {
    const T: &str = "introductions";
    let (kind, key): (String, String) = (row.try_get("kind")?, row.try_get("key")?);
    Ok(Introduction {
        id: NoticeId(row.try_get("id")?),
        identity: Identity::from_parts(&kind, &key)
            .ok_or_else(|| StoreError::corrupt(T, "key", format!("{kind} {key}")))?,
        person: row.try_get::<Option<Uuid>, _>("person_id")?.map(PersonId),
        made_at: row.try_get("made_at")?,
        tries: row.try_get("tries")?,
    })
}

pub(in crate::store) async fn insert_introduction(
    conn: &mut Conn,
    new: &Introduction,
) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(new.id.0)
        .bind(new.identity.kind())
        .bind(new.identity.key())
        .bind(new.person.map(|person| person.0))
        .bind(new.made_at)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn seal_introduction(
    conn: &mut Conn,
    id: NoticeId,
    hash: &str,
) -> Result<(), StoreError> {
    one(sqlx::query(SEAL).bind(id.0).bind(hash).execute(conn).await?.rows_affected(), "the introduction")
}

pub(in crate::store) async fn introduction_of(
    conn: &mut Conn,
    id: NoticeId,
) -> Result<Option<Introduction>, StoreError> {
    sqlx::query(BY_ID).bind(id.0).fetch_optional(conn).await?.as_ref().map(introduction).transpose()
}

pub(in crate::store) async fn introduction_by_hash(
    conn: &mut Conn,
    hash: &str,
) -> Result<Option<Introduction>, StoreError> {
    sqlx::query(BY_HASH).bind(hash).fetch_optional(conn).await?.as_ref().map(introduction).transpose()
}

pub(in crate::store) async fn count_introductions(
    conn: &mut Conn,
    person: Option<PersonId>,
    identity: &Identity,
    since: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let row = sqlx::query(COUNT)
        .bind(person.map(|person| person.0))
        .bind(identity.kind())
        .bind(identity.key())
        .bind(since)
        .fetch_one(conn)
        .await?;
    Ok(row.try_get("codes")?)
}

pub(in crate::store) async fn wrong_code(
    conn: &mut Conn,
    identity: &Identity,
    since: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(TRIED).bind(identity.kind()).bind(identity.key()).bind(since).execute(conn).await?;
    Ok(())
}

pub(in crate::store) async fn wrong_codes(
    conn: &mut Conn,
    identity: &Identity,
    since: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let row =
        sqlx::query(TRIES).bind(identity.kind()).bind(identity.key()).bind(since).fetch_one(conn).await?;
    Ok(row.try_get("tries")?)
}

pub(in crate::store) async fn drop_introductions(
    conn: &mut Conn,
    identity: &Identity,
    older_than: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(DROP_OF).bind(identity.kind()).bind(identity.key()).execute(&mut *conn).await?;
    sqlx::query(DROP_OLD).bind(older_than).execute(conn).await?;
    Ok(())
}
