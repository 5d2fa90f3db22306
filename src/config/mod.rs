//! The configuration: one struct per section with its defaults and checks, secrets from files or the environment.

pub mod secret;
