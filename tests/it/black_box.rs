//! When a unit dies, what it held and what it was doing is kept, and `postmortem` shows it.

use nix::sys::signal::{Signal, kill as kill_now};
use nix::unistd::Pid;
use serde_json::Value;
use shm_layout::Segment;
use shm_layout::segment::Access;
use std::path::{Path, PathBuf};
use wigwag_tests::process::{self, signal};
use wigwag_tests::strip::sequence_in_png;
use wigwag_tests::test_box::BoxBuilder;
use wigwag_tests::{TestBox, demo, wait};

/// A source whose frames take an infer-worker long to read.
const LARGE_RAW: &str = "
[sources.large]
type = \"pattern\"
format = \"rgb24\"
width_px = 1920
height_px = 1080
fps = 10
";

fn builder(name: &str) -> BoxBuilder {
    TestBox::builder(name).source("clip:")
}

/// Ends a unit's process by `signal_name` and waits until its black box is written.
#[track_caller]
fn kill(test_box: &TestBox, unit: &str, signal_name: &str) -> Value {
    let before = test_box.unit(unit);
    let pid = before.pid.unwrap();
    signal(pid, signal_name);
    // The standard library's handler lets the first SIGSEGV from outside pass.
    wait::until_true("it is dead", || {
        let is_running = process::is_running(pid);
        if is_running && signal_name == "SEGV" {
            let _gone = kill_now(Pid::from_raw(pid as i32), Signal::SIGSEGV);
        }
        !is_running
    });
    await_report(test_box, unit, before.generation)
}

#[track_caller]
fn await_report(test_box: &TestBox, unit: &str, generation: u64) -> Value {
    let reports = wait::until("the death is reported", || {
        let reports = list(test_box);
        let of_it = |report: &Value| report["unit"] == unit && report["generation"] == generation;
        reports.into_iter().find(of_it)
    });
    test_box.await_log(&format!("{unit}: black box: "));
    reports
}

/// `postmortem --list --json`.
fn list(test_box: &TestBox) -> Vec<Value> {
    let output = test_box.run(&["postmortem", "--list", "--json"]);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `postmortem`, for people.
fn shown(test_box: &TestBox, arguments: &[&str]) -> String {
    let output = test_box.run(&[&["postmortem"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn picture(report: &Value, index: usize) -> PathBuf {
    let folder = Path::new(report["folder"].as_str().unwrap());
    folder.join(report["frames"][index]["picture"].as_str().unwrap())
}

/// Stops `pid` in the middle of a frame: its lease is there while frame after frame is published.
/// Nobody watches, so nobody else has one.
fn stop_with_a_frame(test_box: &TestBox, pid: u32) {
    let segment = Segment::attach(&test_box.segment(), None, Access::Read).unwrap();
    wait::until_true("it is stopped while it has a frame", || {
        // Without a pause: a raw frame is held while it is converted, a few milliseconds.
        while segment.leases_held(0) == 0 {
            std::thread::yield_now();
        }
        signal(pid, "STOP");
        let holds = (0..3).all(|_| {
            let newest = segment.newest(0);
            wait::until_true("one more frame", || segment.newest(0) > newest);
            segment.leases_held(0) > 0
        });
        if !holds {
            signal(pid, "CONT");
        }
        holds
    });
}

/// The last stages of an infer-worker: a round of its loop at least, in the order of their times,
/// each up to the next and the last one up to the death.
#[track_caller]
fn assert_timeline(report: &Value) {
    let stages = report["stages"].as_array().unwrap();
    let number = |stage: &Value, key: &str| stage[key].as_u64().unwrap();
    for stage in ["waiting", "decoding", "inferring", "publishing"] {
        let is_it = |did: &Value| did["stage"] == stage;
        assert!(stages.iter().any(is_it), "no {stage} in {report:#}");
    }
    for pair in stages.windows(2) {
        let (before, took) = (number(&pair[0], "before_us"), number(&pair[0], "took_us"));
        assert_eq!(before - took, number(&pair[1], "before_us"), "{report:#}");
    }
    let last = stages.last().unwrap();
    assert_eq!(last["stage"], report["stage"]);
    assert_eq!(number(last, "before_us"), number(last, "took_us"));
}

/// Goal: the frame that an infer-worker was reading when it was killed is kept, with what it was
/// doing and the last predictions; its successor starts all the same.
/// Method: stop it in the middle of a large raw frame, kill it, and read the number off the picture.
#[test]
fn frame_that_a_killed_worker_held_is_kept() {
    // The watchdog must not be the one that ends it.
    let test_box = TestBox::builder("held_frame")
        .config(LARGE_RAW)
        .config("[watchdog]\ninfer_ms = 600000")
        .start();
    let before = test_box.unit("infer/0");
    let predicted = || test_box.source("large").predictions_per_s > 0.0;
    wait::until_true("predictions come", predicted);
    stop_with_a_frame(&test_box, before.pid.unwrap());
    signal(before.pid.unwrap(), "KILL");
    let report = await_report(&test_box, "infer/0", before.generation);
    test_box.await_successor("infer/0", before.generation);

    assert_eq!(report["cause"], "SIGKILL", "{report:#}");
    assert_eq!(report["pid"], before.pid.unwrap());
    assert_eq!(report["frames"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(report["frames"][0]["held"], true);
    assert!(report["stage"].is_string(), "{report:#}");
    assert_timeline(&report);
    assert!(report["counters"]["taken"].as_u64() > Some(0), "{report:#}");
    let sequence = report["frames"][0]["sequence"].as_u64().unwrap();
    assert_eq!(sequence_in_png(&picture(&report, 0)), Some(sequence));
    let predicted = report["predictions"][0]["sequence"].as_u64().unwrap();
    assert!(predicted < sequence, "{predicted} before {sequence}");

    let text = shown(&test_box, &["--last"]);
    let path = picture(&report, 0).display().to_string();
    assert!(
        text.contains("infer/0 died: SIGKILL") && text.contains(&path),
        "{text}"
    );
    assert!(text.contains(" ms before  inferring "), "{text}");
    assert!(test_box.log().contains("(1 leased frames given back)"));
    test_box.stop();
}

/// Goal: a publisher's last frames and its last words are kept; the signal is named.
/// Method: SIGSEGV to the capture-worker; the pictures are frames of the clip.
#[test]
fn last_frames_of_a_publisher_are_kept() {
    let test_box = builder("last_frames").start();
    let report = kill(&test_box, "capture/clip0", "SEGV");
    let cause = report["cause"].as_str().unwrap();
    assert!(cause.starts_with("SIGSEGV"), "{cause}");
    assert_eq!(report["frames"].as_array().unwrap().len(), 2, "{report:#}");
    for index in 0..2 {
        assert_eq!(report["frames"][index]["held"], false);
        let bytes = std::fs::read(picture(&report, index)).unwrap();
        assert!(demo::frames().contains(&bytes));
    }
    assert!(report["log"].is_array());
    let id = report["id"].as_str().unwrap();
    assert!(shown(&test_box, &[id]).contains("capture/clip0 died: SIGSEGV"));
    let output = test_box.run(&["postmortem", "../etc"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    test_box.stop();
}

/// Goal: no more deaths are kept than configured, the latest ones; what stops as asked is no death.
/// Method: kill the gateway three times where two are kept; stop the box, and look again.
#[test]
fn number_of_black_boxes_is_bounded() {
    let test_box = builder("bounded")
        .config("[black_box]\nmax_entries = 2")
        .start();
    let output = test_box.run(&["postmortem"]);
    assert_eq!(output.status.code(), Some(69), "none yet: {output:?}");
    let mut generations = Vec::new();
    for _ in 0..3 {
        let report = kill(&test_box, "gateway", "KILL");
        let generation = report["generation"].as_u64().unwrap();
        test_box.await_successor("gateway", generation);
        generations.push(generation);
    }
    let kept = || -> Vec<u64> {
        let reports = list(&test_box);
        reports
            .iter()
            .map(|report| report["generation"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(kept(), generations[1..]);
    assert_eq!(shown(&test_box, &["--list"]).lines().count(), 2);
    test_box.stop();
    assert_eq!(kept(), generations[1..], "a stop is no death");
}

/// Goal: where nothing can be written, one warning says so and nothing else suffers.
/// Method: a folder that cannot exist; a unit dies twice and comes back twice.
#[test]
fn black_box_that_cannot_be_written_is_one_warning() {
    let test_box = builder("unwritable")
        .config("[black_box]\nfolder = \"/proc/no-such-folder\"")
        .start();
    for _ in 0..2 {
        let before = test_box.unit("gateway");
        signal(before.pid.unwrap(), "KILL");
        test_box.await_successor("gateway", before.generation);
    }
    test_box.await_log("no black box of gateway in /proc/no-such-folder");
    test_box.stop();
    let log = test_box.log();
    assert_eq!(log.matches("no black box of").count(), 1, "{log}");
}
