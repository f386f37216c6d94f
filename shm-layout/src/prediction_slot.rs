//! The prediction slot of one source: the latest prediction and a short history, many writers.
//!
//! Upstream: infer-workers, each with its own lane. Downstream: the gateway, and any infer-worker
//! that carries on tracking from it. No two processes ever write the same record, so a writer
//! killed inside one can only spoil a record that nobody points at.
//!
//! [`SlotView`] is the protocol over raw words; `prediction` packs and unpacks them.

use crate::layout::{LaneHead, PREDICTION_WORDS, PredictionHead, PredictionRecord};
use crate::sync::{Ordering, fence, retry_pause};

/// Most tries to read the latest record before the caller keeps what it has.
const RETRIES_MAX: u32 = 64;

/// What became of a published prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is the latest now.
    Latest,
    /// One for a newer frame is already out; this one stands in the history only.
    Stale,
}

/// The control words of one prediction slot. `WORDS` is smaller in the models.
#[derive(Debug, Clone, Copy)]
pub struct SlotView<'s, const WORDS: usize = PREDICTION_WORDS> {
    /// Which record is the latest.
    pub head: &'s PredictionHead,
    /// One for each lane.
    pub lanes: &'s [LaneHead],
    /// The same number of records for each lane, at least 2, lane by lane; see [`Self::publish`].
    pub records: &'s [PredictionRecord<WORDS>],
}

/// One record as read: a whole prediction of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<const WORDS: usize = PREDICTION_WORDS> {
    /// Sequence of the frame.
    pub sequence: u64,
    /// The packed prediction.
    pub words: [u64; WORDS],
}

impl<'s, const WORDS: usize> SlotView<'s, WORDS> {
    /// Records of each lane.
    fn depth(&self) -> usize {
        self.records.len() / self.lanes.len()
    }

    fn record(&self, lane: usize, count: u64) -> (usize, &'s PredictionRecord<WORDS>) {
        let index = lane * self.depth() + (count % self.depth() as u64) as usize;
        (index, &self.records[index])
    }

    /// Publishes the prediction for the frame `sequence` in `lane`, which the caller owns.
    ///
    /// The record to be written is never the latest: in this lane that one is `count - 1`, or one
    /// further back for each predecessor in a row that was killed between its last two stores. A
    /// lane has 16 records ([`crate::layout::LANE_RECORDS`]), so 14 such deaths do no harm.
    pub fn publish(&self, lane: usize, sequence: u64, words: &[u64; WORDS]) -> Published {
        // ORDERING: Relaxed - this process is the only writer of the lane.
        let count = self.lanes[lane].count.load(Ordering::Relaxed);
        let (index, record) = self.record(lane, count);
        // ORDERING: Relaxed - only writer. Odd from here on, also past a predecessor that was
        // killed while writing.
        let writing = record.version.load(Ordering::Relaxed).wrapping_add(1) | 1;
        record.version.store(writing, Ordering::Relaxed);
        if !cfg!(feature = "mutant-prediction-no-fence") {
            // ORDERING: Release fence - a reader that sees a new word also sees the odd version.
            fence(Ordering::Release);
        }
        // ORDERING: Relaxed - bracketed by the two versions.
        record.sequence.store(sequence, Ordering::Relaxed);
        for (shared, word) in record.words.iter().zip(words) {
            shared.store(*word, Ordering::Relaxed);
        }
        // ORDERING: Release - pairs with the Acquire load of the version in `read_record`.
        record
            .version
            .store(writing.wrapping_add(1), Ordering::Release);
        // ORDERING: Release - a reader that sees the count finds the record whole.
        self.lanes[lane].count.store(count + 1, Ordering::Release);
        self.make_latest(sequence, index)
    }

    /// Says that the owner of `lane` has the frame `sequence` in hand, so that nobody takes a
    /// prediction of a newer frame for the next one in order; 0 = none any more.
    pub fn work_on(&self, lane: usize, sequence: u64) {
        // ORDERING: Release - not needed for any data; whoever sees what this process does later
        // also sees this.
        self.lanes[lane].working.store(sequence, Ordering::Release);
    }

    fn make_latest(&self, sequence: u64, index: usize) -> Published {
        let pointer = (sequence << 16) | index as u64;
        // ORDERING: Acquire - a lost race is compared with what the winner stored.
        let mut latest = self.head.latest.load(Ordering::Acquire);
        if cfg!(feature = "mutant-prediction-no-maximum") {
            self.head.latest.store(pointer, Ordering::Release);
            return Published::Latest;
        }
        while latest >> 16 < sequence {
            // ORDERING: AcqRel - the record is whole for whoever reads the new pointer.
            match self.head.latest.compare_exchange(
                latest,
                pointer,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Published::Latest,
                Err(newer) => latest = newer,
            }
        }
        Published::Stale
    }

    /// The prediction for the newest frame that has one.
    #[must_use]
    pub fn latest(&self) -> Option<Record<WORDS>> {
        for _ in 0..RETRIES_MAX {
            // ORDERING: Acquire - pairs with `make_latest`.
            let latest = self.head.latest.load(Ordering::Acquire);
            if latest == 0 {
                return None;
            }
            let record = self.records.get((latest & 0xffff) as usize)?;
            if let Some(record) = read_record(record)
                && record.sequence == latest >> 16
            {
                return Some(record);
            }
            // The lane wrapped around since; the pointer has moved on.
            retry_pause();
        }
        None
    }

    /// The prediction for the frame `sequence`, while some lane still keeps it.
    #[must_use]
    pub fn at(&self, sequence: u64) -> Option<Record<WORDS>> {
        self.records
            .iter()
            // ORDERING: Relaxed - a guess; `read_record` decides.
            .filter(|record| record.sequence.load(Ordering::Relaxed) == sequence)
            .filter_map(read_record)
            .find(|record| record.sequence == sequence)
    }

    /// Predictions ever published in `lane`.
    #[must_use]
    pub fn count(&self, lane: usize) -> u64 {
        // ORDERING: Acquire - pairs with `publish`: those records are whole.
        self.lanes[lane].count.load(Ordering::Acquire)
    }

    /// The `count`-th prediction of `lane`, or `None` if it was overwritten.
    #[must_use]
    pub fn nth(&self, lane: usize, count: u64) -> Option<Record<WORDS>> {
        let read = read_record(self.record(lane, count).1)?;
        // Overwritten or about to be: the writer may have gone round while we read.
        (self.count(lane) <= count + self.depth() as u64).then_some(read)
    }
}

/// Reads a record whole, or not at all.
fn read_record<const WORDS: usize>(record: &PredictionRecord<WORDS>) -> Option<Record<WORDS>> {
    // ORDERING: Acquire - pairs with the even store: the words before it are visible.
    let version = record.version.load(Ordering::Acquire);
    if !version.is_multiple_of(2) {
        return None;
    }
    // ORDERING: Relaxed - bracketed by the version before and after.
    let sequence = record.sequence.load(Ordering::Relaxed);
    let words = std::array::from_fn(|i| record.words[i].load(Ordering::Relaxed));
    // ORDERING: Acquire fence - the loads above come before the version is loaded again.
    fence(Ordering::Acquire);
    // ORDERING: Relaxed - ordered by the fence.
    let unchanged = record.version.load(Ordering::Relaxed) == version && sequence != 0;
    unchanged.then_some(Record { sequence, words })
}

/// Reads every prediction of every lane once, in the order of each lane.
#[derive(Debug)]
pub struct HistoryCursor {
    next: Vec<u64>,
    /// The newest sequence that was read from each lane; 0 = none.
    read: Vec<u64>,
    missed: u64,
}

impl HistoryCursor {
    /// Starts behind the predictions that are there now.
    #[must_use]
    pub fn at_end<const WORDS: usize>(slot: &SlotView<'_, WORDS>) -> Self {
        Self {
            next: (0..slot.lanes.len()).map(|lane| slot.count(lane)).collect(),
            read: vec![0; slot.lanes.len()],
            missed: 0,
        }
    }

    /// Starts at the oldest prediction that is still there.
    #[must_use]
    pub fn at_oldest<const WORDS: usize>(slot: &SlotView<'_, WORDS>) -> Self {
        let mut cursor = Self::at_end(slot);
        for next in &mut cursor.next {
            *next = next.saturating_sub(slot.depth() as u64);
        }
        cursor
    }

    /// The next prediction of any lane, or `None` if all were read.
    pub fn next<const WORDS: usize>(
        &mut self,
        slot: &SlotView<'_, WORDS>,
    ) -> Option<Record<WORDS>> {
        for (lane, next) in self.next.iter_mut().enumerate() {
            let count = slot.count(lane);
            let oldest = count.saturating_sub(slot.depth() as u64);
            if *next < oldest {
                self.missed += oldest - *next;
                *next = oldest;
            }
            while *next < count {
                *next += 1;
                match slot.nth(lane, *next - 1) {
                    Some(record) => {
                        self.read[lane] = self.read[lane].max(record.sequence);
                        return Some(record);
                    }
                    None => self.missed += 1,
                }
            }
        }
        None
    }

    /// The oldest frame that some lane still works on; a prediction of it is yet to be read, unless
    /// that lane's owner died over it.
    #[must_use]
    pub fn oldest_in_work<const WORDS: usize>(&self, slot: &SlotView<'_, WORDS>) -> Option<u64> {
        let lanes = slot.lanes.iter().zip(&self.read);
        let in_work = lanes.filter_map(|(lane, read)| {
            // ORDERING: Acquire - pairs with `work_on`. What was published since is read later.
            let working = lane.working.load(Ordering::Acquire);
            (working > *read).then_some(working)
        });
        in_work.min()
    }

    /// Predictions that were overwritten before they were read.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}
