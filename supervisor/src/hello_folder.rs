//! The folder for the sockets through which workers say hello; swept at start, removed at the end.

use crate::failure::Failure;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The folder while it is there.
#[derive(Debug)]
pub struct HelloFolder {
    path: PathBuf,
}

impl HelloFolder {
    /// Makes it anew and has ipc-channel put its sockets there.
    ///
    /// # Errors
    ///
    /// [`Failure::System`] if it cannot be made.
    pub fn make(path: &Path) -> Result<Self, Failure> {
        let failed = |source| Failure::System {
            what: "make the folder for control sockets",
            source,
        };
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        // ipc-channel asks this library for a folder. It is told directly, since changing TMPDIR
        // is not safe once there are threads. Only the first call in a process counts.
        if let Err(before) = tempfile::env::override_temp_dir(path)
            && before != path
        {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        Ok(Self {
            path: path.to_owned(),
        })
    }
}

impl Drop for HelloFolder {
    fn drop(&mut self) {
        // If it stays behind, the next supervisor sweeps it.
        let _removed = std::fs::remove_dir_all(&self.path);
    }
}
