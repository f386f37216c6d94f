//! What is adopted and what is not, over real segments and real processes.

use super::*;
use shm_layout::Generation;
use shm_layout::layout::RingGeometry;
use shm_layout::process_table::start_ticks;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A process that looks like a worker: the name is that of the file which is executed.
struct Worker {
    child: Child,
    start_ticks: u64,
}

impl Worker {
    fn start(scratch: &std::path::Path, script: &str) -> Self {
        let path = scratch.join("infer-worker");
        if !path.exists() {
            // A link, not a copy: a file that was just written cannot be executed while a
            // child of another test, forked in between, still has it open.
            std::os::unix::fs::symlink("/bin/sh", &path).unwrap();
        }
        let child = Command::new(&path)
            .args(["-c", script])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let start_ticks = start_ticks(child.id()).unwrap();
        // The name is the file's only once exec has happened.
        while role_of(child.id()).is_none() {
            std::thread::yield_now();
        }
        Self { child, start_ticks }
    }

    fn orphan(&self) -> Option<Orphan> {
        Orphan::find(self.child.id(), self.start_ticks, 3)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

const BUSY: &str = "while :; do sleep 0.01; done";

#[test]
fn orphan_that_ignores_sigterm_is_killed() {
    let scratch = tempfile::tempdir().unwrap();
    let polite = Worker::start(scratch.path(), BUSY);
    let deaf = Worker::start(scratch.path(), &format!("trap '' TERM; {BUSY}"));
    end_all(&[polite.orphan().unwrap(), deaf.orphan().unwrap()]);
    assert!(polite.orphan().is_none() && deaf.orphan().is_none());
}

#[test]
fn stranger_with_the_same_number_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    let worker = Worker::start(scratch.path(), BUSY);
    assert!(Orphan::find(worker.child.id(), worker.start_ticks + 1, 3).is_none());
    let this = std::process::id();
    let ticks = start_ticks(this).unwrap();
    assert!(
        Orphan::find(this, ticks, 3).is_none(),
        "not one of our programs"
    );
    assert!(Orphan::find(1, start_ticks(1).unwrap_or(0), 3).is_none());
}

fn geometry(lanes: usize) -> Geometry {
    let ring = RingGeometry {
        frame_slots: 4,
        capacity_bytes: 4096,
    };
    Geometry {
        rings: vec![ring],
        lanes,
    }
}

/// A segment as a killed supervisor leaves it, with one worker at place 3.
fn left_by(worker: &Worker, name: &SegmentName) {
    let segment = Segment::create(name, &geometry(1)).unwrap();
    segment.take_over(5);
    let entry = segment.process(3).unwrap();
    entry.reserve(Generation(7), Role::Infer as u32);
    assert!(entry.attach(Generation(7), worker.child.id(), worker.start_ticks));
}

#[test]
fn segment_that_fits_is_adopted_with_its_workers() {
    let scratch = tempfile::tempdir().unwrap();
    let worker = Worker::start(scratch.path(), BUSY);
    let name = SegmentName::new(&format!("adopt-{}", std::process::id()));
    left_by(&worker, &name);
    let left = look(&name).unwrap().unwrap();
    let adopted = left.settle(&geometry(1), 5).unwrap().unwrap();
    assert!(
        adopted.segment.file().is_some(),
        "workers can inherit its file"
    );
    let [orphan] = &adopted.orphans[..] else {
        panic!("{:?}", adopted.orphans)
    };
    assert_eq!((orphan.pid, orphan.place), (worker.child.id(), 3));
    assert!(!orphan.process.wait(Some(Duration::ZERO)), "it goes on");
    assert!(matches!(look(&name), Err(Failure::SegmentHeld { .. })));
    name.unlink().unwrap();
}

#[test]
fn segment_with_room_to_spare_is_adopted() {
    let name = SegmentName::new(&format!("roomy-{}", std::process::id()));
    let mut roomy = geometry(1);
    roomy.rings[0].frame_slots += 1;
    roomy.rings[0].capacity_bytes *= 3;
    Segment::create(&name, &roomy).unwrap().take_over(5);
    let left = look(&name).unwrap().unwrap();
    let adopted = left.settle(&geometry(1), 5).unwrap().expect("it does");
    let found = &adopted.segment.layout().rings[0];
    assert_eq!(found.frame_slot_count, roomy.rings[0].frame_slots);
    name.unlink().unwrap();
}

#[test]
fn segment_that_does_not_fit_goes_with_its_workers() {
    let scratch = tempfile::tempdir().unwrap();
    let name = SegmentName::new(&format!("replace-{}", std::process::id()));
    for (lanes, sources) in [(2, 5), (1, 6)] {
        let worker = Worker::start(scratch.path(), BUSY);
        left_by(&worker, &name);
        let left = look(&name).unwrap().unwrap();
        assert!(left.settle(&geometry(lanes), sources).unwrap().is_none());
        assert!(worker.orphan().is_none());
        assert!(!name.path().exists());
    }
}

#[test]
fn bytes_that_are_no_segment_are_replaced_unread() {
    let name = SegmentName::new(&format!("scribble-{}", std::process::id()));
    Segment::create(&name, &geometry(1)).unwrap().take_over(5);
    let whole = std::fs::read(name.path()).unwrap();
    let mut scribbled = whole.clone();
    scribbled[8] ^= 1;
    for bytes in [
        &b"no segment at all"[..],
        &[],
        &whole[..4096],
        &whole[..whole.len() - 4096],
        &scribbled,
    ] {
        std::fs::write(name.path(), bytes).unwrap();
        let left = look(&name).unwrap().unwrap();
        assert!(left.settle(&geometry(1), 5).unwrap().is_none());
        assert!(!name.path().exists());
    }
    assert!(look(&name).unwrap().is_none());
}

#[test]
fn sources_are_told_apart_by_name_kind_and_order() {
    let source = |name: &str| SourceConfig {
        name: name.to_owned(),
        ..SourceConfig::demo()
    };
    let hash = |sources: &[SourceConfig]| sources_hash(sources.iter());
    let camera = SourceConfig::camera("a", "auto");
    let all = [
        hash(&[source("a"), source("b")]),
        hash(&[source("b"), source("a")]),
        hash(&[source("ab")]),
        hash(&[source("a")]),
        hash(&[camera]),
    ];
    for (index, one) in all.iter().enumerate() {
        assert!(!all[..index].contains(one));
    }
}
