//! Tells systemd how the box is doing: that it is ready, in a line how it is, that the main loop
//! turns, that it stops (`Type=notify`, `WatchdogSec=`).
//!
//! Upstream: [`crate::running_box`]. What is said when is a pure function of status and time; a
//! thread says it, because the socket blocks if systemd does not read. Without `NOTIFY_SOCKET`
//! nothing happens. Workers never get the variables by which systemd is found.

use sd_notify::NotifyState;
use shm_layout::MonotonicNs;
use shm_layout::control::BoxState;
use std::process::Command;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Variables with which systemd speaks to the process that it started, and to no other.
/// Source: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3).
const FOR_THIS_PROCESS: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];

/// Messages that may wait until systemd reads.
const QUEUE_MESSAGES: usize = 16;

/// How often at most the line of text changes.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Ready,
    Line(String),
    Alive,
    Stopping,
}

/// What was said so far.
#[derive(Debug, Default)]
struct Said {
    ready: bool,
    stopping: bool,
    line: String,
    line_at: MonotonicNs,
    alive_at: MonotonicNs,
}

impl Said {
    /// What to say of a box that is `state`. Once it serves what it can it has started: a camera
    /// that is missing is no reason to be ended for not getting ready.
    fn on_status(
        &mut self,
        state: BoxState,
        line: impl FnOnce() -> String,
        now: MonotonicNs,
    ) -> Vec<Word> {
        let mut words = Vec::new();
        if state == BoxState::Stopping {
            if !std::mem::replace(&mut self.stopping, true) {
                words.extend([Word::Stopping, Word::Line("stopping".to_owned())]);
            }
            return words;
        }
        let serves = matches!(state, BoxState::Ready | BoxState::Degraded);
        let is_first = serves && !std::mem::replace(&mut self.ready, true);
        if is_first {
            words.push(Word::Ready);
        }
        if is_first || now.since(self.line_at) >= LINE_EVERY {
            let line = line();
            if line != self.line {
                (self.line, self.line_at) = (line.clone(), now);
                words.push(Word::Line(line));
            }
        }
        words
    }

    /// Whether the watchdog of systemd, which wants to hear within `limit`, is to be told now.
    fn is_alive_due(&mut self, limit: Duration, now: MonotonicNs) -> bool {
        let is_due = now.since(self.alive_at) >= limit / 3;
        if is_due {
            self.alive_at = now;
        }
        is_due
    }
}

/// The way to systemd, if that started this process.
#[derive(Debug)]
pub struct Herald {
    said: Said,
    watchdog: Option<Duration>,
    queue: Option<SyncSender<Word>>,
}

impl Herald {
    /// Finds systemd by the environment.
    #[must_use]
    pub fn find() -> Self {
        let is_there = std::env::var_os("NOTIFY_SOCKET").is_some();
        Self {
            said: Said::default(),
            watchdog: sd_notify::watchdog_enabled(),
            queue: is_there.then(start).flatten(),
        }
    }

    /// The main loop turned.
    pub fn turned(&mut self, now: MonotonicNs) {
        if let Some(limit) = self.watchdog
            && self.said.is_alive_due(limit, now)
        {
            self.say(Word::Alive);
        }
    }

    /// The box is `state`; `line` says for people how it is doing.
    pub fn tell(&mut self, state: BoxState, line: impl FnOnce() -> String) {
        if self.queue.is_some() {
            for word in self.said.on_status(state, line, MonotonicNs::now()) {
                self.say(word);
            }
        }
    }

    fn say(&self, word: Word) {
        // Full: systemd does not read, and will not miss one more.
        let _full = self.queue.as_ref().map(|queue| queue.try_send(word));
    }
}

fn start() -> Option<SyncSender<Word>> {
    let (queue, words) = sync_channel(QUEUE_MESSAGES);
    let thread = std::thread::Builder::new().name("notify".to_owned());
    match thread.spawn(move || say_all(&words)) {
        Ok(_) => Some(queue),
        Err(error) => {
            tracing::warn!("systemd is not told how the box is doing: {error}");
            None
        }
    }
}

fn say_all(words: &Receiver<Word>) {
    let mut warned = false;
    for word in words {
        let state = match &word {
            Word::Ready => NotifyState::Ready,
            Word::Line(line) => NotifyState::Status(line),
            Word::Alive => NotifyState::Watchdog,
            Word::Stopping => NotifyState::Stopping,
        };
        if let Err(error) = sd_notify::notify(&[state])
            && !std::mem::replace(&mut warned, true)
        {
            tracing::warn!("systemd cannot be told how the box is doing: {error}");
        }
    }
}

/// Takes from a command what systemd meant for this process alone.
pub fn keep_to_ourselves(command: &mut Command) {
    for variable in FOR_THIS_PROCESS {
        command.env_remove(variable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MonotonicNs {
        MonotonicNs(ms * 1_000_000)
    }

    fn told(said: &mut Said, state: BoxState, line: &str, ms: u64) -> Vec<Word> {
        said.on_status(state, || line.to_owned(), at(ms))
    }

    fn line(text: &str) -> Word {
        Word::Line(text.to_owned())
    }

    #[test]
    fn readiness_is_told_once_and_also_of_a_box_that_lacks_something() {
        for serving in [BoxState::Ready, BoxState::Degraded] {
            let mut said = Said::default();
            assert_eq!(
                told(&mut said, BoxState::Starting, "starting", 5_000),
                [line("starting")]
            );
            assert_eq!(
                told(&mut said, serving, "serves", 5_010),
                [Word::Ready, line("serves")]
            );
            assert_eq!(told(&mut said, BoxState::Ready, "serves", 7_000), []);
        }
    }

    #[test]
    fn line_changes_once_a_second_at_most() {
        let mut said = Said::default();
        let mut lines = 0;
        for ms in (5_000..15_000).step_by(10) {
            let words = told(&mut said, BoxState::Ready, &format!("{ms}"), ms);
            lines += words.iter().filter(|w| matches!(w, Word::Line(_))).count();
        }
        assert_eq!(lines, 10);
    }

    #[test]
    fn stop_is_told_once_and_nothing_after_it() {
        let mut said = Said::default();
        told(&mut said, BoxState::Ready, "serves", 5_000);
        assert_eq!(
            told(&mut said, BoxState::Stopping, "", 5_001),
            [Word::Stopping, line("stopping")]
        );
        assert_eq!(told(&mut said, BoxState::Stopping, "", 9_000), []);
    }

    #[test]
    fn watchdog_hears_three_times_within_its_limit() {
        let mut said = Said::default();
        let limit = Duration::from_secs(3);
        let due = (10_000..13_000).step_by(100);
        let due = due.filter(|ms| said.is_alive_due(limit, at(*ms))).count();
        assert_eq!(due, 3);
    }
}
