//! What patchbot is about, as pure functions: no clock, no database, no network.

pub mod answer;
pub mod check;
pub mod facts;
pub mod ids;
pub mod notice;
pub mod person;
pub mod zone;
