//! Chat platforms: Slack now, room for Discord; each turns what is said there into commands and shows answers and cards.
