//! `enroll` and `probe`: hosts get the helper and are looked at.

use futures::stream::{self, StreamExt};
use serde_json::json;

use super::args::Enroll;
use super::windows::selected;
use super::{Ended, Screen, setup};
use crate::app::App;
use crate::app::selection::Among;
use crate::config::Config;
use crate::config::secret::SecretSource;
use crate::domain::check::Level;
use crate::domain::server::Server;
use crate::ssh::{self, ConnectError, EnrollError, Enrollment, Fingerprint, LoginKey, Sudo, Trust};
use crate::work::hosts::Hosts;

/// The server of a name, or of the name before its first dot.
async fn server(app: &App, screen: &mut Screen, name: &str) -> anyhow::Result<Option<Server>> {
    let mut found = app.store.read().await?.servers_called(&name.to_lowercase()).await?;
    if let Some(exact) = found.iter().position(|server| server.name == name.to_lowercase()) {
        return Ok(Some(found.swap_remove(exact)));
    }
    match found.len() {
        1 => Ok(found.pop()),
        0 => {
            screen.complain(&format!("there is no server \"{name}\" in the inventory; import it first"));
            Ok(None)
        }
        _ => {
            let names: Vec<String> = found.into_iter().map(|server| server.name).collect();
            screen.complain(&format!(
                "\"{name}\" fits several servers: {}; name one of them in full",
                names.join(", ")
            ));
            Ok(None)
        }
    }
}

async fn jump(app: &App, server: &Server) -> anyhow::Result<Option<Server>> {
    Ok(match &server.reach.jump {
        Some(name) => app.store.read().await?.servers_called(name).await?.into_iter().next(),
        None => None,
    })
}

/// The servers that were named, or that fit a filter; nothing when one of them is not to be found, which is then told.
pub(super) async fn named_or_fitting(
    app: &App,
    screen: &mut Screen,
    names: &[String],
    filter: Option<&str>,
) -> anyhow::Result<Option<Vec<Server>>> {
    if names.is_empty() {
        let quarter = app.quarters.current(app.now(), app.zone);
        let selected = selected(app, screen, filter, quarter, Among::Active).await?;
        return Ok(selected.map(|selection| {
            for miss in &selection.misses {
                screen.complain(miss);
            }
            selection.servers.into_iter().map(|one| one.server).collect()
        }));
    }
    let mut servers = Vec::new();
    for name in names {
        match server(app, screen, name).await? {
            Some(server) => servers.push(server),
            None => return Ok(None),
        }
    }
    Ok(Some(servers))
}

pub(super) async fn enroll(config: &Config, screen: &mut Screen, enroll: &Enroll) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let Some(servers) = named_or_fitting(&app, screen, &enroll.servers, enroll.filter.as_deref()).await?
    else {
        return Ok(Ended::Refused);
    };
    let hosts = setup::hosts(config, &app.clock)?;
    let own = {
        let passphrase = config.ssh.passphrase.as_ref().map(SecretSource::read).transpose()?;
        LoginKey::read(&config.ssh.key, passphrase.as_ref())?
    };
    let login_key = match &enroll.login_key {
        Some(path) => LoginKey::read(path, None)?,
        None => own.clone(),
    };
    let sudo = match (&enroll.sudo_password, enroll.login.as_str()) {
        (_, "root") => Sudo::NotNeeded,
        (None, _) => Sudo::Passwordless,
        (Some(path), _) => Sudo::Password(SecretSource::File(path.clone()).read()?),
    };
    let with = With { app: &app, hosts: &hosts, enroll, own, login_key, sudo };
    let many = servers.len();
    let progress = screen.progress(many, "enrolling");
    let mut failed = 0_usize;
    let mut results = stream::iter(servers.into_iter().map(|server| with.enroll(server)))
        .buffer_unordered(config.ssh.concurrency);
    while let Some(result) = results.next().await {
        let (server, enrolled) = result?;
        progress.inc(1);
        progress.suspend(|| match enrolled {
            Ok(sentence) => screen.line(&sentence),
            Err(error) => {
                failed = failed.saturating_add(1);
                screen.complain(&error.to_string());
                if let EnrollError::Connect(ConnectError::HostKeyUnknown { seen, .. }) = &error {
                    screen.complain(&format!(
                        "if it is the same there: patchbot enroll {} --fingerprint {seen}",
                        server.name
                    ));
                }
            }
        });
    }
    progress.finish_and_clear();
    if many > 1 {
        screen.line(&format!("{} of {many} servers are enrolled.", many.saturating_sub(failed)));
    }
    Ok(if failed > 0 { Ended::Refused } else { Ended::Well })
}

/// What every server is enrolled with.
struct With<'a> {
    app: &'a App,
    hosts: &'a Hosts,
    enroll: &'a Enroll,
    own: LoginKey,
    login_key: LoginKey,
    sudo: Sudo,
}

impl With<'_> {
    /// Enrolls one server; what it came to as a sentence.
    async fn enroll(&self, server: Server) -> anyhow::Result<(Server, Result<String, EnrollError>)> {
        let trust = trust(&server, self.enroll)?;
        let jump = jump(self.app, &server).await?;
        let service = self.hosts.target(&server, jump.as_ref(), Trust::Unknown);
        let mut admin = self.hosts.target(&server, jump.as_ref(), trust);
        admin.hop.user.clone_from(&self.enroll.login);
        admin.hop.key = self.login_key.clone();
        let enrollment =
            Enrollment { account: service.hop.user.clone(), public_key: Some(self.own.public_line()) };
        let enrolled = ssh::enroll(self.hosts.remote(), &admin, &self.sudo, &enrollment, &service).await;
        let enrolled = match enrolled {
            Ok(enrolled) => enrolled,
            Err(error) => return Ok((server, Err(error))),
        };
        let fingerprint = enrolled.host_key.fingerprint().to_string();
        self.app.enrolled(&server, &enrolled.host_key.line(), &fingerprint, setup::actor()).await?;
        let sentence = format!(
            "{} is enrolled: helper {}, host key {fingerprint} pinned.",
            server.name, enrolled.hello.helper
        );
        Ok((server, Ok(sentence)))
    }
}

/// Which key a host may show: the pinned one, unless it has none yet.
fn trust(server: &Server, enroll: &Enroll) -> anyhow::Result<Trust> {
    Ok(match (&server.host_key, &enroll.fingerprint) {
        (_, Some(fingerprint)) => Trust::Fingerprint(Fingerprint::parse(fingerprint)?),
        (Some(line), None) if !enroll.accept_new => Trust::Pinned(ssh::HostKey::parse(line)?),
        (_, None) if enroll.accept_new => Trust::FirstContact,
        (_, None) => Trust::Unknown,
    })
}

pub(super) async fn probe(
    config: &Config,
    screen: &mut Screen,
    names: &[String],
    filter: Option<&str>,
) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let Some(mut servers) = named_or_fitting(&app, screen, names, filter).await? else {
        return Ok(Ended::Refused);
    };
    if names.is_empty() {
        servers.retain(|server| server.host_key.is_some());
    }
    if servers.is_empty() && !screen.wants_json() {
        screen.line("No enrolled server fits. → patchbot enroll NAME enrols one.");
    }
    let hosts = setup::hosts(config, &app.clock)?;
    let progress = screen.progress(servers.len(), "probing");
    let results = probe_all(&app, &hosts, servers, config.ssh.concurrency, &progress).await?;
    progress.finish_and_clear();
    let mut ended = Ended::Well;
    let mut listed = Vec::new();
    for (server, checked, snmp) in results {
        if checked.blocked() {
            ended = Ended::Found;
        }
        if screen.wants_json() {
            listed.push(json!({ "server": server.name, "blocked": checked.blocked(), "findings": checked.findings, "facts": checked.facts, "snmp": snmp }));
            continue;
        }
        screen.line(&format!(
            "{}: {}",
            server.name,
            if checked.blocked() { "would be blocked" } else { "ready" }
        ));
        for finding in checked.findings.iter().filter(|finding| finding.level != Level::Ok) {
            screen.line(&format!("  {} {}", finding.level.as_str(), finding.sentence()));
        }
        if let Some(snmp) = snmp {
            screen.line(&format!("  {snmp}"));
        }
    }
    if screen.wants_json() {
        screen.json(&listed);
    }
    Ok(ended)
}

type Probed = (Server, crate::app::prechecks::Checked, Option<String>);

async fn probe_all(
    app: &App,
    hosts: &Hosts,
    servers: Vec<Server>,
    concurrency: usize,
    progress: &indicatif::ProgressBar,
) -> anyhow::Result<Vec<Probed>> {
    let mut results = Vec::with_capacity(servers.len());
    let mut probes = stream::iter(servers.into_iter().map(|server| async move {
        let jump = jump(app, &server).await?;
        let checked = hosts.check(&server, jump.as_ref(), &app.policy(&server).checks).await;
        let snmp = hosts.zone_by_snmp(&server).await;
        anyhow::Ok((server, checked, snmp))
    }))
    .buffered(concurrency);
    while let Some(result) = probes.next().await {
        let (server, checked, snmp) = result?;
        app.keep_probe(&server, &checked).await?;
        progress.inc(1);
        results.push((server, checked, snmp));
    }
    Ok(results)
}
