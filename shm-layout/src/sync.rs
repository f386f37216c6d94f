//! The atomics of the shared structures: the standard ones, or loom's when the models run.
//!
//! Every shared word is named through this file, so that one switch replaces them all.

#[cfg(loom)]
pub use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Called in loops that wait for another process to make progress. Loom needs to be told; the
/// real loops are bounded and spin.
#[inline]
pub(crate) fn retry_pause() {
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(not(loom))]
    std::hint::spin_loop();
}
