//! The command line: what an operator or administrator types on the machine that patchbot runs on.

mod args;
mod audit;
mod backup;
mod calendar;
mod checks;
mod hosts;
mod inventory;
mod mailboxes;
mod planning;
mod replies;
mod rollover;
mod screen;
pub mod serve;
mod setup;
mod simulate;
mod windows;
mod zones;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::app::import::{Absent, Apply};
use crate::config::{Config, ConfigError};
use args::{Arguments, Auditing, Doing};
pub use screen::Screen;

/// How a command ended, for scripts: 0 well, 1 something broke, 2 wrong usage (clap's), 3 refused or not understood,
/// 4 a check found something, 5 it was done in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything was done.
    Well,
    /// It was understood and refused, or the input was wrong; nothing changed.
    Refused,
    /// A check found something.
    Found,
    /// Some of several things were done, the others refused.
    Partly,
    /// Something broke on our side, and was told.
    Broken,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        Self::from(match ended {
            Ended::Well => 0,
            Ended::Refused => 3,
            Ended::Found => 4,
            Ended::Partly => 5,
            Ended::Broken => 1,
        })
    }
}

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut screen = Screen::standard(arguments.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            screen.complain(&format!("the runtime cannot be started: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(&arguments, &mut screen)) {
        Ok(ended) => ended.into(),
        Err(error) => {
            screen.complain(&sentence(&error));
            ExitCode::FAILURE
        }
    }
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "patchbot", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// An error with its causes as one sentence, without repeating what a cause already said.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

async fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Ended> {
    if let Doing::Completions { shell } = &arguments.doing {
        // Packages are built where there is no configuration.
        screen.line(completions(*shell).trim_end());
        return Ok(Ended::Well);
    }
    let config = match Config::load(arguments.config.as_deref()) {
        Ok(config) => config,
        // A wrong configuration is an answer, not a breakdown.
        Err(error @ ConfigError::Wrong { .. }) if matches!(arguments.doing, Doing::CheckConfig) => {
            screen.line(&error.to_string());
            return Ok(Ended::Found);
        }
        Err(error) => return Err(error.into()),
    };
    match &arguments.doing {
        Doing::Serve => serve::serve(&config).await,
        Doing::Migrate => setup::migrate(&config, screen).await,
        Doing::CheckConfig => checks::check_config(&config, screen).await,
        Doing::Doctor { domain: Some(domain), selector } => {
            replies::doctor_of_domain(&config, screen, domain, selector.as_deref()).await
        }
        Doing::Doctor { domain: None, .. } => checks::doctor(&config, screen).await,
        Doing::ReplayMail { file, at } => replies::replay_mail(&config, screen, file, at.as_deref()).await,
        Doing::Import { file, apply, retire_absent } => {
            let apply = if *apply { Apply::Now } else { Apply::Preview };
            let absent = if *retire_absent { Absent::Leave } else { Absent::Stay };
            inventory::import(&config, screen, file, apply, absent).await
        }
        Doing::Export { file, filter } => {
            inventory::export(&config, screen, file.as_deref(), filter.as_deref()).await
        }
        Doing::Plan(plan) => planning::plan(&config, screen, plan).await,
        Doing::Recheck { dry_run } => planning::recheck(&config, screen, *dry_run).await,
        Doing::Simulate(asked) => simulate::simulate(&config, screen, asked).await,
        Doing::Rollover { quarter } => rollover::rollover(&config, screen, quarter.as_deref()).await,
        Doing::List { quarter, filter } => {
            windows::list(&config, screen, quarter.as_deref(), filter.as_deref()).await
        }
        Doing::Show { server } => windows::ask(&config, screen, "show", server).await,
        Doing::Slots { server } => windows::ask(&config, screen, "slots", server).await,
        Doing::Why { server } => windows::ask(&config, screen, "why", server).await,
        Doing::History { server } => windows::ask(&config, screen, "history", server).await,
        Doing::Say { words, person } => windows::say(&config, screen, words, person).await,
        Doing::Enroll(enroll) => hosts::enroll(&config, screen, enroll).await,
        Doing::Probe { servers, filter } => hosts::probe(&config, screen, servers, filter.as_deref()).await,
        Doing::Zones(asked) => zones::zones(&config, screen, asked).await,
        Doing::Link { mail, account } => setup::link(&config, screen, mail, account).await,
        Doing::Inbox { most } => mailboxes::inbox(&config, screen, *most).await,
        Doing::Outbox { follow: true, .. } => mailboxes::follow_outbox(&config, screen).await,
        Doing::Outbox { most, follow: false } => mailboxes::outbox(&config, screen, *most).await,
        Doing::Audit(asked) => match &asked.doing {
            None => audit::show(&config, screen, asked.server.as_deref()).await,
            Some(Auditing::Verify { file, noted }) => {
                audit::verify(&config, screen, file.as_deref(), noted.as_deref()).await
            }
            Some(Auditing::Export { file }) => audit::export(&config, screen, file).await,
        },
        Doing::Calendar(asked) => calendar::calendar(&config, screen, asked).await,
        Doing::Completions { .. } => Ok(Ended::Well),
        Doing::Backup { file } => backup::backup(&config, screen, file).await,
        Doing::Restore { file } => backup::restore(&config, screen, file).await,
        Doing::RenderNotice { name, folder, open } => {
            mailboxes::render_notice(&config, screen, name.as_deref(), folder.as_deref(), *open)
        }
    }
}
