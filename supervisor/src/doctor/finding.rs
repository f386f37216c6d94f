//! What one check found: how bad it is, what it means, how to mend it.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fmt;

/// Width of the column with the name of the check, in characters.
const CHECK_CHARS: usize = 14;

/// How bad it is; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The box will not start.
    Fail,
    /// The box starts, and something will hurt later.
    Warn,
    /// Nothing is wrong.
    Ok,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at.
    pub check: &'static str,
    /// What was found.
    pub says: String,
    /// What comes of it.
    pub means: Option<String>,
    /// How to mend it.
    pub mend: Option<String>,
}

impl Finding {
    fn new(level: Level, check: &'static str, says: impl Into<String>) -> Self {
        Self {
            level,
            check,
            says: says.into(),
            means: None,
            mend: None,
        }
    }

    /// Nothing is wrong.
    pub fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(Level::Ok, check, says)
    }

    /// Something will hurt later.
    pub fn warn(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(Level::Warn, check, says)
    }

    /// The box will not start.
    pub fn fail(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(Level::Fail, check, says)
    }

    /// With what comes of it.
    #[must_use]
    pub fn meaning(mut self, means: impl Into<String>) -> Self {
        self.means = Some(means.into());
        self
    }

    /// With how to mend it.
    #[must_use]
    pub fn mend(mut self, mend: impl Into<String>) -> Self {
        self.mend = Some(mend.into());
        self
    }
}

/// What would be said if the start failed for that reason.
pub(super) fn from_failure(check: &'static str, failure: &Failure) -> Finding {
    let mut says = failure.to_string();
    let mut cause = failure.source();
    while let Some(error) = cause {
        says.push_str(&format!(": {error}"));
        cause = error.source();
    }
    let finding = Finding::fail(check, says);
    match failure.hint() {
        Some(hint) => finding.mend(hint),
        None => finding,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Fail => "FAIL",
            Level::Warn => "warn",
            Level::Ok => "ok",
        };
        let (check, says) = (self.check, &self.says);
        writeln!(formatter, "{level:<4}  {check:<CHECK_CHARS$}  {says}")?;
        let indent = " ".repeat(4 + 2 + CHECK_CHARS + 2);
        for line in [&self.means, &self.mend].into_iter().flatten() {
            writeln!(formatter, "{indent}{line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finding_is_a_line_with_its_hints_below() {
        let finding = Finding::fail("port", "127.0.0.1:8080 is taken by `nc` (pid 7)")
            .meaning("the page has no place")
            .mend("end it");
        let expected = "\
            FAIL  port            127.0.0.1:8080 is taken by `nc` (pid 7)\n\
            \u{20}                     the page has no place\n\
            \u{20}                     end it\n";
        assert_eq!(finding.to_string(), expected);
    }

    #[test]
    fn worst_comes_first() {
        assert!(Level::Fail < Level::Warn && Level::Warn < Level::Ok);
    }
}
