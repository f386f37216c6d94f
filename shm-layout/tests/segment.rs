//! The segment as its users see it: guards over real payload, in private memory and by name.
#![cfg(not(loom))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use shm_layout::layout::{Geometry, RingGeometry};
use shm_layout::prediction_slot::Published;
use shm_layout::process_table;
use shm_layout::ring::{LeaseError, PublishError};
use shm_layout::segment::{Access, ClaimError, PlaceError, SegmentError, SegmentName};
use shm_layout::{FrameMeta, Generation, MonotonicNs, PixelFormat, Prediction, Segment, Sequence};
use std::os::fd::AsFd;

fn geometry() -> Geometry {
    let ring = RingGeometry {
        frame_slots: 4,
        capacity_bytes: 8192,
    };
    Geometry {
        rings: vec![ring, ring],
        lanes: 2,
    }
}

fn meta() -> FrameMeta {
    FrameMeta {
        format: PixelFormat::Mjpeg,
        width_px: 64,
        height_px: 48,
        stride_bytes: 0,
        capture: MonotonicNs(7),
        capture_wall_us: 8,
        driver_sequence: 9,
    }
}

fn prediction(sequence: u64) -> Prediction {
    Prediction {
        sequence: Sequence(sequence),
        generation: Generation(1),
        capture: MonotonicNs(sequence),
        capture_wall_us: sequence,
        publish: MonotonicNs(0),
        take: MonotonicNs(0),
        done: MonotonicNs(0),
        width_px: 64,
        height_px: 48,
        model: [0; 32],
        detected: false,
        looks: 0,
        scene: None,
        hands: Vec::new(),
        lost: Vec::new(),
    }
}

/// Publishes a frame of `len_bytes` bytes, each holding the low byte of its sequence.
fn publish(segment: &Segment, source: usize, len_bytes: usize) -> Sequence {
    let mut publisher = segment.publisher(source).unwrap();
    let mut writer = publisher.claim().unwrap();
    let byte = writer.sequence().0 as u8;
    writer.payload()[..len_bytes].fill(byte);
    writer.publish(&meta(), len_bytes).unwrap()
}

#[test]
fn a_leased_frame_stays_whole_while_newer_ones_are_published() {
    let segment = Segment::private(&geometry()).unwrap();
    let mut subscriber = segment.subscriber(0, 0).unwrap();
    assert!(
        subscriber.lease_latest(Sequence(0)).is_none(),
        "nothing yet"
    );
    publish(&segment, 0, 100);
    let lease = subscriber.lease_latest(Sequence(0)).unwrap();
    for _ in 0..20 {
        publish(&segment, 0, 200);
    }
    assert_eq!(lease.sequence(), Sequence(1));
    assert_eq!(lease.payload(), [1; 100]);
    assert_eq!(lease.meta(), &meta());
    drop(lease);

    let newest = subscriber.lease_latest(Sequence(1)).unwrap();
    assert_eq!((newest.sequence(), newest.skipped()), (Sequence(21), 19));
    assert_eq!(newest.payload(), [21; 200]);
    drop(newest);
    assert_eq!(
        subscriber.lease_exact(Sequence(1)).unwrap_err(),
        LeaseError::Missed
    );
    assert_eq!(
        subscriber.lease_exact(Sequence(22)).unwrap_err(),
        LeaseError::NotYet
    );
    assert_eq!(segment.leases_held(0), 0);
}

#[test]
fn frames_that_do_not_fit_are_refused_and_use_no_sequence() {
    let segment = Segment::private(&geometry()).unwrap();
    let mut publisher = segment.publisher(0).unwrap();
    let capacity_bytes = publisher.capacity_bytes();
    assert_eq!(capacity_bytes, 8192);
    let writer = publisher.claim().unwrap();
    assert_eq!(
        writer.publish(&meta(), 8193),
        Err(PublishError::TooLarge {
            len_bytes: 8193,
            capacity_bytes
        })
    );
    let raw = FrameMeta {
        format: PixelFormat::Rgb24,
        stride_bytes: 192,
        ..meta()
    };
    let writer = publisher.claim().unwrap();
    assert!(matches!(
        writer.publish(&raw, 100),
        Err(PublishError::Inconsistent { .. })
    ));
    drop(publisher.claim().unwrap());
    // All of these gave their frame slot back: a full round goes through.
    for expected in 1..=8 {
        let writer = publisher.claim().expect("no frame slot leaked");
        assert_eq!(writer.publish(&meta(), 8192), Ok(Sequence(expected)));
    }
}

#[test]
fn sources_do_not_touch_each_other() {
    let segment = Segment::private(&geometry()).unwrap();
    for _ in 0..5 {
        publish(&segment, 0, 8192);
    }
    publish(&segment, 1, 50);
    let mut other = segment.subscriber(1, 3).unwrap();
    assert_eq!(other.take_latest().unwrap().payload(), [1; 50]);
    assert!(other.take_latest().is_none(), "taken once");
    assert_eq!((segment.newest(0), segment.newest(1)), (5, 1));
    assert_eq!(segment.subscriber(2, 0).unwrap_err(), PlaceError::Source(2));
    assert_eq!(
        segment.subscriber(0, 24).unwrap_err(),
        PlaceError::LeaseBit(24)
    );
}

#[test]
fn leases_of_a_dead_process_come_back_by_reclaim_only() {
    let segment = Segment::private(&geometry()).unwrap();
    publish(&segment, 0, 10);
    let mut dead = segment.subscriber(0, 5).unwrap();
    std::mem::forget(dead.lease_latest(Sequence(0)).unwrap());
    for _ in 0..10 {
        publish(&segment, 0, 10);
    }
    assert_eq!(segment.leases_held(0), 1, "time frees nothing");
    assert_eq!(segment.reclaim(4), 0, "somebody else's bit");
    assert_eq!(segment.reclaim(5), 1);
    assert_eq!(segment.leases_held(0), 0);
}

#[test]
fn frame_that_a_dead_process_was_reading_can_be_read_and_is_given_back_once() {
    let segment = Segment::private(&geometry()).unwrap();
    assert_eq!(publish(&segment, 0, 10), Sequence(1));
    let mut dead = segment.subscriber(0, 5).unwrap();
    std::mem::forget(dead.lease_latest(Sequence(0)).unwrap());
    for _ in 0..10 {
        publish(&segment, 0, 10);
    }
    let mut other = segment.subscriber(0, 4).unwrap();
    assert!(other.left_behind().is_none(), "it holds nothing");
    let mut heir = segment.subscriber(0, 5).unwrap();
    let lease = heir.left_behind().unwrap();
    assert_eq!(lease.sequence(), Sequence(1));
    assert_eq!(lease.meta(), &meta());
    for _ in 0..10 {
        publish(&segment, 0, 10);
    }
    assert_eq!(lease.payload(), [1; 10], "untouched while it is read");
    drop(lease);
    assert_eq!((segment.leases_held(0), segment.reclaim(5)), (0, 0));
    assert!(heir.left_behind().is_none());
}

#[test]
fn predictions_are_read_once_each_and_latest_never_goes_back() {
    let segment = Segment::private(&geometry()).unwrap();
    let slot = segment.predictions(1).unwrap();
    let mut reader = slot.reader();
    assert_eq!(slot.latest(), None);
    assert_eq!(slot.publish(0, &prediction(2)), Some(Published::Latest));
    assert_eq!(slot.publish(1, &prediction(1)), Some(Published::Stale));
    assert_eq!(slot.publish(2, &prediction(3)), None, "no such lane");
    assert_eq!(slot.latest(), Some(prediction(2)));
    assert_eq!(slot.at(Sequence(1)), Some(prediction(1)));
    let read: Vec<_> = std::iter::from_fn(|| reader.next_unread()).collect();
    assert_eq!(read, [prediction(2), prediction(1)]);
    for sequence in 10..50 {
        slot.publish(0, &prediction(sequence));
    }
    let read: Vec<_> = std::iter::from_fn(|| reader.next_unread())
        .map(|p| p.sequence.0)
        .collect();
    assert_eq!(read, (34..50).collect::<Vec<_>>());
    assert_eq!(reader.missed(), 24);
    assert!(segment.predictions(0).unwrap().latest().is_none());
}

/// A reader can tell which prediction is the next in order, whichever lane is faster.
#[test]
fn a_frame_in_work_is_known_until_its_prediction_is_read() {
    let segment = Segment::private(&geometry()).unwrap();
    let slot = segment.predictions(1).unwrap();
    let mut reader = slot.reader();
    assert_eq!(reader.oldest_in_work(), None);
    slot.work_on(0, Some(Sequence(7)));
    slot.work_on(1, Some(Sequence(8)));
    slot.work_on(2, Some(Sequence(1)));
    slot.publish(1, &prediction(8));
    assert_eq!(reader.next_unread(), Some(prediction(8)));
    assert_eq!(reader.oldest_in_work(), Some(Sequence(7)));
    slot.publish(0, &prediction(7));
    assert_eq!(reader.oldest_in_work(), Some(Sequence(7)), "not read yet");
    assert_eq!(reader.next_unread(), Some(prediction(7)));
    assert_eq!(reader.oldest_in_work(), None);
    slot.work_on(0, Some(Sequence(9)));
    assert_eq!(reader.oldest_in_work(), Some(Sequence(9)));
    slot.work_on(0, None);
    assert_eq!(reader.oldest_in_work(), None, "there will be none");
    let kept: Vec<_> = slot.history().iter().map(|p| p.sequence.0).collect();
    assert_eq!(kept, [7, 8], "in order of the frames");
}

/// Creates a named segment for one test and removes the name at the end.
#[cfg(not(miri))]
struct Named(SegmentName);

#[cfg(not(miri))]
impl Named {
    fn new(test: &str) -> Self {
        Self(SegmentName::new(&format!("{test}-{}", std::process::id())))
    }
}

#[cfg(not(miri))]
impl Drop for Named {
    fn drop(&mut self) {
        let _removed = self.0.unlink();
    }
}

#[cfg(not(miri))]
#[test]
fn a_named_segment_is_shared_and_survives_its_name() {
    let name = Named::new("shared");
    let creator = Segment::create(&name.0, &geometry()).unwrap();
    assert!(matches!(
        Segment::create(&name.0, &geometry()),
        Err(SegmentError::Exists(_))
    ));
    let inherited = || {
        creator
            .file()
            .unwrap()
            .as_fd()
            .try_clone_to_owned()
            .unwrap()
    };
    let by_name = Segment::attach(&name.0, Some(inherited()), Access::Read).unwrap();
    publish(&creator, 0, 77);
    let mut subscriber = by_name.subscriber(0, 0).unwrap();
    assert_eq!(
        subscriber.lease_latest(Sequence(0)).unwrap().payload(),
        [1; 77]
    );
    assert_eq!(by_name.publisher(0).unwrap_err(), PlaceError::ReadOnly(0));

    // A log-out may delete the name: processes that start later attach by the inherited file.
    assert!(name.0.unlink().unwrap());
    let by_file = Segment::attach(&name.0, Some(inherited()), Access::Publish(0)).unwrap();
    publish(&by_file, 0, 78);
    assert_eq!(
        subscriber.lease_latest(Sequence(1)).unwrap().payload(),
        [2; 78]
    );
    assert!(matches!(
        Segment::attach(&name.0, None, Access::Read),
        Err(SegmentError::Missing(_))
    ));
    // The name now means another file: the inherited one counts.
    let stranger = Segment::create(&name.0, &geometry()).unwrap();
    let again = Segment::attach(&name.0, Some(inherited()), Access::Read).unwrap();
    assert_eq!((again.newest(0), stranger.newest(0)), (2, 0));
}

#[cfg(not(miri))]
#[test]
fn a_segment_that_is_not_ours_is_refused_with_what_differs() {
    use std::os::unix::fs::FileExt;
    let name = Named::new("foreign");
    let segment = Segment::create(&name.0, &geometry()).unwrap();
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .open(name.0.path())
        .unwrap();
    let refused = |what: &str| {
        let error = Segment::attach(&name.0, None, Access::Read)
            .unwrap_err()
            .to_string();
        assert!(error.contains(what), "{error}");
    };
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0).unwrap();
    for (offset, what) in [
        (0, "magic"),
        (8, "layout"),
        (16, "recorded length"),
        (52, "frame slots"),
    ] {
        file.write_all_at(&[0xff; 4], offset).unwrap();
        refused(what);
        file.write_all_at(&header, 0).unwrap();
    }
    Segment::attach(&name.0, None, Access::Read).expect("restored");
    file.set_len(segment.total_bytes() as u64 - 4096).unwrap();
    refused("length");
    file.set_len(0).unwrap();
    assert!(Segment::attach(&name.0, None, Access::Read).is_err());
}

#[cfg(not(miri))]
#[test]
fn too_little_room_is_an_error_and_leaves_no_name() {
    let name = Named::new("huge");
    let ring = RingGeometry {
        frame_slots: 256,
        capacity_bytes: 64 << 20,
    };
    let huge = Geometry {
        rings: vec![ring; 16],
        lanes: 1,
    };
    let error = Segment::create(&name.0, &huge).unwrap_err();
    assert!(matches!(error, SegmentError::NoSpace { .. }), "{error}");
    assert!(!name.0.path().exists());
}

#[test]
fn last_one_out_removes_the_name_unless_somebody_owns_it() {
    let name = SegmentName::new(&format!("leave-{}", std::process::id()));
    let segment = Segment::create(&name, &geometry()).unwrap();
    let this = std::process::id();
    let start = process_table::start_ticks(this).unwrap();
    for place in [0, 1] {
        let entry = segment.process(place).unwrap();
        entry.reserve(Generation(1), 2);
        assert!(entry.attach(Generation(1), this, start));
    }
    segment.leave(0, &name);
    assert!(name.path().exists(), "the process at place 1 lives");
    let owner = std::fs::File::open(name.path()).unwrap();
    owner.try_lock().unwrap();
    segment.leave(1, &name);
    assert!(name.path().exists(), "a supervisor owns it");
    drop(owner);
    segment.leave(1, &name);
    assert!(!name.path().exists());
}

#[test]
fn name_that_means_another_segment_stays() {
    let name = SegmentName::new(&format!("leave-other-{}", std::process::id()));
    let old = Segment::create(&name, &geometry()).unwrap();
    name.unlink().unwrap();
    let _new = Segment::create(&name, &geometry()).unwrap();
    old.leave(0, &name);
    assert!(name.path().exists());
    name.unlink().unwrap();
}

#[test]
fn owner_says_what_is_in_the_rings_and_that_it_lives() {
    let segment = Segment::private(&geometry()).unwrap();
    assert_eq!(
        (segment.sources_hash(), segment.supervisor_beat()),
        (0, MonotonicNs(0))
    );
    let before = MonotonicNs::now();
    segment.take_over(77);
    assert_eq!(segment.sources_hash(), 77);
    assert!(segment.supervisor_beat() >= before);
}

/// Goal: of two processes that may publish a source, one does at a time, and its death is enough.
/// Method: two attachments stand for two gateways, as each has an opening of its own; a process
/// that dies closes its, which is what a drop does.
#[cfg(not(miri))]
#[test]
fn a_pushed_source_has_one_publisher_at_a_time() {
    let name = Named::new("pushed");
    let creator = Segment::create(&name.0, &geometry()).unwrap();
    let gateway = || {
        // All of them inherit the same opening of the file.
        let file = creator.file().unwrap().try_clone_to_owned().unwrap();
        let access = Access::Push([1].into_iter().collect());
        Segment::attach(&name.0, Some(file), access).unwrap()
    };
    let (old, new) = (gateway(), gateway());
    let is_held = |claimed: Result<(), _>| matches!(claimed, Err(ClaimError::Held(1)));
    let mut publisher = old.claim_publisher(1).unwrap();
    assert!(is_held(new.claim_publisher(1).map(drop)));
    assert!(
        is_held(old.claim_publisher(1).map(drop)),
        "nor twice itself"
    );
    // Killed while it filled a frame slot: what it left is repaired by who comes next.
    std::mem::forget(publisher.claim().unwrap());
    drop(publisher);
    let next = new.claim_publisher(1).unwrap();
    assert_eq!(next.next_sequence(), Sequence(1));
    assert!(is_held(old.claim_publisher(1).map(drop)));
    drop(next);
    // The name may go.
    assert!(name.0.unlink().unwrap());
    assert!(old.claim_publisher(1).is_ok());
    for other in [0, 7] {
        let refused = old.claim_publisher(other).map(drop);
        assert!(matches!(refused, Err(ClaimError::Place(_))), "{refused:?}");
    }
    assert_eq!(old.publisher(1).unwrap_err(), PlaceError::ReadOnly(1));
}
