//! Bounds how many tests run boxes at once, however many tests there are: a box keeps a processor
//! busy, and a machine that is overloaded shows nothing but that.
//!
//! What is counted is tests, not boxes: a test that already runs a box gets its next one at once.
//! If it had to wait for that, two tests of two boxes each could wait for each other for ever.

use std::cell::RefCell;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

/// Most tests that run boxes, at a time in one test process.
const TESTS_MAX: usize = 2;

static RUNNING: Mutex<usize> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

thread_local! {
    /// The turn of the test that this thread runs, while it has a box.
    static TURN: RefCell<Weak<Turn>> = const { RefCell::new(Weak::new()) };
}

/// The right to run one box; ends with it, on whatever thread.
#[derive(Debug)]
pub(super) struct Permit {
    _turn: Arc<Turn>,
}

impl Permit {
    /// Waits until fewer than [`TESTS_MAX`] other tests run boxes.
    pub(super) fn wait() -> Self {
        TURN.with_borrow_mut(|own| {
            let turn = own.upgrade().unwrap_or_else(|| Arc::new(Turn::wait()));
            *own = Arc::downgrade(&turn);
            Self { _turn: turn }
        })
    }
}

/// One test's turn, as long as it has a box.
#[derive(Debug)]
struct Turn;

impl Turn {
    fn wait() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = CHANGED
            .wait_while(running, |running| *running >= TESTS_MAX)
            .unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        CHANGED.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::DEADLINE;
    use std::sync::{Barrier, mpsc};

    /// Goal: tests that run several boxes each never wait for each other for ever.
    /// Method: as many as may run at once, each with its first box, ask for their second one.
    #[test]
    fn a_test_that_has_a_box_gets_its_next_one_at_once() {
        let have_one = Arc::new(Barrier::new(TESTS_MAX));
        let (have_two, ended) = mpsc::channel();
        for _ in 0..TESTS_MAX {
            let (have_one, have_two) = (Arc::clone(&have_one), have_two.clone());
            std::thread::spawn(move || {
                let first = Permit::wait();
                have_one.wait();
                let second = Permit::wait();
                drop(first);
                let turns = *RUNNING.lock().unwrap();
                drop(second);
                have_two.send(turns)
            });
        }
        for _ in 0..TESTS_MAX {
            let turns = ended.recv_timeout(DEADLINE).expect("nobody waits for ever");
            assert!(turns <= TESTS_MAX, "{turns} turns at once");
        }
    }
}
