//! Sources whose publisher is not one certain process: of several that may publish, at most one
//! does at a time.
//!
//! A pushed source is published by a gateway, and for a moment there are two of those: one that
//! serves and its successor. Which of them publishes is decided by a lock on one byte of the
//! segment's own file: the kernel gives it to one opening of the file only, and takes it back when
//! that is closed, which the death of its process does too. So no successor publishes before its
//! predecessor has stopped, however that ended, and nobody has to find out first.
//! Source: fcntl(2), open file description locks.

use super::{Access, PlaceError, Segment};
use crate::ring::Publisher;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;

/// Numbers of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceSet(u64);

impl SourceSet {
    /// Whether `source` is in it.
    #[must_use]
    pub const fn contains(self, source: usize) -> bool {
        source < u64::BITS as usize && self.0 & (1 << source) != 0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<usize> for SourceSet {
    fn from_iter<I: IntoIterator<Item = usize>>(sources: I) -> Self {
        let known = sources.into_iter().filter(|s| *s < u64::BITS as usize);
        Self(known.fold(0, |set, source| set | 1 << source))
    }
}

/// Why a source cannot be published by this process now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// It never can.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Another process publishes it at the moment.
    #[error("another process publishes source number {0}")]
    Held(usize),
    /// The operating system refused to say.
    #[error("cannot lock the segment's file")]
    System(#[source] std::io::Error),
}

/// The right to publish one source; the kernel takes it back when this is dropped, or its process
/// is dead.
#[derive(Debug)]
pub(crate) struct PublishingRight(#[expect(dead_code, reason = "held, never read")] File);

impl Segment {
    /// The publishing end of a source that other processes may publish too, unless one of them
    /// does. What that left behind is repaired. Dropping the publisher gives the source back.
    ///
    /// # Errors
    ///
    /// [`ClaimError::Held`] while another process, or another publisher of this one, has it.
    pub fn claim_publisher(&self, source: usize) -> Result<Publisher<'_>, ClaimError> {
        let ring = self.ring_access(source)?;
        match self.access {
            Access::Everything => {}
            Access::Push(own) if own.contains(source) => {}
            _ => return Err(PlaceError::ReadOnly(source).into()),
        }
        // Private memory has no file, and no other process.
        let right = self.file().map(|file| lock(file, source)).transpose()?;
        let events = [self.frame_event(), self.activity_event()];
        let mut publisher = Publisher::new(ring, events);
        publisher.right = right;
        Ok(publisher)
    }
}

/// Locks the byte of `source`, without waiting. The inherited descriptor shares its opening, and
/// so its locks, with every process of the box: the lock needs an opening of its own.
fn lock(segment: BorrowedFd<'_>, source: usize) -> Result<PublishingRight, ClaimError> {
    let again = PathBuf::from(format!("/proc/self/fd/{}", segment.as_raw_fd()));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(again)
        .map_err(ClaimError::System)?;
    let request = libc::flock {
        l_type: libc::F_WRLCK as _,
        l_whence: libc::SEEK_SET as _,
        l_start: source as _,
        l_len: 1,
        l_pid: 0,
    };
    match fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&request)) {
        Ok(_) => Ok(PublishingRight(file)),
        Err(Errno::EAGAIN | Errno::EACCES) => Err(ClaimError::Held(source)),
        Err(errno) => Err(ClaimError::System(errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_holds_what_was_put_in() {
        let set: SourceSet = [0, 3, 63, 64, 900].into_iter().collect();
        let held: Vec<usize> = (0..1000).filter(|s| set.contains(*s)).collect();
        assert_eq!(held, [0, 3, 63]);
        assert!(SourceSet::default().is_empty() && !set.is_empty());
    }
}
