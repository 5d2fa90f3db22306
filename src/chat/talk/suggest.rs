//! What is found by typing: one's own servers, times, quarters, zones, commands.

use patchbot_commands::{ArgKind, CATALOG, Surface};

use super::{Speaker, Talk};
use crate::app::Failure;
use crate::chat::form::Filled;
use crate::chat::screen::Choice;
use crate::domain::person::Person;
use crate::domain::shown::wall;

/// What is typed into, and what is there already.
#[derive(Debug, Clone)]
pub(in crate::chat) struct Wanted {
    /// What the field takes.
    pub(in crate::chat) kind: ArgKind,
    /// What was typed so far.
    pub(in crate::chat) typed: String,
    /// What the other fields hold.
    pub(in crate::chat) filled: Filled,
    /// At most so many.
    pub(in crate::chat) most: usize,
}

impl Talk {
    /// What fits what was typed; nothing for strangers.
    pub(in crate::chat) async fn suggest(&self, speaker: &Speaker, wanted: &Wanted) -> Vec<Choice> {
        let found = async {
            // Zones and commands are no secret and need nobody.
            if let Some(choices) = unasked(wanted) {
                return Ok(choices);
            }
            match self.app.who(&speaker.identity, speaker.vouched.as_ref()).await? {
                Some(person) => self.suggest_to(&person, wanted).await,
                None => Ok(Vec::new()),
            }
        };
        let mut choices = match found.await {
            Ok(choices) => choices,
            Err(failure) => {
                tracing::error!(error = %failure, "nothing can be suggested");
                Vec::new()
            }
        };
        choices.truncate(wanted.most);
        choices
    }

    async fn suggest_to(&self, person: &Person, wanted: &Wanted) -> Result<Vec<Choice>, Failure> {
        match wanted.kind {
            ArgKind::Server => self.names(person, "", &wanted.typed, wanted.most).await,
            ArgKind::Servers => {
                // In a list, what is typed last is what is looked for.
                let at = wanted.typed.rfind([' ', ',']).map_or(0, |at| at.saturating_add(1));
                let (before, last) = wanted.typed.split_at_checked(at).unwrap_or(("", wanted.typed.as_str()));
                let mut choices = Vec::new();
                if before.is_empty() {
                    if "all".starts_with(&last.to_lowercase()) {
                        choices.push(Choice::new("all", "all").with_about("all of your own"));
                    }
                    let groups = self.app.groups_of(person).await?;
                    let fits = |group: &String| {
                        let named = format!("group {group}").to_lowercase();
                        named.contains(&last.to_lowercase())
                    };
                    choices.extend(groups.iter().filter(|group| fits(group)).filter_map(|group| {
                        let name = patchbot_commands::GroupName::parse(group)?;
                        let said = format!("group {name}");
                        Some(Choice::new(said.clone(), said).with_about("your servers in this host group"))
                    }));
                }
                choices.extend(self.names(person, before, last, wanted.most).await?);
                Ok(choices)
            }
            ArgKind::Time => {
                let server = wanted.filled.one("server").or_else(|| wanted.filled.one("servers"));
                let Some(server) = server else { return Ok(Vec::new()) };
                let Some(sheet) = self.app.find_slots(person, server, 100).await? else {
                    return Ok(Vec::new());
                };
                let typed = wanted.typed.to_lowercase();
                let zone = sheet.server.zone;
                Ok(sheet
                    .slots
                    .iter()
                    .map(|slot| {
                        let value = format!("{} UTC", slot.at.format("%Y-%m-%d %H:%M"));
                        let about: Vec<&str> = std::iter::once(zone.name())
                            .chain(slot.costs.iter().map(String::as_str))
                            .collect();
                        Choice::new(value, wall(slot.at, zone)).with_about(about.join(", "))
                    })
                    .filter(|choice| {
                        choice.label.to_lowercase().contains(&typed) || choice.value.contains(&typed)
                    })
                    .collect())
            }
            ArgKind::Quarter => {
                let zone = person.zone.unwrap_or(self.app.zone);
                let current = self.app.quarters.current(self.app.now(), zone);
                let quarters = &self.app.quarters;
                let before = quarters.first_day(current).pred_opt().map(|day| quarters.of(day));
                let near = [Some(current), Some(quarters.after(current)), before].into_iter().flatten();
                Ok(near
                    .map(|quarter| {
                        Choice::new(quarter.to_string(), quarter.to_string())
                            .with_about(self.app.quarters.describe(quarter))
                    })
                    .filter(|choice| choice.value.to_lowercase().contains(&wanted.typed.to_lowercase()))
                    .collect())
            }
            ArgKind::Zone | ArgKind::Command | ArgKind::Words(_) | ArgKind::Reason | ArgKind::Flag => {
                Ok(Vec::new())
            }
        }
    }

    async fn names(
        &self,
        person: &Person,
        before: &str,
        typed: &str,
        most: usize,
    ) -> Result<Vec<Choice>, Failure> {
        let found = self.app.find_servers(person, typed, most).await?;
        Ok(found
            .into_iter()
            .map(|server| {
                let about = match server.starts {
                    Some((at, zone)) => format!("{}, {}", wall(at, zone), server.state),
                    None => server.state.to_owned(),
                };
                Choice::new(format!("{before}{}", server.name), format!("{before}{}", server.name))
                    .with_about(about)
            })
            .collect())
    }
}

/// What fits without knowing who asks.
fn unasked(wanted: &Wanted) -> Option<Vec<Choice>> {
    let typed = wanted.typed.trim().to_lowercase();
    match wanted.kind {
        ArgKind::Zone => {
            let folded = typed.replace(' ', "_");
            let mut names: Vec<&str> = chrono_tz::TZ_VARIANTS
                .iter()
                .map(|zone| zone.name())
                .filter(|name| name.to_lowercase().contains(&folded))
                .collect();
            // "ber" means Berlin before Bermuda's other spellings: what begins with it comes first.
            names.sort_by_key(|name| {
                let city = name.rsplit('/').next().unwrap_or(name).to_lowercase();
                (!city.starts_with(&folded), name.len(), *name)
            });
            Some(names.into_iter().take(wanted.most).map(|name| Choice::new(name, name)).collect())
        }
        ArgKind::Command => Some(
            CATALOG
                .iter()
                .filter(|spec| spec.surfaces.contains(&Surface::Chat) && spec.name.contains(&typed))
                .map(|spec| Choice::new(spec.name, spec.name).with_about(spec.about))
                .collect(),
        ),
        ArgKind::Words(usual) => Some(
            usual.iter().filter(|word| word.contains(&typed)).map(|word| Choice::new(*word, *word)).collect(),
        ),
        ArgKind::Reason | ArgKind::Flag => Some(Vec::new()),
        ArgKind::Servers | ArgKind::Server | ArgKind::Time | ArgKind::Quarter => None,
    }
}
