//! What can be set before the workspace starts.

use std::collections::BTreeSet;
use std::time::Duration;

/// The choices of a [`super::SlackBuilder`].
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) team: String,
    pub(crate) team_name: String,
    pub(crate) domain: String,
    pub(crate) app: String,
    pub(crate) app_name: String,
    pub(crate) bot: String,
    pub(crate) bot_user: String,
    pub(crate) bot_token: String,
    pub(crate) app_token: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) commands: BTreeSet<String>,
    pub(crate) events: BTreeSet<String>,
    pub(crate) ack_limit: Duration,
    pub(crate) trigger_life: Duration,
    pub(crate) redelivery: Vec<Duration>,
    pub(crate) patience: Duration,
    pub(crate) now: Option<i64>,
    pub(crate) posting_rate: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            team: "T00000001".to_owned(),
            team_name: "Owners".to_owned(),
            domain: "owners".to_owned(),
            app: "A00000001".to_owned(),
            app_name: "patchbot".to_owned(),
            bot: "B00000001".to_owned(),
            bot_user: "U00000000".to_owned(),
            bot_token: "xoxb-standin-bot".to_owned(),
            app_token: "xapp-1-standin-app".to_owned(),
            scopes: words(&[
                "app_mentions:read", "chat:write", "commands", "files:write", "im:history", "im:write",
                "users:read", "users:read.email",
            ]),
            commands: words(&["/patch"]),
            events: words(&["app_home_opened", "app_mention", "message.im"]),
            ack_limit: Duration::from_secs(3),
            trigger_life: Duration::from_secs(3),
            redelivery: vec![Duration::ZERO, Duration::from_secs(60), Duration::from_secs(300)],
            patience: Duration::from_secs(20),
            now: None,
            posting_rate: false,
        }
    }
}
