//! What was looked at, and a sentence of what was found there.

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// What.
    pub what: &'static str,
    /// Whether it is as it should be.
    pub fine: bool,
    /// What was found; when it is not fine, with the way out.
    pub sentence: String,
}

impl Look {
    /// It is as it should be.
    #[must_use]
    pub fn fine(what: &'static str, sentence: impl Into<String>) -> Self {
        Self { what, fine: true, sentence: sentence.into() }
    }

    /// It is not; an error tells its causes.
    #[must_use]
    pub fn wrong(what: &'static str, error: impl std::fmt::Display) -> Self {
        Self { what, fine: false, sentence: format!("{error:#}") }
    }

    /// `SMTP: 127.0.0.1 does not answer.`
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}: {}.", self.what, self.sentence.trim_end_matches('.'))
    }
}
