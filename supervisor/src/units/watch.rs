//! Lets time pass for the units: waits that end, deadlines that pass, processes whose work loops do
//! not turn or do not listen.
//!
//! The decisions are in `crate::unit`; here they meet the process table and the control channels.

use super::{Unit, Units};
use crate::event::Whose;
use crate::unit::policy::{Event, State};
use crate::unit::watchdog::{ASK_EVERY, Hearing, UNKNOWN_PACE_LIMIT, limit_for_pace, patience};
use shm_layout::MonotonicNs;
use shm_layout::control::{Role, ToWorker};
use shm_layout::process_table::Stage;
use std::fmt;
use std::time::Duration;

/// What the watchdog remembers of a unit's process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Attention {
    /// The process that it is about.
    generation: u64,
    hearing: Hearing,
    /// How long its model takes for a frame, with the generation that said so.
    pace: Option<(u64, u64)>,
}

/// Why a process is to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stall {
    /// No heartbeat came for so long.
    Silent(Duration, Option<Stage>),
    /// It works, but takes nothing in from its control channel.
    Deaf(Duration),
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(silence, stage) => {
                write!(f, "gave no sign of life for {} ms", silence.as_millis())?;
                match stage {
                    Some(stage) => write!(f, " while {}", format!("{stage:?}").to_lowercase()),
                    None => Ok(()),
                }
            }
            Self::Deaf(deaf) => {
                let ms = deaf.as_millis();
                write!(f, "has not read its control channel for {ms} ms")
            }
        }
    }
}

impl Units<'_> {
    /// Lets time pass: waits that end, deadlines that pass, processes that are silent.
    pub fn tick(&mut self) {
        let now = MonotonicNs::now();
        let on_time = self.watchdog.begin_round(now);
        if !on_time {
            tracing::warn!(
                "the supervisor stood still for a while; this watchdog round is skipped"
            );
            self.forgive_all();
        }
        for index in 0..self.units.len() {
            self.apply(index, Event::Tick);
            if on_time {
                self.watch_beside(index, now);
            }
            if on_time && let Some(stall) = self.stall(index, now) {
                tracing::error!("{} {stall}; ending it", self.units[index].plan.name);
                self.apply(index, Event::Stalled);
            }
        }
    }

    /// Notes how long the model of an infer-worker takes for a frame.
    pub fn note_pace(&mut self, whose: Whose, frame_ms: u64) {
        if self.assignment(whose).is_some()
            && let Some(unit) = self.units.get_mut(whose.unit)
        {
            let limit_ms = limit_for_pace(frame_ms).as_millis();
            tracing::debug!(
                "{}: {frame_ms} ms a frame, may be silent for {limit_ms} ms",
                unit.plan.name
            );
            unit.attention.pace = Some((whose.generation, frame_ms));
        }
    }

    /// The supervisor stood still: what nobody heard of it meanwhile is its own fault.
    pub(super) fn forgive_all(&mut self) {
        for unit in &mut self.units {
            unit.attention.hearing.forgive();
        }
    }

    /// What is wrong with the process of a unit, if something is. Asks it whether it listens.
    pub(super) fn stall(&mut self, index: usize, now: MonotonicNs) -> Option<Stall> {
        let limit = self.limit(&self.units[index]);
        let start = Duration::from_millis(self.limits.start_ms);
        let unit = &mut self.units[index];
        let since = match unit.policy.state() {
            State::Starting { since } => {
                let silence = self.watchdog.silence(since, now);
                return (silence > start).then_some(Stall::Silent(silence, None));
            }
            State::Ready { since } => since,
            _ => return None,
        };
        let signs = self
            .launcher
            .segment()
            .process(unit.plan.place)
            .ok()?
            .signs();
        // A stamp from the future is no sign of life; the kernel's clock never goes back.
        let alive = signs.heartbeat.max(since).min(now);
        let silence = self.watchdog.silence(alive, now);
        if silence > patience(signs.stage, limit, start) {
            return Some(Stall::Silent(silence, signs.stage));
        }
        if unit.attention.generation != unit.generation {
            unit.attention.generation = unit.generation;
            unit.attention.hearing.forgive();
        }
        let process = unit
            .process
            .as_ref()
            .filter(|process| !process.is_adopted())?;
        let hearing = &mut unit.attention.hearing;
        if hearing.is_to_ask(signs, now) {
            // A queue that is full is one that is not read, which shows below.
            let _full = process.send(ToWorker::Ping);
        }
        let deaf = hearing.deaf_for(signs);
        (deaf > limit.saturating_sub(ASK_EVERY)).then_some(Stall::Deaf(deaf))
    }

    /// Longest silence of a unit's process while it serves.
    fn limit(&self, unit: &Unit) -> Duration {
        let limits = &self.limits;
        let limit_ms = match unit.plan.role {
            Role::Capture => limits.capture_ms,
            Role::Gateway => limits.gateway_ms,
            Role::Infer if limits.infer_ms > 0 => limits.infer_ms,
            Role::Infer => {
                let pace = unit.attention.pace;
                let own = pace.filter(|(generation, _)| *generation == unit.generation);
                return own.map_or(UNKNOWN_PACE_LIMIT, |(_, ms)| limit_for_pace(ms));
            }
        };
        Duration::from_millis(limit_ms)
    }
}
