//! Stand-ins for the chat platforms: servers on loopback that behave as the real ones are documented to,
//! strict where they are strict, with people who type, click and read.
//!
//! [`slack`] is here; Discord will stand beside it.

pub mod slack;
