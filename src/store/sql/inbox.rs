//! The inbox: every mail that came in, raw, and what became of it.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;

use super::{Conn, Row, all, dialect};
use crate::domain::ids::{InboxId, PersonId};
use crate::domain::inbound::{Outcome, Stage, claimed_senders};
use crate::store::error::{StoreError, one};
use crate::store::records::{Claim, InboxMail, Lease, MailOutcome, NewMail, Received};

statements! {
    RELEASE = "UPDATE inbox SET lease_owner = NULL, lease_until = NULL WHERE lease_owner IS NOT NULL";
    ACCEPT = "INSERT INTO inbox (id, mailbox, uidvalidity, uid, message_id, hash, raw, received_at, state, not_before, attempts, \
        lease_epoch, outcome, reason, stage) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, 0, 0, $10, $11, $12) \
        ON CONFLICT DO NOTHING";
    CLAIM = concatcp!("UPDATE inbox SET lease_owner = $1, lease_until = $2, lease_epoch = lease_epoch + 1, attempts = attempts + 1 \
        WHERE id IN (SELECT id FROM inbox WHERE state = 'new' AND not_before <= $3 \
        AND (lease_until IS NULL OR lease_until <= $3) ORDER BY received_at, id LIMIT $4 ", dialect::SKIP_LOCKED, ") \
        RETURNING id, raw, hash, message_id, attempts, received_at, lease_epoch");
    CLOSE = "UPDATE inbox SET state = 'done', outcome = $4, reason = $5, sender = $6, person_id = $7, closed_at = $8, stage = $9, \
        lease_owner = NULL, lease_until = NULL WHERE id = $1 AND lease_owner = $2 AND lease_epoch = $3 AND state = 'new'";
    POSTPONE = "UPDATE inbox SET not_before = $4, reason = $5, lease_owner = NULL, lease_until = NULL \
        WHERE id = $1 AND lease_owner = $2 AND lease_epoch = $3 AND state = 'new'";
    LATEST = "SELECT id, received_at, sender, outcome, stage, reason FROM inbox ORDER BY received_at DESC, id DESC LIMIT $1";
    RAW = "SELECT raw, received_at FROM inbox WHERE id = $1";
    RECOGNISE = "UPDATE inbox SET fingerprint = $2 WHERE id = $1 \
        AND NOT EXISTS (SELECT 1 FROM inbox WHERE fingerprint = $2 AND id <> $1)";
    CAME_BEFORE = "SELECT 1 AS found FROM inbox WHERE fingerprint = $2 AND id <> $1 LIMIT 1";
    BY_HASH = "SELECT id FROM inbox WHERE hash = $1";
    READ_OF_PERSON = "SELECT COUNT(*) AS mails FROM inbox WHERE person_id = $1 AND closed_at > $2";
    READ_OF_ALL = "SELECT COUNT(*) AS mails FROM inbox WHERE person_id IS NOT NULL AND closed_at > $1";
    ENDED_AT = "SELECT COUNT(*) AS mails FROM inbox WHERE stage = $1 AND outcome = $2 AND closed_at > $3";
    ENDS_SINCE = "SELECT outcome, COUNT(*) AS mails FROM inbox WHERE outcome IS NOT NULL AND received_at > $1 \
        GROUP BY outcome ORDER BY outcome";
    WAITING = "SELECT COUNT(*) AS mails FROM inbox WHERE state = 'new'";
    UNHEARD = "SELECT sender, CASE WHEN sender IS NULL THEN raw END AS raw FROM inbox WHERE received_at >= $1 \
        AND (state = 'new' OR outcome = 'quarantined' OR (outcome = 'rejected' AND person_id IS NULL)) ORDER BY received_at, id";
    OF_DOMAIN = "SELECT id, raw, received_at FROM inbox WHERE sender LIKE $1 ORDER BY received_at DESC, id DESC LIMIT $2";
}

fn mail(row: &Row, claim: &Claim<'_>) -> Result<InboxMail, StoreError> {
    let attempts: i64 = row.try_get("attempts")?;
    Ok(InboxMail {
        id: InboxId(row.try_get("id")?),
        raw: row.try_get("raw")?,
        hash: row.try_get("hash")?,
        message_id: row.try_get("message_id")?,
        attempts: attempts.saturating_sub(1),
        received_at: row.try_get("received_at")?,
        lease: Lease {
            owner: claim.owner.to_owned(),
            epoch: row.try_get("lease_epoch")?,
            until: claim.until,
        },
    })
}

pub(in crate::store) async fn accept_mail(conn: &mut Conn, mail: &NewMail<'_>) -> Result<bool, StoreError> {
    let done = sqlx::query(ACCEPT)
        .bind(mail.id.0)
        .bind(mail.mailbox)
        .bind(mail.uidvalidity)
        .bind(mail.uid)
        .bind(mail.message_id)
        .bind(mail.hash)
        .bind(mail.raw)
        .bind(mail.received_at)
        .bind(if mail.set_aside.is_some() { "done" } else { "new" })
        .bind(mail.set_aside.map(|_| Outcome::Quarantined.as_str()))
        .bind(mail.set_aside)
        .bind(mail.set_aside.map(|_| Stage::Fetch.as_str()))
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(in crate::store) async fn claim_mail(
    conn: &mut Conn,
    claim: &Claim<'_>,
) -> Result<Vec<InboxMail>, StoreError> {
    let rows = sqlx::query(CLAIM)
        .bind(claim.owner)
        .bind(claim.until)
        .bind(claim.now)
        .bind(claim.most)
        .fetch_all(conn)
        .await?;
    let mut all = rows.iter().map(|row| mail(row, claim)).collect::<Result<Vec<_>, _>>()?;
    all.sort_by_key(|mail| (mail.received_at, mail.id));
    Ok(all)
}

pub(in crate::store) async fn close_mail(
    conn: &mut Conn,
    mail: InboxId,
    lease: &Lease,
    outcome: &MailOutcome,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let done = sqlx::query(CLOSE)
        .bind(mail.0)
        .bind(&lease.owner)
        .bind(lease.epoch)
        .bind(outcome.outcome.as_str())
        .bind(&outcome.reason)
        .bind(&outcome.sender)
        .bind(outcome.person.map(|person| person.0))
        .bind(now)
        .bind(outcome.stage.as_str())
        .execute(conn)
        .await?;
    one(done.rows_affected(), "the mail")
}

pub(in crate::store) async fn postpone_mail(
    conn: &mut Conn,
    mail: InboxId,
    lease: &Lease,
    at: DateTime<Utc>,
    why: &str,
) -> Result<(), StoreError> {
    let done = sqlx::query(POSTPONE)
        .bind(mail.0)
        .bind(&lease.owner)
        .bind(lease.epoch)
        .bind(at)
        .bind(why)
        .execute(conn)
        .await?;
    one(done.rows_affected(), "the mail")
}

pub(in crate::store) async fn latest_mail(conn: &mut Conn, most: i64) -> Result<Vec<Received>, StoreError> {
    let rows = sqlx::query(LATEST).bind(most).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let outcome: Option<String> = row.try_get("outcome")?;
            Ok(Received {
                id: InboxId(row.try_get("id")?),
                received_at: row.try_get("received_at")?,
                sender: row.try_get("sender")?,
                outcome: outcome.unwrap_or_else(|| "new".to_owned()),
                stage: row.try_get::<Option<String>, _>("stage")?.as_deref().and_then(Stage::from_name),
                reason: row.try_get("reason")?,
            })
        })
        .collect()
}

pub(in crate::store) async fn raw_mail(
    conn: &mut Conn,
    id: InboxId,
) -> Result<Option<(DateTime<Utc>, Vec<u8>)>, StoreError> {
    let row = sqlx::query(RAW).bind(id.0).fetch_optional(conn).await?;
    row.map(|row| Ok((row.try_get("received_at")?, row.try_get("raw")?))).transpose()
}

pub(in crate::store) async fn recognise_mail(
    conn: &mut Conn,
    id: InboxId,
    fingerprint: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query(RECOGNISE).bind(id.0).bind(fingerprint).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

pub(in crate::store) async fn came_before(
    conn: &mut Conn,
    id: InboxId,
    fingerprint: &str,
) -> Result<bool, StoreError> {
    Ok(sqlx::query(CAME_BEFORE).bind(id.0).bind(fingerprint).fetch_optional(conn).await?.is_some())
}

pub(in crate::store) async fn mail_by_hash(
    conn: &mut Conn,
    hash: &str,
) -> Result<Option<InboxId>, StoreError> {
    let row = sqlx::query(BY_HASH).bind(hash).fetch_optional(conn).await?;
    row.map(|row| Ok(InboxId(row.try_get("id")?))).transpose()
}

fn mails(row: &Row) -> Result<u32, StoreError> {
    let mails: i64 = row.try_get("mails")?;
    Ok(u32::try_from(mails).unwrap_or(u32::MAX))
}

pub(in crate::store) async fn mails_of_person_since(
    conn: &mut Conn,
    person: PersonId,
    since: DateTime<Utc>,
) -> Result<u32, StoreError> {
    mails(&sqlx::query(READ_OF_PERSON).bind(person.0).bind(since).fetch_one(conn).await?)
}

pub(in crate::store) async fn mails_of_people_since(
    conn: &mut Conn,
    since: DateTime<Utc>,
) -> Result<u32, StoreError> {
    mails(&sqlx::query(READ_OF_ALL).bind(since).fetch_one(conn).await?)
}

pub(in crate::store) async fn mails_ended_since(
    conn: &mut Conn,
    stage: Stage,
    outcome: Outcome,
    since: DateTime<Utc>,
) -> Result<u32, StoreError> {
    mails(
        &sqlx::query(ENDED_AT)
            .bind(stage.as_str())
            .bind(outcome.as_str())
            .bind(since)
            .fetch_one(conn)
            .await?,
    )
}

pub(in crate::store) async fn count_mails_since(
    conn: &mut Conn,
    since: DateTime<Utc>,
) -> Result<Vec<(String, u32)>, StoreError> {
    let rows = sqlx::query(ENDS_SINCE).bind(since).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get("outcome")?, mails(row)?))).collect()
}

pub(in crate::store) async fn mails_waiting(conn: &mut Conn) -> Result<u32, StoreError> {
    mails(&sqlx::query(WAITING).fetch_one(conn).await?)
}

pub(in crate::store) async fn unheard_senders(
    conn: &mut Conn,
    since: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    let read = |row: &Row| {
        let sender: Option<String> = row.try_get("sender")?;
        let raw: Option<Vec<u8>> = row.try_get("raw")?;
        Ok(sender.unwrap_or_else(|| claimed_senders(&raw.unwrap_or_default())))
    };
    all(conn, sqlx::query(UNHEARD).bind(since), read).await
}

pub(in crate::store) async fn latest_mail_of_domain(
    conn: &mut Conn,
    domain: &str,
    most: i64,
) -> Result<Vec<(DateTime<Utc>, Vec<u8>)>, StoreError> {
    let rows = sqlx::query(OF_DOMAIN).bind(format!("%@{domain}")).bind(most).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get("received_at")?, row.try_get("raw")?))).collect()
}

pub(in crate::store) async fn release_inbox(conn: &mut Conn) -> Result<u64, StoreError> {
    Ok(sqlx::query(RELEASE).execute(conn).await?.rows_affected())
}
