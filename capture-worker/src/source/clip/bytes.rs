//! The bytes of a clip, read at any offset: a file, or the demo clip inside the program.
//!
//! Neighbours: `jpeg_stream` and `avi` read through it. Files are read, never mapped: a file cut
//! by somebody else while it plays must not end the process.

use super::ClipError;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The clip that plays when a box has no camera; `demo/README.md` says what it shows.
static DEMO: &[u8] = include_bytes!("../../../demo/demo-640x480-15fps.mjpeg");

/// Where the bytes come from.
#[derive(Debug)]
enum Store {
    Embedded(&'static [u8]),
    File(File),
}

/// Bytes of a clip with their length and a name for messages.
#[derive(Debug)]
pub struct ClipBytes {
    store: Store,
    path: PathBuf,
    len_bytes: u64,
}

impl ClipBytes {
    /// The demo clip.
    #[must_use]
    pub fn demo() -> Self {
        Self::embedded(DEMO, "demo clip")
    }

    /// Bytes that are part of the program.
    #[must_use]
    pub fn embedded(bytes: &'static [u8], name: &str) -> Self {
        Self {
            store: Store::Embedded(bytes),
            path: name.into(),
            len_bytes: bytes.len() as u64,
        }
    }

    /// The file at `path`.
    ///
    /// # Errors
    ///
    /// [`ClipError::Open`] if it is missing, not readable or not a regular file.
    pub fn open(path: &Path) -> Result<Self, ClipError> {
        let fail = |source| ClipError::Open {
            path: path.into(),
            source,
        };
        let file = File::open(path).map_err(fail)?;
        let facts = file.metadata().map_err(fail)?;
        if !facts.is_file() {
            return Err(fail(io::Error::other(
                "neither a regular file nor a folder",
            )));
        }
        Ok(Self {
            store: Store::File(file),
            path: path.into(),
            len_bytes: facts.len(),
        })
    }

    /// Name for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length when it was opened.
    #[must_use]
    pub const fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Fills as much of `out` as there is from `offset` on; returns how much, 0 at the end.
    ///
    /// # Errors
    ///
    /// [`ClipError::Read`] if the file system fails.
    pub fn read_some(&self, out: &mut [u8], offset: u64) -> Result<usize, ClipError> {
        match &self.store {
            Store::Embedded(bytes) => {
                let start = usize::try_from(offset)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                let rest = &bytes[start..];
                let count = rest.len().min(out.len());
                out[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
            Store::File(file) => {
                let mut filled = 0;
                while filled < out.len() {
                    match file.read_at(&mut out[filled..], offset.saturating_add(filled as u64)) {
                        Ok(0) => break,
                        Ok(count) => filled += count,
                        Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
                        Err(source) => {
                            return Err(ClipError::Read {
                                path: self.path.clone(),
                                source,
                            });
                        }
                    }
                }
                Ok(filled)
            }
        }
    }
}
