//! The last lines that one worker logged.
//!
//! Written by the log pipe's thread, read once after the worker's death; by then the pipe is at its
//! end, or nearly so.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines that are kept.
const LINES_MAX: usize = 50;

/// Characters that are kept of each.
const LINE_CHARS_MAX: usize = 400;

/// The last lines of one process.
#[derive(Debug, Default)]
pub struct Tail {
    lines: Mutex<Lines>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    last: VecDeque<String>,
    ended: bool,
}

impl Tail {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        // A line is pushed or it is not: nothing is half done when a thread panics.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one more line, and forgets the oldest if there are too many.
    pub fn push(&self, line: &str) {
        let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let line: String = line
            .trim()
            .chars()
            .take(LINE_CHARS_MAX)
            .map(printable)
            .collect();
        if line.is_empty() {
            return;
        }
        let mut lines = self.lock();
        if lines.last.len() == LINES_MAX {
            lines.last.pop_front();
        }
        lines.last.push_back(line);
    }

    /// There will be no further line.
    pub fn end(&self) {
        self.lock().ended = true;
        self.ended.notify_all();
    }

    /// The lines, once there will be no more, but after `patience` in any case.
    #[must_use]
    pub fn take(&self, patience: Duration) -> Vec<String> {
        let wait = self
            .ended
            .wait_timeout_while(self.lock(), patience, |lines| !lines.ended);
        let (mut lines, _) = wait.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut lines.last).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn last_lines_are_kept_and_cut() {
        let tail = Tail::default();
        for number in 0..LINES_MAX + 7 {
            tail.push(&format!("INFO line {number}\n"));
        }
        tail.push("\n");
        tail.push(&"x\u{1b}".repeat(LINE_CHARS_MAX));
        tail.end();
        let lines = tail.take(Duration::MAX);
        assert_eq!(lines.len(), LINES_MAX);
        assert_eq!(lines[0], "INFO line 8");
        let last = lines.last().unwrap();
        assert_eq!(last.chars().count(), LINE_CHARS_MAX);
        assert!(!last.contains('\u{1b}'));
    }

    #[test]
    fn lines_that_come_late_are_waited_for() {
        let tail = Arc::new(Tail::default());
        let writer = Arc::clone(&tail);
        let thread = std::thread::spawn(move || {
            writer.push("ERROR the last word");
            writer.end();
        });
        assert_eq!(tail.take(Duration::MAX), ["ERROR the last word"]);
        thread.join().unwrap();
        assert!(
            Tail::default().take(Duration::ZERO).is_empty(),
            "not for ever"
        );
    }
}
