//! The commands and options of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Patches fleets of Linux servers once a quarter, with the consent of the people who own them.
#[derive(Debug, Parser)]
#[command(name = "patchbot", version, max_term_width = 110, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The configuration; /etc/patching/patching.conf when it is there, else the defaults.
    #[arg(long, short, global = true, value_name = "FILE", env = "PATCHBOT_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Answer in JSON where something is listed.
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) doing: Doing,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 something broke, 2 wrong usage, 3 refused or wrong input (nothing changed), 4 a check found something.";

#[derive(Debug, Subcommand)]
pub(super) enum Doing {
    /// Run patchbot: scheduler, executor, mail, Slack.
    Serve,
    /// Bring the database up to date.
    Migrate,
    /// Say whether the configuration is right.
    CheckConfig,
    /// Say whether everything answers: database, templates, SMTP, IMAP, Slack, SSH.
    Doctor {
        /// Say instead whether replies from this mail domain would be believed, and what is missing.
        #[arg(long, value_name = "DOMAIN")]
        domain: Option<String>,
        /// The name of a key of that domain to look at as well.
        #[arg(long, value_name = "SELECTOR", requires = "domain")]
        selector: Option<String>,
    },
    /// Compare an inventory file with the database; with --apply take it over, all of it or nothing.
    Import {
        /// The file: CSV as any spreadsheet writes it, or .xlsx.
        file: PathBuf,
        /// Take it over when nothing is wrong with it.
        #[arg(long)]
        apply: bool,
        /// Servers that the file does not have leave the inventory, and their open windows are cancelled.
        #[arg(long)]
        retire_absent: bool,
    },
    /// Write the inventory as CSV, with the headings of the files that were imported.
    Export {
        /// The file; the terminal when it is left out.
        file: Option<PathBuf>,
        /// Only the servers that fit, as 'group=db and env=prod and state!=approved'.
        #[arg(long, short, value_name = "FILTER")]
        filter: Option<String>,
    },
    /// Propose a window for every server that has none in the quarter.
    Plan(Plan),
    /// Compare all windows to come with the rules as they are, and change those that break one as their groups' rule
    /// when_illegal says.
    Recheck {
        /// Only show what would be changed.
        #[arg(long)]
        dry_run: bool,
    },
    /// Replay a whole quarter with the rules as they are, before it happens; sends and writes nothing.
    #[command(after_help = SIMULATED)]
    Simulate(Simulate),
    /// Turn a quarter that is over: end and archive it, open the new one, look through everything, report; what was
    /// done already is not done again.
    Rollover {
        /// The quarter that is over, as 2027-Q1; the last one when it is left out.
        quarter: Option<String>,
    },
    /// List the windows of a quarter.
    List {
        /// The quarter, as 2027-Q1; the current one when it is left out.
        quarter: Option<String>,
        /// Only the servers that fit, as 'group=db and env=prod and state!=approved'.
        #[arg(long, short, value_name = "FILTER")]
        filter: Option<String>,
    },
    /// Show everything about one server.
    Show {
        /// Its name.
        server: String,
    },
    /// List the next times a server could be patched, with their cost, or say why there is none.
    Slots {
        /// Its name.
        server: String,
    },
    /// Say what stands between a server and its patching.
    Why {
        /// Its name.
        server: String,
    },
    /// Tell what was decided and done about a server.
    History {
        /// Its name.
        server: String,
    },
    /// Say something in the command language, as one would in Slack or by mail.
    #[command(
        after_help = "Examples: patchbot say \"status\" --as ada@example.org\n          patchbot say \"approve web01\" --as ada@example.org\n          patchbot say \"help\" --as ada@example.org"
    )]
    Say {
        /// The words.
        words: String,
        /// In whose name: a mail address that patchbot knows.
        #[arg(long = "as", value_name = "MAIL")]
        person: String,
    },
    /// Ask servers for their zones and clocks, and compare them with the inventory; changes nothing on them.
    Zones(Zones),
    /// Put the helper on servers, and pin their host keys.
    Enroll(Enroll),
    /// Take a server's facts and judge them as the pre-checks would; changes nothing.
    Probe {
        /// Their names; all enrolled ones when left out.
        servers: Vec<String>,
        /// The enrolled servers that fit, as 'group=db and env=prod'.
        #[arg(long, short, value_name = "FILTER", conflicts_with = "servers")]
        filter: Option<String>,
    },
    /// Link a chat account to a person.
    Link {
        /// The person's mail address.
        mail: String,
        /// The account: slack:TEAM/USER, as slack:T0123/U0456.
        account: String,
    },
    /// Show the mails that came in, and what became of each.
    Inbox {
        /// At most so many.
        #[arg(long, default_value_t = 30)]
        most: i64,
    },
    /// Say what a mail would come to, stage by stage, without doing any of it.
    ReplayMail {
        /// The mail as it came, or its id from "patchbot inbox --json".
        file: PathBuf,
        /// As if it were then: "2026-12-03 10:00" in the operators' zone, or with a zone; now when left out, and for an id
        /// the moment it came in.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Show the messages that went out or wait.
    Outbox {
        /// At most so many.
        #[arg(long, default_value_t = 30)]
        most: i64,
        /// Follow a big send until nothing waits any more.
        #[arg(long)]
        follow: bool,
    },
    /// Show the audit, verify that nothing in it was changed, or export it for an auditor.
    Audit(Audit),
    /// Write a calendar of the windows (iCalendar), or the link to subscribe to it.
    Calendar(Calendar),
    /// Copy the SQLite database to a new file, while patchbot works on.
    Backup {
        /// The new file.
        file: PathBuf,
    },
    /// Put a backup in the place of the SQLite database, and keep the present one beside it.
    Restore {
        /// The backup.
        file: PathBuf,
    },
    /// Write the completion of these commands and options for a shell.
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Show how a notice looks, with sample values.
    RenderNotice {
        /// Its name; all names are listed when it is left out.
        name: Option<String>,
        /// Write subject, text and HTML into this folder instead; of all notices when none is named.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
        /// Open the HTML in a browser.
        #[arg(long)]
        open: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Calendar {
    /// Only the servers of this owner.
    #[arg(long, value_name = "MAIL", conflicts_with = "group")]
    pub(super) owner: Option<String>,
    /// Only the servers of this host group.
    #[arg(long, value_name = "NAME")]
    pub(super) group: Option<String>,
    /// The file; the terminal when it is left out.
    #[arg(conflicts_with = "link")]
    pub(super) file: Option<PathBuf>,
    /// Say the link to subscribe to instead; whoever has it sees these windows.
    #[arg(long)]
    pub(super) link: bool,
    /// End all links that were given out.
    #[arg(long, conflicts_with_all = ["owner", "group", "file", "link"])]
    pub(super) end_links: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Audit {
    /// Of one server only.
    pub(super) server: Option<String>,
    #[command(subcommand)]
    pub(super) doing: Option<Auditing>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Auditing {
    /// Verify the chain of hashes, in the database or in an exported file.
    Verify {
        /// The exported file; it needs neither database nor configuration.
        file: Option<PathBuf>,
        /// A last hash that was noted earlier: is it still part of the chain?
        #[arg(long, value_name = "HASH")]
        noted: Option<String>,
    },
    /// Write the audit to a new file, in a form that can be checked anywhere.
    #[command(after_help = EXPORTED)]
    Export {
        /// The new file.
        file: PathBuf,
    },
}

const EXPORTED: &str = "Each line is \"HASH  JSON\": the SHA-256 of the JSON's bytes, two spaces, the JSON. \"last\" in it is the hash \
of the line before, so that no line can be changed, taken out or moved unnoticed.";

const COMPLETIONS: &str = "Bash:  patchbot completions bash > /etc/bash_completion.d/patchbot\n\
Zsh:   patchbot completions zsh > /usr/share/zsh/site-functions/_patchbot\n\
Fish:  patchbot completions fish > /usr/share/fish/vendor_completions.d/patchbot.fish";

#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The quarter, as 2027-Q1.
    pub(super) quarter: String,
    /// Only show it.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Only show how the plan would differ under another configuration.
    #[arg(long, value_name = "OTHER.conf")]
    pub(super) diff: Option<PathBuf>,
    /// Only these servers: "group=db and env=prod".
    #[arg(long, value_name = "FILTER")]
    pub(super) only: Option<String>,
    /// Another number shuffles servers that are equal to the rules; the same number makes the same plan.
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
}

const SIMULATED: &str = "Notices, answers, silence, freezes, changes of the clocks, canaries, room and runs go through the functions that \
decide in earnest. Each replay draws its own lots; the same seed draws the same ones.\n\
Examples: patchbot simulate 2027-Q1 --answering 50%\n          patchbot simulate 2027-Q1 --diff OTHER.conf";

#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// The quarter, as 2027-Q1; the current one when it is left out.
    pub(super) quarter: Option<String>,
    /// Only these servers: "group=db and env=prod".
    #[arg(long, value_name = "FILTER")]
    pub(super) only: Option<String>,
    /// As if this file were the inventory.
    #[arg(long, value_name = "FILE")]
    pub(super) inventory: Option<PathBuf>,
    /// How many of the owners answer at all [default: 70%].
    #[arg(long, value_name = "SHARE")]
    pub(super) answering: Option<String>,
    /// How many of the windows they answer about they move [default: 10%].
    #[arg(long, value_name = "SHARE")]
    pub(super) moving: Option<String>,
    /// How many of them they decline [default: 2%].
    #[arg(long, value_name = "SHARE")]
    pub(super) declining: Option<String>,
    /// How many of the runs fail [default: 3%].
    #[arg(long, value_name = "SHARE")]
    pub(super) failing: Option<String>,
    /// Another number draws other lots.
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// How often the quarter is replayed.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) times: u32,
    /// Compare with another configuration: what differs comes first.
    #[arg(long, value_name = "OTHER.conf")]
    pub(super) diff: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Zones {
    /// The servers' names; all when left out.
    pub(super) servers: Vec<String>,
    /// Only the servers that fit, as 'group=db and env=prod'.
    #[arg(long, short, value_name = "FILTER", conflicts_with = "servers")]
    pub(super) filter: Option<String>,
    /// Ask nobody: show what they told the last time.
    #[arg(long)]
    pub(super) last: bool,
    /// Show instead what abbreviations such as EST mean in an inventory.
    #[arg(long, conflicts_with_all = ["servers", "filter", "last"])]
    pub(super) abbreviations: bool,
}

#[derive(Debug, Args)]
pub(super) struct Enroll {
    /// The servers' names.
    #[arg(required_unless_present = "filter", conflicts_with = "filter")]
    pub(super) servers: Vec<String>,
    /// The servers that fit, as 'group=db and enrolled=no', several at the same time.
    #[arg(long, short, value_name = "FILTER", conflicts_with = "fingerprint")]
    pub(super) filter: Option<String>,
    /// The login that installs: root, or one that may use sudo.
    #[arg(long, default_value = "root")]
    pub(super) login: String,
    /// Its private key; patchbot's own when left out.
    #[arg(long, value_name = "FILE")]
    pub(super) login_key: Option<PathBuf>,
    /// A file with the password that sudo asks that login for.
    #[arg(long, value_name = "FILE")]
    pub(super) sudo_password: Option<PathBuf>,
    /// The host key's fingerprint, when it was compared before: SHA256:…
    #[arg(long, value_name = "SHA256:…", conflicts_with = "accept_new")]
    pub(super) fingerprint: Option<String>,
    /// Accept whatever key the hosts show now, and pin it.
    #[arg(long)]
    pub(super) accept_new: bool,
}
