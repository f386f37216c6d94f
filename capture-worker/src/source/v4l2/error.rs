//! Why a camera gives no frames, in the words that a user reads.
//!
//! Neighbours: [`super`] and `stream` make these; [`crate::tracker`] shows them as the source's
//! detail. The same situation always gives the same words, so that it is logged once.

use super::holder;
use nix::errno::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// Why a camera gives no frames. The text is what a user sees as the source's detail.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CameraError {
    /// No node answers to the request.
    #[error("camera `{0}` is not connected")]
    Missing(String),
    /// `auto` found nothing that it can use.
    #[error("no usable camera is connected{0}")]
    NoneUsable(String),
    /// The camera cannot be opened, or not read any more.
    #[error("{step} failed: {source}")]
    Step {
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// This user may not open it.
    #[error("this user may not open it; members of the group `video` may")]
    Denied,
    /// The node is no camera.
    #[error("it does not capture video")]
    NoCapture,
    /// It offers nothing that can be used.
    #[error("it offers no usable format: expected {expected}, offered {offered}")]
    NoFormat {
        /// Formats that would do.
        expected: String,
        /// Formats that it has.
        offered: String,
    },
    /// The driver settled something else.
    #[error("{0}")]
    Refused(String),
    /// Another process streams from it.
    #[error("it is in use{0}")]
    Busy(String),
    /// It went away while it streamed.
    #[error("it was unplugged")]
    Unplugged,
    /// The driver stopped the stream.
    #[error("its stream stopped")]
    Stopped,
    /// It streams, and nothing comes.
    #[error("it is frozen: no frame for {0} s")]
    Frozen(u64),
    /// It streams, and only damaged frames come.
    #[error("it sends only damaged frames: {0}")]
    OnlyBad(String),
    /// Any of these, with the camera that it is about.
    #[error("{}: {source}", path.display())]
    At {
        /// The node.
        path: PathBuf,
        /// What is wrong.
        source: Box<CameraError>,
    },
}

impl CameraError {
    /// The meaning of a failed system call.
    pub(super) fn from_step(step: &'static str, source: io::Error) -> Self {
        match source.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENODEV | Errno::ENXIO | Errno::ENOENT) => Self::Unplugged,
            Some(Errno::EACCES | Errno::EPERM) => Self::Denied,
            Some(Errno::EBUSY) => Self::Busy(String::new()),
            _ => Self::Step { step, source },
        }
    }

    /// Whether no camera answers to the request at all.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Missing(_) => true,
            Self::NoneUsable(why) => why.is_empty(),
            _ => false,
        }
    }

    /// Says which camera it is, and who holds a busy one.
    pub(super) fn at(self, path: &Path) -> Self {
        let source = match self {
            Self::Busy(_) => {
                let holder = holder::of(path, Path::new("/proc"), std::process::id());
                Self::Busy(
                    holder
                        .map(|holder| format!(" by {holder}"))
                        .unwrap_or_default(),
                )
            }
            other => other,
        };
        Self::At {
            path: path.into(),
            source: Box::new(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errno_gets_its_meaning() {
        let of = |errno: Errno| CameraError::from_step("opening", io::Error::from(errno));
        assert!(matches!(of(Errno::ENODEV), CameraError::Unplugged));
        assert!(matches!(of(Errno::EBUSY), CameraError::Busy(_)));
        assert!(matches!(of(Errno::EACCES), CameraError::Denied));
        let text = of(Errno::EIO).at(Path::new("/dev/video0")).to_string();
        assert!(
            text.starts_with("/dev/video0: opening failed: Input/output error"),
            "{text}"
        );
    }

    #[test]
    fn a_busy_camera_of_nobody_known_is_just_in_use() {
        let busy = CameraError::Busy(String::new()).at(Path::new("/nowhere/video0"));
        assert_eq!(busy.to_string(), "/nowhere/video0: it is in use");
    }
}
