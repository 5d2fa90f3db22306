//! People: who they are, what they do, and what they see.

mod acts;
mod exchange;
mod form;
mod payload;
mod person;
mod screen;
mod sending;
mod writing;

pub use exchange::Exchange;
pub use form::{Filling, Form, Input};
pub use person::Person;
pub use screen::{Choice, Screen, Suggestions};

pub(crate) use exchange::is_answered;
pub(crate) use person::names;
