//! Stories: one file per promise to the people who use patchbot.

mod clock;
mod import;
mod questions;
mod replies;
mod two_owners;
mod undo;
