//! Bounds how many boxes run at once, however many tests do: a box keeps a processor busy, and a
//! machine that is overloaded shows nothing but that.

use std::sync::{Condvar, Mutex, PoisonError};

/// Most boxes at a time in one test process.
const BOXES_MAX: usize = 2;

static RUNNING: Mutex<usize> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

/// The right to run one box.
#[derive(Debug)]
pub(super) struct Permit;

impl Permit {
    /// Waits until fewer than [`BOXES_MAX`] boxes run.
    pub(super) fn wait() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = CHANGED
            .wait_while(running, |running| *running >= BOXES_MAX)
            .unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        CHANGED.notify_one();
    }
}
