//! Whether Slack can be used: tokens, scopes, reachability; each fault in a sentence with what to do about it.

use serde_json::Value;

use super::api::Trouble;
use super::{Inner, MAIL_SCOPE, SCOPES};
use crate::chat::Checked;

pub(super) async fn check(inner: &Inner) -> Checked {
    let mut checked = Checked::default();
    let reachable = check_bot(inner, &mut checked).await;
    if reachable {
        check_app(inner, &mut checked).await;
    }
    checked
}

/// Looks at the bot token; tells whether Slack answered at all.
async fn check_bot(inner: &Inner, checked: &mut Checked) -> bool {
    let token = inner.settings.bot_token.expose();
    if !token.starts_with("xoxb-") {
        checked.wrong.push(format!(
            "Slack: the bot token should begin with \"xoxb-\"{}; copy the \"Bot User OAuth Token\" from the page \"OAuth & Permissions\" of the app.",
            if token.starts_with("xapp-") { ", and this is an app-level token" } else { "" }
        ));
        return true;
    }
    match inner.us().await {
        Ok(us) => {
            let name = us.user.as_deref().unwrap_or(&us.user_id);
            checked.fine.push(format!(
                "Slack: the bot token is good; I am @{name} in the workspace {} ({}).",
                us.team, us.team_id
            ));
            check_scopes(inner, checked).await;
            true
        }
        Err(Trouble::Refused { code, .. }) => {
            checked.wrong.push(format!(
                "Slack: the bot token is not accepted ({code}); copy the \"Bot User OAuth Token\" from the page \"OAuth & Permissions\" of the app, and look whether the app is still installed."
            ));
            true
        }
        Err(trouble @ Trouble::RateLimited(_)) => {
            checked
                .wrong
                .push(format!("Slack: it does not answer now ({}); try again later.", trouble.why()));
            true
        }
        Err(trouble) => {
            checked.wrong.push(format!(
                "Slack: {} cannot be reached ({}); look at DNS, the firewall and the trust store of this machine. HTTP proxies are not used.",
                inner.api.url(),
                trouble.why()
            ));
            false
        }
    }
}

/// Slack tells which scopes an app has when it calls something that it may not.
async fn check_scopes(inner: &Inner, checked: &mut Checked) {
    let mut needed = SCOPES.to_vec();
    if inner.settings.match_mail {
        needed.push(MAIL_SCOPE);
    }
    // Files are the one thing that patchbot never reads, so this scope is not asked for.
    let asked: Result<Value, Trouble> = inner.api.get("files.info", &[("file", "F00000000")]).await;
    let provided = match asked {
        Err(Trouble::Refused { provided: Some(provided), .. }) => provided,
        Ok(_) | Err(_) => {
            let names: Vec<&str> = needed.iter().map(|(name, _)| *name).collect();
            checked.fine.push(format!(
                "Slack: it does not list the scopes of the app; these are needed: {}.",
                names.join(", ")
            ));
            return;
        }
    };
    let provided: Vec<&str> = provided.split(',').map(str::trim).collect();
    let mut all = true;
    for (scope, purpose) in needed {
        if !provided.contains(&scope) {
            all = false;
            checked.wrong.push(format!(
                "Slack: the app lacks the scope {scope} ({purpose}); add it on the page \"OAuth & Permissions\" of the app, and install it anew."
            ));
        }
    }
    if all {
        checked.fine.push("Slack: the app has every scope that it needs.".to_owned());
    }
}

async fn check_app(inner: &Inner, checked: &mut Checked) {
    let token = inner.settings.app_token.expose();
    let make = "make one on the page \"Basic Information\" of the app under \"App-Level Tokens\", with the scope connections:write";
    if !token.starts_with("xapp-") {
        checked.wrong.push(format!(
            "Slack: the app-level token should begin with \"xapp-\"{}; {make}.",
            if token.starts_with("xoxb-") { ", and this is a bot token" } else { "" }
        ));
        return;
    }
    match inner.api.open_connection().await {
        Ok(_) => checked.fine.push("Slack: the app-level token is good; Socket Mode is on.".to_owned()),
        Err(Trouble::Refused { code, .. }) if code == "missing_scope" || code == "no_permission" => {
            checked.wrong.push(format!(
                "Slack: the app-level token lacks the scope connections:write, so nobody can be heard; {make}."
            ));
        }
        Err(Trouble::Refused { code, .. })
            if matches!(
                code.as_str(),
                "invalid_auth"
                    | "not_authed"
                    | "token_revoked"
                    | "token_expired"
                    | "not_allowed_token_type"
                    | "account_inactive"
            ) =>
        {
            checked.wrong.push(format!("Slack: the app-level token is not accepted ({code}); {make}."));
        }
        Err(trouble) => {
            checked.wrong.push(format!(
                "Slack: no websocket can be asked for ({}); look whether Socket Mode is on in the settings of the app.",
                trouble.why()
            ));
        }
    }
}
