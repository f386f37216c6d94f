//! Clients that come back by themselves after the gateway was killed, and a box that does after
//! somebody deleted its segment's name. The page's return is in `page.rs`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use wigwag_tests::browser::BrowserPage;
use wigwag_tests::process::signal;
use wigwag_tests::wait::DEADLINE;
use wigwag_tests::{TestBox, binaries, wait};

/// What a program writes about frames, as it writes it.
struct Frames {
    program: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Frames {
    /// The Python example, which tells `count` frames and ends.
    fn of_example(test_box: &TestBox, count: usize) -> Self {
        let example = binaries::workspace().join("net-gateway/clients/python/view.py");
        let mut program = Command::new("timeout")
            .args([&DEADLINE.as_secs().to_string(), "python3"])
            .arg(example)
            .args(["--box", &test_box.wire(), "--headless", &count.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = program.stdout.take().unwrap();
        Self {
            program,
            lines: BufReader::new(output).lines(),
        }
    }

    /// The sequence of the next frame; `None` at the end.
    fn next(&mut self) -> Option<u64> {
        loop {
            let line = self.lines.next()?.unwrap();
            if let Some(frame) = line.strip_prefix("frame ") {
                return frame.split(' ').next()?.parse().ok();
            }
        }
    }
}

/// Goal: a program that was written after the example goes on after the gateway was killed, at the
/// newest frame and never at an older one.
/// Method: kill it while the example reads; the example ends by itself after its last frame.
#[test]
fn python_example_goes_on_after_the_gateway_was_killed() {
    const COUNT: usize = 60;
    let test_box = TestBox::start("example_reconnects");
    let mut frames = Frames::of_example(&test_box, COUNT);
    let mut seen = vec![frames.next().unwrap()];
    signal(test_box.pid("gateway"), "KILL");
    seen.extend(std::iter::from_fn(|| frames.next()));
    assert!(frames.program.wait().unwrap().success());
    assert_eq!(seen.len(), COUNT);
    // A new connection may begin with the frame that the old one ended with.
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(test_box.unit("gateway").generation > 1);
    test_box.stop();
}

/// Goal: an event stream goes on by itself after the gateway was killed.
/// Method: a browser's `EventSource` on the clip with a gesture; the same object hears more events
/// after the kill, each of a later frame.
#[test]
fn event_stream_goes_on_after_the_gateway_was_killed() {
    let mut browser = BrowserPage::blank().unwrap_or_else(|error| panic!("{error}"));
    let test_box = TestBox::builder("events_reconnect").source("clip:").start();
    let address = test_box.http();
    browser.go(&format!("http://{address}/")).unwrap();
    let listen = "window.heard = []; window.opened = 0;
        window.events = new EventSource('/api/v1/events');
        events.onopen = () => { opened += 1; };
        events.addEventListener('prediction', (event) => heard.push(JSON.parse(event.data).sequence));
        true";
    browser.eval(listen).unwrap();
    browser.wait_until("heard.length > 3", DEADLINE).unwrap();

    signal(test_box.pid("gateway"), "KILL");

    browser.wait_until("opened === 2", DEADLINE).unwrap();
    let before = browser.eval("heard.length").unwrap();
    let more = format!("heard.length > {before} + 3");
    browser.wait_until(&more, DEADLINE).unwrap();
    let in_order = "heard.every((sequence, index) => index === 0 || sequence >= heard[index - 1])";
    assert_eq!(browser.eval(in_order).unwrap(), true);
    test_box.stop();
}

/// Goal: the deletion of the segment's name, as systemd-logind does it when a user without
/// `linger` logs out (`RemoveIPC=`), stops nothing: frames go on, and every unit that dies is
/// replaced.
/// Method: delete the name; kill each unit once; all are back and sequences go on; the stop leaves
/// nothing.
#[test]
fn deleted_name_of_the_segment_stops_no_restart() {
    let test_box = TestBox::start("name_deleted");
    let before = test_box.source("pattern0").sequence;
    test_box.segment().unlink().unwrap();
    for unit in test_box.status().units {
        signal(unit.pid.unwrap(), "KILL");
        test_box.await_successor(&unit.name, unit.generation);
    }
    test_box.await_ready();
    wait::until_true("frames go on", || {
        test_box.source("pattern0").sequence > before
    });
    let reply = test_box.http_get("/api/v1/predictions/pattern0");
    assert!([200, 204].contains(&reply.status), "{}", reply.status);
    test_box.stop();
}
