//! What patchbot is about, as pure functions: no clock, no database, no network.

pub mod answer;
pub mod ids;
pub mod notice;
pub mod person;
