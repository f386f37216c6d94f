//! Tests of the process table: what a place remembers of its process.

#![cfg(test)]

use super::*;
use crate::layout::{Geometry, RingGeometry};
use crate::segment::Segment;

fn segment() -> Segment {
    let ring = RingGeometry {
        frame_slots: 3,
        capacity_bytes: 64,
    };
    let geometry = Geometry {
        rings: vec![ring],
        lanes: 1,
    };
    Segment::private(&geometry).unwrap()
}

fn names(entry: &ProcessEntry) -> Vec<Stage> {
    let stages = entry.last_stages(MonotonicNs::now());
    assert!(stages.is_sorted_by_key(|(_, since)| *since));
    stages.into_iter().map(|(stage, _)| stage).collect()
}

#[test]
fn last_stages_are_kept_in_order_and_each_change_once() {
    let segment = segment();
    let entry = segment.process(1).unwrap();
    entry.reserve(Generation(1), 2);
    for stage in [Stage::Loading, Stage::Waiting, Stage::Waiting] {
        entry.beat(stage);
    }
    assert_eq!(
        names(entry),
        [Stage::Starting, Stage::Loading, Stage::Waiting]
    );
    let round = [Stage::Decoding, Stage::Inferring, Stage::Publishing];
    for _ in 0..7 {
        round.iter().for_each(|stage| entry.beat(*stage));
    }
    let kept = names(entry);
    assert_eq!(kept.len(), STAGES_KEPT);
    assert_eq!(kept[STAGES_KEPT - 3..], round);
    assert_eq!(kept[0], Stage::Publishing);
    entry.reserve(Generation(2), 2);
    assert_eq!(names(entry), [Stage::Starting], "a successor begins anew");
}

#[test]
fn kept_stages_that_make_no_sense_are_left_out() {
    let segment = segment();
    let entry = segment.process(1).unwrap();
    entry.reserve(Generation(1), 2);
    entry.beat(Stage::Loading);
    let word = |us: u64, stage: u64| us << STAGE_BITS | stage;
    let now = MonotonicNs(20_000_000);
    let words = [(5, 8), (6, 99), (7, 4), (6, 5), (u64::MAX >> 8, 6), (9, 0)];
    for (kept, (us, stage)) in entry.stages.iter().zip(words) {
        kept.store(word(us, stage), Ordering::Relaxed);
    }
    entry.stages_entered.store(0, Ordering::Relaxed);
    let expected = [(Stage::Loading, 5_000), (Stage::Reading, 7_000)];
    let expected = expected.map(|(stage, ns)| (stage, MonotonicNs(ns)));
    assert_eq!(entry.last_stages(now), expected);
    entry.stages_entered.store(u32::MAX, Ordering::Relaxed);
    entry.beat(Stage::Waiting);
    entry.beat(Stage::Reading);
    assert_eq!(entry.signs().stage, Some(Stage::Reading));
}

#[test]
fn stage_without_a_heartbeat_is_no_sign_of_life() {
    let segment = segment();
    let entry = segment.process(1).unwrap();
    entry.reserve(Generation(1), 3);
    entry.enter(Stage::Publishing);
    let signs = entry.signs();
    assert_eq!(signs.stage, Some(Stage::Publishing));
    assert_eq!(
        (signs.heartbeat, signs.heard),
        (MonotonicNs(0), MonotonicNs(0))
    );
    entry.hear(MonotonicNs(7));
    entry.beat(Stage::Waiting);
    let signs = entry.signs();
    assert_eq!(
        (signs.stage, signs.heard),
        (Some(Stage::Waiting), MonotonicNs(7))
    );
    assert!(signs.heartbeat > MonotonicNs(0));
}
