//! Mail: notices composed and sent, replies fetched, read, authenticated and cut down to what was typed.

pub mod auth;
pub mod calendar;
pub mod compose;
pub mod connect;
pub mod fetch;
pub mod ours;
pub mod read;
pub mod reading;
pub mod send;
pub mod token;
pub mod trim;
