//! Users: who they are, as far as the scopes allow to see.

use super::conversations::page;
use super::{Answer, Desk, Refusal};
use crate::slack::rows::{Membership, PersonRow};
use crate::slack::state::Shared;
use chrono::{DateTime, Offset, TimeZone};
use serde_json::{Value, json};

pub(super) fn info(desk: &mut Desk<'_>) -> Answer {
    let id = desk.args.text("user").unwrap_or_default();
    if id == desk.shared.settings.bot_user {
        return Ok(json!({"user": bot_json(desk.shared)}));
    }
    let row = desk.state.people.get(id).ok_or_else(|| Refusal::of("user_not_found"))?;
    Ok(json!({"user": user_json(desk.shared, row)}))
}

pub(super) fn list(desk: &mut Desk<'_>) -> Answer {
    let team = &desk.shared.settings.team;
    let people =
        desk.state.people.values().filter(|row| row.team == *team).map(|row| user_json(desk.shared, row));
    let all: Vec<Value> = people.chain([bot_json(desk.shared)]).collect();
    Ok(page(desk, "members", &all))
}

pub(super) fn lookup_by_email(desk: &mut Desk<'_>) -> Answer {
    let mail = desk.args.needed("email")?;
    let team = &desk.shared.settings.team;
    let found = desk.state.people.values().find(|row| {
        row.team == *team
            && !row.deactivated
            && row.mail.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(mail))
    });
    let row = found.ok_or_else(|| Refusal::of("users_not_found"))?;
    Ok(json!({"user": user_json(desk.shared, row)}))
}

/// Writes a person the way answers carry her.
fn user_json(shared: &Shared, row: &PersonRow) -> Value {
    let settings = &shared.settings;
    let stranger = row.team != settings.team;
    let mut profile = json!({
        "real_name": row.real_name,
        "real_name_normalized": row.real_name,
        "display_name": row.handle,
        "display_name_normalized": row.handle,
        "title": "",
        "phone": "",
        "team": row.team,
        "avatar_hash": "g0000000000a",
        "status_text": "",
        "status_emoji": "",
    });
    // The address is told with its own scope only, and never of people from elsewhere.
    if let Some(mail) =
        row.mail.as_ref().filter(|_| settings.scopes.contains("users:read.email") && !stranger)
        && let Some(fields) = profile.as_object_mut()
    {
        fields.insert("email".to_owned(), json!(mail));
    }
    let now = shared.clock.seconds();
    let mut user = json!({
        "id": row.id,
        "team_id": row.team,
        "name": row.handle,
        "real_name": row.real_name,
        "deleted": row.deactivated,
        "profile": profile,
        "is_bot": false,
        "is_app_user": false,
        "updated": now,
    });
    if let Some(fields) = user.as_object_mut() {
        if stranger {
            fields.insert("is_stranger".to_owned(), json!(true));
        }
        if !row.deactivated {
            let offset = DateTime::from_timestamp(now, 0)
                .map_or(0, |at| row.zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc());
            fields.insert("tz".to_owned(), json!(row.zone.name()));
            fields.insert("tz_label".to_owned(), json!(row.zone.name()));
            fields.insert("tz_offset".to_owned(), json!(offset));
            // An address that the person has not confirmed cannot be had in this workspace.
            fields.insert("is_email_confirmed".to_owned(), json!(true));
            fields.insert("is_admin".to_owned(), json!(row.administrator));
            fields.insert("is_owner".to_owned(), json!(false));
            fields.insert("is_primary_owner".to_owned(), json!(false));
            fields.insert("is_restricted".to_owned(), json!(row.membership != Membership::Full));
            let single = row.membership == Membership::SingleChannelGuest;
            fields.insert("is_ultra_restricted".to_owned(), json!(single));
        }
    }
    user
}

fn bot_json(shared: &Shared) -> Value {
    let settings = &shared.settings;
    json!({
        "id": settings.bot_user,
        "team_id": settings.team,
        "name": settings.app_name,
        "real_name": settings.app_name,
        "deleted": false,
        "is_bot": true,
        "is_app_user": false,
        "updated": 0,
        "profile": {"real_name": settings.app_name, "display_name": "", "team": settings.team,
            "bot_id": settings.bot, "api_app_id": settings.app},
    })
}
