//! Mail: notices composed and sent, replies fetched, read, authenticated and cut down to what was typed.

pub mod token;
