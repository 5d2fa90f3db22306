//! Servers and their owners.

use chrono::{DateTime, Utc};
use const_format::concatcp;
use sqlx::Row as _;
use sqlx::types::Json;
use uuid::Uuid;

use super::{Conn, Query, Row, all, json, parsed, rows, word, write_all};
use crate::domain::ids::{PersonId, ServerId};
use crate::domain::policy::RebootRule;
use crate::domain::server::{Ownership, Rank, Reach, Server};
use crate::store::error::{StoreError, one};

pub(super) const COLS: &str = "s.id, s.name, s.zone, s.host_group, s.environment, s.operating_system, s.address, s.ssh_port, \
    s.ssh_user, s.jump, s.host_key, s.reboot, s.attributes, s.active, s.version";

statements! {
    INSERT = "INSERT INTO servers (id, name, zone, host_group, environment, operating_system, address, ssh_port, ssh_user, \
        jump, host_key, reboot, attributes, active, version, created_at, updated_at, group_key, service) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
    INSERT_MANY = concatcp!("INSERT INTO servers (id, name, zone, host_group, environment, operating_system, address, ssh_port, \
        ssh_user, jump, host_key, reboot, attributes, active, version, created_at, updated_at, group_key, service) VALUES ", rows::OF_19);
    UPDATE = "UPDATE servers SET name = $2, zone = $3, host_group = $4, environment = $5, operating_system = $6, address = $7, \
        ssh_port = $8, ssh_user = $9, jump = $10, host_key = $11, reboot = $12, attributes = $13, active = $14, \
        group_key = $17, service = $18, version = version + 1, updated_at = $16 WHERE id = $1 AND version = $15";
    BY_ID = concatcp!("SELECT ", COLS, " FROM servers s WHERE s.id = $1");
    CALLED = concatcp!("SELECT ", COLS, " FROM servers s WHERE (s.name = $1 OR (s.name >= $2 AND s.name < $3)) \
        AND s.active = $4 ORDER BY s.name LIMIT 50");
    EVERY = concatcp!("SELECT ", COLS, " FROM servers s ORDER BY s.name");
    OF_PERSON = concatcp!("SELECT ", COLS, " FROM servers s WHERE s.active = $2 AND s.id IN \
        (SELECT o.server_id FROM ownerships o WHERE o.person_id = $1) ORDER BY s.name");
    LED_BY = concatcp!("SELECT ", COLS, " FROM servers s WHERE s.id IN \
        (SELECT o.server_id FROM ownerships o WHERE o.person_id = $1 AND o.rank = 'primary')");
    LIKE = concatcp!("SELECT ", COLS, " FROM servers s WHERE s.active = $4 AND s.name LIKE $1 ESCAPE '!' \
        ORDER BY CASE WHEN s.name LIKE $2 ESCAPE '!' THEN 0 ELSE 1 END, s.name LIMIT $3");
    LIKE_OF = concatcp!("SELECT ", COLS, " FROM servers s WHERE s.active = $4 AND s.name LIKE $1 ESCAPE '!' AND s.id IN \
        (SELECT o.server_id FROM ownerships o WHERE o.person_id = $5) \
        ORDER BY CASE WHEN s.name LIKE $2 ESCAPE '!' THEN 0 ELSE 1 END, s.name LIMIT $3");
    OWNERS = "SELECT person_id, rank FROM ownerships WHERE server_id = $1 ORDER BY rank";
    ALL_OWNERS = "SELECT server_id, person_id, rank FROM ownerships ORDER BY server_id, rank";
    DROP_OWNERS = "DELETE FROM ownerships WHERE server_id = $1";
    ADD_OWNER = "INSERT INTO ownerships (server_id, rank, person_id) VALUES ($1, $2, $3)";
    ADD_OWNERS = concatcp!("INSERT INTO ownerships (server_id, rank, person_id) VALUES ", rows::OF_3);
}

fn reboot_rule(text: &str) -> Option<RebootRule> {
    [RebootRule::Always, RebootRule::Needed, RebootRule::Never].into_iter().find(|rule| rule.as_str() == text)
}

pub(super) fn server(row: &Row) -> Result<Server, StoreError> {
    const T: &str = "servers";
    let port: Option<i64> = row.try_get("ssh_port")?;
    let rule: Option<String> = row.try_get("reboot")?;
    Ok(Server {
        id: ServerId(row.try_get("id")?),
        name: row.try_get("name")?,
        zone: parsed(row, T, "zone")?,
        host_group: row.try_get("host_group")?,
        environment: row.try_get("environment")?,
        operating_system: row.try_get("operating_system")?,
        reach: Reach {
            address: row.try_get("address")?,
            port: port
                .map(|port| {
                    u16::try_from(port).map_err(|_| StoreError::corrupt(T, "ssh_port", port.to_string()))
                })
                .transpose()?,
            user: row.try_get("ssh_user")?,
            jump: row.try_get("jump")?,
        },
        host_key: row.try_get("host_key")?,
        reboot: rule
            .map(|text| reboot_rule(&text).ok_or_else(|| StoreError::corrupt(T, "reboot", text)))
            .transpose()?,
        attributes: json(row, T, "attributes")?,
        active: row.try_get("active")?,
        version: row.try_get("version")?,
    })
}

fn ownership(row: &Row) -> Result<Ownership, StoreError> {
    Ok(Ownership {
        person: PersonId(row.try_get("person_id")?),
        rank: word(row, "ownerships", "rank", Rank::from_name)?,
    })
}

/// The columns up to `updated_at`'s place, as every statement has them.
fn bind<'q>(query: Query<'q>, server: &'q Server, now: DateTime<Utc>) -> Query<'q> {
    query
        .bind(server.id.0)
        .bind(&server.name)
        .bind(server.zone.name())
        .bind(&server.host_group)
        .bind(&server.environment)
        .bind(&server.operating_system)
        .bind(&server.reach.address)
        .bind(server.reach.port.map(i64::from))
        .bind(&server.reach.user)
        .bind(&server.reach.jump)
        .bind(&server.host_key)
        .bind(server.reboot.map(RebootRule::as_str))
        .bind(Json(&server.attributes))
        .bind(server.active)
        .bind(server.version)
        .bind(now)
}

pub(in crate::store) async fn insert_server(
    conn: &mut Conn,
    server: &Server,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    insert_servers(conn, &[server], now).await
}

pub(in crate::store) async fn insert_servers(
    conn: &mut Conn,
    servers: &[&Server],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    write_all(conn, servers, [INSERT, INSERT_MANY], |query, server| {
        bind(query, server, now).bind(now).bind(server.group_key()).bind(server.service())
    })
    .await
}

pub(in crate::store) async fn insert_ownerships(
    conn: &mut Conn,
    all: &[(ServerId, Ownership)],
) -> Result<(), StoreError> {
    write_all(conn, all, [ADD_OWNER, ADD_OWNERS], |query, (server, owner)| {
        query.bind(server.0).bind(owner.rank.as_str()).bind(owner.person.0)
    })
    .await
}

pub(in crate::store) async fn update_server(
    conn: &mut Conn,
    server: &Server,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let query = bind(sqlx::query(UPDATE), server, now);
    let done = query.bind(server.group_key()).bind(server.service()).execute(conn).await?;
    one(done.rows_affected(), "the server")
}

pub(in crate::store) async fn server_by_id(conn: &mut Conn, id: ServerId) -> Result<Server, StoreError> {
    server(&sqlx::query(BY_ID).bind(id.0).fetch_one(conn).await?)
}

pub(in crate::store) async fn servers_called(conn: &mut Conn, name: &str) -> Result<Vec<Server>, StoreError> {
    // "web01" also fits "web01.example.org": every name from "web01." on, up to the next character after the dot.
    let rows = sqlx::query(CALLED)
        .bind(name)
        .bind(format!("{name}."))
        .bind(format!("{name}/"))
        .bind(true)
        .fetch_all(conn)
        .await?;
    rows.iter().map(server).collect()
}

pub(in crate::store) async fn all_servers(conn: &mut Conn) -> Result<Vec<Server>, StoreError> {
    all(conn, sqlx::query(EVERY), server).await
}

pub(in crate::store) async fn servers_of(
    conn: &mut Conn,
    person: PersonId,
) -> Result<Vec<Server>, StoreError> {
    sqlx::query(OF_PERSON).bind(person.0).bind(true).fetch_all(conn).await?.iter().map(server).collect()
}

pub(in crate::store) async fn servers_led_by(
    conn: &mut Conn,
    person: PersonId,
) -> Result<Vec<Server>, StoreError> {
    all(conn, sqlx::query(LED_BY).bind(person.0), server).await
}

/// What a name is looked for with: anything before and behind it, nothing in it meaning more than itself.
fn pattern(text: &str, before: &str) -> String {
    let mut pattern = before.to_owned();
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

pub(in crate::store) async fn servers_like(
    conn: &mut Conn,
    text: &str,
    owner: Option<PersonId>,
    most: i64,
) -> Result<Vec<Server>, StoreError> {
    let folded = text.trim().to_lowercase();
    let sql = if owner.is_some() { LIKE_OF } else { LIKE };
    let query = sqlx::query(sql).bind(pattern(&folded, "%")).bind(pattern(&folded, "")).bind(most).bind(true);
    let query = match owner {
        Some(person) => query.bind(person.0),
        None => query,
    };
    query.fetch_all(conn).await?.iter().map(server).collect()
}

pub(in crate::store) async fn owners_of(
    conn: &mut Conn,
    server: ServerId,
) -> Result<Vec<Ownership>, StoreError> {
    sqlx::query(OWNERS).bind(server.0).fetch_all(conn).await?.iter().map(ownership).collect()
}

pub(in crate::store) async fn all_ownerships(
    conn: &mut Conn,
) -> Result<Vec<(ServerId, Ownership)>, StoreError> {
    let of_one = |row: &Row| Ok((ServerId(row.try_get::<Uuid, _>("server_id")?), ownership(row)?));
    all(conn, sqlx::query(ALL_OWNERS), of_one).await
}

pub(in crate::store) async fn set_owners(
    conn: &mut Conn,
    server: ServerId,
    owners: &[Ownership],
) -> Result<(), StoreError> {
    sqlx::query(DROP_OWNERS).bind(server.0).execute(&mut *conn).await?;
    for owner in owners {
        sqlx::query(ADD_OWNER)
            .bind(server.0)
            .bind(owner.rank.as_str())
            .bind(owner.person.0)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}
