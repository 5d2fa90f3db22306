//! The grammar that all commands share: words, names, times, targets, reasons, and whole replies.

pub(crate) mod address;
pub(crate) mod code;
pub(crate) mod error;
pub(crate) mod group;
pub(crate) mod lex;
pub(crate) mod meaning;
pub(crate) mod name;
pub(crate) mod quarter;
pub(crate) mod reason;
pub(crate) mod reply;
pub(crate) mod spec;
pub(crate) mod suggest;
pub(crate) mod target;
pub(crate) mod when;
