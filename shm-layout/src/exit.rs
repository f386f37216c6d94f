//! What an exit code of a Wigwag process means. The code *is* the restart decision.
//! Source of the numbers: sysexits(3).

use serde::{Deserialize, Serialize};

/// Why a process ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitReason {
    /// Drained as asked.
    Stopped = 0,
    /// Called with wrong arguments. Never retried.
    Usage = 64,
    /// A device, port or file is missing or in use. Retried with backoff.
    Unavailable = 69,
    /// A bug. Retried with backoff.
    Bug = 70,
    /// Built with another layout than the segment's. Never retried.
    LayoutMismatch = 76,
    /// The configuration or a model does not fit. Never retried.
    Config = 78,
}

impl ExitReason {
    /// The reason behind an exit code, if it is one of ours.
    #[must_use]
    pub fn from_code(code: i32) -> Option<Self> {
        [
            Self::Stopped,
            Self::Usage,
            Self::Unavailable,
            Self::Bug,
            Self::LayoutMismatch,
            Self::Config,
        ]
        .into_iter()
        .find(|reason| *reason as i32 == code)
    }

    /// Whether starting the same thing again may help.
    #[must_use]
    pub fn is_worth_retrying(self) -> bool {
        !matches!(self, Self::Usage | Self::LayoutMismatch | Self::Config)
    }
}
