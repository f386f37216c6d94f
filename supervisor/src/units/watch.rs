//! Lets time pass for the units: waits that end, deadlines that pass, processes that are silent.
//! What that means is decided in `crate::unit`.

use super::Units;
use crate::unit::policy::{Event, State};
use shm_layout::MonotonicNs;
use shm_layout::control::Role;
use std::time::Duration;

impl Units<'_> {
    /// Lets time pass: waits that end, deadlines that pass, processes that are silent.
    pub fn tick(&mut self) {
        let now = MonotonicNs::now();
        let on_time = self.watchdog.begin_round(now);
        if !on_time {
            tracing::warn!(
                "the supervisor stood still for a while; this watchdog round is skipped"
            );
        }
        for index in 0..self.units.len() {
            self.apply(index, Event::Tick);
            if on_time {
                self.watch_beside(index, now);
            }
            if on_time && let Some(silence) = self.overdue(index, now) {
                let unit = &self.units[index];
                let stage = self.launcher.segment().process(unit.plan.place).ok();
                let stage = stage.and_then(|entry| entry.stage_now().0);
                let stage = stage.map(|stage| format!(" while {stage:?}").to_lowercase());
                tracing::error!(
                    "{} gave no sign of life for {} ms{}; ending it",
                    unit.plan.name,
                    silence.as_millis(),
                    stage.unwrap_or_default()
                );
                self.apply(index, Event::Stalled);
            }
        }
    }

    /// How long a unit's process has been silent, if that is too long.
    fn overdue(&self, index: usize, now: MonotonicNs) -> Option<Duration> {
        let unit = &self.units[index];
        let (alive, limit_ms) = match unit.policy.state() {
            State::Starting { since } => (since, self.limits.start_ms),
            State::Ready { since } => {
                let entry = self.launcher.segment().process(unit.plan.place).ok()?;
                let limit_ms = match unit.plan.role {
                    Role::Capture => self.limits.capture_ms,
                    Role::Infer => self.limits.infer_ms,
                    Role::Gateway => self.limits.gateway_ms,
                };
                // A stamp from the future is no sign of life; the kernel's clock never goes back.
                (entry.heartbeat().max(since).min(now), limit_ms)
            }
            _ => return None,
        };
        let silence = self.watchdog.silence(alive, now);
        (silence > Duration::from_millis(limit_ms)).then_some(silence)
    }
}
