//! Notices become subject, text and HTML, by templates that are strict about undefined variables.
