//! How a process learns that there is something new: a counter in shared memory that the kernel
//! can put threads to sleep on (a futex, shared between processes).
//!
//! Whoever signals never waits and never counts waiters: a waiter that dies leaves nothing to
//! repair. Whoever waits always names a timeout: a signaller killed just before its wake-up
//! costs that timeout and no more. `unsafe` inventory: the two system calls.

use crate::layout::EventWord;
use crate::sync::Ordering;
use nix::libc;
use std::time::Duration;

/// One event word.
#[derive(Debug, Clone, Copy)]
pub struct Event<'s>(&'s EventWord);

impl<'s> Event<'s> {
    pub(crate) fn new(word: &'s EventWord) -> Self {
        Self(word)
    }

    /// The count now. Observe first, then look for work, then [`Self::wait`] with this value:
    /// anything that came in between makes the wait return at once.
    #[must_use]
    pub fn observe(&self) -> u32 {
        // ORDERING: Acquire - pairs with `signal`: what was published before it is visible.
        self.0.count.load(Ordering::Acquire)
    }

    /// Counts one event and wakes everybody who waits.
    pub fn signal(&self) {
        // ORDERING: Release - pairs with `observe`. Wrapping after 2^32 is harmless.
        self.0.count.fetch_add(1, Ordering::Release);
        futex_wake_all(&self.0.count);
    }

    /// Sleeps until the count differs from `seen`, until somebody signals, or for `timeout`;
    /// may also return early for no reason.
    pub fn wait(&self, seen: u32, timeout: Duration) {
        futex_wait(&self.0.count, seen, timeout);
    }
}

#[expect(
    unsafe_code,
    reason = "the standard library has no futex that works between processes"
)]
fn futex_wake_all(word: &std::sync::atomic::AtomicU32) {
    // SAFETY: FUTEX_WAKE reads nothing through the address; it only names the queue to wake.
    let _woken =
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

#[expect(
    unsafe_code,
    reason = "the standard library has no futex that works between processes"
)]
fn futex_wait(word: &std::sync::atomic::AtomicU32, seen: u32, timeout: Duration) {
    let timeout = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos() as libc::c_long,
    };
    // SAFETY:
    // 1. `word` is a live, aligned 32-bit word for the whole call (the borrow keeps it mapped);
    // 2. `timeout` is an initialised timespec that outlives the call;
    // 3. a failure (EAGAIN, EINTR, ETIMEDOUT) leaves no state behind: the caller looks again.
    let _reason = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            seen,
            std::ptr::from_ref(&timeout),
        )
    };
}
