//! The guards under threads: writers and leases of one segment in private memory, every byte
//! checked while it is held.
//!
//! Under `cargo test` a stress of the compiled code. Under Miri and ThreadSanitizer
//! (`tests/miri/run.sh`) the same test also shows that the guards' slices never alias and that no
//! access to the payload is unsynchronised, also where weak memory reorders; Miri then runs it
//! once for each of many schedules. What none of these shows: separate processes and their deaths
//! (`tests/it/ring.rs`, `tests/stepkill`), and all interleavings (`loom.rs`).
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use shm_layout::layout::{Geometry, RingGeometry};
use shm_layout::ring::{FrameLease, LeaseError};
use shm_layout::{FrameMeta, Generation, MonotonicNs, PixelFormat, Prediction, Segment, Sequence};
use std::sync::atomic::{AtomicU64, Ordering};

/// Frames published; few under Miri, which is slower by orders of magnitude.
const FRAMES: u64 = if cfg!(miri) { 40 } else { 200_000 };
/// Readers of each kind have a place of their own.
const READERS: usize = 4;
/// The sizing rule: two, and one for each reader.
const FRAME_SLOTS: usize = 2 + READERS;
const CAPACITY_BYTES: usize = if cfg!(miri) { 64 } else { 2048 };

fn segment() -> Segment {
    Segment::private(&Geometry {
        rings: vec![RingGeometry {
            frame_slots: FRAME_SLOTS,
            capacity_bytes: CAPACITY_BYTES,
        }],
        lanes: 2,
    })
    .unwrap()
}

/// Length of a frame: changes from frame to frame, and follows from the sequence.
fn len_bytes(sequence: u64) -> usize {
    16 + (sequence as usize * 37) % (CAPACITY_BYTES - 16)
}

fn meta(sequence: u64) -> FrameMeta {
    FrameMeta {
        format: PixelFormat::Mjpeg,
        width_px: 64,
        height_px: 48,
        stride_bytes: 0,
        capture: MonotonicNs(sequence),
        capture_wall_us: sequence,
        driver_sequence: sequence,
    }
}

fn publish_all(segment: &Segment) {
    let mut publisher = segment.publisher(0).unwrap();
    for sequence in 1..=FRAMES {
        let mut writer = publisher.claim().expect("a frame slot is always free");
        assert_eq!(writer.sequence(), Sequence(sequence));
        writer.payload()[..len_bytes(sequence)].fill(sequence as u8);
        writer
            .publish(&meta(sequence), len_bytes(sequence))
            .unwrap();
        std::thread::yield_now();
    }
}

/// Every byte and every fact, twice: a store while the lease lasts would show in between.
fn assert_whole(lease: &FrameLease<'_>) {
    let sequence = lease.sequence().0;
    for _ in 0..2 {
        assert_eq!(lease.payload().len(), len_bytes(sequence));
        assert!(
            lease.payload().iter().all(|byte| *byte == sequence as u8),
            "torn frame {sequence}"
        );
        assert_eq!(lease.meta(), &meta(sequence));
        std::thread::yield_now();
    }
}

fn read_latest(segment: &Segment, place: usize) {
    let mut subscriber = segment.subscriber(0, place).unwrap();
    let mut newest = Sequence(0);
    while newest.0 < FRAMES {
        match subscriber.lease_latest(newest) {
            Some(lease) => {
                assert!(lease.sequence() > newest, "the sequence went back");
                assert_whole(&lease);
                newest = lease.sequence();
            }
            None => std::thread::yield_now(),
        }
    }
}

/// Reads each frame by its number; what is missed is counted, nothing is lost uncounted.
fn read_every(segment: &Segment, place: usize) {
    let mut subscriber = segment.subscriber(0, place).unwrap();
    let (mut read, mut missed, mut next) = (0, 0, 1);
    while next <= FRAMES {
        match subscriber.lease_exact(Sequence(next)) {
            Ok(lease) => {
                assert_eq!(lease.sequence(), Sequence(next));
                assert_whole(&lease);
                read += 1;
                next += 1;
            }
            Err(LeaseError::Missed) => {
                missed += 1;
                next += 1;
            }
            Err(LeaseError::NotYet) => std::thread::yield_now(),
        }
    }
    assert_eq!(read + missed, FRAMES);
}

/// Takes frames until the last was taken by anybody; `taken` counts takes and skips together.
fn take(segment: &Segment, place: usize, taken: &AtomicU64) {
    let mut subscriber = segment.subscriber(0, place).unwrap();
    while taken.load(Ordering::Relaxed) < FRAMES {
        match subscriber.take_latest() {
            Some(lease) => {
                assert_whole(&lease);
                taken.fetch_add(1 + lease.skipped(), Ordering::Relaxed);
            }
            None => std::thread::yield_now(),
        }
    }
}

/// Goal: a lease's bytes never change while it is held, and no frame is taken twice.
/// Method: one publisher, a reader of the newest, one of every frame and two takers, all at once.
#[test]
fn leased_bytes_never_change_under_threads() {
    let (segment, taken) = (segment(), AtomicU64::new(0));
    std::thread::scope(|threads| {
        threads.spawn(|| read_latest(&segment, 0));
        threads.spawn(|| read_every(&segment, 1));
        threads.spawn(|| take(&segment, 2, &taken));
        threads.spawn(|| take(&segment, 3, &taken));
        threads.spawn(|| publish_all(&segment));
    });
    // One more, had any frame been taken twice.
    assert_eq!(taken.load(Ordering::Relaxed), FRAMES, "takes and skips");
    assert_eq!(segment.leases_held(0), 0);
}

fn prediction(sequence: u64) -> Prediction {
    Prediction {
        sequence: Sequence(sequence),
        generation: Generation(sequence),
        capture: MonotonicNs(sequence),
        capture_wall_us: sequence,
        publish: MonotonicNs(sequence),
        take: MonotonicNs(sequence),
        done: MonotonicNs(sequence),
        width_px: 64,
        height_px: 48,
        model: [sequence as u8; 32],
        detected: true,
        looks: 0,
        scene: None,
        hands: Vec::new(),
        lost: Vec::new(),
    }
}

/// Goal: predictions are read whole, each once or counted as missed, and the latest never goes back.
/// Method: two lanes written at once, odd and even sequences, under two readers.
#[test]
fn predictions_are_read_whole_under_threads() {
    let count = FRAMES / 2;
    let segment = segment();
    let slot = || segment.predictions(0).unwrap();
    let mut reader = slot().reader();
    std::thread::scope(|threads| {
        for lane in 0..2 {
            threads.spawn(move || {
                for turn in 0..count {
                    let sequence = 2 * turn + 1 + lane as u64;
                    slot().publish(lane, &prediction(sequence)).unwrap();
                    std::thread::yield_now();
                }
            });
        }
        threads.spawn(|| {
            let mut newest = 0;
            while newest < 2 * count {
                if let Some(latest) = slot().latest() {
                    assert_eq!(latest, prediction(latest.sequence.0), "torn prediction");
                    assert!(latest.sequence.0 >= newest, "the latest went back");
                    newest = latest.sequence.0;
                }
                std::thread::yield_now();
            }
        });
        threads.spawn(|| {
            let mut read = 0;
            while read + reader.missed() < 2 * count {
                match reader.next_unread() {
                    Some(found) => {
                        assert_eq!(found, prediction(found.sequence.0), "torn prediction");
                        read += 1;
                    }
                    None => std::thread::yield_now(),
                }
            }
            assert_eq!(read + reader.missed(), 2 * count);
        });
    });
}
