//! Slack and Discord end to end: the real adapter and the real use cases on a SQLite file, against a Slack and a Discord that speak the protocol.

mod cards;
mod clicks;
mod discord;
mod doctor;
mod hostile;
mod people;
mod sockets;
mod words;
mod world;
