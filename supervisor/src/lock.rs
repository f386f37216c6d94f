//! One supervisor per instance: a lock that the kernel drops when its holder dies.
//!
//! The file is removed at a clean stop. Somebody who opened it just before that would then lock a
//! file that nobody else can find, so a lock counts only if the path still leads to its file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The lock file may be replaced under us this often before we give up; each time another
/// supervisor of the same instance started and stopped within microseconds.
const ATTEMPTS_MAX: usize = 100;

/// The held lock of an instance; the kernel drops it with the process.
#[derive(Debug)]
pub struct InstanceLock {
    path: PathBuf,
    /// `O_CLOEXEC`, as every file that the standard library opens: workers must not hold it.
    _file: File,
}

/// The lock cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another supervisor holds it.
    #[error("held by another supervisor")]
    Held {
        /// Its process id, if it has written it already.
        pid: Option<u32>,
    },
    /// The file cannot be opened or locked.
    #[error("cannot lock `{}`", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl InstanceLock {
    /// Takes the lock without waiting.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] if a supervisor runs.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io_error = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        for _ in 0..ATTEMPTS_MAX {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path)
                .map_err(io_error)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    let pid = file
                        .read_to_string(&mut text)
                        .ok()
                        .and(text.trim().parse().ok());
                    return Err(LockError::Held { pid });
                }
                Err(TryLockError::Error(error)) => return Err(io_error(error)),
            }
            if !leads_to(path, &file) {
                continue;
            }
            file.set_len(0).map_err(io_error)?;
            file.rewind().map_err(io_error)?;
            writeln!(file, "{}", std::process::id()).map_err(io_error)?;
            return Ok(Self {
                path: path.to_owned(),
                _file: file,
            });
        }
        Err(LockError::Held { pid: None })
    }
}

impl Drop for InstanceLock {
    /// Removes the file, while it is still locked; the lock itself goes with the file's closing.
    fn drop(&mut self) {
        // If it stays behind, the next supervisor takes it over.
        let _removed = std::fs::remove_file(&self.path);
    }
}

/// Whether `path` still names the open `file`.
pub(crate) fn leads_to(path: &Path, file: &File) -> bool {
    match (std::fs::metadata(path), file.metadata()) {
        (Ok(there), Ok(here)) => there.dev() == here.dev() && there.ino() == here.ino(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_taker_learns_the_first_ones_pid() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("lab.lock");
        let lock = InstanceLock::take(&path).unwrap();
        let error = InstanceLock::take(&path).unwrap_err();
        assert!(matches!(error, LockError::Held { pid: Some(pid) } if pid == std::process::id()));
        drop(lock);
        assert!(!path.exists());
        InstanceLock::take(&path).unwrap();
    }

    #[test]
    fn file_left_by_a_dead_holder_is_taken_over() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("lab.lock");
        std::fs::write(&path, "4194304999\n").unwrap();
        let _lock = InstanceLock::take(&path).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            format!("{}\n", std::process::id())
        );
    }

    #[test]
    fn lock_of_a_removed_file_does_not_count() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("lab.lock");
        let removed = File::create(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(!leads_to(&path, &removed));
        std::fs::write(&path, "").unwrap();
        assert!(!leads_to(&path, &removed));
    }
}
