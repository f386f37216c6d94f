//! A ring: one publisher, readers, takers, and what the dead leave.
#![expect(
    unsafe_code,
    reason = "loom's cells hand out raw pointers; the protocol guards them"
)]

use super::{explore, word64};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use loom::thread;
use shm_layout::layout::{FrameSlot, RingHead, TakeCursor};
use shm_layout::ring::word::{LeaseBit, State, leases, state};
use shm_layout::ring::{Claimed, Leased, RingView};

fn bit(index: usize) -> LeaseBit {
    LeaseBit::new(index).unwrap()
}

/// A ring whose payload is one number for each frame slot: the sequence of its frame.
struct Model {
    head: RingHead,
    cursor: TakeCursor,
    cells: Vec<AtomicU64>,
    frame_slots: Vec<FrameSlot>,
    payload: Vec<UnsafeCell<u64>>,
}

// SAFETY: the payload is guarded by the protocol under test, and loom reports it if it is not.
unsafe impl Send for Model {}
// SAFETY: as above.
unsafe impl Sync for Model {}

impl Model {
    fn new(frame_slots: usize) -> Arc<Self> {
        let slot = || FrameSlot {
            word: word64(),
            sequence: word64(),
            len_bytes: word64(),
            fourcc: AtomicU32::new(0),
            stride_bytes: AtomicU32::new(0),
            width_px: AtomicU32::new(0),
            height_px: AtomicU32::new(0),
            capture_ns: word64(),
            capture_wall_us: word64(),
            publish_ns: word64(),
            driver_sequence: word64(),
        };
        Arc::new(Self {
            head: RingHead { head: word64() },
            cursor: TakeCursor { taken: word64() },
            cells: (0..frame_slots.next_power_of_two())
                .map(|_| word64())
                .collect(),
            frame_slots: (0..frame_slots).map(|_| slot()).collect(),
            payload: (0..frame_slots).map(|_| UnsafeCell::new(0)).collect(),
        })
    }

    fn ring(&self) -> RingView<'_> {
        RingView {
            head: &self.head,
            cursor: &self.cursor,
            cells: &self.cells,
            frame_slots: &self.frame_slots,
        }
    }

    fn fill(&self, claimed: &Claimed) {
        // SAFETY: claimed for writing.
        self.payload[claimed.index].with_mut(|payload| unsafe { *payload = claimed.sequence });
    }

    /// The sizing theorem: the publisher always finds a frame slot.
    fn publish(&self, sequence: u64) {
        let claimed = self
            .ring()
            .claim(sequence)
            .expect("a frame slot is always free");
        self.fill(&claimed);
        self.ring().publish(claimed);
    }

    fn read_and_release(&self, leased: Leased, bit: LeaseBit) -> u64 {
        // SAFETY: leased for reading.
        let payload = self.payload[leased.index].with(|payload| unsafe { *payload });
        assert_eq!(payload, leased.sequence, "torn frame");
        self.ring().release(leased, bit);
        leased.sequence
    }

    fn read_latest(&self, place: usize, after: u64) -> Option<u64> {
        let leased = self.ring().lease_latest(bit(place), after)?;
        Some(self.read_and_release(leased, bit(place)))
    }

    /// After everything ended: no lease is left, nothing is being written.
    fn assert_quiet(&self) {
        self.assert_unleased();
        for slot in &self.frame_slots {
            assert_ne!(
                state(slot.word.load(Ordering::Relaxed)),
                State::Writing,
                "leaked claim"
            );
        }
    }

    fn assert_unleased(&self) {
        for slot in &self.frame_slots {
            assert_eq!(leases(slot.word.load(Ordering::Relaxed)), 0, "leaked lease");
        }
    }
}

#[test]
fn reader_of_the_newest_sees_whole_frames_in_order() {
    explore(|| {
        let model = Model::new(3);
        model.publish(1);
        let reader = {
            let model = model.clone();
            thread::spawn(move || {
                let first = model.read_latest(0, 0).expect("there is one");
                if let Some(second) = model.read_latest(0, first) {
                    assert!(second > first);
                }
            })
        };
        (2..=4).for_each(|sequence| model.publish(sequence));
        reader.join().unwrap();
        model.assert_quiet();
    });
}

#[test]
fn two_readers_leave_the_publisher_a_frame_slot() {
    explore(|| {
        let model = Model::new(4);
        model.publish(1);
        let readers: Vec<_> = (0..2)
            .map(|place| {
                let model = model.clone();
                thread::spawn(move || model.read_latest(place, 0))
            })
            .collect();
        (2..=4).for_each(|sequence| model.publish(sequence));
        readers
            .into_iter()
            .for_each(|reader| assert!(reader.join().unwrap().is_some()));
        model.assert_quiet();
    });
}

#[test]
fn reader_by_sequence_gets_that_frame_or_none() {
    explore(|| {
        let model = Model::new(3);
        model.publish(1);
        model.publish(2);
        let reader = {
            let model = model.clone();
            thread::spawn(move || {
                for sequence in 1..=2 {
                    if let Ok(leased) = model.ring().lease_exact(bit(0), sequence) {
                        assert_eq!(model.read_and_release(leased, bit(0)), sequence);
                    }
                }
            })
        };
        (3..=4).for_each(|sequence| model.publish(sequence));
        reader.join().unwrap();
        model.assert_quiet();
    });
}

#[test]
fn a_frame_is_taken_once_and_skips_are_counted() {
    explore(|| {
        let model = Model::new(4);
        model.publish(1);
        let takers: Vec<_> = (0..2)
            .map(|place| {
                let model = model.clone();
                thread::spawn(move || {
                    let (leased, skipped) = model.ring().take_latest(bit(place))?;
                    Some((model.read_and_release(leased, bit(place)), skipped))
                })
            })
            .collect();
        model.publish(2);
        let taken: Vec<_> = takers
            .into_iter()
            .filter_map(|taker| taker.join().unwrap())
            .collect();
        if let [(first, _), (second, _)] = taken[..] {
            assert_ne!(first, second, "taken twice");
        }
        let accounted: u64 = taken.iter().map(|(_, skipped)| 1 + skipped).sum();
        assert_eq!(accounted, model.cursor.taken.load(Ordering::Relaxed));
        model.assert_quiet();
    });
}

#[test]
fn leases_of_a_dead_reader_are_reclaimed_beside_the_living() {
    explore(|| {
        let model = Model::new(4);
        model.publish(1);
        let _held_at_death = model.ring().lease_latest(bit(0), 0).unwrap();
        let supervisor = {
            let model = model.clone();
            thread::spawn(move || assert_eq!(model.ring().reclaim(bit(0)), 1))
        };
        let reader = {
            let model = model.clone();
            thread::spawn(move || model.read_latest(1, 0))
        };
        (2..=3).for_each(|sequence| model.publish(sequence));
        supervisor.join().unwrap();
        reader.join().unwrap();
        // Not the state: a reclaim between claim and seal is a read-modify-write of the claimed
        // word, so the seal comes after it; loom takes the two for unordered.
        model.assert_unleased();
    });
}

/// A publisher died after its claim, or after filling; its successor recovers beside a reader.
#[test]
fn a_successor_recovers_what_a_dead_publisher_was_writing() {
    for filled in [false, true] {
        explore(move || {
            let model = Model::new(3);
            model.publish(1);
            let claimed = model.ring().claim(2).unwrap();
            if filled {
                model.fill(&claimed);
            }
            drop(claimed);
            let reader = {
                let model = model.clone();
                thread::spawn(move || model.read_latest(0, 0))
            };
            let next = model.ring().recover();
            assert_eq!(next, 2, "the unfinished frame never was");
            (next..next + 2).for_each(|sequence| model.publish(sequence));
            reader.join().unwrap();
            model.assert_quiet();
        });
    }
}

/// A publisher died between sealing a frame and announcing it; the successor announces it.
#[test]
fn a_successor_announces_a_sealed_frame() {
    explore(|| {
        let model = Model::new(3);
        model.publish(1);
        model.publish(2);
        // Take the announcement of frame 2 back: what a kill before it leaves.
        model.head.head.store(1, Ordering::Relaxed);
        model.cells[2].store(0, Ordering::Relaxed);
        let reader = {
            let model = model.clone();
            thread::spawn(move || model.read_latest(0, 0))
        };
        let next = model.ring().recover();
        assert_eq!(next, 3, "the sealed frame counts");
        model.publish(3);
        assert!(reader.join().unwrap().is_some());
        model.assert_quiet();
    });
}
