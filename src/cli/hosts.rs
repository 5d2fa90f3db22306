//! `enroll` and `probe`: hosts get the helper and are looked at.

use serde_json::json;

use super::args::Enroll;
use super::{Ended, Screen, setup};
use crate::app::App;
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

pub(super) async fn enroll(config: &Config, screen: &mut Screen, enroll: &Enroll) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
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
    let mut ended = Ended::Well;
    for name in &enroll.servers {
        let Some(server) = server(&app, screen, name).await? else {
            ended = Ended::Refused;
            continue;
        };
        let trust = trust(&server, enroll)?;
        let jump = jump(&app, &server).await?;
        let service = hosts.target(&server, jump.as_ref(), Trust::Unknown);
        let mut admin = hosts.target(&server, jump.as_ref(), trust);
        admin.hop.user.clone_from(&enroll.login);
        admin.hop.key = login_key.clone();
        let enrollment =
            Enrollment { account: service.hop.user.clone(), public_key: Some(own.public_line()) };
        match ssh::enroll(hosts.remote(), &admin, &sudo, &enrollment, &service).await {
            Ok(enrolled) => {
                let fingerprint = enrolled.host_key.fingerprint().to_string();
                app.enrolled(&server, &enrolled.host_key.line(), &fingerprint, setup::actor()).await?;
                screen.line(&format!(
                    "{} is enrolled: helper {}, host key {fingerprint} pinned.",
                    server.name, enrolled.hello.helper
                ));
            }
            Err(error) => {
                ended = Ended::Refused;
                screen.complain(&format!("{error}"));
                if let EnrollError::Connect(ConnectError::HostKeyUnknown { seen, .. }) = &error {
                    screen.complain(&format!(
                        "if it is the same there: patchbot enroll {} --fingerprint {seen}",
                        server.name
                    ));
                }
            }
        }
    }
    Ok(ended)
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

pub(super) async fn probe(config: &Config, screen: &mut Screen, names: &[String]) -> anyhow::Result<Ended> {
    let app = setup::app(config).await?;
    let hosts = setup::hosts(config, &app.clock)?;
    let mut servers = Vec::new();
    if names.is_empty() {
        let all = app.store.read().await?.all_servers().await?;
        servers.extend(all.into_iter().filter(|server| server.active && server.host_key.is_some()));
    }
    for name in names {
        match server(&app, screen, name).await? {
            Some(server) => servers.push(server),
            None => return Ok(Ended::Refused),
        }
    }
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
    use futures::stream::{self, StreamExt};
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
