//! A new model while the box runs: it takes over between two frames, and must prove itself first.

use crate::reload::{PATTERN, last_reload, processes, reload, replaced, start, text, write};
use shm_layout::control::{BoxStatus, ReloadState, UnitState};
use std::collections::HashSet;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use wigwag_tests::TestBox;
use wigwag_tests::broken_model::{self, Fails};
use wigwag_tests::client::events::EventStream;
use wigwag_tests::process::signal;
use wigwag_tests::wait;

/// Predictions of `source` in a thread of its own: sequence and digest of the model.
fn predictions(address: &str) -> Receiver<(u64, String)> {
    let mut events = EventStream::open(address, "/api/v1/events?source=test&only=predictions");
    let (seen, predictions) = channel();
    std::thread::spawn(move || {
        while let Some(event) = events.next_event() {
            let sequence = event.data["sequence"].as_u64().unwrap();
            let model = event.data["model"].as_str().unwrap().to_owned();
            if seen.send((sequence, model)).is_err() {
                return;
            }
        }
    });
    predictions
}

/// A trial that is over only after a test has done its deed, and that a test can still outlast.
const TRIAL_S: u64 = 45;

fn with_model(infer: &str, trial_s: u64) -> String {
    format!("{PATTERN}[restart]\ntrial_s = {trial_s}\n[infer]\nworkers = 2\n{infer}\n")
}

fn model(test_box: &TestBox) -> (String, String) {
    let model = test_box.status().model.expect("a model is loaded");
    (model.name, model.profile)
}

fn named(name: &str, profile: &str) -> (String, String) {
    (name.to_owned(), profile.to_owned())
}

/// Goal: a new model takes over between two frames, worker by worker.
/// Method: full, then lite, then another manifest, under one reader of predictions: no prediction
/// comes twice, the workers are never anything but ready, and predictions name the new model. The
/// predecessors are gone, and capture and gateway untouched.
#[test]
fn new_model_takes_over_while_the_old_one_serves() {
    let test_box = start("reload_model", &with_model("", 1));
    let manifest = broken_model::write(&test_box.scratch().join("models"), Fails::Never);
    let before = test_box.status();
    let stream = predictions(&before.http);
    let mut seen = HashSet::new();
    let mut next = || {
        let (sequence, model) = stream.recv_timeout(wait::DEADLINE).unwrap();
        assert!(seen.insert(sequence), "{sequence} came twice");
        model
    };
    let first = next();
    let other = format!("profile = \"lite\"\nmanifest = \"{}\"", manifest.display());
    let steps = [
        ("profile = \"lite\"", named("mediapipe-hands", "lite")),
        (other.as_str(), named("other-hands", "lite")),
    ];
    for (infer, expected) in steps {
        write(&test_box, &with_model(infer, 1));
        let mut command = test_box.command(&["reload"]).spawn().unwrap();
        let end = wait::until("the command ends", || {
            for unit in test_box.status().units {
                assert_eq!(unit.state, UnitState::Ready, "{unit:?}");
            }
            command.try_wait().unwrap()
        });
        assert!(end.success(), "{}", test_box.log());
        assert_eq!(model(&test_box), expected);
    }
    let digest = test_box.status().model.unwrap().sha256;
    while next() != format!("sha256:{digest}") {}
    assert_ne!(first, format!("sha256:{digest}"));
    let after = test_box.status();
    assert_eq!(replaced(&before, &after), ["infer/0", "infer/1"]);
    assert_eq!(after.units[1].generation, 3, "{:?}", after.units);
    wait::until_true("predecessors are gone", || {
        test_box.processes().len() == 1 + 4
    });
    test_box.stop();
}

/// Goal: a worker with a new model that dies or hangs in its trial is followed by the old model at
/// once, nothing else has changed by then, and the reason is told.
/// Method: SIGKILL, then SIGSTOP of the first worker while the trial runs, with a key of the
/// gateway in the same file. The command fails with the reason, `status` has it afterwards, and
/// the other worker and the gateway were never touched. The old model's next reload works.
#[test]
fn model_that_fails_in_its_trial_is_taken_back() {
    let old = format!("{}[watchdog]\ninfer_ms = 1000\n", with_model("", TRIAL_S));
    let new = old.replace("workers = 2", "workers = 2\nprofile = \"lite\"")
        + "[gateway]\nmax_clients = 9";
    let test_box = start("reload_trial", &old);
    let others = |status: &BoxStatus| {
        let mut processes = processes(status);
        processes.remove("infer/0");
        processes
    };
    let before = test_box.status();
    for (deed, why) in [("KILL", "died: SIGKILL"), ("STOP", "hung")] {
        write(&test_box, &new);
        let mut command = test_box.command(&["reload"]);
        let command = command.stdout(Stdio::piped());
        let command = command.stderr(Stdio::piped()).spawn().unwrap();
        let in_trial = test_box.await_status("the trial", |status| {
            let state = status.reload.as_ref()?.state;
            (state == ReloadState::Trial).then(|| status.clone())
        });
        assert_eq!(model(&test_box), named("mediapipe-hands", "lite"));
        assert_eq!(others(&in_trial), others(&before), "it is tried alone");
        signal(processes(&in_trial)["infer/0"].0.unwrap(), deed);
        let output = command.wait_with_output().unwrap();
        let said = text(&output);
        assert_eq!(output.status.code(), Some(69), "{said}");
        assert!(said.contains(why), "{said}");
        let last = last_reload(&test_box);
        assert_eq!(last.state, ReloadState::Reverted, "{last:?}");
        assert!(last.problem.unwrap().contains(why));
        let shown = text(&test_box.run(&["status"]));
        assert!(shown.contains("reverted") && shown.contains(why), "{shown}");
        test_box.await_ready();
        assert_eq!(model(&test_box), named("mediapipe-hands", "full"));
        assert_eq!(others(&test_box.status()), others(&before));
    }
    let said = reload(&test_box, &old);
    assert!(said.starts_with("nothing changed\n"), "{said}");
    test_box.stop();
}

/// Goal: a model that every check passes and that cannot work never has more than one worker, for
/// a moment at most, and the box is as before.
/// Method: real networks; one fails on the first picture, after it got ready, the other when it is
/// loaded. The reason is told, predictions go on, and the other worker was never touched.
#[test]
fn model_that_cannot_work_is_taken_back() {
    let test_box = start("reload_broken", &with_model("", TRIAL_S));
    let before = test_box.status();
    let stream = predictions(&before.http);
    let first = stream.recv_timeout(wait::DEADLINE).unwrap().1;
    for (fails, why) in [
        (Fails::OnPictures, "its new process died"),
        (Fails::Always, "its successor ended before it was ready"),
    ] {
        let folder = test_box.scratch().join(format!("{fails:?}"));
        let manifest = broken_model::write(&folder, fails);
        let infer = format!("manifest = \"{}\"", manifest.display());
        write(&test_box, &with_model(&infer, TRIAL_S));
        let output = test_box.run(&["reload"]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(69), "{said}");
        assert!(said.contains(why), "{said}\n{}", test_box.log());
        assert_eq!(last_reload(&test_box).state, ReloadState::Reverted);
        test_box.await_ready();
        assert_eq!(model(&test_box), named("mediapipe-hands", "full"));
        let replaced = replaced(&before, &test_box.status());
        assert!(
            !replaced.iter().any(|unit| unit != "infer/0"),
            "{replaced:?}"
        );
    }
    let newest = test_box.newest("test");
    loop {
        let (sequence, model) = stream.recv_timeout(wait::DEADLINE).unwrap();
        assert_eq!(model, first, "the broken model never answered");
        if sequence > newest {
            break;
        }
    }
    test_box.stop();
}
