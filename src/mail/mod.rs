//! Mail: notices composed and sent, replies fetched, read, authenticated and cut down to what was typed.

pub mod calendar;
pub mod ours;
pub mod read;
pub mod reading;
pub mod token;
pub mod trim;
