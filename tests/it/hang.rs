//! What hangs is noticed: a work loop that does not turn within a second, a control channel that
//! nobody reads; and what only takes its time is left alone. Bounds are those of the watchdog's own
//! words in the log, which a busy machine does not stretch: a round that came late accuses nobody.

use nix::sys::stat::Mode;
use std::time::Duration;
use wigwag_tests::TestBox;
use wigwag_tests::demo;
use wigwag_tests::process::{self, signal};
use wigwag_tests::wait;

/// What the watchdog allows by default, and how late a round of it may at most come, in ms.
const LIMIT_MS: u64 = 900;
const ROUND_MS: u64 = 500;

/// The numbers N of the log's lines `UNIT gave no sign of life for N ms…`.
fn silences(test_box: &TestBox, unit: &str) -> Vec<u64> {
    numbers(test_box, &format!("{unit} gave no sign of life for "))
}

fn numbers(test_box: &TestBox, before: &str) -> Vec<u64> {
    let log = test_box.log();
    let after = log.split(before).skip(1);
    after
        .map(|rest| rest.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

/// Goal: with the defaults, a capture-worker or gateway that hangs is noticed within a second.
/// Method: SIGSTOP of both; the log says for how long each was silent, the successors get ready,
/// and the infer-worker, which did not hang, is the same.
#[test]
fn hang_of_capture_or_gateway_is_noticed_within_a_second() {
    let test_box = TestBox::start("hang_default");
    let bystander = test_box.unit("infer/0");
    let victims = ["capture/pattern0", "gateway"].map(|name| test_box.unit(name));

    for victim in &victims {
        signal(victim.pid.unwrap(), "STOP");
    }

    for victim in &victims {
        test_box.await_successor(&victim.name, victim.generation);
        let silences = silences(&test_box, &victim.name);
        assert_eq!(silences.len(), 1, "{} {silences:?}", victim.name);
        let expected = LIMIT_MS..=LIMIT_MS + ROUND_MS;
        assert!(
            expected.contains(&silences[0]),
            "{} {silences:?}",
            victim.name
        );
    }
    assert_eq!(test_box.unit("infer/0").pid, bystander.pid);
    test_box.stop();
}

/// Goal: a worker whose work loop turns but that no longer reads its control channel is noticed,
/// whichever it is, and is replaced.
/// Method: stop nothing but the thread that reads; each unit's log line, and its successor.
#[test]
fn worker_that_does_not_read_its_control_channel_is_replaced() {
    let test_box = TestBox::start("deaf");
    for name in ["capture/pattern0", "infer/0", "gateway"] {
        let victim = test_box.unit(name);
        process::stop_thread(victim.pid.unwrap(), "control-in");
        let heir = test_box.await_successor(name, victim.generation);
        assert_ne!(heir.pid, victim.pid);
        let deaf = numbers(
            &test_box,
            &format!("{name} has not read its control channel for "),
        );
        assert_eq!(deaf.len(), 1, "{name} {deaf:?}");
        assert!(silences(&test_box, name).is_empty(), "{name} did turn");
    }
    test_box.await_ready();
    test_box.stop();
}

/// Goal: a gateway that does not read cannot hold the supervisor up, at its stop neither.
/// Method: a watchdog that never blames, a gateway that is deaf; the other units restart, the
/// status is told, and `stop` leaves nothing.
#[test]
fn deaf_worker_does_not_hold_the_supervisor_up() {
    let test_box = TestBox::builder("deaf_patient")
        .source("pattern:")
        .config("[watchdog]\ngateway_ms = 600000\ndrain_ms = 500")
        .start();
    let gateway = test_box.unit("gateway");
    process::stop_thread(gateway.pid.unwrap(), "control-in");
    for name in ["capture/pattern0", "infer/0"] {
        let victim = test_box.unit(name);
        signal(victim.pid.unwrap(), "KILL");
        test_box.await_successor(name, victim.generation);
    }
    assert_eq!(test_box.unit("gateway").pid, gateway.pid);
    test_box.stop();
}

/// Goal: a supervisor that reads nothing and says nothing for a while stops nobody from working,
/// and blames nobody when it is there again.
/// Method: SIGSTOP of the supervisor alone for several times the watchdog's limit, while frames go
/// on; pids and generations are the same afterwards.
#[test]
fn supervisor_that_reads_nothing_for_a_while_harms_nobody() {
    let test_box = TestBox::start("deaf_supervisor");
    let facts = || {
        let units = test_box.status().units.into_iter();
        let facts = units.map(|unit| (unit.name, unit.pid, unit.generation));
        facts.collect::<Vec<_>>()
    };
    let before = facts();
    let segment =
        shm_layout::Segment::attach(&test_box.segment(), None, shm_layout::segment::Access::Read);
    let segment = segment.unwrap();

    signal(test_box.supervisor_pid(), "STOP");
    let newest = segment.newest(0);
    // For how long it does not read is what is tested.
    std::thread::sleep(Duration::from_secs(3));
    wait::until_true("frames go on", || segment.newest(0) > newest + 30);
    signal(test_box.supervisor_pid(), "CONT");

    test_box.await_log("the supervisor stood still for a while");
    let newest = segment.newest(0);
    wait::until_true("frames go on", || segment.newest(0) > newest + 30);
    assert_eq!(facts(), before);
    test_box.stop();
}

/// Goal: a source that takes long to be opened is given the time of a start, and not for ever.
/// Method: the clip becomes a pipe that nobody writes, which blocks whoever opens it; the worker is
/// ended while `opening`, and not before the limit of a start.
#[test]
fn opening_may_take_as_long_as_a_start_and_no_longer() {
    const START_MS: u64 = 4_000;
    let builder = TestBox::builder("slow_opening");
    let clip = demo::write_clip(builder.scratch(), 0..8);
    let test_box = builder
        .source(&format!("clip:{}", clip.display()))
        .config(&format!("[watchdog]\nstart_ms = {START_MS}"))
        .start();
    let victim = test_box.unit("capture/clip0");
    std::fs::remove_file(&clip).unwrap();
    nix::unistd::mkfifo(&clip, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();

    signal(victim.pid.unwrap(), "KILL");

    test_box.await_log("ms while opening; ending it");
    let silences = silences(&test_box, "capture/clip0");
    assert!(silences[0] >= START_MS, "{silences:?}");
    test_box.stop();
}
