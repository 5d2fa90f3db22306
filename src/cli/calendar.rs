//! `calendar`: the windows for calendar programs, as a file or as a link.

use anyhow::Context;

use super::args::Calendar;
use super::{Ended, Screen, setup};
use crate::config::Config;
use crate::domain::feed::Feed;
use crate::domain::person::Address;
use crate::http::calendar::text;

pub(super) async fn calendar(
    config: &Config,
    screen: &mut Screen,
    asked: &Calendar,
) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    if asked.end_links {
        app.renew_feeds(setup::actor()).await?;
        screen.line("All links that were given out have ended; \"patchbot calendar --link\" makes new ones.");
        return Ok(Ended::Well);
    }
    let feed = match (&asked.owner, &asked.group) {
        (Some(owner), _) => Feed::Owner(Address::parse(owner)?),
        (None, Some(group)) => Feed::Group(group.clone()),
        (None, None) => Feed::Operations,
    };
    if asked.link {
        let mut tx = app.store.begin().await?;
        let link = app.feed_link(&mut tx, &feed).await?;
        tx.commit().await?;
        let Some(link) = link else {
            screen.complain("http.public_url: the configuration does not say where calendars are reached; set it, and let a proxy pass on /calendar/");
            return Ok(Ended::Refused);
        };
        screen.line(&link);
        return Ok(Ended::Well);
    }
    let text = text(&feed, &app.feed(&feed).await?, &setup::domain(config), app.now());
    match &asked.file {
        None => screen.line(text.trim_end()),
        Some(file) => {
            std::fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        }
    }
    Ok(Ended::Well)
}
