//! The inbox: every mail that came in, raw, and what became of it.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;

use super::{Conn, Row, dialect};
use crate::domain::ids::InboxId;
use crate::store::error::{StoreError, one};
use crate::store::records::{Claim, InboxMail, Lease, MailOutcome, NewMail, Received};

statements! {
    RELEASE = "UPDATE inbox SET lease_owner = NULL, lease_until = NULL WHERE lease_owner IS NOT NULL";
    ACCEPT = "INSERT INTO inbox (id, mailbox, uidvalidity, uid, message_id, hash, raw, received_at, state, not_before, attempts, \
        lease_epoch, outcome, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, 0, 0, $10, $11) ON CONFLICT DO NOTHING";
    CLAIM = concatcp!("UPDATE inbox SET lease_owner = $1, lease_until = $2, lease_epoch = lease_epoch + 1, attempts = attempts + 1 \
        WHERE id IN (SELECT id FROM inbox WHERE state = 'new' AND not_before <= $3 \
        AND (lease_until IS NULL OR lease_until <= $3) ORDER BY received_at, id LIMIT $4 ", dialect::SKIP_LOCKED, ") \
        RETURNING id, raw, hash, message_id, attempts, received_at, lease_epoch");
    CLOSE = "UPDATE inbox SET state = 'done', outcome = $4, reason = $5, sender = $6, person_id = $7, closed_at = $8, \
        lease_owner = NULL, lease_until = NULL WHERE id = $1 AND lease_owner = $2 AND lease_epoch = $3 AND state = 'new'";
    POSTPONE = "UPDATE inbox SET not_before = $4, reason = $5, lease_owner = NULL, lease_until = NULL \
        WHERE id = $1 AND lease_owner = $2 AND lease_epoch = $3 AND state = 'new'";
    LATEST = "SELECT id, received_at, sender, outcome, reason FROM inbox ORDER BY received_at DESC, id DESC LIMIT $1";
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
        .bind(mail.set_aside.map(|_| "quarantined"))
        .bind(mail.set_aside)
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
        .bind(outcome.outcome)
        .bind(&outcome.reason)
        .bind(&outcome.sender)
        .bind(outcome.person.map(|person| person.0))
        .bind(now)
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
                reason: row.try_get("reason")?,
            })
        })
        .collect()
}

pub(in crate::store) async fn release_inbox(conn: &mut Conn) -> Result<u64, StoreError> {
    Ok(sqlx::query(RELEASE).execute(conn).await?.rows_affected())
}
