//! What must hold after a kill: as the others see it at that moment, and after the repair.

use crate::scene::{DEAD, LIVING, Scene};
use shm_layout::Sequence;
use shm_layout::ring::LeaseError;

/// Frames published after the repair: enough to use every frame slot more than once.
const FRAMES_AFTER: u64 = 12;

/// The newest frame can be read and is whole, and so is every older one that is still there.
/// Returns the newest sequence.
pub(super) fn assert_newest_is_whole(scene: &Scene) -> u64 {
    let newest = scene.segment().newest(0);
    let mut subscriber = scene.subscriber(LIVING);
    let lease = subscriber
        .lease_latest(Sequence(0))
        .expect("the newest frame is always there");
    assert_eq!(lease.sequence(), Sequence(newest));
    assert!(Scene::is_whole(&lease), "torn frame {newest}");
    drop(lease);
    for sequence in 1..newest {
        match subscriber.lease_exact(Sequence(sequence)) {
            Ok(lease) => assert!(Scene::is_whole(&lease), "torn frame {sequence}"),
            Err(error) => assert_eq!(error, LeaseError::Missed, "frame {sequence}"),
        }
    }
    newest
}

/// First without any repair of leases, then with it, publishing goes on: no sequence is lost or
/// repeated, every frame is whole, and nothing stays leased.
pub(super) fn assert_goes_on(scene: &Scene, newest: u64) {
    // Opening the publisher is the successor's repair; it may announce one sealed frame.
    let announced = scene.segment().publisher(0).unwrap().next_sequence().0 - 1;
    assert!(
        (newest..=newest + 1).contains(&announced),
        "recovered to {announced}"
    );
    publish_and_read(scene, announced);
    scene.segment().reclaim(DEAD);
    publish_and_read(scene, announced + FRAMES_AFTER);
    assert_eq!(
        scene.segment().leases_held(0),
        0,
        "leases left after the reclaim"
    );
}

fn publish_and_read(scene: &Scene, newest: u64) {
    for sequence in newest + 1..=newest + FRAMES_AFTER {
        scene.publish();
        assert_eq!(assert_newest_is_whole(scene), sequence);
    }
}

/// The successor in the lane of the dead goes on, another lane too, and no reader sees a mixture.
pub(super) fn assert_predictions_go_on(scene: &Scene, latest: u64) {
    for sequence in latest + 1..=latest + 40 {
        scene.predict((sequence % 2) as usize, sequence);
        assert_eq!(scene.latest_prediction(), sequence);
    }
}
