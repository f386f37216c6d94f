//! Frames: leased, taken, refused, left behind by the dead.

use super::{geometry, meta, publish};
use shm_layout::ring::{LeaseError, PublishError};
use shm_layout::segment::PlaceError;
use shm_layout::{FrameMeta, MonotonicNs, PixelFormat, Segment, Sequence};

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
