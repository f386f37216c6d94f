//! What can be wrong with a configuration, in words that lead to the line to mend.

use std::path::PathBuf;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read config file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is larger than any configuration.
    #[error("config file `{}` is larger than {limit_bytes} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit_bytes: u64,
    },
    /// A line, key or option that is not as it must be.
    #[error("{place}: {problem}")]
    Wrong {
        /// `FILE:LINE`, or the command-line option.
        place: String,
        /// Names the key, what was found and what was expected.
        problem: String,
        /// What to write instead, where that can be told.
        hint: Option<String>,
    },
}

impl ConfigError {
    /// One act that mends it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => {
                Some("give the path of a TOML file with `--config FILE`".to_owned())
            }
            Self::TooLarge { .. } => None,
            Self::Wrong { hint, .. } => hint.clone(),
        }
    }
}
