//! The lab's command line: looks what is missing, lends its PostgreSQL to a test run, or starts a small world.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use patchbot_lab::{Dns, Host, Lab, Mail, PASSWORD};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Real throwaway hosts, mail, DNS and PostgreSQL for patchbot's tests and demo.
#[derive(Debug, Parser)]
#[command(name = "lab", version)]
struct Arguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Say what this machine lacks; tests/lab/setup gets it.
    Check,
    /// Run a command with a PostgreSQL of its own, whose URL is in PATCHBOT_TEST_POSTGRES.
    Postgres {
        /// The command and its arguments, after --.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Start two hosts, mail and DNS, say how to reach them, and end them on Ctrl-C.
    Up {
        /// Start hosts without systemd, which are quicker.
        #[arg(long)]
        light: bool,
        /// The lab's number on this machine; without it, the first free one.
        #[arg(long)]
        slot: Option<u8>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = tokio::runtime::Runtime::new().context("cannot start a runtime").and_then(|runtime| {
        runtime.block_on(async {
            match arguments.act {
                Act::Check => check(),
                Act::Postgres { command } => postgres(&command).await,
                Act::Up { light, slot } => up(light, slot).await,
            }
        })
    });
    done.unwrap_or_else(|why| {
        let _ = writeln!(io::stderr(), "lab: {why:#}");
        ExitCode::FAILURE
    })
}

fn check() -> Result<ExitCode> {
    let missing = patchbot_lab::missing();
    for sentence in &missing {
        writeln!(io::stdout(), "{sentence}")?;
    }
    if missing.is_empty() {
        writeln!(io::stdout(), "everything is in place")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(io::stdout(), "run tests/lab/setup as root; it gets what is missing")?;
    Ok(ExitCode::FAILURE)
}

async fn postgres(command: &[String]) -> Result<ExitCode> {
    let Some((program, words)) = command.split_first() else { bail!("no command") };
    let mut stop = Stop::new()?;
    let lab = Lab::start().await?;
    let server = lab.postgres().await?;
    let mut child = tokio::process::Command::new(program)
        .args(words)
        .env("PATCHBOT_TEST_POSTGRES", server.admin_url())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            // The command has got the terminal's Ctrl-C itself and decides what to do about it.
            _ = stop.interrupt.recv() => {}
            _ = stop.terminate.recv() => child.start_kill()?,
        }
    };
    lab.down();
    // A command that was ended by a signal has no code of its own.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

async fn up(light: bool, slot: Option<u8>) -> Result<ExitCode> {
    let mut stop = Stop::new()?;
    let lab = match slot {
        Some(slot) => Lab::in_slot(slot).await?,
        None => Lab::start().await?,
    };
    let describe = |name: &str, zone: &str| {
        let host = lab.host(name).zone(zone).installed(["lab-app", "lab-reboot", "lab-service"]);
        if light { host.light() } else { host }
    };
    let (web, database, mail, dns) = tokio::try_join!(
        describe("web01", "Europe/Berlin").start(),
        describe("db01", "Asia/Tokyo").start(),
        lab.mail(),
        lab.dns(),
    )?;
    for name in ["lab-app", "lab-reboot", "lab-service"] {
        lab.repository().publish(patchbot_lab::Suite::Main, name).await?;
    }
    introduce(&lab, &[web, database], &mail, &dns)?;
    tokio::select! {
        _ = stop.interrupt.recv() => {}
        _ = stop.terminate.recv() => {}
    }
    writeln!(io::stdout(), "ending the lab")?;
    lab.down();
    Ok(ExitCode::SUCCESS)
}

fn introduce(lab: &Lab, hosts: &[Host], mail: &Mail, dns: &Dns) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "lab {} with its state in {}", lab.slot(), lab.folder().display())?;
    for host in hosts {
        writeln!(out, "\n{} ({}), one update of each kind is waiting:", host.name(), host.address())?;
        writeln!(
            out,
            "  ssh -i {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null {}@{}",
            lab.ssh_key().display(),
            Host::USER,
            host.address()
        )?;
        writeln!(out, "  snmpget -v2c -c labpub {} .1.3.6.1.2.1.25.1.2.0", host.address())?;
        writeln!(out, "  host key {}", host.host_key()?)?;
    }
    writeln!(
        out,
        "\nmail for {} (every address, password \"{PASSWORD}\"):",
        patchbot_lab::DOMAINS.join(", ")
    )?;
    writeln!(out, "  MX {}, submission {}, any sender {}", mail.mx(), mail.submission(), mail.relay())?;
    writeln!(
        out,
        "  IMAP {}, IMAPS {}, authority {}",
        mail.imap(),
        mail.imaps(),
        mail.authority().display()
    )?;
    writeln!(out, "  swaks --server {} --to bot@patchbot.test --from ada@owners.test", mail.relay())?;
    writeln!(out, "\nDNS: dig @{} TXT lab._domainkey.owners.test", dns.address().ip())?;
    writeln!(out, "\nready; Ctrl-C ends it all")?;
    out.flush()?;
    Ok(())
}

/// The two ways in which people and supervisors ask a program to end.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn new() -> Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }
}
