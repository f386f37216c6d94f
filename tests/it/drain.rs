//! Stop and start: everything ends within its time and leaves nothing, one box per instance.

use wigwag_tests::TestBox;
use wigwag_tests::client::multipart::MultipartStream;
use wigwag_tests::client::wire::{FRAMES, WireClient};
use wigwag_tests::process::{is_running, signal};
use wigwag_tests::wait;

/// Goal: Ctrl-C, SIGTERM and `stop` drain the box: exit code 0, nothing left.
/// Method: each of them on a box with clients of every kind that stay connected.
#[test]
fn every_way_to_stop_leaves_nothing() {
    for way in ["INT", "TERM", "stop"] {
        let test_box = TestBox::start("drain");
        let mut viewer = MultipartStream::open(&test_box.http(), "pattern0");
        let mut program = WireClient::subscribe(&test_box.wire(), FRAMES, "");
        viewer.part();
        program.message();
        if way == "stop" {
            test_box.stop();
        } else {
            let end = test_box.stop_by_signal(way);
            assert_eq!(end.code(), Some(0), "SIG{way}");
            test_box.assert_nothing_left();
        }
        // Both are told by the end of their connection.
        while viewer.next_part().is_some() {}
        while program.next_message().is_some() {}
    }
}

/// Goal: a box that is told to stop while it starts stops too.
/// Method: SIGTERM as soon as the log says a certain word: before anything was started, when the
/// first unit is there, when the page's address is known.
#[test]
fn stop_while_starting_leaves_nothing() {
    for word in ["starts", "shared memory", "capture/pattern0 ready"] {
        let test_box = TestBox::builder("drain_early").source("pattern:").build();
        test_box.spawn();
        test_box.await_log(word);
        let end = test_box.stop_by_signal("TERM");
        assert_eq!(end.code(), Some(0), "at `{word}`: {}", test_box.log());
        test_box.assert_nothing_left();
    }
}

/// Goal: a worker that does not stop holds up the stop of its box no longer than configured.
/// Method: a worker that is stopped by SIGSTOP; the box ends with exit code 0 and leaves nothing.
#[test]
fn worker_that_does_not_stop_is_ended() {
    let test_box = TestBox::builder("stubborn")
        .source("pattern:")
        .config("[watchdog]\ndrain_ms = 300")
        .start();
    signal(test_box.pid("infer/0"), "STOP");
    assert_eq!(test_box.stop_by_signal("TERM").code(), Some(0));
    test_box.assert_nothing_left();
    assert!(
        !test_box.log().contains("started again"),
        "a box that stops started a unit"
    );
}

/// Goal: who asks again does not wait.
/// Method: a worker that does not stop, and all the time in the world for it; SIGINT again and
/// again (one right behind the first counts as its echo) ends the box, which still leaves nothing
/// and starts nothing again.
#[test]
fn second_interrupt_ends_the_box_at_once() {
    let test_box = TestBox::builder("impatient")
        .source("pattern:")
        .config("[watchdog]\ndrain_ms = 600000\ninfer_ms = 600000")
        .start();
    signal(test_box.pid("infer/0"), "STOP");
    let supervisor = test_box.supervisor_pid();
    wait::until_true("the impatient are heard", || {
        signal(supervisor, "INT");
        !is_running(supervisor)
    });
    assert!(test_box.await_end().code().is_some(), "it ends by itself");
    test_box.assert_nothing_left();
    assert!(
        !test_box.log().contains("started again"),
        "a box that stops started a unit"
    );
}

/// Goal: where a box runs, a second start of the same instance says so and how to reach it.
/// Method: start it; the answer has the first one's pid and page, and the first one goes on.
#[test]
fn second_start_names_the_first() {
    let test_box = TestBox::start("second");
    let output = test_box.run(&["start", "--source", "pattern:"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{text}");
    assert!(
        text.contains(&format!("pid {}", test_box.supervisor_pid())),
        "{text}"
    );
    assert!(
        text.contains(&format!("http://{}/", test_box.http())),
        "{text}"
    );
    assert!(
        text.contains("error: ") && text.contains("hint: "),
        "{text}"
    );
    test_box.await_ready();
    test_box.stop();
}

/// Goal: two instances run side by side.
/// Method: two boxes, each with its own frames; one stops, the other goes on.
#[test]
fn instances_run_side_by_side() {
    let first = TestBox::start("side_by_side_1");
    let second = TestBox::start("side_by_side_2");
    assert_ne!(first.http(), second.http());
    first.stop();
    let now = second.newest("pattern0");
    let mut viewer = MultipartStream::open(&second.http(), "pattern0");
    while viewer.part().sequence <= now {}
    second.stop();
}

/// Goal: after SIGKILL of the supervisor a new `start` works, and no worker of the old one stays.
/// Method: kill it, start again, look at every process of the box.
#[test]
fn start_after_a_killed_supervisor_works() {
    let test_box = TestBox::start("supervisor_killed");
    let old = test_box.processes();
    assert_eq!(old.len(), 1 + 3, "the supervisor and three workers");
    signal(test_box.supervisor_pid(), "KILL");
    test_box.await_end();

    test_box.spawn();

    test_box.await_ready();
    let old_workers = |pid: &&u32| is_running(**pid);
    wait::until_true("the old processes are gone", || {
        old.iter().find(old_workers).is_none()
    });
    assert_eq!(test_box.processes().len(), 1 + 3);
    let now = test_box.newest("pattern0");
    let mut viewer = MultipartStream::open(&test_box.http(), "pattern0");
    while viewer.part().sequence <= now {}
    test_box.stop();
}

/// Goal: workers whose supervisor is killed, and that nobody adopts, end by themselves.
/// Method: kill it and wait for the last process of the box.
#[test]
fn orphans_end_by_themselves() {
    let test_box = TestBox::start("orphans");
    signal(test_box.supervisor_pid(), "KILL");
    test_box.await_end();
    wait::until_true("the last worker ends", || test_box.processes().is_empty());
}

/// Goal: where no box runs, `stop`, `status` and `restart` say so.
/// Method: ask for an instance that nobody started.
#[test]
fn commands_say_that_no_box_runs() {
    let test_box = TestBox::builder("nobody").build();
    for command in [
        &["stop"][..],
        &["status"],
        &["status", "--json"],
        &["restart", "gateway"],
    ] {
        let output = test_box.run(command);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(69), "{command:?}: {text}");
        assert!(
            text.contains(test_box.instance()) && text.contains("hint: "),
            "{text}"
        );
        assert!(output.stdout.is_empty());
    }
    test_box.assert_nothing_left();
}
