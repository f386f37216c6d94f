//! `/stream` and `/snapshot`: every frame, exactly counted, whatever other clients do.

use crate::client::{Viewer, connect, connect_with_little_room, get, read_answer, request};
use crate::gateway::{TestGateway, jpeg, limits};
use net_gateway::clients::Protocol;
use net_gateway::hub::Hub;
use net_gateway::pump::Pump;
use net_gateway::source_feed::read;
use shm_layout::{MonotonicNs, PixelFormat};
use std::sync::Arc;
use std::time::Duration;

/// Goal: a viewer that reads gets every frame intact, while others read nothing at all.
/// Method: the next frame is published when the viewer has the one before; frames are far larger
/// than what the kernel holds for the others.
#[test]
fn a_fast_viewer_gets_every_frame_beside_clients_that_never_read() {
    let gateway = TestGateway::start();
    let stuck: Vec<Viewer> = (0..8)
        .map(|_| Viewer::open(gateway.http, "/stream/cam0"))
        .collect();
    let mut viewer = Viewer::open(gateway.http, "/stream/cam0");
    for number in 1..=200 {
        let bytes = jpeg(number, 300_000);
        assert_eq!(gateway.publish(&bytes), number);
        let part = viewer.next();
        assert_eq!(part.sequence, number);
        assert!(part.jpeg == bytes, "frame {number} differs");
    }
    let counters = gateway.hub.sources()[0].counters();
    assert_eq!(read(&counters.skipped), 0, "the pump was never late");
    assert_eq!(gateway.hub.clients().connected().get(Protocol::Stream), 9);
    drop(stuck);
}

/// Goal: a slow viewer skips to the newest frame, and what it skipped is counted exactly.
/// Method: it reads nothing while a fast one beside it gets every frame; then it reads on. What
/// comes from before is what was on its way: one frame, and what fits the kernel's buffers.
#[test]
fn a_slow_viewer_gets_the_newest_frame_and_its_gaps_are_counted() {
    const LAST: u64 = 200;
    const FRAME_BYTES: usize = 50_000;
    let gateway = TestGateway::start();
    let mut slow = Viewer::over(connect_with_little_room(gateway.http), "/stream/cam0");
    gateway.publish(&jpeg(1, FRAME_BYTES));
    let mut sequences = vec![slow.next().sequence];
    let mut fast = Viewer::open(gateway.http, "/stream/cam0");
    assert_eq!(fast.next().sequence, 1);
    for number in 2..=LAST {
        gateway.publish(&jpeg(number, FRAME_BYTES));
        assert_eq!(fast.next().sequence, number);
    }
    while sequences.last() != Some(&LAST) {
        sequences.push(slow.next().sequence);
    }
    assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
    assert!(sequences.len() <= 6, "a queue: {sequences:?}");
    let counters = gateway.hub.sources()[0].counters();
    let skipped = LAST - sequences.len() as u64;
    assert_eq!(counters.client_skipped.get(Protocol::Stream), skipped);
    assert_eq!(
        counters.delivered.get(Protocol::Stream),
        LAST + sequences.len() as u64
    );
}

#[test]
fn a_viewer_stays_connected_while_the_source_gives_nothing() {
    let gateway = TestGateway::start();
    let mut viewer = Viewer::open(gateway.http, "/stream/cam1");
    let meta = crate::gateway::meta(PixelFormat::Mjpeg, 64, 48, 0);
    // A publisher dies with a claimed frame slot, its successor goes on.
    gateway.publish_as(1, &meta, &jpeg(1, 500));
    assert_eq!(viewer.next().sequence, 1);
    let mut publisher = gateway.segment.publisher(1).unwrap();
    std::mem::forget(publisher.claim());
    let _ = publisher;
    gateway.publish_as(1, &meta, &jpeg(2, 500));
    assert_eq!(viewer.next().sequence, 2);
}

/// Goal: who comes while the source is lost does not get its last frame as if it were of now.
#[test]
fn a_frame_from_before_the_source_was_lost_is_not_shown_to_who_comes_later() {
    let segment = crate::gateway::segment();
    let hub = Arc::new(Hub::new(["cam0", "cam1"], limits()));
    let mut pump = Pump::new(&segment, 3, &hub).unwrap();
    let meta = crate::gateway::meta(PixelFormat::Mjpeg, 64, 48, 0);
    crate::gateway::publish(&segment, 0, &meta, &jpeg(1, 500));
    let _early = hub.watch_frames(0, Protocol::Stream).unwrap();
    let three_seconds_later = MonotonicNs(MonotonicNs::now().0 + 3_000_000_000);
    assert_eq!(pump.turn(three_seconds_later, || {}).frames, 0);
    assert_eq!(
        pump.turn(MonotonicNs::now(), || {}).frames,
        1,
        "it is not too old yet"
    );
    assert_eq!(pump.turn(MonotonicNs::now(), || {}).frames, 0, "once");
}

#[test]
fn a_client_that_takes_nothing_is_let_go_of_and_counted() {
    let mut limits = limits();
    limits.write_timeout = Duration::from_millis(300);
    let gateway = TestGateway::with_limits(limits);
    let mut stuck = Viewer::open(gateway.http, "/stream/cam0");
    let timeouts = || read(&gateway.hub.connections().write_timeouts);
    let mut number = 0;
    while timeouts() == 0 {
        number += 1;
        gateway.publish(&jpeg(number, 1_900_000));
        std::thread::yield_now();
    }
    assert!(stuck.is_closed() || timeouts() == 1);
}

#[test]
fn snapshot_is_the_newest_frame() {
    let gateway = TestGateway::start();
    gateway.publish(&jpeg(1, 1000));
    gateway.publish(&jpeg(2, 2000));
    let answer = get(gateway.http, "/snapshot/cam0");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "image/jpeg");
    assert_eq!(answer.headers["x-wigwag-sequence"], "2");
    assert_eq!(answer.bytes(), jpeg(2, 2000));
    let head = request(gateway.http, "HEAD", "/snapshot/cam0", "");
    assert_eq!(
        (head.status, head.headers["content-length"].as_str()),
        (200, "2000")
    );
}

#[test]
fn snapshot_of_a_silent_source_says_so() {
    let gateway = TestGateway::start();
    let answer = get(gateway.http, "/snapshot/cam1");
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.json()["error"],
        "source `cam1` gave no frame within 2 s"
    );
}

#[test]
fn viewers_beyond_the_limit_are_told_and_there_is_room_again_later() {
    let mut limits = limits();
    limits.clients.max_clients_per_address = 1;
    let gateway = TestGateway::with_limits(limits);
    gateway.publish(&jpeg(1, 1000));
    let first = Viewer::open(gateway.http, "/stream/cam0");
    let second = get(gateway.http, "/stream/cam0");
    assert_eq!(second.status, 503);
    assert_eq!(second.headers["retry-after"], "5");
    let json = second.json();
    assert!(
        json["error"]
            .as_str()
            .unwrap()
            .contains("max_clients_per_address"),
        "{json}"
    );
    assert!(json["hint"].is_string());
    drop(first);
    while gateway.hub.clients().connected_total() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(
        Viewer::open(gateway.http, "/stream/cam0").next().sequence,
        1
    );
}

/// Goal: connections that only hold their place cannot shut the others out for ever, and whoever
/// comes too late is told. The health check still answers when every client place is taken.
#[test]
fn connections_beyond_the_limit_are_told_and_clients_do_not_block_short_requests() {
    let mut limits = limits();
    limits.clients.max_clients = 1;
    let gateway = TestGateway::with_limits(limits);
    let _viewer = Viewer::open(gateway.http, "/stream/cam0");
    assert_eq!(get(gateway.http, "/stream/cam0").status, 503);
    assert_eq!(get(gateway.http, "/healthz").status, 200);
    let idle: Vec<_> = (0..limits.max_connections())
        .map(|_| connect(gateway.http))
        .collect();
    let refused = read_answer(connect(gateway.http));
    assert_eq!(refused.status, 503);
    assert!(
        refused.json()["error"]
            .as_str()
            .unwrap()
            .contains("connections")
    );
    assert!(read(&gateway.hub.connections().refused) > 0);
    drop(idle);
}

#[test]
fn stop_ends_every_stream() {
    let mut gateway = TestGateway::start();
    let mut viewer = Viewer::open(gateway.http, "/stream/cam0");
    gateway.publish(&jpeg(1, 1000));
    viewer.next();
    gateway.stop();
    assert!(viewer.is_closed());
}
