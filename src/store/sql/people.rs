//! People and the identities they are known by.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use const_format::concatcp;
use sqlx::Row as _;

use super::{Conn, Row, all, parsed};
use crate::domain::ids::PersonId;
use crate::domain::person::{Address, Identity, Person};
use crate::store::error::{StoreError, one};

const COLS: &str = "p.id, p.name, p.mail, p.zone, p.role";

statements! {
    INSERT = "INSERT INTO people (id, name, mail, zone, role, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
    UPDATE = "UPDATE people SET name = $2, mail = $3, zone = $4, role = $5 WHERE id = $1";
    BY_ID = concatcp!("SELECT ", COLS, " FROM people p WHERE p.id = $1");
    EVERY = concatcp!("SELECT ", COLS, " FROM people p ORDER BY p.name, p.id");
    OF_DOMAIN = "SELECT COUNT(*) AS people FROM people WHERE mail LIKE $1";
    BY_MAIL = concatcp!("SELECT ", COLS, " FROM people p WHERE p.mail = $1");
    BY_IDENTITY = concatcp!("SELECT ", COLS, " FROM people p JOIN identities i ON i.person_id = p.id \
        WHERE i.kind = $1 AND i.key = $2");
    LINK = "INSERT INTO identities (kind, key, person_id, linked_at) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (kind, key) DO UPDATE SET person_id = excluded.person_id, linked_at = excluded.linked_at";
    UNLINK = "DELETE FROM identities WHERE kind = $1 AND key = $2";
    IDENTITIES = "SELECT kind, key FROM identities WHERE person_id = $1 ORDER BY kind, key";
}

fn person(row: &Row) -> Result<Person, StoreError> {
    const T: &str = "people";
    let mail: Option<String> = row.try_get("mail")?;
    let zone: Option<String> = row.try_get("zone")?;
    Ok(Person {
        id: PersonId(row.try_get("id")?),
        name: row.try_get("name")?,
        mail: mail
            .map(|mail| {
                Address::parse(&mail).map_err(|error| StoreError::corrupt(T, "mail", error.to_string()))
            })
            .transpose()?,
        zone: zone.map(|zone| zone.parse().map_err(|_| StoreError::corrupt(T, "zone", zone))).transpose()?,
        role: parsed(row, T, "role")?,
    })
}

pub(in crate::store) async fn insert_person(
    conn: &mut Conn,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(person.id.0)
        .bind(&person.name)
        .bind(person.mail.as_ref().map(Address::as_str))
        .bind(person.zone.map(Tz::name))
        .bind(person.role.as_str())
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn update_person(conn: &mut Conn, person: &Person) -> Result<(), StoreError> {
    let done = sqlx::query(UPDATE)
        .bind(person.id.0)
        .bind(&person.name)
        .bind(person.mail.as_ref().map(Address::as_str))
        .bind(person.zone.map(Tz::name))
        .bind(person.role.as_str())
        .execute(conn)
        .await?;
    one(done.rows_affected(), "the person")
}

pub(in crate::store) async fn person_by_id(conn: &mut Conn, id: PersonId) -> Result<Person, StoreError> {
    person(&sqlx::query(BY_ID).bind(id.0).fetch_one(conn).await?)
}

pub(in crate::store) async fn all_people(conn: &mut Conn) -> Result<Vec<Person>, StoreError> {
    all(conn, sqlx::query(EVERY), person).await
}

pub(in crate::store) async fn is_anybody_at(conn: &mut Conn, domain: &str) -> Result<bool, StoreError> {
    let row = sqlx::query(OF_DOMAIN).bind(format!("%@{domain}")).fetch_one(conn).await?;
    Ok(row.try_get::<i64, _>("people")? > 0)
}

pub(in crate::store) async fn person_by_mail(
    conn: &mut Conn,
    mail: &Address,
) -> Result<Option<Person>, StoreError> {
    sqlx::query(BY_MAIL).bind(mail.as_str()).fetch_optional(conn).await?.as_ref().map(person).transpose()
}

pub(in crate::store) async fn person_by_identity(
    conn: &mut Conn,
    identity: &Identity,
) -> Result<Option<Person>, StoreError> {
    let row =
        sqlx::query(BY_IDENTITY).bind(identity.kind()).bind(identity.key()).fetch_optional(conn).await?;
    row.as_ref().map(person).transpose()
}

pub(in crate::store) async fn link_identity(
    conn: &mut Conn,
    identity: &Identity,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(LINK)
        .bind(identity.kind())
        .bind(identity.key())
        .bind(person.0)
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}

pub(in crate::store) async fn unlink_identity(
    conn: &mut Conn,
    identity: &Identity,
) -> Result<bool, StoreError> {
    let done = sqlx::query(UNLINK).bind(identity.kind()).bind(identity.key()).execute(conn).await?;
    Ok(done.rows_affected() > 0)
}

pub(in crate::store) async fn identities_of(
    conn: &mut Conn,
    person: PersonId,
) -> Result<Vec<Identity>, StoreError> {
    let rows = sqlx::query(IDENTITIES).bind(person.0).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let (kind, key): (String, String) = (row.try_get("kind")?, row.try_get("key")?);
            Identity::from_parts(&kind, &key)
                .ok_or_else(|| StoreError::corrupt("identities", "key", format!("{kind} {key}")))
        })
        .collect()
}
