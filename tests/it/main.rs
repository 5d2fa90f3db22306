//! patchbot's integration tests: contracts of the store, stories of the product, wires of the edges, rules of the code.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that fails says where; tests read the clock and the environment of the machine they run on"
)]

mod architecture;
mod chat;
mod contract;
mod hosts;
mod keeping;
mod lists;
mod mail;
mod migrations;
mod night;
mod pages;
mod program;
mod simulating;
mod stories;
mod world;
