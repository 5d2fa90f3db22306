//! Stories: one file per promise to the people who use patchbot.

mod abuse;
mod approvers;
mod by_mail;
mod clock;
mod colleagues;
mod confirming;
mod crowd;
mod exceptions;
mod import;
mod invitations;
mod mondays;
mod outages;
mod questions;
mod reaching;
mod rechecks;
mod rehearsals;
mod replies;
mod rollover;
mod ruled;
mod silence;
mod simulated;
mod starts;
mod two_owners;
mod undo;
