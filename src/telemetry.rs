//! Logs: one subscriber, to the journal or standard error, and to one file per component.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::Metadata;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::OptionalWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The component files, and the modules whose events go into each; `main.log` has everything.
const COMPONENTS: [(&str, &[&str]); 6] = [
    ("scheduler", &["patchbot::work::due", "patchbot::app::clockwork"]),
    ("precheck", &["patchbot::work::hosts", "patchbot::app::prechecks", "patchbot::ssh", "patchbot::snmp"]),
    ("patch_validator", &["patchbot::work::runner"]),
    ("post_patch", &["patchbot::app::run"]),
    ("email_sender", &["patchbot::work::outbox", "patchbot::mail"]),
    ("monitor", &["patchbot::supervisor", "patchbot::http", "patchbot::chat", "patchbot::work::inbox"]),
];

/// What some libraries would log although it is secret, or although nobody wants to read it.
const QUIET: &[&str] = &["async_imap=info", "imap_proto=info", "lettre=info", "sqlx=warn", "russh=warn"];

/// Logs that cannot be set up, with the way out.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A file cannot be opened.
    #[error("the log {path} cannot be opened ({why}); create its folder for the service user, or leave log.folder out", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// The level is not understood.
    #[error(
        "\"{0}\" is not understood; write error, warn, info, debug or trace, or a filter such as \"info,patchbot::mail=debug\""
    )]
    Level(String),
}

/// One component's file.
#[derive(Debug, Clone)]
struct Component {
    file: Arc<File>,
    modules: &'static [&'static str],
}

impl Component {
    fn takes(&self, metadata: &Metadata<'_>) -> bool {
        self.modules.is_empty() || self.modules.iter().any(|module| metadata.target().starts_with(module))
    }
}

impl<'a> MakeWriter<'a> for Component {
    type Writer = OptionalWriter<Arc<File>>;

    fn make_writer(&'a self) -> Self::Writer {
        OptionalWriter::some(Arc::clone(&self.file))
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        if self.takes(metadata) { self.make_writer() } else { OptionalWriter::none() }
    }
}

fn component(
    folder: &Path,
    name: &str,
    modules: &'static [&'static str],
) -> Result<Component, TelemetryError> {
    let path = folder.join(format!("{name}.log"));
    // Appending: logrotate may cut the file while it is open.
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|why| TelemetryError::File { path, why })?;
    Ok(Component { file: Arc::new(file), modules })
}

/// What is logged at a level, or by a filter.
///
/// # Errors
/// When it is not understood. The library takes any word for the name of a module, and would log nothing at "warning".
pub fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    let wrong = || TelemetryError::Level(level.to_owned());
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    let words = level.split(',').map(str::trim);
    if !words.clone().all(|word| is_level(word) || word.contains(['=', '['])) {
        return Err(wrong());
    }
    EnvFilter::builder().parse(level).map_err(|_| wrong())
}

/// Sends the program's events to standard error, which is the journal under systemd, and to the files.
///
/// # Errors
/// When a file cannot be opened or the level is not understood.
pub fn start(folder: Option<&Path>, level: &str) -> Result<(), TelemetryError> {
    let wrong = || TelemetryError::Level(level.to_owned());
    let mut filter = filter(level)?;
    for quiet in QUIET.iter().chain(crate::chat::LOG_CAPS) {
        filter = filter.add_directive(quiet.parse().map_err(|_| wrong())?);
    }
    let layer = || tracing_subscriber::fmt::layer().with_ansi(false);
    let mut layers = vec![layer().with_writer(std::io::stderr).boxed()];
    if let Some(folder) = folder {
        layers.push(layer().with_writer(component(folder, "main", &[])?).boxed());
        for (name, modules) in COMPONENTS {
            layers.push(layer().with_writer(component(folder, name, modules)?).boxed());
        }
    }
    tracing_subscriber::registry().with(layers).with(filter).init();
    Ok(())
}
