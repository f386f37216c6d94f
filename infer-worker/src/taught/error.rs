//! Why a gesture cannot be taught, kept or used; every text names the file or the gesture.

use super::GESTURES_MAX;
use super::file::{FILE_BYTES_MAX, SAMPLES_MIN};
use crate::model::RunError;
use shm_layout::exit::ExitReason;
use shm_layout::prediction::LABEL_BYTES_MAX;
use shm_layout::worker::WorkerFailure;
use std::io;
use std::path::PathBuf;

/// Why a gesture cannot be taught, kept or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaughtError {
    /// A file or folder cannot be read.
    #[error("cannot read the taught gestures in `{path}`: {cause}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file cannot be written or removed.
    #[error("cannot change the taught gestures in `{path}`: {cause}")]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file is larger than any that is read.
    #[error("taught gesture `{path}` has {found} bytes (expected at most {FILE_BYTES_MAX})")]
    Size {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: u64,
    },
    /// A file is not what `teach` wrote.
    #[error("damaged taught gesture `{path}`: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There are too many of them.
    #[error("{found} taught gestures in `{path}` (expected at most {GESTURES_MAX})")]
    Many {
        /// The folder.
        path: PathBuf,
        /// How many there are, with a new one.
        found: usize,
    },
    /// A kept gesture has a name that the model gives to one of its own.
    #[error("taught gesture `{name}` in `{folder}`: the model has its own gesture `{known}`")]
    Known {
        /// Its name.
        name: String,
        /// The model's name for its own.
        known: String,
        /// Where it is kept.
        folder: PathBuf,
    },
    /// What was handed to a worker cannot be used.
    #[error("taught gesture `{name}` cannot be used: {why}")]
    Unusable {
        /// Its name.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// Nobody said where taught gestures are kept.
    #[error("no folder for taught gestures was given")]
    Homeless,
    /// No name for a gesture.
    #[error("`{0}` is no name for a gesture")]
    Name(String),
    /// A new gesture is to have a name that the model gives to one of its own.
    #[error("the model has its own gesture `{0}`")]
    Taken(String),
    /// A gesture of that name was taught before.
    #[error("`{0}` was taught already")]
    Again(String),
    /// No gesture of that name was taught.
    #[error("no gesture `{name}` was taught")]
    Unknown {
        /// The name.
        name: String,
        /// Those that were.
        known: Vec<String>,
    },
    /// Samples of one side were to join those of another.
    #[error("`{name}` was taught with --hand {kept}")]
    Side {
        /// The gesture.
        name: String,
        /// How.
        kept: &'static str,
    },
    /// Too few hands were seen.
    #[error("{seen} usable hands were seen, expected at least {SAMPLES_MIN}")]
    Few {
        /// How many.
        seen: usize,
        /// What was seen instead, and what to do.
        hint: String,
    },
    /// What was learnt does not know its own samples again.
    #[error("the samples are too different from each other to be one gesture")]
    Scattered,
    /// The running box tells nothing.
    #[error("{0}")]
    Silent(String),
    /// A folder of pictures cannot be used.
    #[error("{what} in `{path}`")]
    Pictures {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The bundled hands are damaged.
    #[error(transparent)]
    Examples(#[from] super::examples::ExamplesError),
    /// A network failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl TaughtError {
    /// One thing that the user can do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Read { .. } | Self::Write { .. } => {
                "check the path and the permissions; `infer.taught` names the folder".to_owned()
            }
            Self::Size { path, .. } | Self::Damaged { path, .. } => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                format!("`supervisor forget {name}` removes it; then teach it anew")
            }
            Self::Many { .. } => "`supervisor forget NAME` removes one".to_owned(),
            Self::Known { name, .. } => {
                format!("`supervisor forget {name}` removes it, or choose other `infer.gestures`")
            }
            Self::Unusable { .. } | Self::Examples(_) | Self::Run(_) => {
                "this is a bug; please report it".to_owned()
            }
            Self::Homeless => "--taught FOLDER says where".to_owned(),
            Self::Name(_) => format!(
                "1 to {LABEL_BYTES_MAX} bytes of letters, digits, `-` and `_`, and not `none`"
            ),
            Self::Taken(_) => "choose another name; rules for that one go into the configuration, \
                               [gestures.NAME]"
                .to_owned(),
            Self::Again(_) => {
                "--add learns from these samples too, --replace from these alone".to_owned()
            }
            Self::Unknown { known, .. } if known.is_empty() => {
                "none was; `supervisor teach NAME` teaches one".to_owned()
            }
            Self::Unknown { known, .. } => format!("there are: {}", known.join(", ")),
            Self::Side { kept, .. } => {
                format!("say --hand {kept} here too, or --replace what was taught")
            }
            Self::Few { hint, .. } => hint.clone(),
            Self::Scattered => {
                "hold one pose, and turn or move the hand only a little while it is seen".to_owned()
            }
            Self::Silent(_) => {
                "`supervisor status` shows how the box and its sources are".to_owned()
            }
            Self::Pictures { .. } => {
                "give a folder of JPEG or PNG pictures, each with one hand that shows the gesture"
                    .to_owned()
            }
        }
    }

    /// Whether the command line is wrong, not a file or the box.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Homeless
                | Self::Name(_)
                | Self::Taken(_)
                | Self::Again(_)
                | Self::Unknown { .. }
                | Self::Side { .. }
        )
    }

    /// Whether what is kept cannot be used as it is.
    #[must_use]
    pub fn is_config(&self) -> bool {
        matches!(
            self,
            Self::Size { .. }
                | Self::Damaged { .. }
                | Self::Many { .. }
                | Self::Known { .. }
                | Self::Unusable { .. }
        )
    }
}

/// A worker that gets it cannot be started with the same configuration.
impl From<TaughtError> for WorkerFailure {
    fn from(error: TaughtError) -> Self {
        Self::new(ExitReason::Config, error.to_string()).hint(error.hint())
    }
}
