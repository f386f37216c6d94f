//! Which supervisor looks after a segment, and what becomes of a segment without one.
//!
//! A supervisor says so in the header, again and again. When it was killed, its workers go on for
//! a while; if another one takes the segment over meanwhile, they see its signs of life here and
//! go on until it replaces them. If nobody does, the last of them removes the segment's name.

use super::lifetime::is_same_file;
use super::{Segment, SegmentName};
use crate::clock::MonotonicNs;
use crate::layout::PROCESSES;
use crate::process_table::lives;
use crate::sync::{Ordering, fence};
use std::fs::File;
use std::os::fd::AsFd;

impl Segment {
    /// Makes this process the segment's supervisor. `sources_hash` says what is in its rings.
    pub fn take_over(&self, sources_hash: u64) {
        let header = self.header();
        // ORDERING: Relaxed - read by a successor that found this process dead.
        header
            .supervisor_pid
            .store(std::process::id(), Ordering::Relaxed);
        header.sources_hash.store(sources_hash, Ordering::Relaxed);
        self.beat_supervisor();
    }

    /// What [`Self::take_over`] stored; 0 = nothing yet.
    #[must_use]
    pub fn sources_hash(&self) -> u64 {
        // ORDERING: Relaxed - its writer is dead, or we are the writer.
        self.header().sources_hash.load(Ordering::Relaxed)
    }

    /// Stores a sign of life of the supervisor.
    pub fn beat_supervisor(&self) {
        // ORDERING: Relaxed - a stamp; nothing else is read through it.
        self.header()
            .supervisor_beat_ns
            .store(MonotonicNs::now().0, Ordering::Relaxed);
    }

    /// The supervisor's last sign of life.
    #[must_use]
    pub fn supervisor_beat(&self) -> MonotonicNs {
        // ORDERING: Relaxed - a stamp.
        MonotonicNs(self.header().supervisor_beat_ns.load(Ordering::Relaxed))
    }

    /// Gives the process's place back and, if no other process is attached and no supervisor owns
    /// the segment, removes its name. For a worker that ends because nobody looks after it.
    pub fn leave(&self, place: usize, name: &SegmentName) {
        if let Ok(entry) = self.process(place) {
            entry.free();
        }
        // ORDERING: SeqCst - of two that leave at once, at least one sees the other's place free.
        fence(Ordering::SeqCst);
        let attached = (0..PROCESSES).filter_map(|place| self.process(place).ok()?.process());
        if !attached.into_iter().any(|(pid, start)| lives(pid, start)) {
            self.remove_unowned(name);
        }
    }

    /// Removes the name if it still means this segment and nobody holds the file's lock, which
    /// every supervisor does.
    fn remove_unowned(&self, name: &SegmentName) {
        let Some(own) = self.file() else {
            return;
        };
        // A file of its own: the inherited one shares its lock with the dead supervisor's other
        // workers.
        let Ok(file) = File::open(name.path()) else {
            return;
        };
        let is_own = || {
            let own = own.as_fd().try_clone_to_owned();
            own.is_ok_and(|own| is_same_file(name, &File::from(own)))
        };
        if file.try_lock().is_ok() && is_own() {
            // If it stays behind, the next supervisor adopts or removes it.
            let _removed = name.unlink();
        }
    }
}
