//! Stand-ins for the chat platforms: servers on loopback that behave as the real ones are documented to,
//! strict where they are strict, with people who type, click and read.

pub mod discord;
pub mod slack;
