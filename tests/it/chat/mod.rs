//! Slack end to end: the real adapter and the real use cases on a SQLite file, against a Slack that speaks the protocol.

mod cards;
mod clicks;
mod doctor;
mod hostile;
mod people;
mod sockets;
mod words;
mod world;
