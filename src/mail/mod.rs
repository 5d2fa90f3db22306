//! Mail: notices composed and sent, replies fetched, read, authenticated and cut down to what was typed.
//!
//! Out: [`compose`] makes a message of a rendered notice, with a [`token`] to answer it, a [`calendar`] entry and ids of
//! [`ours`]; [`send`] hands it to a server. In: [`fetch`] brings raw messages, [`mod@reading`] makes one value of each
//! ([`mod@read`], gate, token, [`mod@trim`], command language), and [`auth`] says whom it is from. What is pure stays so: a
//! kept message can be read again at any time and comes to the same.

pub mod absence;
pub mod auth;
pub mod calendar;
pub mod compose;
pub mod connect;
pub mod dkim;
pub mod fetch;
pub mod ours;
pub mod read;
pub mod reading;
pub mod send;
pub mod token;
pub mod trim;
pub mod utf7;

mod lists;
