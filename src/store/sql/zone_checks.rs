//! What hosts last told of their zones and clocks.

use const_format::concatcp;
use sqlx::Row as _;

use super::{Conn, Query, Row, parsed, rows, word, write_all};
use crate::domain::ids::ServerId;
use crate::domain::zone_check::{Witness, ZoneCheck, ZoneVerdict};
use crate::store::error::StoreError;
use crate::store::records::ZoneCheckRow;

const COLS: &str = "server_id, checked_at, declared, verdict, witness, skew_seconds, sentence";
const ANEW: &str = " ON CONFLICT (server_id) DO UPDATE SET checked_at = excluded.checked_at, declared = excluded.declared, \
    verdict = excluded.verdict, witness = excluded.witness, skew_seconds = excluded.skew_seconds, sentence = excluded.sentence";

statements! {
    PUT = concatcp!("INSERT INTO zone_checks (", COLS, ") VALUES ($1, $2, $3, $4, $5, $6, $7)", ANEW);
    PUT_MANY = concatcp!("INSERT INTO zone_checks (", COLS, ") VALUES ", rows::OF_7, ANEW);
    EVERY = concatcp!("SELECT ", COLS, " FROM zone_checks");
}

fn bind<'q>(query: Query<'q>, row: &'q ZoneCheckRow) -> Query<'q> {
    query
        .bind(row.server.0)
        .bind(row.checked_at)
        .bind(row.declared.name())
        .bind(row.check.verdict.as_str())
        .bind(row.check.witness.map(Witness::as_str))
        .bind(row.check.skew)
        .bind(&row.check.sentence)
}

pub(in crate::store) async fn put_zone_checks(
    conn: &mut Conn,
    all: &[ZoneCheckRow],
) -> Result<(), StoreError> {
    write_all(conn, all, [PUT, PUT_MANY], bind).await
}

pub(in crate::store) async fn all_zone_checks(conn: &mut Conn) -> Result<Vec<ZoneCheckRow>, StoreError> {
    sqlx::query(EVERY).fetch_all(conn).await?.iter().map(zone_check).collect()
}

fn zone_check(row: &Row) -> Result<ZoneCheckRow, StoreError> {
    const T: &str = "zone_checks";
    let witness: Option<String> = row.try_get("witness")?;
    let witness = witness
        .map(|name| Witness::from_name(&name).ok_or_else(|| StoreError::corrupt(T, "witness", name)))
        .transpose()?;
    Ok(ZoneCheckRow {
        server: ServerId(row.try_get("server_id")?),
        checked_at: row.try_get("checked_at")?,
        declared: parsed(row, T, "declared")?,
        check: ZoneCheck {
            verdict: word(row, T, "verdict", ZoneVerdict::from_name)?,
            witness,
            skew: row.try_get("skew_seconds")?,
            sentence: row.try_get("sentence")?,
        },
    })
}
