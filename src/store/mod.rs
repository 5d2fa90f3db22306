//! The database, SQLite or PostgreSQL: the SQL is written once in `sql/` and compiled once per driver.
//!
//! Write transactions are opened by [`Store::begin`] only; inside one, nothing but the store is awaited.

// Each file of sql/ is compiled twice on purpose, once per driver.
#![expect(clippy::duplicate_mod, reason = "SQL once, compiled per driver")]

pub mod error;
mod postgres;
pub mod records;
mod sqlite;

use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::answer::Answer;
use crate::domain::event::AuditEvent;
use crate::domain::ids::{InboxId, NoticeId, PersonId, Revision, RunId, ServerId, WindowId};
use crate::domain::inbound::{Outcome, Stage};
use crate::domain::introduction::Introduction;
use crate::domain::message::ShownWindow;
use crate::domain::person::{Address, Identity, Person};
use crate::domain::quarter::Quarter;
use crate::domain::quiet::Quiet;
use crate::domain::request::Request;
use crate::domain::run::{RunState, Step};
use crate::domain::server::{Ownership, Server};
use crate::domain::timeline::Due;
use crate::domain::window::Window;
use error::StoreError;
use records::{
    AuditRow, BoardRow, CardRow, Claim, Claimed, DecisionRow, Delivery, ExceptionRow, FeedRow, HeardRow,
    InboxMail, Lease, MailOutcome, Medium, MemberRow, NewHeard, NewMail, NewNotification, Notification,
    PrecheckRow, Reachability, Received, ReplyToken, RunRow, Sent, SpanRow, StandInRow, StepRow, Subject,
    SwapRow, Waiting, WindowCount, ZoneCheckRow,
};

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Store {
    /// One file.
    Sqlite(sqlite::Pools),
    /// A server.
    Postgres(postgres::Pools),
}

/// An open transaction; what is not committed did not happen.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite.
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    /// On PostgreSQL.
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Store {
    /// Opens the SQLite file, creating it when it is not there.
    ///
    /// # Errors
    /// When the place is not usable.
    pub async fn sqlite(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::Sqlite(sqlite::Pools::open(path).await?))
    }

    /// Connects to PostgreSQL.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn postgres(url: &str) -> Result<Self, StoreError> {
        Ok(Self::Postgres(postgres::Pools::open(url).await?))
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// When a migration fails, or the database was written by a newer version.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(pools) => sqlx::migrate!("migrations/sqlite").run(&pools.write).await?,
            Self::Postgres(pools) => sqlx::migrate!("migrations/postgres").run(&pools.write).await?,
        }
        Ok(())
    }

    /// Opens a transaction that may write: one at a time on a database, whatever the engine and however many instances, so
    /// that what it reads stays true until its commit, and nobody waits for somebody who waits for him.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite(pools) => Tx::Sqlite(pools.begin().await?),
            Self::Postgres(pools) => Tx::Postgres(pools.begin().await?),
        })
    }

    /// Opens a transaction that only reads, and sees one state of the database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite(pools) => Tx::Sqlite(pools.read.begin_with("BEGIN DEFERRED").await?),
            Self::Postgres(pools) => {
                Tx::Postgres(pools.read.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        })
    }

    /// Copies a SQLite database as it is at this moment into an empty file, while others go on writing.
    ///
    /// # Errors
    /// When the file is not usable, or this is PostgreSQL, which brings `pg_dump` for that.
    pub async fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(pools) => pools.copy_to(file).await,
            Self::Postgres(_) => Err(StoreError::Place(
                "a PostgreSQL database is backed up by pg_dump --format=custom, with the URL of the configuration".to_owned(),
            )),
        }
    }

    /// Looks through the whole database file for damage; PostgreSQL watches its files itself.
    ///
    /// # Errors
    /// When something is damaged.
    pub async fn look_for_damage(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(pools) => pools.look_for_damage().await,
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Closes the connections; a SQLite file is left complete, without a log beside it.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(pools) => {
                pools.read.close().await;
                pools.write.close().await;
            }
            Self::Postgres(pools) => {
                pools.read.close().await;
                pools.write.close().await;
            }
        }
    }

    /// `SQLite` or `PostgreSQL`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres(_) => "PostgreSQL",
        }
    }

    /// Prepares every statement of the program on this engine, and names those that do not fit the schema.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unfit_statements(&self) -> Result<Vec<String>, StoreError> {
        let mut tx = self.read().await?;
        match &mut tx {
            Tx::Sqlite(tx) => sqlite::sql::unfit(tx).await,
            Tx::Postgres(tx) => postgres::sql::unfit(tx).await,
        }
    }
}

impl Tx {
    /// Makes what was written last.
    ///
    /// # Errors
    /// When the database does not take it; then nothing was written.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// Sends each call to the module of its engine.
macro_rules! forward {
    ($($(#[$doc:meta])+ $module:ident::$name:ident($($arg:ident: $kind:ty),*) -> $out:ty;)+) => {
        /// Each returns an error when the database does not answer or holds something unexpected; what else, its text says.
        impl Tx {
            $($(#[$doc])+
            #[expect(clippy::missing_errors_doc, reason = "said once for all of them")]
            pub async fn $name(&mut self, $($arg: $kind),*) -> Result<$out, StoreError> {
                match self {
                    Self::Sqlite(tx) => sqlite::sql::$module::$name(tx, $($arg),*).await,
                    Self::Postgres(tx) => postgres::sql::$module::$name(tx, $($arg),*).await,
                }
            })+
        }
    };
}

forward! {
    /// Adds a server.
    servers::insert_server(server: &Server, now: DateTime<Utc>) -> ();
    /// Changes a server; `Stale` when somebody else did since it was read.
    servers::update_server(server: &Server, now: DateTime<Utc>) -> ();
    /// A server by its id.
    servers::server_by_id(id: ServerId) -> Server;
    /// The active servers with this full name, or with it as the part before the first dot.
    servers::servers_called(name: &str) -> Vec<Server>;
    /// All servers, also those that left the inventory, by name.
    servers::all_servers() -> Vec<Server>;
    /// The active servers somebody owns, by name.
    servers::servers_of(person: PersonId) -> Vec<Server>;
    /// The servers whose primary owner somebody is, also those that left the inventory.
    servers::servers_led_by(person: PersonId) -> Vec<Server>;
    /// The active servers whose names contain this, those that begin with it first; of one owner, or of everybody.
    servers::servers_like(text: &str, owner: Option<PersonId>, most: i64) -> Vec<Server>;
    /// The owners of a server, the primary first.
    servers::owners_of(server: ServerId) -> Vec<Ownership>;
    /// All ownerships, by server.
    servers::all_ownerships() -> Vec<(ServerId, Ownership)>;
    /// Adds many servers at once.
    servers::insert_servers(servers: &[&Server], now: DateTime<Utc>) -> ();
    /// Adds the owners of servers that have none.
    servers::insert_ownerships(all: &[(ServerId, Ownership)]) -> ();
    /// Replaces a server's owners.
    servers::set_owners(server: ServerId, owners: &[Ownership]) -> ();

    /// Adds a person.
    people::insert_person(person: &Person, now: DateTime<Utc>) -> ();
    /// Changes a person.
    people::update_person(person: &Person) -> ();
    /// A person by id.
    people::person_by_id(id: PersonId) -> Person;
    /// Everybody, by name.
    people::all_people() -> Vec<Person>;
    /// The person with a mail address.
    people::person_by_mail(mail: &Address) -> Option<Person>;
    /// Whether anybody has a mail address of a domain, which is given in lower case.
    people::is_anybody_at(domain: &str) -> bool;
    /// The person known by an identity.
    people::person_by_identity(identity: &Identity) -> Option<Person>;
    /// Links an identity to a person; an identity that belonged to somebody else now belongs to this one.
    people::link_identity(identity: &Identity, person: PersonId, now: DateTime<Utc>) -> ();
    /// Takes an identity away from whoever it belonged to; `false` when it belonged to nobody.
    people::unlink_identity(identity: &Identity) -> bool;
    /// A person's identities.
    people::identities_of(person: PersonId) -> Vec<Identity>;

    /// Adds a window; `Duplicate` when the server has one in the quarter.
    windows::insert_window(window: &Window) -> ();
    /// Changes a window; `Stale` when somebody else did since it was read.
    windows::update_window(window: &Window) -> ();
    /// A window by id.
    windows::window_by_id(id: WindowId) -> Window;
    /// The windows of these ids, in no order; those that are not there are left out.
    windows::windows_by_ids(ids: &[WindowId]) -> Vec<Window>;
    /// A server's window in a quarter.
    windows::window_of(server: ServerId, quarter: Quarter) -> Option<Window>;
    /// A server's windows, the latest quarter first.
    windows::windows_of_server(server: ServerId) -> Vec<Window>;
    /// All windows, the earliest quarter first.
    windows::all_windows() -> Vec<Window>;
    /// A quarter's windows, by start.
    windows::windows_of_quarter(quarter: Quarter) -> Vec<Window>;
    /// The windows of the servers that somebody owns, in a quarter, by start.
    windows::windows_of_owner(person: PersonId, quarter: Quarter) -> Vec<Window>;
    /// All windows that start from `from` on, by start, with their servers' names and groups.
    windows::feed_of_all(from: DateTime<Utc>) -> Vec<FeedRow>;
    /// Those of one host group.
    windows::feed_of_group(from: DateTime<Utc>, group: &str) -> Vec<FeedRow>;
    /// Those of the servers that somebody owns.
    windows::feed_of_owner(from: DateTime<Utc>, person: PersonId) -> Vec<FeedRow>;
    /// Adds many windows at once.
    windows::insert_windows(windows: &[Window]) -> ();
    /// How many windows that hold a slot start at each instant.
    windows::starts(from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<(DateTime<Utc>, u32)>;

    /// When a host group's windows are in a quarter, those at the same time together.
    occupancy::spans_of_group(group: &str, quarter: Quarter) -> Vec<SpanRow>;
    /// The same for one environment of a group, those without a time included.
    occupancy::spans_of_environment(group: &str, environment: &str, quarter: Quarter) -> Vec<SpanRow>;
    /// The states of a group's windows, of one environment or of all, each with one name.
    occupancy::states_of_group(group: &str, environment: Option<&str>, quarter: Quarter) -> Vec<records::StateRow>;
    /// The members of a service, with their windows in a quarter.
    occupancy::members_of(service: &str, quarter: Quarter) -> Vec<MemberRow>;

    /// Says who decides for whom, or who is away.
    stand_ins::insert_stand_in(row: &StandInRow, now: DateTime<Utc>) -> ();
    /// Ends all that a person has said about stand-ins and being away.
    stand_ins::end_stand_ins(person: PersonId, now: DateTime<Utc>) -> u64;
    /// What a person has said about stand-ins and being away, that is or will be.
    stand_ins::stand_ins_of(person: PersonId, now: DateTime<Utc>) -> Vec<StandInRow>;
    /// Who decides in the place of a server's owners now.
    stand_ins::stand_ins_for(server: ServerId, now: DateTime<Utc>) -> Vec<PersonId>;
    /// The servers about which a person decides in somebody's place now.
    stand_ins::servers_stood_in_for(person: PersonId, now: DateTime<Utc>) -> Vec<Server>;

    /// Keeps an offer to trade two slots.
    swaps::offer_swap(swap: &SwapRow) -> ();
    /// The latest offer that still holds, of one window for another.
    swaps::offered_swap(mine: WindowId, theirs: WindowId, now: DateTime<Utc>) -> Option<SwapRow>;
    /// Ends every offer about one of two windows.
    swaps::end_swaps(one: WindowId, other: WindowId, now: DateTime<Utc>) -> ();
    /// Keeps a wish to put a window off beyond its quarter, granted or not yet.
    swaps::ask_exception(row: &ExceptionRow) -> ();
    /// Grants a wish; `Stale` when somebody did before.
    swaps::grant_exception(row: &ExceptionRow) -> ();
    /// A window's exception, or the wish for one.
    swaps::exception_of(window: WindowId) -> Option<ExceptionRow>;
    /// The wishes that nobody has granted or dropped, the oldest first.
    swaps::wishes() -> Vec<ExceptionRow>;
    /// The windows that are or were put off beyond their quarters.
    windows::windows_put_off() -> Vec<Window>;
    /// Those of one server.
    windows::windows_put_off_of(server: ServerId) -> Vec<Window>;
    /// Ends a window's exceptions and wishes.
    swaps::end_exceptions(window: WindowId, now: DateTime<Utc>) -> ();
    /// The windows that start in these hours, by start.
    windows::windows_starting(from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Window>;
    /// How many windows of a quarter start in each hour, by state.
    windows::count_windows(quarter: Quarter) -> Vec<WindowCount>;

    /// Adds a decision.
    decisions::insert_decision(decision: &DecisionRow) -> ();
    /// Whether a request has led to a decision about a window already.
    decisions::was_decided_by(window: WindowId, request: &str) -> bool;
    /// How many decisions were taken since, by what was decided.
    decisions::count_decisions_since(since: DateTime<Utc>) -> Vec<(String, i64)>;
    /// The decisions about the windows of a quarter, the oldest first.
    decisions::decisions_of_quarter(quarter: Quarter) -> Vec<DecisionRow>;
    /// A window's decisions, the oldest first.
    decisions::decisions_of(window: WindowId) -> Vec<DecisionRow>;

    /// Says what a subject waits for next, or that it waits for nothing; whoever holds a lease on it is overtaken.
    due::put_due(subject: Subject, quarter: Quarter, due: Option<Due>) -> ();
    /// The same for many subjects of one quarter.
    due::put_many_due(quarter: Quarter, all: &[(Subject, Option<Due>)]) -> ();
    /// Claims what is due: one indexed query, the longest overdue first.
    due::claim_due(claim: &Claim<'_>) -> Vec<Claimed>;
    /// Prolongs a lease; `Stale` when it was taken over.
    due::renew(claimed: &Claimed, until: DateTime<Utc>) -> ();
    /// Ends a lease: the work is done and this comes next; `Stale` when it was taken over.
    due::settle(claimed: &Claimed, next: Option<Due>) -> ();
    /// Ends a lease: the same work is to be tried again at `at`; `Stale` when it was taken over.
    due::postpone(claimed: &Claimed, at: DateTime<Utc>) -> ();
    /// Ends every claim on due work: only for an instance that is alone on its database.
    due::release_due() -> u64;
    /// What a subject waits for.
    due::waiting(subject: Subject, quarter: Quarter) -> Option<Waiting>;

    /// Adds a run; `Duplicate` when the window's revision has one: a plan is run once.
    runs::insert_run(run: &RunRow) -> ();
    /// Writes a run's state; only for who holds the lease on its window.
    runs::update_run(run: RunId, state: &RunState, ended_at: Option<DateTime<Utc>>) -> ();
    /// Keeps what is told at a run's end.
    runs::set_report(run: RunId, report: &Value) -> ();
    /// A run by id.
    runs::run_by_id(id: RunId) -> RunRow;
    /// A server's runs, the latest first.
    runs::runs_of_server(server: ServerId) -> Vec<RunRow>;
    /// How long the runs since a time took that ended well.
    runs::took_since(since: DateTime<Utc>) -> Vec<records::Took>;
    /// How long a server's last runs took.
    runs::took_by(server: ServerId) -> Vec<records::Took>;
    /// How long the last runs on an operating system took.
    runs::took_on(system: &str) -> Vec<records::Took>;
    /// The runs that ended since, in their order.
    runs::runs_ended_since(since: DateTime<Utc>) -> Vec<RunRow>;
    /// The runs of the windows of a quarter, the earliest first.
    runs::runs_of_quarter(quarter: Quarter) -> Vec<RunRow>;
    /// The steps of those runs, each run's in their order.
    runs::steps_of_quarter(quarter: Quarter) -> Vec<StepRow>;
    /// Writes that a step begins.
    runs::begin_step(run: RunId, step: Step, now: DateTime<Utc>) -> i64;
    /// Writes how a step ended.
    runs::end_step(run: RunId, number: i64, outcome: &str, now: DateTime<Utc>) -> ();
    /// A run's steps in their order.
    runs::steps_of(run: RunId) -> Vec<StepRow>;

    /// Keeps facts and findings.
    prechecks::insert_precheck(row: &PrecheckRow) -> ();
    /// The latest facts and findings of a server.
    prechecks::latest_precheck(server: ServerId) -> Option<PrecheckRow>;
    /// The last ones of each server that somebody owns, when they were made since.
    prechecks::latest_prechecks_of(owner: PersonId, since: DateTime<Utc>) -> Vec<PrecheckRow>;
    /// The last look at each server since an instant, where it would have blocked.
    prechecks::blocked_since(since: DateTime<Utc>) -> Vec<PrecheckRow>;
    /// The loads that probes found since a time, in thousandths per CPU.
    prechecks::loads_since(since: DateTime<Utc>) -> Vec<(ServerId, DateTime<Utc>, i64)>;
    /// The same of one server.
    prechecks::loads_of(server: ServerId, since: DateTime<Utc>) -> Vec<(ServerId, DateTime<Utc>, i64)>;
    /// The servers that told facts about themselves since a time.
    prechecks::seen_since(since: DateTime<Utc>) -> Vec<ServerId>;
    /// The servers that waited for a reboot when they were last looked at, since a time.
    prechecks::waiting_for_reboot(since: DateTime<Utc>) -> Vec<ServerId>;
    /// The members of a service that waited for a reboot when they were last looked at.
    prechecks::members_waiting_for_reboot(service: &str) -> Vec<ServerId>;
    /// A run's facts of one purpose, the latest.
    prechecks::precheck_of_run(run: RunId, purpose: records::Purpose) -> Option<PrecheckRow>;

    /// Puts a message into the outbox; `false` when its dedupe key was there before.
    outbox::add_notification(new: &NewNotification) -> bool;
    /// A message by its id.
    outbox::notification_by_id(id: NoticeId) -> Option<Notification>;
    /// Claims messages that are to be delivered now.
    outbox::claim_notifications(claim: &Claim<'_>, medium: Medium) -> Vec<(Notification, Lease)>;
    /// Writes how a delivery ended; `Stale` when the lease was taken over.
    outbox::end_delivery(id: NoticeId, lease: &Lease, delivery: &Delivery, now: DateTime<Utc>) -> ();
    /// Ends every claim on messages: only for an instance that is alone on its database.
    outbox::release_outbox() -> u64;
    /// The latest messages of the outbox, newest first.
    outbox::latest_notifications(most: i64) -> Vec<Sent>;
    /// Whether a card of a window was posted in chat.
    outbox::has_card(window: WindowId) -> bool;
    /// How many mails left since.
    outbox::mails_sent_since(since: DateTime<Utc>) -> i64;
    /// How many messages wait, and how many are parked.
    outbox::count_notifications() -> (i64, i64);

    /// Adds a reply token.
    tokens::insert_token(token: &ReplyToken) -> ();
    /// Adds many reply tokens at once.
    tokens::insert_tokens(tokens: &[ReplyToken]) -> ();
    /// What a token's hash stands for.
    tokens::token_by_hash(hash: &str) -> Option<ReplyToken>;
    /// A token of a mail: what a reply to it may decide about.
    tokens::token_of_notification(notification: NoticeId) -> Option<ReplyToken>;
    /// The windows that notices which left have shown to a person, with their revisions then.
    tokens::windows_shown_to(person: PersonId) -> Vec<ShownWindow>;
    /// Marks every token of a mail as used; `Stale` when a decision was taken with one of them before.
    tokens::use_tokens_of(notification: NoticeId, by: InboxId, now: DateTime<Utc>) -> ();

    /// Keeps a mail; `false` when it is already kept.
    inbox::accept_mail(mail: &NewMail<'_>) -> bool;
    /// Claims mails that wait to be read.
    inbox::claim_mail(claim: &Claim<'_>) -> Vec<InboxMail>;
    /// Writes how reading a mail ended; `Stale` when the lease was taken over.
    inbox::close_mail(mail: InboxId, lease: &Lease, outcome: &MailOutcome, now: DateTime<Utc>) -> ();
    /// Puts a mail off; `Stale` when the lease was taken over.
    inbox::postpone_mail(mail: InboxId, lease: &Lease, at: DateTime<Utc>, why: &str) -> ();
    /// Ends every claim on mails: only for an instance that is alone on its database.
    inbox::release_inbox() -> u64;
    /// The latest mails that came in, newest first.
    inbox::latest_mail(most: i64) -> Vec<Received>;
    /// When a mail came in, and as what.
    inbox::raw_mail(id: InboxId) -> Option<(DateTime<Utc>, Vec<u8>)>;
    /// Notes what a mail is known again by; `false` when another one has the same: then it came before.
    inbox::recognise_mail(id: InboxId, fingerprint: &str) -> bool;
    /// Whether another mail is known by the same.
    inbox::came_before(id: InboxId, fingerprint: &str) -> bool;
    /// The mail with a hash.
    inbox::mail_by_hash(hash: &str) -> Option<InboxId>;
    /// How many mails of a person were read since.
    inbox::mails_of_person_since(person: PersonId, since: DateTime<Utc>) -> u32;
    /// How many mails of known people were read since.
    inbox::mails_of_people_since(since: DateTime<Utc>) -> u32;
    /// How many mails ended at a stage in one way since.
    inbox::mails_ended_since(stage: Stage, outcome: Outcome, since: DateTime<Utc>) -> u32;
    /// How the mails that came in since ended, by outcome.
    inbox::count_mails_since(since: DateTime<Utc>) -> Vec<(String, u32)>;
    /// How many mails wait to be read.
    inbox::mails_waiting() -> u32;
    /// Whom the mails say they are from that came since and were not heard: they still wait, could not be read, or were
    /// rejected without an answer.
    inbox::unheard_senders(since: DateTime<Utc>) -> Vec<String>;
    /// The latest mails that said they come from a domain, newest first, as they came in.
    inbox::latest_mail_of_domain(domain: &str, most: i64) -> Vec<(DateTime<Utc>, Vec<u8>)>;

    /// What is known about reaching a person by mail.
    reachability::reachability_of(person: PersonId) -> Reachability;
    /// Keeps what is known about reaching a person by mail.
    reachability::put_reachability(person: PersonId, known: &Reachability, now: DateTime<Utc>) -> ();
    /// Everybody who cannot be reached or is away now.
    reachability::absent_people(now: DateTime<Utc>) -> Vec<(PersonId, Reachability)>;

    /// Keeps what hosts told of their zones and clocks, in the place of what they told before.
    zone_checks::put_zone_checks(all: &[ZoneCheckRow]) -> ();
    /// What hosts last told of their zones and clocks.
    zone_checks::all_zone_checks() -> Vec<ZoneCheckRow>;

    /// Remembers the chat message that shows a window in a channel.
    cards::put_card(card: &CardRow, now: DateTime<Utc>) -> ();
    /// The chat messages that show a window.
    cards::cards_of(window: WindowId) -> Vec<CardRow>;
    /// The windows of the servers that somebody owns, in a quarter, that are shown in chat.
    cards::windows_on_cards(owner: PersonId, quarter: Quarter) -> Vec<WindowId>;
    /// The windows that a chat message shows, in the order of its lines.
    cards::cards_on(platform: Medium, message: &str) -> Vec<CardRow>;
    /// The windows whose story is told in a thread that has an id of its own.
    cards::cards_in_thread(platform: Medium, thread: &str) -> Vec<CardRow>;

    /// Keeps when somebody wants to be left alone.
    chat::put_quiet(person: PersonId, quiet: Option<Quiet>) -> ();
    /// When somebody wants to be left alone.
    chat::quiet_of(person: PersonId) -> Option<Quiet>;
    /// A platform wants a channel to be left alone until then: nothing for it is claimed before.
    chat::leave_alone(platform: Medium, channel: &str, until: DateTime<Utc>) -> ();
    /// Remembers the message that tells a night.
    chat::put_board(board: &BoardRow, now: DateTime<Utc>) -> ();
    /// Whether a night's board is the caller's to post: nobody has posted it, or means to since `stale`.
    chat::claim_board(platform: Medium, channel: &str, night: &str, now: DateTime<Utc>, stale: DateTime<Utc>) -> bool;
    /// The message that tells a night in a channel.
    chat::board_of(platform: Medium, channel: &str, night: &str) -> Option<BoardRow>;

    /// Writes down what was said in chat, held by who heard it; `false` when it was heard before.
    heard::write_down(new: &NewHeard<'_>) -> bool;
    /// The platform was told that it was heard.
    heard::heard_acknowledged(id: Uuid) -> ();
    /// It is answered, by who holds it; `false` when somebody else does.
    heard::heard_answered(id: Uuid, owner: &str, now: DateTime<Utc>) -> bool;
    /// Goes on holding all that is not answered.
    heard::hold_heard(owner: &str, until: DateTime<Utc>) -> ();
    /// Takes up what is not answered and nobody holds, what was said first at the front.
    heard::claim_heard(claim: &Claim<'_>, platform: Medium) -> Vec<HeardRow>;
    /// Gives back what a process that ended had held; only for who is alone on the database. Tells how much that was.
    heard::release_heard() -> u64;
    /// Forgets what was answered before an instant, and the answers to requests.
    heard::forget_heard(before: DateTime<Utc>) -> ();
    /// Keeps what a request came to, together with what it changed; `Stale` when somebody else has answered it meanwhile.
    heard::keep_answer(request: &str, answer: &Answer, now: DateTime<Utc>) -> ();
    /// What a request came to that changed something.
    heard::answer_to(request: &str) -> Option<Answer>;

    /// Keeps that a code is to be mailed to link an account.
    introductions::insert_introduction(new: &Introduction) -> ();
    /// Keeps the hash of the code that is in a mail; that of an earlier try counts no more.
    introductions::seal_introduction(id: NoticeId, hash: &str) -> ();
    /// What a mail's code stands for.
    introductions::introduction_of(id: NoticeId) -> Option<Introduction>;
    /// What a code's hash stands for.
    introductions::introduction_by_hash(hash: &str) -> Option<Introduction>;
    /// How many codes were made for a person or for an account since then.
    introductions::count_introductions(person: Option<PersonId>, identity: &Identity, since: DateTime<Utc>) -> i64;
    /// Counts a wrong code that was said from an account.
    introductions::wrong_code(identity: &Identity, since: DateTime<Utc>) -> ();
    /// How many wrong codes were said from an account.
    introductions::wrong_codes(identity: &Identity, since: DateTime<Utc>) -> i64;
    /// Forgets an account's codes, and everybody's that are older.
    introductions::drop_introductions(identity: &Identity, older_than: DateTime<Utc>) -> ();

    /// Keeps a dangerous act that was asked for; `false` when its code is taken.
    requests::insert_request(new: &Request) -> bool;
    /// Changes a request; `Stale` when somebody else did since it was read.
    requests::update_request(request: &Request) -> ();
    /// The request under a code.
    requests::request_by_code(code: &str) -> Option<Request>;
    /// Lets the run of a plan pass a blocking pre-check.
    requests::add_override(by: &Request) -> ();
    /// By which request the run of a plan may pass a blocking pre-check.
    requests::override_of(window: WindowId, revision: Revision) -> Option<Request>;
    /// A run is to begin nothing more.
    requests::add_stop(run: RunId, by: &Request) -> ();
    /// By which request a run is to begin nothing more.
    requests::stop_of(run: RunId) -> Option<Request>;

    /// Appends to the audit.
    audit::append_audit(event: &AuditEvent) -> i64;
    /// A subject's events, the latest first.
    audit::audit_of(subject: &str, most: i64) -> Vec<AuditRow>;
    /// All events from a number on, in their order, at most `most`.
    audit::audit_from(seq: i64, most: i64) -> Vec<AuditRow>;
    /// The number and the hash of the last line; 0 and nothing before the first.
    audit::audit_head() -> (i64, String);

    /// A fact about this installation.
    configuration::get_configuration(key: &str) -> Option<Value>;
    /// Keeps a fact about this installation.
    configuration::put_configuration(key: &str, value: &Value, now: DateTime<Utc>) -> ();
}
