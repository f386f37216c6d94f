//! What the end of a process means for its unit.

use nix::sys::signal::Signal;
use shm_layout::exit::ExitReason;
use std::fmt;

/// How a process ended, as the kernel tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It called exit with this code.
    Exited(i32),
    /// A signal ended it.
    Killed {
        /// The signal.
        signal: Signal,
        /// Whether the kernel wrote a core file.
        core_dumped: bool,
    },
    /// It was started by a supervisor before this one, so how it ended is not told.
    Untold,
    /// It could not be started at all.
    NotStarted,
}

impl Death {
    /// Whether the kernel wrote a core file, or gave it to a program.
    #[must_use]
    pub fn left_core(self) -> bool {
        matches!(
            self,
            Self::Killed {
                core_dumped: true,
                ..
            }
        )
    }

    /// Whether starting it again without a change from outside cannot help.
    #[must_use]
    pub fn is_permanent(self) -> bool {
        let Self::Exited(code) = self else {
            return false;
        };
        ExitReason::from_code(code).is_some_and(|reason| !reason.is_worth_retrying())
    }

    /// Whether it may have ended as asked.
    #[must_use]
    pub fn is_clean(self) -> bool {
        matches!(self, Self::Exited(0) | Self::Untold)
    }
}

impl fmt::Display for Death {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(formatter, "exit {code}"),
            Self::Killed {
                signal,
                core_dumped: true,
            } => write!(formatter, "{signal} (core)"),
            Self::Killed {
                signal,
                core_dumped: false,
            } => formatter.write_str(signal.as_str()),
            Self::Untold => formatter.write_str("ended"),
            Self::NotStarted => formatter.write_str("not started"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_faults_of_the_caller_are_permanent() {
        for code in [64, 76, 78] {
            assert!(Death::Exited(code).is_permanent(), "{code}");
        }
        for code in [0, 1, 69, 70, 101] {
            assert!(!Death::Exited(code).is_permanent(), "{code}");
        }
        assert!(
            !Death::Killed {
                signal: Signal::SIGKILL,
                core_dumped: false
            }
            .is_permanent()
        );
        assert!(!Death::NotStarted.is_permanent());
    }

    #[test]
    fn death_is_named_in_few_words() {
        let killed = |signal, core_dumped| {
            Death::Killed {
                signal,
                core_dumped,
            }
            .to_string()
        };
        assert_eq!(Death::Exited(70).to_string(), "exit 70");
        assert_eq!(killed(Signal::SIGKILL, false), "SIGKILL");
        assert_eq!(killed(Signal::SIGABRT, true), "SIGABRT (core)");
    }
}
