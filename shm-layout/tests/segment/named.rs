//! Named segments: shared by name and by file, refused when they are not ours, removed by the last.
//! Miri has neither shared mappings nor locks of files, and leaves this module out.

use super::{geometry, publish};
use shm_layout::layout::{Geometry, RingGeometry};
use shm_layout::process_table;
use shm_layout::segment::{Access, ClaimError, PlaceError, SegmentError, SegmentName};
use shm_layout::{Generation, Segment, Sequence};
use std::os::fd::AsFd;

/// Creates a named segment for one test and removes the name at the end.
struct Named(SegmentName);

impl Named {
    fn new(test: &str) -> Self {
        Self(SegmentName::new(&format!("{test}-{}", std::process::id())))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _removed = self.0.unlink();
    }
}

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

/// Goal: of two processes that may publish a source, one does at a time, and its death is enough.
/// Method: two attachments stand for two gateways, as each has an opening of its own; a process
/// that dies closes its, which is what a drop does.
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
