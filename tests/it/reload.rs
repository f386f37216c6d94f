//! Reload: a changed configuration reaches the units that it concerns and no other, as a whole or
//! not at all; a new model must prove itself first.

use shm_layout::control::{BoxStatus, ReloadState, ReloadStatus, UnitState};
use std::collections::{BTreeMap, HashSet};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use wigwag_tests::TestBox;
use wigwag_tests::client::events::EventStream;
use wigwag_tests::client::http;
use wigwag_tests::client::multipart::{MultipartStream, Part};
use wigwag_tests::process::signal;
use wigwag_tests::wait;

const PATTERN: &str = "[sources.test]\ntype = \"pattern\"\n";

fn start(name: &str, toml: &str) -> TestBox {
    TestBox::builder(name).config(toml).start()
}

fn write(test_box: &TestBox, toml: &str) {
    std::fs::write(test_box.scratch().join("wigwag.toml"), toml).unwrap();
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

/// Puts `toml` in force by the command, and gives what it printed.
#[track_caller]
fn reload(test_box: &TestBox, toml: &str) -> String {
    write(test_box, toml);
    let output = test_box.run(&["reload"]);
    assert!(output.status.success(), "{output:?}\n{}", test_box.log());
    text(&output)
}

/// Process id and generation of each unit.
fn processes(status: &BoxStatus) -> BTreeMap<String, (Option<u32>, u64)> {
    let units = status.units.iter();
    units
        .map(|unit| (unit.name.clone(), (unit.pid, unit.generation)))
        .collect()
}

/// Names of the units that have another process than before.
fn replaced(before: &BoxStatus, after: &BoxStatus) -> Vec<String> {
    let (before, after) = (processes(before), processes(after));
    let names = after
        .iter()
        .filter(|(name, process)| before[*name] != **process);
    names.map(|(name, _)| name.clone()).collect()
}

fn last_reload(test_box: &TestBox) -> ReloadStatus {
    test_box.status().reload.expect("there was a reload")
}

/// A viewer of `source` in a thread of its own.
fn watch(address: &str, source: &str) -> Receiver<Part> {
    let mut stream = MultipartStream::open(address, source);
    let (seen, parts) = channel();
    std::thread::spawn(move || {
        while let Some(part) = stream.next_part() {
            if seen.send(part).is_err() {
                return;
            }
        }
    });
    parts
}

/// Follows a viewer until it sees a frame that was published after now.
#[track_caller]
fn see_a_new_frame(test_box: &TestBox, viewer: &Receiver<Part>, source: &str) {
    let newest = test_box.newest(source);
    loop {
        let part = viewer.recv_timeout(wait::DEADLINE);
        if part.expect("the viewer stays connected").sequence > newest {
            return;
        }
    }
}

/// Goal: what is wrong, or cannot be applied to a box that runs, changes nothing and says why.
/// Method: one file for each reason, by the command; no process changes, the viewer stays, and
/// `status` has the reason too. At last the first file again: nothing changed.
#[test]
fn configuration_that_cannot_be_applied_changes_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = "wire = \"127.0.0.1:0\"\nhttp = ";
    let test_box = TestBox::builder("reload_refused")
        .without_addresses()
        .config(&format!("{PATTERN}[gateway]\n{addresses}\"127.0.0.1:0\""))
        .start();
    let before = test_box.status();
    let viewer = watch(&before.http, "test");
    let good = format!("{PATTERN}[gateway]\n{addresses}\"127.0.0.1:0\"\n");
    let taken = format!(
        "{PATTERN}[gateway]\n{addresses}\"{}\"",
        taken.local_addr().unwrap()
    );
    let own = format!("{PATTERN}[gateway]\n{addresses}\"{}\"", before.wire);
    let cases: [(String, &[&str]); 11] = [
        (
            format!("{good}jpeg_quality = 170"),
            &["wigwag.toml:6: ", "1 to 100"],
        ),
        (
            format!("{good}jpeg_qualty = 70"),
            &["did you mean `jpeg_quality`?"],
        ),
        (format!("{good}jpeg_quality = "), &["not valid TOML"]),
        (
            format!("{good}[infer]\nmanifest = \"/no/such.toml\""),
            &["/no/such.toml"],
        ),
        (
            format!("{good}[infer]\nworkers = 9"),
            &["infer.workers", "supervisor start"],
        ),
        (
            format!("{good}[sources.more]\ntype = \"pattern\""),
            &["sources.more", "supervisor start"],
        ),
        (
            good.replace("sources.test", "sources.other"),
            &["sources.test"],
        ),
        (
            good.replace("\"pattern\"", "\"clip\"\npath = \"/no/such.mjpeg\""),
            &["/no/such.mjpeg"],
        ),
        (
            good.replace(
                "\"pattern\"",
                "\"pattern\"\nwidth_px = 1920\nheight_px = 1080",
            ),
            &["sources.test", "6.3 MB", "supervisor start"],
        ),
        (taken, &["cannot listen on", "gateway.http"]),
        (own, &["gateway.http", "this box itself"]),
    ];
    for (toml, parts) in cases {
        write(&test_box, &toml);
        let output = test_box.run(&["reload"]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(78), "{toml}\n{said}");
        for part in parts {
            assert!(said.contains(part), "`{part}` is missing:\n{toml}\n{said}");
        }
        let last = last_reload(&test_box);
        assert_eq!(last.state, ReloadState::Rejected);
        assert!(said.contains(&last.problem.unwrap()), "{said}");
        let after = test_box.status();
        assert_eq!(replaced(&before, &after), [""; 0], "{toml}");
        assert_eq!((&after.http, &after.wire), (&before.http, &before.wire));
        see_a_new_frame(&test_box, &viewer, "test");
    }
    let said = reload(&test_box, &good);
    assert!(said.starts_with("nothing changed\n"), "{said}");
    assert_eq!(replaced(&before, &test_box.status()), [""; 0]);
    test_box.stop();
}

/// Goal: a key of the gateway takes another gateway and nothing else, and nobody is refused.
/// Method: connect again and again over a reload with `max_clients = 1`; afterwards the second
/// viewer is turned away, which the first gateway did not do.
#[test]
fn key_of_the_gateway_concerns_the_gateway_only() {
    let test_box = start("reload_gateway", PATTERN);
    let before = test_box.status();
    let done = Arc::new(AtomicBool::new(false));
    let (is_done, to) = (Arc::clone(&done), before.http.clone());
    let clients = std::thread::spawn(move || {
        let (mut connected, mut refused) = (0, Vec::new());
        while !is_done.load(Ordering::Relaxed) {
            match TcpStream::connect(&to) {
                Ok(_) => connected += 1,
                Err(error) => refused.push(error.to_string()),
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        (connected, refused)
    });

    let said = reload(&test_box, &format!("{PATTERN}[gateway]\nmax_clients = 1"));

    done.store(true, Ordering::Relaxed);
    let (connected, refused) = clients.join().unwrap();
    assert!(
        connected > 10 && refused.is_empty(),
        "{connected} {refused:?}"
    );
    let after = test_box.status();
    assert_eq!(replaced(&before, &after), ["gateway"]);
    assert_eq!(after.http, before.http);
    assert!(said.contains("replaced (gateway.max_clients)"), "{said}");
    assert_eq!(said.matches("unchanged").count(), 2, "{said}");
    let _only = wait::until("the one client has its place", || {
        let address = after.http.clone();
        std::panic::catch_unwind(|| MultipartStream::open(&address, "test")).ok()
    });
    assert_eq!(http::get(&after.http, "/stream/test").status, 503);
    assert_eq!(test_box.processes().len(), 1 + 3, "predecessors are left");
    test_box.stop();
}

/// Goal: the gateway moves to another address as a whole.
/// Method: another HTTP port; the new one answers, the old one is closed, the other listener is
/// the same, and only the gateway was replaced.
#[test]
fn gateway_moves_to_another_address() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let toml =
        |http: &str| format!("{PATTERN}[gateway]\nhttp = \"{http}\"\nwire = \"127.0.0.1:0\"");
    let test_box = TestBox::builder("reload_moves")
        .without_addresses()
        .config(&toml("127.0.0.1:0"))
        .start();
    let before = test_box.status();
    reload(&test_box, &toml(&free.to_string()));
    let after = test_box.status();
    assert_eq!(after.http, free.to_string());
    assert_eq!(after.wire, before.wire);
    assert_eq!(http::get(&after.http, "/readyz").status, 200);
    assert!(
        TcpStream::connect(&before.http).is_err(),
        "the old one is open"
    );
    assert_eq!(replaced(&before, &after), ["gateway"]);
    test_box.stop();
}

/// Goal: a key of a source takes its capture-worker and no other, and another type of source the
/// gateway too; a supervisor that is killed after that is succeeded as ever.
/// Method: two sources; one gets smaller while a viewer watches the other, then becomes a clip;
/// then SIGKILL of the supervisor and a new start, which goes on with segment and sequences.
#[test]
fn key_of_a_source_concerns_that_source_only() {
    let toml = |one: &str| format!("[sources.one]\n{one}\n[sources.two]\ntype = \"pattern\"");
    let test_box = start("reload_source", &toml("type = \"pattern\""));
    let before = test_box.status();
    let other = watch(&before.http, "two");

    let small = "type = \"pattern\"\nwidth_px = 320\nheight_px = 240";
    let said = reload(&test_box, &toml(small));
    assert!(said.contains("replaced (sources.one)"), "{said}");
    let after = test_box.await_ready();
    assert_eq!(replaced(&before, &after), ["capture/one"]);
    see_a_new_frame(&test_box, &other, "two");
    let source = |test_box: &TestBox| {
        let source = test_box.source("one");
        (source.kind, source.width_px)
    };
    wait::until_true("frames of the new size", || {
        source(&test_box) == ("pattern".to_owned(), 320)
    });

    reload(&test_box, &toml("type = \"clip\""));
    let clip = test_box.await_ready();
    assert_eq!(replaced(&after, &clip), ["capture/one", "gateway"]);
    assert_eq!(source(&test_box).0, "clip");

    let newest = test_box.newest("one");
    signal(test_box.supervisor_pid(), "KILL");
    test_box.await_end();
    test_box.spawn();
    test_box.await_log("the segment of a killed supervisor is taken over");
    for unit in ["capture/one", "capture/two", "infer/0", "gateway"] {
        test_box.await_successor(unit, processes(&clip)[unit].1);
    }
    assert_eq!(source(&test_box).0, "clip");
    assert!(test_box.newest("one") > newest, "the sequence went back");
    test_box.await_ready();
    test_box.stop();
}

/// Goal: limits, log level and black box change while everything runs.
/// Method: other limits by SIGHUP; no process changes. A worker that hangs is then ended within
/// the new limit, and without a black box, and workers whose supervisor is killed end within the
/// shorter grace.
#[test]
fn hangup_signal_changes_limits_in_place() {
    let long = "[restart]\norphan_grace_ms = 600000";
    let test_box = start("reload_limits", &format!("{PATTERN}{long}"));
    let before = test_box.status();
    let toml = "[watchdog]\ncapture_ms = 400\n[black_box]\nmax_entries = 0\n\
                [log]\nlevel = \"debug\"\n[restart]\norphan_grace_ms = 300";
    write(&test_box, &format!("{PATTERN}{toml}"));
    signal(test_box.supervisor_pid(), "HUP");
    let last = wait::until("the reload ends", || {
        test_box
            .status()
            .reload
            .filter(|reload| reload.state.is_final())
    });
    assert_eq!(
        (last.number, last.state),
        (1, ReloadState::Applied),
        "{last:?}"
    );
    let told = last.changes.last().unwrap();
    assert!(told.outcome.contains("watchdog.capture_ms"), "{told:?}");
    assert_eq!(replaced(&before, &test_box.status()), [""; 0]);

    let capture = test_box.unit("capture/test");
    signal(capture.pid.unwrap(), "STOP");
    test_box.await_successor("capture/test", capture.generation);
    let line = "capture/test gave no sign of life for ";
    let log = test_box.log();
    let after = log.split_once(line).expect("it was ended").1;
    let silence: u64 = after.split(' ').next().unwrap().parse().unwrap();
    assert!((400..2_000).contains(&silence), "{silence} ms");
    assert!(!log.contains("black box:"), "{log}");

    write(&test_box, "wrong");
    signal(test_box.supervisor_pid(), "HUP");
    test_box.await_log("reload rejected, nothing changes");

    signal(test_box.supervisor_pid(), "KILL");
    test_box.await_end();
    wait::until_true("the last worker ends", || test_box.processes().is_empty());
}

/// Predictions of `source` in a thread of its own: sequence and digest of the model.
fn predictions(address: &str) -> Receiver<(u64, String)> {
    let mut events = EventStream::open(address, "/api/v1/events?source=test");
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

/// The models in a folder of their own, under another name; gives the manifest.
fn other_models(scratch: &Path) -> PathBuf {
    let folder = scratch.join("models");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    std::fs::create_dir(&folder).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
    let manifest = folder.join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text.replace("name = \"mediapipe-hands\"", "name = \"other-hands\"");
    std::fs::write(&manifest, text).unwrap();
    manifest
}

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
    let manifest = other_models(&test_box.scratch());
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
    let old = format!("{}[watchdog]\ninfer_ms = 1000\n", with_model("", 600));
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
        let command = command.stdout(std::process::Stdio::piped());
        let command = command
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
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
