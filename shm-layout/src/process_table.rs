//! The process table: who is attached, when its work loop last turned, and what it counted.
//!
//! The supervisor reserves a place for a generation before it spawns it; the worker attaches only
//! if its generation is the one reserved, so a late orphan cannot slip in. The place number is
//! also the process's lease bit in every ring.

use crate::Generation;
use crate::clock::MonotonicNs;
use crate::layout::ProcessEntry;
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
    /// Opening a camera or a file.
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
}

impl Stage {
    const ALL: [Self; 9] = [
        Self::Starting,
        Self::Waiting,
        Self::Opening,
        Self::Reading,
        Self::Decoding,
        Self::Inferring,
        Self::Publishing,
        Self::Loading,
        Self::Draining,
    ];

    /// The stage with that number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage as u32 == number)
    }
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
}

impl Counter {
    /// All counters with their metric names.
    pub const ALL: [(Self, &'static str); 13] = [
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
    ];
}

const STATE_BITS: u32 = 8;

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
        self.stage_since_ns
            .store(MonotonicNs::now().0, Ordering::Relaxed);
        self.stage.store(Stage::Starting as u32, Ordering::Relaxed);
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
        let now = MonotonicNs::now().0;
        // ORDERING: Relaxed - a stamp; nothing else is read through it.
        if self.stage.swap(stage as u32, Ordering::Relaxed) != stage as u32 {
            self.stage_since_ns.store(now, Ordering::Relaxed);
        }
        self.heartbeat_ns.store(now, Ordering::Relaxed);
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
