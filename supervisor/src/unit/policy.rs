//! The restart policy of one unit: (state, event, time) → what to do, and nothing else.
//!
//! A unit that dies comes back at once; if it dies again before it was healthy for a while, after
//! a wait that doubles; if it dies too often, it is given up and only tried again once in a long
//! while. An exit code that says "this cannot work" (wrong usage, layout or configuration) is
//! believed, and the unit is not tried again until somebody asks.
//!
//! ```text
//!            Start           Ready            Stop/Restart/Stalled
//!   down ──────────► starting ─────► ready ──────────────────────► stopping
//!    ▲                  ▲  │           │                              │ Died
//!    │ Stop             │  └──── Died ─┴──► backoff ◄─────────────────┤ (stalled)
//!    │                  │ Tick after wait ──┘  │ too often            │
//!    │                  ├── Tick after retry ─ failed ◄───────────────┘
//!    └──────────────────┴─────── Died (asked to stop: down; to restart: starting)
//! ```
//! Neighbours: `crate::units` feeds it and carries out what it answers. It must never read a clock.

use super::death::Death;
use super::jitter::Jitter;
use crate::config::Restart;
use shm_layout::MonotonicNs;
use std::collections::VecDeque;
use std::time::Duration;

/// After SIGABRT, which may write a core file, a stalled process has this long before SIGKILL.
pub const ABORT_GRACE: Duration = Duration::from_secs(2);

/// Where a unit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No process, and none is wanted.
    Down,
    /// A process runs and has not said that it is ready.
    Starting {
        /// When it was started.
        since: MonotonicNs,
    },
    /// A process runs and serves.
    Ready {
        /// When it said so.
        since: MonotonicNs,
    },
    /// A process runs and was told to end.
    Stopping {
        /// When it is killed if it still runs.
        kill_at: MonotonicNs,
        /// What follows its end.
        then: Then,
    },
    /// No process; the next one is started later.
    Backoff {
        /// When.
        until: MonotonicNs,
    },
    /// No process; it died too often, or for a reason that trying again cannot mend.
    Failed {
        /// When it is tried again; `None` = only when somebody asks.
        retry_at: Option<MonotonicNs>,
    },
}

/// What follows the end of a process that was told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Down,
    /// A new one, at once.
    Restart,
    /// Whatever follows any other death: it was stalled.
    Count,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it to run.
    Start,
    /// Its process says that it serves.
    Ready,
    /// Its process ended, or could not be started.
    Died(Death),
    /// Its process was silent for too long.
    Stalled,
    /// Somebody wants it to end.
    Stop,
    /// The box stops: what runs goes on until it is stopped, and nothing is started any more.
    Retire,
    /// Somebody wants a new process in place of the present one.
    Restart,
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    None,
    /// Start a process.
    Spawn,
    /// Ask the process to finish and end (drain message and SIGTERM).
    Drain,
    /// End the process with SIGABRT, for a core file.
    Abort,
    /// End the process with SIGKILL.
    Kill,
}

/// The policy of one unit with what it remembers.
#[derive(Debug, Clone)]
pub struct Policy {
    limits: Restart,
    drain: Duration,
    state: State,
    /// Times of the deaths that count, newest last; at most `limits.limit` of them.
    deaths: VecDeque<MonotonicNs>,
    /// Deaths in a row without a healthy time between them.
    in_a_row: u32,
    /// Given up, and the present process is the slow retry: its death gives up again at once.
    on_probation: bool,
    /// The box stops: nothing is started any more.
    is_retired: bool,
}

impl Policy {
    /// A unit that is down. `drain` is the time that its process has to stop when asked to.
    #[must_use]
    pub fn new(limits: &Restart, drain: Duration) -> Self {
        Self {
            limits: limits.clone(),
            drain,
            state: State::Down,
            deaths: VecDeque::new(),
            in_a_row: 0,
            on_probation: false,
            is_retired: false,
        }
    }

    /// The unit has another process from now on, which stands as `state` says; what the one
    /// before did is forgotten.
    pub fn succeed(&mut self, state: State) {
        self.forget();
        self.state = state;
    }

    /// Other limits from now on; a wait or a deadline that runs already stays as it is.
    pub fn set_limits(&mut self, limits: &Restart, drain: Duration) {
        self.limits = limits.clone();
        self.drain = drain;
    }

    fn forget(&mut self) {
        self.deaths.clear();
        self.in_a_row = 0;
        self.on_probation = false;
    }

    /// Where the unit stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes in one event at the time `now` and says what to do about it.
    pub fn on_event(&mut self, event: Event, now: MonotonicNs, jitter: Jitter) -> Action {
        match event {
            Event::Start => self.on_start(now),
            Event::Ready => self.on_ready(now),
            Event::Died(death) => self.on_death(death, now, jitter),
            Event::Stalled => self.on_stall(now),
            Event::Stop => self.on_stop(now),
            Event::Retire => self.on_retire(),
            Event::Restart => self.on_restart(now),
            Event::Tick => self.on_tick(now),
        }
    }

    fn on_start(&mut self, now: MonotonicNs) -> Action {
        if self.state == State::Down {
            self.spawn(now)
        } else {
            Action::None
        }
    }

    fn on_ready(&mut self, now: MonotonicNs) -> Action {
        if matches!(self.state, State::Starting { .. }) {
            self.state = State::Ready { since: now };
        }
        Action::None
    }

    fn on_death(&mut self, death: Death, now: MonotonicNs, jitter: Jitter) -> Action {
        match self.state {
            State::Stopping {
                then: Then::Down, ..
            } => {
                self.state = State::Down;
                return Action::None;
            }
            State::Stopping {
                then: Then::Restart,
                ..
            } => return self.spawn(now),
            State::Ready { since } if now.since(since) >= secs(self.limits.healthy_s) => {
                self.in_a_row = 0;
                self.on_probation = false;
            }
            State::Starting { .. } | State::Ready { .. } | State::Stopping { .. } => {}
            // A death of a process that this unit no longer has.
            State::Down | State::Backoff { .. } | State::Failed { .. } => return Action::None,
        }
        if self.is_retired {
            self.state = State::Down;
            return Action::None;
        }
        if death.is_permanent() {
            self.state = State::Failed { retry_at: None };
            return Action::None;
        }
        if self.died_too_often(now) || self.on_probation {
            self.on_probation = true;
            self.state = State::Failed {
                retry_at: Some(later(now, secs(self.limits.retry_s))),
            };
            return Action::None;
        }
        let wait = self.wait(jitter);
        self.in_a_row = self.in_a_row.saturating_add(1);
        if wait.is_zero() {
            return self.spawn(now);
        }
        self.state = State::Backoff {
            until: later(now, wait),
        };
        Action::None
    }

    fn on_stall(&mut self, now: MonotonicNs) -> Action {
        if !matches!(self.state, State::Starting { .. } | State::Ready { .. }) {
            return Action::None;
        }
        self.state = State::Stopping {
            kill_at: later(now, ABORT_GRACE),
            then: Then::Count,
        };
        Action::Abort
    }

    fn on_stop(&mut self, now: MonotonicNs) -> Action {
        match self.state {
            State::Starting { .. } | State::Ready { .. } => {
                let kill_at = later(now, self.drain);
                self.state = State::Stopping {
                    kill_at,
                    then: Then::Down,
                };
                Action::Drain
            }
            State::Stopping { kill_at, then } => {
                self.state = State::Stopping {
                    kill_at,
                    then: Then::Down,
                };
                // One that is being aborted never gets a drain message: it does not listen.
                if then == Then::Count {
                    Action::None
                } else {
                    Action::Drain
                }
            }
            State::Down | State::Backoff { .. } | State::Failed { .. } => {
                self.state = State::Down;
                Action::None
            }
        }
    }

    fn on_retire(&mut self) -> Action {
        self.is_retired = true;
        match self.state {
            State::Down | State::Backoff { .. } | State::Failed { .. } => self.state = State::Down,
            State::Starting { .. } | State::Ready { .. } | State::Stopping { .. } => {}
        }
        Action::None
    }

    fn on_restart(&mut self, now: MonotonicNs) -> Action {
        self.forget();
        match self.state {
            State::Starting { .. } | State::Ready { .. } => {
                let kill_at = later(now, self.drain);
                self.state = State::Stopping {
                    kill_at,
                    then: Then::Restart,
                };
                Action::Drain
            }
            State::Stopping { kill_at, .. } => {
                self.state = State::Stopping {
                    kill_at,
                    then: Then::Restart,
                };
                Action::None
            }
            State::Down | State::Backoff { .. } | State::Failed { .. } => self.spawn(now),
        }
    }

    fn on_tick(&mut self, now: MonotonicNs) -> Action {
        match self.state {
            State::Backoff { until } if now >= until => self.spawn(now),
            State::Failed { retry_at: Some(at) } if now >= at => self.spawn(now),
            State::Stopping { kill_at, .. } if now >= kill_at => Action::Kill,
            State::Ready { since } if now.since(since) >= secs(self.limits.healthy_s) => {
                self.in_a_row = 0;
                self.on_probation = false;
                Action::None
            }
            _ => Action::None,
        }
    }

    fn spawn(&mut self, now: MonotonicNs) -> Action {
        if self.is_retired {
            self.state = State::Down;
            return Action::None;
        }
        self.state = State::Starting { since: now };
        Action::Spawn
    }

    /// Notes a death and says whether it is one too many for the window.
    fn died_too_often(&mut self, now: MonotonicNs) -> bool {
        let window = secs(self.limits.window_s);
        while self
            .deaths
            .front()
            .is_some_and(|death| now.since(*death) > window)
        {
            self.deaths.pop_front();
        }
        if self.deaths.len() >= self.limits.limit as usize {
            self.deaths.clear();
            return true;
        }
        self.deaths.push_back(now);
        false
    }

    /// How long to wait before the next start: not at all, then `backoff_min_ms`, doubling.
    fn wait(&self, jitter: Jitter) -> Duration {
        if self.in_a_row == 0 {
            return Duration::ZERO;
        }
        // 2^20 times the smallest wait is beyond any configured maximum.
        let doubled = self
            .limits
            .backoff_min_ms
            .saturating_mul(1 << (self.in_a_row - 1).min(20));
        Duration::from_millis(jitter.apply(doubled.min(self.limits.backoff_max_ms)))
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn later(now: MonotonicNs, wait: Duration) -> MonotonicNs {
    let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    MonotonicNs(now.0.saturating_add(wait_ns))
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
