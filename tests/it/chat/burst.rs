//! A burst, in small: nothing is lost and nothing is done twice, whatever happens meanwhile.

use patchbot::store::records::Medium;

use super::rush::{Size, rush};

/// So many people do four things each at once; `benches/chat.rs` plays it with a thousand.
const SIZE: Size = Size { people: 10, servers_each: 4 };

async fn nothing_is_lost(medium: Medium) {
    let outcome = rush(medium, SIZE).await;
    assert_eq!(outcome.losses, Vec::<String>::new(), "{outcome:?}");
    assert_eq!((outcome.wanted, outcome.answered.len(), outcome.restarts), (40, 40, 1));
    assert!(outcome.acts >= outcome.wanted && outcome.limited > 0, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_in_slack_with_limits_cuts_and_a_restart_loses_nothing() {
    nothing_is_lost(Medium::Slack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_in_discord_with_limits_cuts_and_a_restart_loses_nothing() {
    nothing_is_lost(Medium::Discord).await;
}
