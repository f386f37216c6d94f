//! Kills a process after every single instruction of each shared-memory operation.
//!
//! Random kills hit the few instructions between two stores almost never; this hits each of them.
//! A child is forked over a real segment, single-stepped through one operation of the real crate
//! with ptrace, and killed after k instructions, for k = 1, 2, 3 … until it gets through. After
//! each kill the invariants are checked twice: as the others see the segment at that moment, and
//! after the repair that the supervisor and the successor do.
//!
//! Where ptrace is not allowed this fails; it never passes without having stepped.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod invariants;
mod scene;
mod stepper;

use invariants::{assert_goes_on, assert_newest_is_whole, assert_predictions_go_on};
use scene::{DEAD, LIVING, Scene};
use shm_layout::Sequence;
use stepper::{Ended, run_and_kill_after};

/// More instructions than any of the operations has; beyond it the stepping went wrong.
const INSTRUCTIONS_MAX: u64 = 20_000;

/// Runs `operation` in a child that dies after k instructions, for every k, each time on a new
/// scene that `prepare` made; `check` looks at what is left. Returns the number of kills.
fn kill_after_every_instruction(
    prepare: impl Fn(&Scene),
    operation: impl Fn(&Scene),
    check: impl Fn(&Scene),
) -> u64 {
    for instructions in 1..INSTRUCTIONS_MAX {
        let scene = Scene::new();
        prepare(&scene);
        let ended = run_and_kill_after(instructions, || operation(&scene));
        check(&scene);
        if ended == Ended::ByItself {
            assert!(
                instructions > 50,
                "only {instructions} instructions: nothing was stepped"
            );
            return instructions - 1;
        }
    }
    panic!("still not through after {INSTRUCTIONS_MAX} instructions");
}

#[test]
fn publisher_killed_at_any_instruction_tears_nothing() {
    let kills = kill_after_every_instruction(
        |scene| (0..5).for_each(|_| scene.publish()),
        Scene::publish,
        |scene| {
            let newest = assert_newest_is_whole(scene);
            assert!((5..=6).contains(&newest), "sequence went to {newest}");
            assert_goes_on(scene, newest);
        },
    );
    println!("publish: killed after each of {kills} instructions");
}

#[test]
fn reader_killed_at_any_instruction_blocks_nobody() {
    let kills = kill_after_every_instruction(
        |scene| (0..5).for_each(|_| scene.publish()),
        |scene| {
            let mut subscriber = scene.subscriber(DEAD);
            let lease = subscriber.lease_latest(Sequence(0)).unwrap();
            assert!(Scene::is_whole(&lease));
        },
        |scene| {
            assert_eq!(assert_newest_is_whole(scene), 5);
            let held = scene.segment().leases_held(0);
            assert!(held <= 1, "{held} leases of one reader");
            assert_goes_on(scene, 5);
        },
    );
    println!("lease, read, release: killed after each of {kills} instructions");
}

#[test]
fn taker_killed_at_any_instruction_never_gives_its_frame_to_another() {
    let kills = kill_after_every_instruction(
        |scene| (0..5).for_each(|_| scene.publish()),
        |scene| {
            let mut subscriber = scene.subscriber(DEAD);
            let lease = subscriber.take_latest().unwrap();
            // Leaves a mark once the frame is really ours, so that the check can tell.
            scene.mark(lease.sequence());
        },
        |scene| {
            let taken_by_dead = scene.marked();
            let mut living = scene.subscriber(LIVING);
            let taken = living.take_latest().map(|lease| lease.sequence());
            if taken_by_dead.is_some() {
                assert_eq!(taken, None, "a frame was taken twice");
            }
            assert!(taken.is_none_or(|sequence| sequence == Sequence(5)));
            assert_goes_on(scene, 5);
            let next = scene
                .subscriber(LIVING)
                .take_latest()
                .map(|lease| lease.sequence());
            assert_eq!(
                next,
                Some(Sequence(scene.segment().newest(0))),
                "takes go on"
            );
        },
    );
    println!("take: killed after each of {kills} instructions");
}

#[test]
fn recovery_killed_at_any_instruction_can_be_done_again() {
    let mut kills = 0;
    // What a publisher leaves after so many instructions: nothing yet, a claim, a half-filled
    // frame slot, a sealed frame, an announced one.
    for publisher_instructions in (40..1200).step_by(200) {
        kills += kill_after_every_instruction(
            |scene| {
                (0..5).for_each(|_| scene.publish());
                run_and_kill_after(publisher_instructions, || scene.publish());
            },
            |scene| {
                // Opening the publishing end is the recovery.
                scene.segment().publisher(0).unwrap();
            },
            |scene| {
                let newest = assert_newest_is_whole(scene);
                assert_goes_on(scene, newest);
            },
        );
    }
    println!("recover: killed after each of {kills} instructions, over all starting points");
}

#[test]
fn reclaim_killed_at_any_instruction_can_be_done_again() {
    let kills = kill_after_every_instruction(
        |scene| {
            (0..5).for_each(|_| scene.publish());
            scene.hold_leases_of_the_dead();
        },
        |scene| assert!(scene.segment().reclaim(DEAD) <= 2),
        |scene| {
            let mut living = scene.subscriber(LIVING);
            let lease = living.lease_latest(Sequence(0)).unwrap();
            scene.segment().reclaim(DEAD);
            assert_eq!(
                scene.segment().leases_held(0),
                1,
                "the living lease, and no other"
            );
            assert!(Scene::is_whole(&lease));
            drop(lease);
            assert_goes_on(scene, 5);
        },
    );
    println!("reclaim: killed after each of {kills} instructions");
}

#[test]
fn predictor_killed_at_any_instruction_spoils_no_prediction() {
    let kills = kill_after_every_instruction(
        |scene| (1..=40).for_each(|sequence| scene.predict(0, sequence)),
        |scene| scene.predict(0, 41),
        |scene| {
            let latest = scene.latest_prediction();
            assert!((40..=41).contains(&latest), "latest went to {latest}");
            assert_predictions_go_on(scene, latest);
        },
    );
    println!("publish a prediction: killed after each of {kills} instructions");
}

/// The checks can see: a frame slot overwritten under a lease, a lease that nobody gives back and
/// a frame with one wrong byte are each reported.
#[test]
fn the_checks_notice_faults_made_on_purpose() {
    let noticed = |fault: fn(&Scene)| {
        std::panic::catch_unwind(|| {
            let scene = Scene::new();
            (0..5).for_each(|_| scene.publish());
            fault(&scene);
            let newest = assert_newest_is_whole(&scene);
            assert_goes_on(&scene, newest);
        })
        .is_err()
    };
    assert!(!noticed(|_| {}), "no fault, no complaint");
    assert!(noticed(Scene::publish_torn), "a torn frame");
    assert!(
        noticed(Scene::hold_leases_of_a_stranger),
        "leases that nobody reclaims"
    );
}
