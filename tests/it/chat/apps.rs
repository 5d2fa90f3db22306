//! What administrators create the apps with: taken by the platforms, enough for everything, and told with its reasons.

use patchbot::chat::{discord, slack};
use patchbot_standins::slack::Slack;
use serde_json::Value;

use super::both::{Both, On};

pub(crate) const MANIFEST: &str = include_str!("../../../deploy/slack-manifest.yaml");
const COMMANDS: &str = include_str!("../../../deploy/discord-commands.json");
const GUIDE: &str = include_str!("../../../deploy/chat.md");

#[test]
fn slack_takes_the_manifest_and_gives_the_app_what_the_code_uses() {
    Slack::builder().installed(MANIFEST).unwrap();
    // With everything that is optional as well.
    let all = MANIFEST.replace("      # - ", "      - ");
    assert_ne!(all, MANIFEST);
    Slack::builder().installed(&all).unwrap();
    for (scope, _) in slack::SCOPES {
        let without = MANIFEST.replacen(&format!("      - {scope} "), "      # - ", 1);
        assert_ne!(without, MANIFEST, "{scope}");
    }
}

#[tokio::test]
async fn discord_takes_the_registration_as_it_is_written_down() {
    let mut both = Both::new().await;
    both.plans(&[("web01", "ada", "")]).await;
    let ada = both.knows("ada").await;
    both.says(&ada, On::Discord, "status").await;
    let written: Value = serde_json::from_str(COMMANDS).unwrap();
    assert_eq!(both.discord.commands(), written);
    assert_eq!(both.discord.take_wrong(), Vec::<String>::new());
    both.world.mails();
    both.ends().await;
}

#[test]
fn the_guide_names_each_scope_event_permission_and_intent_with_its_reason() {
    let mut rows = Vec::new();
    rows.extend(slack::SCOPES.iter().map(|(name, why)| (*name, *why)));
    rows.extend(slack::USEFUL_SCOPES.iter().map(|(name, why)| (*name, *why)));
    rows.push(slack::MAIL_SCOPE);
    rows.extend(discord::PERMISSIONS.iter().map(|(name, _, why)| (*name, *why)));
    rows.extend(discord::INTENTS.iter().map(|(name, why)| (*name, *why)));
    for (name, why) in &rows {
        let told = GUIDE
            .lines()
            .any(|line| line.starts_with(&format!("| `{name}`")) && line.ends_with(&format!(" | {why} |")));
        assert!(told, "deploy/chat.md does not say of {name}: {why}");
    }
    for event in slack::EVENTS {
        assert!(GUIDE.contains(&format!("| `{event}` |")), "deploy/chat.md does not name {event}");
    }
    let invited: u64 = discord::PERMISSIONS.iter().map(|(_, bit, _)| 1_u64 << bit).sum();
    assert!(GUIDE.contains(&format!("&permissions={invited}\n")), "the invitation gives {invited}");
}
