//! Rolling restart: the successor is ready before its predecessor goes, so nothing is missing at
//! any time; one that does not get ready changes nothing.

use shm_layout::control::{BoxState, UnitState};
use std::collections::HashSet;
use std::sync::mpsc::channel;
use wigwag_tests::TestBox;
use wigwag_tests::client::events::EventStream;
use wigwag_tests::client::http;
use wigwag_tests::client::knocking::Knocking;
use wigwag_tests::client::multipart::MultipartStream;
use wigwag_tests::process::signal;
use wigwag_tests::wait;

/// Goal: a new infer-worker takes over between two frames.
/// Method: restart it three times under one reader of predictions and one viewer; the unit is
/// never anything but ready, no prediction comes twice, each generation predicts, and what was
/// counted goes on. While two work, the later frame may be done first.
#[test]
fn infer_worker_is_succeeded_while_it_serves() {
    let test_box = TestBox::start("roll_infer");
    let mut stream = MultipartStream::open(&test_box.http(), "pattern0");
    let (shown, frames) = channel();
    std::thread::spawn(move || {
        while let Some(part) = stream.next_part() {
            if shown.send(part.sequence).is_err() {
                return;
            }
        }
    });
    let mut events = EventStream::open(
        &test_box.http(),
        "/api/v1/events?source=pattern0&only=predictions",
    );
    let (seen, predictions) = channel();
    std::thread::spawn(move || {
        while let Some(event) = events.next_event() {
            let number = |name: &str| event.data[name].as_u64().unwrap();
            if seen
                .send((number("sequence"), number("generation")))
                .is_err()
            {
                return;
            }
        }
    });
    let (mut predicted, mut counted) = (HashSet::new(), 0);
    for _ in 0..3 {
        let before = test_box.unit("infer/0");
        let mut command = test_box.command(&["restart", "infer/0"]);
        let mut restart = command.spawn().unwrap();
        let end = wait::until("the command ends", || {
            let unit = test_box.unit("infer/0");
            assert_eq!(unit.state, UnitState::Ready, "{unit:?}");
            assert!(unit.counters["taken"] >= counted, "{unit:?}");
            counted = unit.counters["taken"];
            restart.try_wait().unwrap()
        });
        assert!(end.success(), "{}", test_box.log());
        let after = test_box.unit("infer/0");
        assert_eq!(after.generation, before.generation + 1);
        assert_ne!(after.pid, before.pid);
        loop {
            let (sequence, generation) = predictions.recv_timeout(wait::DEADLINE).unwrap();
            assert!(predicted.insert(sequence), "{sequence} came twice");
            if generation == after.generation {
                break;
            }
        }
    }
    let now = test_box.newest("pattern0");
    while frames.recv_timeout(wait::DEADLINE).unwrap() <= now {}
    test_box.stop();
}

/// Goal: the gateway is replaced without a moment in which nobody answers.
/// Method: connect again and again over three restarts; nobody is refused, and a viewer that
/// connects again goes on at a later frame.
#[test]
fn gateway_is_succeeded_and_nobody_is_refused() {
    let test_box = TestBox::start("roll_gateway");
    let address = test_box.http();
    let knocking = Knocking::at(&address);
    let mut newest = 0;
    for _ in 0..3 {
        let before = test_box.unit("gateway");
        let output = test_box.run(&["restart", "gateway"]);
        assert!(output.status.success(), "{output:?}");
        let after = test_box.unit("gateway");
        assert_eq!(after.generation, before.generation + 1);
        assert_ne!(after.pid, before.pid);
        let sequence = MultipartStream::open(&address, "pattern0").part().sequence;
        assert!(sequence > newest, "{sequence} came after {newest}");
        newest = sequence;
    }
    knocking.assert_nobody_was_refused();
    assert_eq!(test_box.processes().len(), 1 + 3, "predecessors are left");
    assert_eq!(http::get(&address, "/readyz").status, 200);
    test_box.stop();
}

/// Goal: a successor that does not get ready changes nothing, and the command says why.
/// Method: the successor finds a model that is broken since; the old worker goes on with its pid,
/// the box stays ready, and the next try, with the model mended, succeeds.
#[test]
fn successor_that_does_not_get_ready_changes_nothing() {
    let builder = TestBox::builder("roll_kept").source("pattern:");
    let models = builder.scratch().join("models");
    copy_models(&models);
    let manifest = models.join("manifest.toml");
    let test_box = builder
        .config(&format!("[infer]\nmanifest = \"{}\"", manifest.display()))
        .start();
    let whole = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, "no manifest").unwrap();
    let before = test_box.unit("infer/0");

    let output = test_box.run(&["restart", "infer/0"]);

    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        text.contains("`infer/0` was not replaced and goes on"),
        "{text}"
    );
    assert!(text.contains("exit 78"), "{text}");
    let status = test_box.status();
    assert_eq!(status.state, BoxState::Ready);
    let after = test_box.unit("infer/0");
    assert_eq!(
        (after.pid, after.generation),
        (before.pid, before.generation)
    );
    std::fs::write(&manifest, whole).unwrap();
    let output = test_box.run(&["restart", "infer/0"]);
    assert!(output.status.success(), "{output:?}");
    assert!(test_box.unit("infer/0").generation > before.generation);
    test_box.stop();
}

fn copy_models(to: &std::path::Path) {
    let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Goal: a death while the successor starts costs no more than the successor's start.
/// Method: kill the old infer-worker as soon as the successor is there; the successor takes its
/// place, and the box gets ready with three workers.
#[test]
fn successor_takes_the_place_of_one_that_dies_meanwhile() {
    let test_box = TestBox::start("roll_killed");
    let before = test_box.unit("infer/0");
    let mut restart = test_box.command(&["restart", "infer/0"]).spawn().unwrap();
    wait::until_true("the successor is there", || {
        test_box.processes().len() > 1 + 3
            || test_box.unit("infer/0").generation > before.generation
    });
    let pid = before.pid.unwrap();
    if test_box.unit("infer/0").pid == Some(pid) {
        signal(pid, "KILL");
    }
    let end = wait::until("the command ends", || restart.try_wait().unwrap());
    assert!(end.success(), "{}", test_box.log());
    test_box.await_ready();
    wait::until_true("three workers", || test_box.processes().len() == 1 + 3);
    assert_eq!(
        test_box.unit("infer/0").generation,
        before.generation + 1,
        "{}",
        test_box.log()
    );
    test_box.stop();
}
