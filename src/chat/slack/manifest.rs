//! The app as Slack is told of it: `deploy/slack-manifest.yaml`, made from the scopes and events that the code uses.

use super::{EVENTS, MAIL_SCOPE, SCOPES, USEFUL_SCOPES};

/// What the slash command is for; Slack shows it while `/patch` is typed.
const ABOUT: &str = "Patching of your servers: look, decide, ask why";
const HINT: &str = "status · approve web01 · move web01 to Friday 20:00 · why web01 · help";

/// The manifest, with the reason of each scope beside it.
#[must_use]
pub fn manifest() -> String {
    let needed: String = SCOPES.iter().map(|(scope, why)| format!("      - {scope} # {why}\n")).collect();
    let more: String = USEFUL_SCOPES
        .iter()
        .chain(std::iter::once(&MAIL_SCOPE))
        .map(|(scope, why)| format!("      # - {scope} # {why}\n"))
        .collect();
    let events: String = EVENTS.iter().map(|event| format!("      - {event}\n")).collect();
    format!(
        r#"# Written by a test from what the code uses; create the app with it: https://api.slack.com/apps, "From a manifest".
display_information:
  name: patchbot
  description: "Patches Linux servers once a quarter, with the consent of the people who own them"
features:
  app_home:
    home_tab_enabled: true
    messages_tab_enabled: true
    messages_tab_read_only_enabled: false
  bot_user:
    display_name: patchbot
    always_online: true
  slash_commands:
    - command: /patch
      description: "{ABOUT}"
      usage_hint: "{HINT}"
      should_escape: false
oauth_config:
  scopes:
    bot:
{needed}      # Not needed, and each makes something better; take the mark off the lines that you want.
{more}settings:
  event_subscriptions:
    bot_events:
{events}  interactivity:
    is_enabled: true
  org_deploy_enabled: false
  socket_mode_enabled: true
  token_rotation_enabled: false
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/slack-manifest.yaml");
        if std::fs::read_to_string(path).unwrap_or_default() != manifest() {
            std::fs::write(path, manifest()).unwrap();
            panic!(
                "deploy/slack-manifest.yaml was out of date and has been written anew; look at it and commit it"
            );
        }
    }

    #[test]
    fn the_manifest_keeps_slacks_limits_and_its_form() {
        for line in manifest().lines() {
            let indent = line.len() - line.trim_start().len();
            assert!(indent % 2 == 0 && !line.contains('\t'), "{line}");
            let quoted: Vec<&str> = line.split('"').collect();
            assert!(line.starts_with('#') || quoted.len() == 1 || quoted.len() == 3, "{line}");
        }
        assert!(ABOUT.len() <= 100 && HINT.chars().count() <= 1_000);
        // A comment behind a scope begins at the first mark; none of the reasons may hold another.
        for (scope, why) in SCOPES.iter().chain(USEFUL_SCOPES).chain([&MAIL_SCOPE]) {
            assert!(!why.contains('#') && !why.contains('\n'), "{why}");
            assert!(scope.chars().all(|c| c.is_ascii_lowercase() || matches!(c, ':' | '_' | '.')), "{scope}");
        }
    }
}
