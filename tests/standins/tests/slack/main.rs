//! Drives the stand-in for Slack through the client that patchbot uses, over loopback.

mod app;
mod clicks;
mod commands;
mod events;
mod files;
mod forms;
mod limits;
mod people;
mod sockets;
mod trouble;
mod wire;
