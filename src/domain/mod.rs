//! What patchbot is about, as pure functions: no clock, no database, no network.

pub mod answer;
pub mod calendar;
pub mod chain;
pub mod check;
pub mod decision;
pub mod event;
pub mod facts;
pub mod ids;
pub mod message;
pub mod notice;
pub mod permit;
pub mod person;
pub mod policy;
pub mod quarter;
pub mod refusal;
pub mod run;
pub mod server;
pub mod shown;
pub mod timeline;
pub mod undo;
pub mod window;
pub mod zone;
