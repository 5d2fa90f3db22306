//! Chat: the tokens, places and endpoints of Slack and Discord.

use std::time::Duration;

use super::Time;
use super::secret::SecretSource;
use super::section::section;

section! {
    /// Slack, in Socket Mode: no port is opened. Leave the table out to run without Slack.
    pub struct Slack in "slack" {
        /// Where the app-level token (xapp-…, scope connections:write) is kept.
        app_token: Option<SecretSource> = None, "{ file = \"/etc/patching/slack.app-token\" }";
        /// Where the bot token (xoxb-…) is kept.
        bot_token: Option<SecretSource> = None, "{ file = \"/etc/patching/slack.bot-token\" }";
        /// The operators' channel: alerts go there. Its id (C…), not its name.
        ops_channel: String = String::new(), "\"C0123456789\"";
        /// A channel for the cards of windows whose owners have no linked account.
        windows_channel: Option<String> = None, "# \"C0123456789\"";
        /// Whether the mail address in a Slack profile stands for the person. Say yes only when nobody but the
        /// company's administrators can change it.
        match_mail: bool = false, "false";
        /// Slack's Web API; another one for a proxy.
        api_url: String = "https://slack.com/api".to_owned(), "\"https://slack.com/api\"";
        /// How long one call may take.
        timeout: Time = Duration::from_secs(20).into(), "\"20s\"";
    }
}

section! {
    /// Discord, over its gateway: no port is opened. Leave the table out to run without Discord.
    pub struct Discord in "discord" {
        /// Where the bot's token is kept.
        token: Option<SecretSource> = None, "{ file = \"/etc/patching/discord.token\" }";
        /// The id of your server in Discord. Only its members are listened to.
        guild: String = String::new(), "\"112233445566778899\"";
        /// The operators' channel: alerts go there. Its id, not its name.
        ops_channel: String = String::new(), "\"112233445566778899\"";
        /// A channel for the cards of windows whose owners have no linked account.
        windows_channel: Option<String> = None, "# \"112233445566778899\"";
        /// Discord's Web API; another one for a proxy.
        api_url: String = "https://discord.com".to_owned(), "\"https://discord.com\"";
        /// How long one call may take.
        timeout: Time = Duration::from_secs(20).into(), "\"20s\"";
    }
}
