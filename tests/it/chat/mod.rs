//! Slack and Discord end to end: the real adapter and the real use cases on a SQLite file, against a Slack and a Discord that speak the protocol.

mod alike;
mod apps;
mod both;
mod burst;
mod cards;
mod channels;
mod clicks;
mod discord;
mod doctor;
mod hostile;
mod killed;
mod lessons;
mod outages;
mod owners;
mod people;
mod rush;
mod rushing;
mod sockets;
mod words;
mod world;
