//! Mail: replies in the forms real mail programs give them, notices through real SMTP and IMAP servers, forged mail.

mod auth;
mod clients;
mod corpus;
mod imap;
mod program;
mod roundtrip;
mod smtp;
mod soak;
