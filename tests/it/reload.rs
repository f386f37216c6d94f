//! Reload: a changed configuration reaches the units that it concerns and no other, as a whole or
//! not at all. What a new model must prove first is in `new_model`.

use shm_layout::control::{BoxStatus, ReloadState, ReloadStatus};
use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use wigwag_tests::TestBox;
use wigwag_tests::client::http;
use wigwag_tests::client::knocking::Knocking;
use wigwag_tests::client::multipart::{MultipartStream, Part};
use wigwag_tests::process::signal;
use wigwag_tests::wait;

pub(crate) const PATTERN: &str = "[sources.test]\ntype = \"pattern\"\n";

pub(crate) fn start(name: &str, toml: &str) -> TestBox {
    TestBox::builder(name).config(toml).start()
}

pub(crate) fn write(test_box: &TestBox, toml: &str) {
    std::fs::write(test_box.scratch().join("wigwag.toml"), toml).unwrap();
}

pub(crate) fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

/// Puts `toml` in force by the command, and gives what it printed.
#[track_caller]
pub(crate) fn reload(test_box: &TestBox, toml: &str) -> String {
    write(test_box, toml);
    let output = test_box.run(&["reload"]);
    assert!(output.status.success(), "{output:?}\n{}", test_box.log());
    text(&output)
}

/// Process id and generation of each unit.
pub(crate) fn processes(status: &BoxStatus) -> BTreeMap<String, (Option<u32>, u64)> {
    let units = status.units.iter();
    units
        .map(|unit| (unit.name.clone(), (unit.pid, unit.generation)))
        .collect()
}

/// Names of the units that have another process than before.
pub(crate) fn replaced(before: &BoxStatus, after: &BoxStatus) -> Vec<String> {
    let (before, after) = (processes(before), processes(after));
    let names = after
        .iter()
        .filter(|(name, process)| before[*name] != **process);
    names.map(|(name, _)| name.clone()).collect()
}

pub(crate) fn last_reload(test_box: &TestBox) -> ReloadStatus {
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
    let cases: [(String, &[&str]); 12] = [
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
            format!(
                "{good}[infer]\nbackend = \"onnxruntime\"\nonnxruntime_library = \"/no/such.so\""
            ),
            &["ONNX Runtime", "/no/such.so", "infer.onnxruntime_library"],
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
    let knocking = Knocking::at(&before.http);

    let said = reload(&test_box, &format!("{PATTERN}[gateway]\nmax_clients = 1"));

    knocking.assert_nobody_was_refused();
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
    let long = "[restart]\norphan_grace_ms = 600000\n[watchdog]\ncapture_ms = 600000";
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
    let log = test_box.log();
    assert!(
        log.contains("capture/test gave no sign of life for "),
        "{log}"
    );
    assert!(!log.contains("black box:"), "{log}");

    write(&test_box, "wrong");
    signal(test_box.supervisor_pid(), "HUP");
    test_box.await_log("reload rejected, nothing changes");

    signal(test_box.supervisor_pid(), "KILL");
    test_box.await_end();
    wait::until_true("the last worker ends", || test_box.processes().is_empty());
}

/// Goal: SIGHUP stops a box whose terminal was closed, as ever, and reloads while that is open.
/// Method: a start on a terminal of its own; SIGHUP by hand, then the terminal goes.
#[test]
fn closed_terminal_still_stops_the_box() {
    let test_box = TestBox::builder("reload_terminal").build();
    let addresses = ["--http", "127.0.0.1:0", "--wire", "127.0.0.1:0"];
    let start = test_box.command(&[&["start", "--source", "pattern:"][..], &addresses].concat());
    let words = std::iter::once(start.get_program()).chain(start.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.display())).collect();
    // util-linux: runs a command on a new terminal, which is closed when it ends.
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &format!("exec {}", line.join(" ")), "/dev/null"]);
    let variables = start
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    terminal
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut terminal = terminal.spawn().unwrap();
    let status = test_box.await_ready();
    signal(status.pid, "HUP");
    let last = wait::until("the reload ends", || {
        test_box
            .status()
            .reload
            .filter(|reload| reload.state.is_final())
    });
    assert_eq!(last.state, ReloadState::Unchanged);
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    wait::until_true("the box stops", || test_box.processes().is_empty());
    assert!(!test_box.segment().path().exists(), "the segment is left");
}
