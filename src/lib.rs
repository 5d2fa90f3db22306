//! patchbot patches fleets of Linux servers once a quarter, with the consent of the people who own them.
//!
//! The map: [`domain`] decides and knows no clock, database or network; [`app`] loads, lets the domain decide and
//! commits the change, its audit event and its outgoing messages in one transaction; [`store`] keeps them;
//! [`work`] holds the loops that deliver, watch the time and drive runs; [`mail`], [`chat`], [`ssh`], [`snmp`] and
//! [`http`] are the edges. `ARCHITECTURE.md` walks through it.

pub mod app;
pub mod chat;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod http;
pub mod mail;
pub mod patch;
pub mod render;
pub mod snmp;
pub mod ssh;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod work;
