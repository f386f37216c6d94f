//! Why a model cannot be used; every text names the file, what was expected and what was found.

use shm_layout::exit::ExitReason;
use shm_layout::worker::WorkerFailure;
use std::path::PathBuf;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No folder of the search order holds a manifest.
    #[error("no model manifest in {}", list(.searched))]
    NoManifest {
        /// Where it was looked for, in order.
        searched: Vec<PathBuf>,
    },
    /// The manifest cannot be read.
    #[error("cannot read the model manifest `{path}`: {cause}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The manifest is no valid TOML, or a key is missing, unknown or of the wrong type.
    #[error("wrong model manifest `{path}`: {message}")]
    Syntax {
        /// The manifest.
        path: PathBuf,
        /// The parser's words, with line and key.
        message: String,
    },
    /// The manifest contradicts itself or what this program can run.
    #[error("wrong model manifest `{path}`: {key}: expected {expected}, found {found}")]
    Entry {
        /// The manifest.
        path: PathBuf,
        /// The key, dotted.
        key: String,
        /// What may stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A network's file is not there or cannot be read.
    #[error("cannot read the model file `{path}`: {cause}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A network's file is larger than any that is read.
    #[error("model file `{path}`: expected at most {expected} bytes, found {found}")]
    FileSize {
        /// The file.
        path: PathBuf,
        /// The limit.
        expected: u64,
        /// Its size.
        found: u64,
    },
    /// A network's file is not the one that the manifest describes.
    #[error("damaged model file `{path}`: expected sha256 {expected}, found {found}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Digest in the manifest.
        expected: String,
        /// Digest of the file.
        found: String,
    },
    /// A network's inputs or outputs are not those that the manifest states.
    #[error("model file `{path}`: {port}: expected {expected}, found {found}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// Which input or output.
        port: String,
        /// What the manifest states.
        expected: String,
        /// What the file holds.
        found: String,
    },
    /// A network's values are not those that the manifest states.
    #[error("model file `{path}`: output `{output}`: expected {expected}, found {found}")]
    Values {
        /// The file.
        path: PathBuf,
        /// Which output.
        output: String,
        /// What the manifest states.
        expected: String,
        /// What the network says.
        found: String,
    },
    /// The runtime cannot load the network.
    #[error("model file `{path}`: expected an ONNX network that can be run: {cause}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The runtime's words.
        cause: String,
    },
    /// The library of the backend cannot be used.
    #[error("cannot use the ONNX Runtime library `{library}`: {cause}")]
    Runtime {
        /// The library, by its path or by the name that the system was asked for.
        library: PathBuf,
        /// Why not.
        cause: String,
    },
}

impl ModelError {
    /// One thing that the operator can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoManifest { .. } | Self::Manifest { .. } => {
                "give the path of a manifest.toml, or restore the folder `models` of this release"
            }
            Self::Syntax { .. } | Self::Entry { .. } => {
                "correct the manifest; models/README.md describes its keys"
            }
            Self::File { .. } | Self::FileSize { .. } | Self::Damaged { .. } => {
                "restore the file from this release, or state its new sha256 in the manifest"
            }
            Self::Values { .. } => {
                "say in the manifest what the network's values are; models/README.md has the usual ones"
            }
            Self::Shape { .. } | Self::Unsupported { .. } => {
                "use the network that the manifest describes; `infer-worker check-model --print-manifest FILE.onnx` prints its inputs, outputs and digest"
            }
            Self::Runtime { .. } => {
                "install ONNX Runtime 1.17 or newer and name its libonnxruntime.so in infer.onnxruntime_library or in ORT_DYLIB_PATH, or set infer.backend = \"tract\""
            }
        }
    }
}

/// A worker that gets it cannot be started with the same configuration.
impl From<ModelError> for WorkerFailure {
    fn from(error: ModelError) -> Self {
        Self::new(ExitReason::Config, error.to_string()).hint(error.hint())
    }
}

fn list(paths: &[PathBuf]) -> String {
    let quoted: Vec<String> = paths
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    quoted.join(", ")
}
