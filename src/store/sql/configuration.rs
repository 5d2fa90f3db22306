//! Facts about this installation that must outlive a restart.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::Row as _;
use sqlx::types::Json;

use super::Conn;
use crate::store::error::StoreError;

statements! {
    GET = "SELECT value FROM configuration WHERE key = $1";
    PUT = "INSERT INTO configuration (key, value, updated_at) VALUES ($1, $2, $3) \
        ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";
}

pub(in crate::store) async fn get_configuration(
    conn: &mut Conn,
    key: &str,
) -> Result<Option<Value>, StoreError> {
    let row = sqlx::query(GET).bind(key).fetch_optional(conn).await?;
    row.map(|row| row.try_get::<Json<Value>, _>("value").map(|Json(value)| value))
        .transpose()
        .map_err(Into::into)
}

pub(in crate::store) async fn put_configuration(
    conn: &mut Conn,
    key: &str,
    value: &Value,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(PUT).bind(key).bind(Json(value)).bind(now).execute(conn).await?;
    Ok(())
}
