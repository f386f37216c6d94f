//! A real box under random SIGKILL and SIGSTOP of everything in it, the supervisor included, with
//! clients that check every frame that they see.
//!
//! What must never happen: a torn frame, a frame predicted twice, a sequence that goes back, a box
//! that does not come back by itself, anything that is left over. `tests/torture/run.sh` runs it
//! for as long as wanted; `cargo test` runs it for a few rounds. The ring without the programs
//! around it is tortured in `it/ring.rs`, where a live lease is also revoked on purpose, to prove
//! that the check sees a torn frame.
//!
//! - `rounds`: whom to kill, and how it is seen that it is back.
//! - `watch`: the clients and the reader of all predictions.
//! - `remains`: descriptors, memory, processes, leases.
//! - `figures`: what is printed at the end.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod figures;
mod remains;
mod rounds;
mod watch;

use figures::Figures;
use remains::Remains;
use rounds::Rounds;
use shm_layout::Segment;
use shm_layout::segment::Access;
use std::time::{Duration, Instant};
use watch::Watch;
use wigwag_tests::TestBox;
use wigwag_tests::random::Random;

/// The sources of the tortured box: two test pictures of different size and pace.
const SOURCES: [&str; 2] = ["small", "large"];
/// Rounds without `WIGWAG_TORTURE_MINUTES`.
const ROUNDS_MIN: usize = 12;
/// Rounds between two looks at what is left over.
const ROUNDS_PER_LOOK: usize = 25;

const CONFIG: &str = "
[sources.small]
type = \"pattern\"
width_px = 160
height_px = 120
fps = 30
[sources.large]
type = \"pattern\"
width_px = 480
height_px = 360
fps = 15
[infer]
workers = 2
[restart]
backoff_min_ms = 0
limit = 10000
orphan_grace_ms = 60000
[watchdog]
capture_ms = 1000
gateway_ms = 1000
infer_ms = 3000
";

fn duration() -> Duration {
    let minutes = std::env::var("WIGWAG_TORTURE_MINUTES").unwrap_or_default();
    let minutes: f64 = minutes.parse().unwrap_or(0.0);
    Duration::from_secs_f64(minutes * 60.0)
}

/// Goal: whatever is killed or hangs, at any moment and in any combination, nothing is torn,
/// doubled, turned back, wedged or leaked.
/// Method: rounds of one to three deaths; after each, every victim's successor serves and the
/// sequences and predictions go on; every now and then all that a leak could show in is compared
/// with the beginning. At the end the box stops as usual and leaves nothing.
#[test]
fn box_survives_random_deaths() {
    let seed: u64 = std::env::var("WIGWAG_TORTURE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}");
    let test_box = TestBox::builder("torture")
        .config(CONFIG)
        .with_lasting_addresses()
        .start();
    let segment = Segment::attach(&test_box.segment(), None, Access::Read).unwrap();
    let watch = Watch::start(&test_box);
    let mut figures = Figures::default();
    let mut rounds = Rounds::new(&test_box, &segment, &watch, Random::new(seed));
    let mut remains = Remains::of(&test_box);
    let started = Instant::now();
    for round in 0.. {
        if round >= ROUNDS_MIN && started.elapsed() >= duration() {
            break;
        }
        let is_succeeded = rounds.run(&mut figures);
        watch.assert_well();
        if is_succeeded {
            remains = Remains::of(&test_box);
        } else if round % ROUNDS_PER_LOOK == ROUNDS_PER_LOOK - 1 {
            remains.assert_no_more(&test_box, &segment);
        }
    }
    rounds.await_quiet();
    remains.assert_no_more(&test_box, &segment);
    remains::assert_counted_clean(&test_box);
    let seen = watch.finish();
    test_box.stop();
    for source in 0..SOURCES.len() {
        assert_eq!(segment.leases_held(source), 0, "leases outlived the box");
    }
    let log = test_box.log();
    assert!(!log.contains("panicked"), "a process panicked");
    figures.print(started.elapsed(), &seen);
    assert!(
        seen.frames > 0 && seen.predictions > 0,
        "nothing was checked"
    );
}
