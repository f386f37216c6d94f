//! A source with `idle_fps`: few frames while nobody needs more, all of them as soon as somebody does.

use shm_layout::control::SourceStatus;
use std::path::Path;
use wigwag_tests::client::metrics::Metrics;
use wigwag_tests::client::multipart::MultipartStream;
use wigwag_tests::{TestBox, demo, wait};

/// Frames of the demo clip in which no hand is to be seen.
const NOBODY: std::ops::Range<usize> = 0..18;

fn await_source(
    test_box: &TestBox,
    what: &str,
    is_so: impl Fn(&SourceStatus) -> bool,
) -> SourceStatus {
    wait::until(what, || Some(test_box.source("cam0")).filter(&is_so))
}

/// Frames of a source that were not published because nobody needed them.
fn not_needed(test_box: &TestBox, source: &str) -> u64 {
    let unit = test_box.unit(&format!("capture/{source}"));
    unit.counters.get("not_needed").copied().unwrap_or(0)
}

/// Goal: a camera that nobody watches costs little, and the first viewer notices nothing of it.
/// Method: a source of 30 frames a second that may rest at 2 does so, live and ready, with each frame
/// that is left out counted; a viewer gets ten frames whose capture times lie within two seconds,
/// which ten of two a second cannot, and none is left out any more; without it, the source rests
/// again. No gap, reopening or loss is counted.
#[test]
fn a_source_rests_while_nobody_watches_and_a_viewer_wakes_it() {
    let toml = "[sources.cam0]\ntype = \"pattern\"\nfps = 30.0\nidle_fps = 2\n[infer]\nworkers = 1";
    let test_box = TestBox::builder("idle_watch").config(toml).start();
    let rests = |source: &SourceStatus| {
        source.is_idle && source.measured_fps > 0.0 && source.measured_fps < 4.0
    };
    await_source(&test_box, "nobody watches, and the source rests", rests);
    let metrics = Metrics::scrape(&test_box.http());
    let labels = ["unit=\"capture/cam0\"", "event=\"not_needed\""];
    assert!(metrics.sum("wigwag_unit_events_total", &labels) > 0.0);
    assert_eq!(test_box.http_get("/readyz").status, 200);

    let mut viewer = MultipartStream::open(&test_box.http(), "cam0");
    wait::until_true("the viewer gets every frame", || {
        let times: Vec<u64> = (0..10).map(|_| viewer.part().capture_time_us).collect();
        times[9] - times[0] < 2_000_000
    });
    await_source(&test_box, "the source does not rest", |source| {
        !source.is_idle
    });
    let left_out = not_needed(&test_box, "cam0");
    let first = viewer.part().sequence;
    wait::until_true("frames go on", || viewer.part().sequence >= first + 30);
    assert_eq!(not_needed(&test_box, "cam0"), left_out);

    drop(viewer);
    await_source(&test_box, "the source rests again", rests);
    let unit = test_box.unit("capture/cam0");
    assert_eq!((unit.restarts, unit.counters.get("reopened")), (0, None));
    test_box.stop();
}

/// Goal: gestures are recognised in every frame while a hand is there, though nobody watches.
/// Method: of two sources that may rest at 3 frames a second, one shows nobody and one a hand, over
/// and over: the first rests, and of the second no frame is left out once it was seen.
#[test]
fn a_hand_keeps_a_source_awake_and_an_empty_room_does_not() {
    let builder = TestBox::builder("idle_hand");
    let table = |name: &str, frames| {
        let folder = builder.scratch().join(name);
        std::fs::create_dir(&folder).unwrap();
        source(name, &demo::write_clip(&folder, frames))
    };
    let toml = table("room", NOBODY) + &table("hand", demo::THUMB_UP) + "[infer]\nworkers = 1";
    let test_box = builder.config(&toml).start();
    wait::until_true("one source rests", || {
        let (room, hand) = (test_box.source("room"), test_box.source("hand"));
        room.is_idle && !hand.is_idle && hand.predictions_per_s > 0.0
    });
    let (room, hand) = (not_needed(&test_box, "room"), not_needed(&test_box, "hand"));
    let newest = test_box.newest("hand");
    wait::until_true("frames of the hand go on", || {
        test_box.newest("hand") >= newest + 60
    });
    assert!(not_needed(&test_box, "room") > room);
    assert_eq!(not_needed(&test_box, "hand"), hand);
    test_box.stop();
}

fn source(name: &str, clip: &Path) -> String {
    let path = clip.display();
    format!("[sources.{name}]\ntype = \"clip\"\npath = \"{path}\"\nfps = 15\nidle_fps = 3\n")
}
