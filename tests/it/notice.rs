//! What viewers see of a source that gives no frames: a picture that says why, over the connection
//! that they have, and the next frame at once.

use shm_layout::control::{SourceState, UnitState};
use wigwag_tests::TestBox;
use wigwag_tests::client::metrics::Metrics;
use wigwag_tests::client::multipart::{MultipartStream, is_jpeg};
use wigwag_tests::client::wire::{FRAMES, Message, WireClient};
use wigwag_tests::process::signal;
use wigwag_tests::wait;

/// Goal: a clip that played once stays in view, with the word that it has ended and when.
/// Method: a stream and a program from the start on; each gets the same words as a notice behind
/// the last frame, and so does a snapshot, but not one that is strict.
#[test]
fn a_clip_that_ended_says_so() {
    let test_box = TestBox::builder("notice_ended")
        .config("[sources.once]\ntype = \"clip\"\nlooped = false\nfps = 60.0")
        .build();
    test_box.spawn();
    test_box.await_status("the clip ends", |status| {
        let source = status.sources.first()?;
        (source.state == SourceState::Ended).then_some(())
    });
    let mut viewer = MultipartStream::open(&test_box.http(), "once");
    let mut program = WireClient::subscribe(&test_box.wire(), FRAMES, "once");

    let notice = viewer.notice();
    assert_eq!(notice.notice.as_deref(), Some("ended"));
    assert_eq!(notice.sequence, test_box.newest("once"));
    let Message::Notice {
        sequence,
        since_us,
        text,
        jpeg,
    } = program.notice()
    else {
        panic!("no NOTICE")
    };
    assert_eq!(sequence, notice.sequence);
    assert_eq!(since_us, notice.capture_time_us, "since the last frame");
    assert!(text.starts_with("once has ended. "), "{text}");
    assert!(
        text.contains("has played once to its end. Since "),
        "{text}"
    );
    assert!(is_jpeg(&jpeg));

    let reply = test_box.http_get("/snapshot/once");
    assert_eq!(
        (reply.status, reply.header("x-wigwag-notice")),
        (200, Some("ended"))
    );
    assert!(is_jpeg(&reply.body));
    let reply = test_box.http_get("/snapshot/once?strict=1");
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("once has ended"), "{}", reply.text());
    let metrics = Metrics::scrape(&test_box.http());
    let drawn = metrics.sum("wigwag_notices_total", &["source=\"once\""]);
    assert!(drawn >= 1.0, "{drawn}");
    test_box.stop();
}

/// Goal: while a capture-worker hangs its viewers are told, and frames go on as soon as it does.
/// Method: stop it under a viewer, with a watchdog that waits; after the notice let it go on.
#[test]
fn viewers_of_a_hung_capture_worker_are_told_until_it_goes_on() {
    let test_box = TestBox::builder("notice_hang")
        .source("pattern:")
        .config("[watchdog]\ncapture_ms = 600000")
        .start();
    let mut viewer = MultipartStream::open(&test_box.http(), "pattern0");
    viewer.part();
    let pid = test_box.pid("capture/pattern0");

    signal(pid, "STOP");

    let notice = viewer.notice();
    assert_eq!(notice.notice.as_deref(), Some("silent"));
    assert_eq!(notice.sequence, test_box.newest("pattern0"));
    assert!(viewer.notice().jpeg != notice.jpeg, "it tells for how long");

    signal(pid, "CONT");

    assert_eq!(viewer.part().sequence, notice.sequence + 1);
    test_box.stop();
}

/// Goal: a capture-worker that is given up is named as the reason, and the viewer sees frames over
/// the same connection when somebody starts it again.
/// Method: allow one death and kill it until it is `failed`; then `restart`.
#[test]
fn viewers_of_a_capture_worker_that_is_given_up_are_told_until_it_is_back() {
    let test_box = TestBox::builder("notice_failed")
        .source("pattern:")
        .config("[restart]\nlimit = 1\nbackoff_min_ms = 0\nretry_s = 3600")
        .start();
    let mut viewer = MultipartStream::open(&test_box.http(), "pattern0");
    let last = viewer.part().sequence;
    wait::until_true("capture/pattern0 is given up", || {
        let unit = test_box.unit("capture/pattern0");
        if let (UnitState::Ready, Some(pid)) = (unit.state, unit.pid) {
            signal(pid, "KILL");
            test_box.await_unit("it moves on", |now| {
                now.name == unit.name
                    && (now.generation, now.state) != (unit.generation, unit.state)
            });
        }
        unit.state == UnitState::Failed
    });

    let given_up = std::iter::repeat_with(|| viewer.notice())
        .find(|part| part.notice.as_deref() == Some("failed"))
        .unwrap();
    assert!(given_up.sequence >= last);
    let text = test_box.http_get("/snapshot/pattern0?strict=1").text();
    assert!(text.contains("given up (SIGKILL)"), "{text}");

    let output = test_box.run(&["restart", "capture/pattern0"]);

    assert!(output.status.success(), "{output:?}");
    assert!(viewer.part().sequence > given_up.sequence);
    test_box.await_ready();
    test_box.stop();
}
