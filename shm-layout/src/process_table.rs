//! The process table: who is attached, when its work loop last turned, what it did last, and what
//! it counted.
//!
//! The supervisor reserves a place for a generation before it spawns it; the worker attaches only
//! if its generation is the one reserved, so a late orphan cannot slip in. The place number is
//! also the process's lease bit in every ring.

use crate::Generation;
use crate::clock::MonotonicNs;
use crate::layout::{ProcessEntry, STAGES_KEPT};
use crate::ring::word::LEASE_BITS;
use crate::sync::Ordering;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Places that may lease frames; higher ones are for publishers, which need no lease bit.
pub const LEASING_PLACES: usize = LEASE_BITS as usize;

/// Life of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// Nobody's.
    Free = 0,
    /// Kept by the supervisor for a generation that it is about to spawn.
    Reserved = 1,
    /// In use by a live process.
    Attached = 2,
}

/// What a worker is doing; a hang is reported with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Attached, setting itself up.
    Starting = 1,
    /// Waiting for something to do.
    Waiting = 2,
    /// Opening a camera or a file; the kernel may take seconds for it.
    Opening = 3,
    /// Reading a frame from the source.
    Reading = 4,
    /// Decoding a frame.
    Decoding = 5,
    /// Running the model.
    Inferring = 6,
    /// Handing a result over.
    Publishing = 7,
    /// Loading a model.
    Loading = 8,
    /// Finishing before exit.
    Draining = 9,
    /// Closing a camera or a file; the kernel may take seconds for it.
    Closing = 10,
}

impl Stage {
    const ALL: [Self; 10] = [
        Self::Starting,
        Self::Waiting,
        Self::Opening,
        Self::Reading,
        Self::Decoding,
        Self::Inferring,
        Self::Publishing,
        Self::Loading,
        Self::Draining,
        Self::Closing,
    ];

    /// The stage with that number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage as u32 == number)
    }
}

/// What a process shows of itself; each older than the one after it at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs {
    /// What it does; `None` for a number that no Wigwag process writes.
    pub stage: Option<Stage>,
    /// When its work loop last turned; 0 = not yet.
    pub heartbeat: MonotonicNs,
    /// When it last heard the supervisor, as its work loop knew then; 0 = never.
    pub heard: MonotonicNs,
}

/// What workers count. The numbers survive a restart of the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Frames published.
    Published = 0,
    /// Frames dropped because no frame slot was free.
    NoFrameSlot = 1,
    /// Frames dropped because they exceed the frame slot.
    Oversize = 2,
    /// Frames from the source that were no whole picture.
    BadFrames = 3,
    /// Times the source was opened again.
    Reopened = 4,
    /// Frames that the source lost before Wigwag.
    DriverGaps = 5,
    /// Frames taken for inference.
    Taken = 6,
    /// Frames that inference skipped for a newer one.
    Skipped = 7,
    /// Frames that could not be decoded.
    Undecodable = 8,
    /// Predictions that came after one for a newer frame.
    StalePredictions = 9,
    /// Runs of the hand detector.
    Detections = 10,
    /// Frames whose facts in shared memory made no sense.
    CorruptFrames = 11,
    /// Messages to the supervisor dropped because it did not read.
    DroppedReports = 12,
    /// Frames not published because nobody needed all of them.
    NotNeeded = 13,
}

impl Counter {
    /// All counters with their metric names.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Published, "published"),
        (Self::NoFrameSlot, "no_frame_slot"),
        (Self::Oversize, "oversize"),
        (Self::BadFrames, "bad_frames"),
        (Self::Reopened, "reopened"),
        (Self::DriverGaps, "driver_gaps"),
        (Self::Taken, "taken"),
        (Self::Skipped, "skipped"),
        (Self::Undecodable, "undecodable"),
        (Self::StalePredictions, "stale_predictions"),
        (Self::Detections, "detections"),
        (Self::CorruptFrames, "corrupt_frames"),
        (Self::DroppedReports, "dropped_reports"),
        (Self::NotNeeded, "not_needed"),
    ];
}

const STATE_BITS: u32 = 8;

/// Bits of a kept stage's word that name the stage; the others are its time.
const STAGE_BITS: u32 = 8;

fn owner(generation: Generation, state: EntryState) -> u64 {
    (generation.0 << STATE_BITS) | state as u64
}

impl ProcessEntry {
    /// Keeps the place for `generation`. Supervisor only, before it spawns.
    pub fn reserve(&self, generation: Generation, role: u32) {
        // ORDERING: Relaxed - made visible by the owner word below.
        self.role.store(role, Ordering::Relaxed);
        self.pid.store(0, Ordering::Relaxed);
        self.start_ticks.store(0, Ordering::Relaxed);
        self.heartbeat_ns.store(0, Ordering::Relaxed);
        self.heard_ns.store(0, Ordering::Relaxed);
        for kept in &self.stages {
            kept.store(0, Ordering::Relaxed);
        }
        self.stages_entered.store(0, Ordering::Relaxed);
        self.stage.store(0, Ordering::Relaxed);
        self.enter(Stage::Starting);
        // ORDERING: Release - pairs with the Acquire in `attach`.
        self.owner
            .store(owner(generation, EntryState::Reserved), Ordering::Release);
    }

    /// Takes the place that was reserved for `generation`; false if it is not ours (any more).
    #[must_use]
    pub fn attach(&self, generation: Generation, pid: u32, start_ticks: u64) -> bool {
        // ORDERING: Relaxed - read by the supervisor after it saw `Attached`.
        self.pid.store(pid, Ordering::Relaxed);
        self.start_ticks.store(start_ticks, Ordering::Relaxed);
        self.owner
            .compare_exchange(
                owner(generation, EntryState::Reserved),
                owner(generation, EntryState::Attached),
                // ORDERING: AcqRel - after the reservation, and pid and start time before.
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .is_ok()
    }

    /// Frees the place. Supervisor only, after the kernel proved its process dead. The generation
    /// stays, so that the next supervisor goes on counting.
    pub fn free(&self) {
        // ORDERING: Relaxed - the supervisor alone writes the word of a process that is gone.
        let generation = Generation(self.owner.load(Ordering::Relaxed) >> STATE_BITS);
        // ORDERING: Release - nothing of the dead process comes after this.
        self.owner
            .store(owner(generation, EntryState::Free), Ordering::Release);
    }

    /// Generation and state of the place; `None` for a state that no Wigwag process writes.
    #[must_use]
    pub fn owner_now(&self) -> Option<(Generation, EntryState)> {
        // ORDERING: Acquire - pairs with `attach`: pid and start time are visible.
        let word = self.owner.load(Ordering::Acquire);
        let state = match word & ((1 << STATE_BITS) - 1) {
            0 => EntryState::Free,
            1 => EntryState::Reserved,
            2 => EntryState::Attached,
            _ => return None,
        };
        Some((Generation(word >> STATE_BITS), state))
    }

    /// Process id and start time of the attached process.
    #[must_use]
    pub fn process(&self) -> Option<(u32, u64)> {
        let (_, state) = self.owner_now()?;
        // ORDERING: Relaxed - ordered by the Acquire in `owner_now`.
        let pid = self.pid.load(Ordering::Relaxed);
        let start_ticks = self.start_ticks.load(Ordering::Relaxed);
        (state == EntryState::Attached && pid != 0).then_some((pid, start_ticks))
    }

    /// Stores a heartbeat: the work loop turned, and goes on with `stage`. Never called by a
    /// helper thread.
    pub fn beat(&self, stage: Stage) {
        let now = MonotonicNs::now();
        // ORDERING: Release - pairs with the Acquire in `signs`: what was heard came before.
        self.heartbeat_ns.store(now.0, Ordering::Release);
        self.enter_at(stage, now);
    }

    /// Notes what the process goes on with, without a sign of life. By its work loop only.
    pub fn enter(&self, stage: Stage) {
        self.enter_at(stage, MonotonicNs::now());
    }

    fn enter_at(&self, stage: Stage, now: MonotonicNs) {
        // ORDERING: Relaxed - only this process writes them, and it reads what it wrote itself.
        if self.stage.load(Ordering::Relaxed) == stage as u32 {
            return;
        }
        let entered = self.stages_entered.load(Ordering::Relaxed);
        let word = (now.0 / 1_000) << STAGE_BITS | u64::from(stage as u32);
        // ORDERING: Relaxed - read after the process is dead, or by people.
        self.stages[entered as usize % STAGES_KEPT].store(word, Ordering::Relaxed);
        self.stages_entered
            .store(entered.wrapping_add(1), Ordering::Relaxed);
        self.stage_since_ns.store(now.0, Ordering::Relaxed);
        // ORDERING: Release - pairs with the Acquire in `signs`: whoever sees a stage sees the
        // heartbeat with which it began, and takes no silence of the stage before for one of this.
        self.stage.store(stage as u32, Ordering::Release);
    }

    /// Notes when the supervisor was last heard. By the work loop only, before it beats.
    pub fn hear(&self, at: MonotonicNs) {
        // ORDERING: Relaxed - ordered by the heartbeat that follows.
        self.heard_ns.store(at.0, Ordering::Relaxed);
    }

    /// What the process shows of itself.
    #[must_use]
    pub fn signs(&self) -> Signs {
        // ORDERING: Acquire, in this order - pairs with `enter_at` and `beat`.
        let stage = Stage::from_number(self.stage.load(Ordering::Acquire));
        let heartbeat = MonotonicNs(self.heartbeat_ns.load(Ordering::Acquire));
        // ORDERING: Relaxed - ordered by the Acquire before.
        let heard = MonotonicNs(self.heard_ns.load(Ordering::Relaxed));
        Signs {
            stage,
            heartbeat,
            heard,
        }
    }

    /// The last stages of the process and when each began, in µs precision, the oldest first.
    /// What makes no sense is left out: another stage than there are, one that began after `now`
    /// or before the one before it.
    #[must_use]
    pub fn last_stages(&self, now: MonotonicNs) -> Vec<(Stage, MonotonicNs)> {
        // ORDERING: Relaxed - the process is dead, or people read.
        let oldest = self.stages_entered.load(Ordering::Relaxed) as usize;
        let words = (0..STAGES_KEPT).map(|index| {
            self.stages[(oldest % STAGES_KEPT + index) % STAGES_KEPT].load(Ordering::Relaxed)
        });
        let mut last = MonotonicNs(0);
        words
            .filter_map(|word| {
                let stage = Stage::from_number((word & ((1 << STAGE_BITS) - 1)) as u32)?;
                let since = MonotonicNs((word >> STAGE_BITS).saturating_mul(1_000));
                let fits = last <= since && since <= now;
                last = if fits { since } else { last };
                fits.then_some((stage, since))
            })
            .collect()
    }

    /// Time of the last heartbeat; 0 = none yet.
    #[must_use]
    pub fn heartbeat(&self) -> MonotonicNs {
        // ORDERING: Relaxed - a stamp.
        MonotonicNs(self.heartbeat_ns.load(Ordering::Relaxed))
    }

    /// What the process said it was doing, and since when.
    #[must_use]
    pub fn stage_now(&self) -> (Option<Stage>, MonotonicNs) {
        // ORDERING: Relaxed - for people to read.
        let stage = Stage::from_number(self.stage.load(Ordering::Relaxed));
        (
            stage,
            MonotonicNs(self.stage_since_ns.load(Ordering::Relaxed)),
        )
    }

    /// Adds to a counter.
    pub fn count(&self, counter: Counter, by: u64) {
        // ORDERING: Relaxed - a statistic.
        self.counters[counter as usize].fetch_add(by, Ordering::Relaxed);
    }

    /// The counters that are not zero, by name.
    #[must_use]
    pub fn counters_by_name(&self) -> BTreeMap<String, u64> {
        let named = Counter::ALL
            .iter()
            .map(|(counter, name)| (*name, self.counted(*counter)));
        named
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| (name.to_owned(), count))
            .collect()
    }

    /// Adds all counters to those of `other`, and begins anew. Supervisor only, when the unit that
    /// they belong to has moved to the other place and this one's process is dead.
    pub fn move_counters_to(&self, other: &Self) {
        for (from, to) in self.counters.iter().zip(&other.counters) {
            // ORDERING: Relaxed - a statistic.
            to.fetch_add(from.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// Value of a counter.
    #[must_use]
    pub fn counted(&self, counter: Counter) -> u64 {
        // ORDERING: Relaxed - a statistic.
        self.counters[counter as usize].load(Ordering::Relaxed)
    }
}

/// Start time of a process in clock ticks since boot, from `/proc/PID/stat`; with the pid it names
/// one process for good. `None` if there is no such process.
#[must_use]
pub fn start_ticks(pid: u32) -> Option<u64> {
    Some(state_and_start(pid)?.1)
}

/// Whether the process of that id and start time still runs. One that is dead and only waits to
/// be reaped does not: it holds nothing any more.
#[must_use]
pub fn lives(pid: u32, start_ticks: u64) -> bool {
    state_and_start(pid).is_some_and(|(state, start)| start == start_ticks && !"ZX".contains(state))
}

/// Source: proc(5), fields 3 and 22, counted from behind the command name, which may hold spaces.
fn state_and_start(pid: u32) -> Option<(char, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(not(loom))]
#[cfg(test)]
#[path = "process_table_tests.rs"]
mod tests;
