//! `/api/v1/clients` and its metrics, frames that are too old, proxies, and pages of other origins.

use crate::client::{Viewer, WireClient, connect_with_little_room, get, request};
use crate::gateway::{TestGateway, grey_jpeg, jpeg, limits, meta};
use net_gateway::access::Access;
use net_gateway::clients::Protocol;
use net_gateway::source_feed::read;
use serde_json::Value;
use shm_layout::control::{AccessRules, Permissions};
use shm_layout::{FrameMeta, MonotonicNs, PixelFormat};
use std::time::Duration;

fn clients(gateway: &TestGateway) -> Vec<Value> {
    let answer = get(gateway.http, "/api/v1/clients");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.json()["clients"].as_array().unwrap().clone()
}

fn access(proxies: &[&str], origins: &[&str]) -> Access {
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    Access::new(&texts(proxies), &texts(origins)).unwrap()
}

/// Goal: the owner of a box sees who is connected, what each one watches and how much it gets.
/// Method: a viewer, a viewer of another form, a program and a reader of events; then they leave.
#[test]
fn every_client_is_listed_with_what_it_gets() {
    let gateway = TestGateway::start();
    let mut viewer = Viewer::open(gateway.http, "/stream/cam0");
    let mut small = Viewer::open(gateway.http, "/stream/cam0?overlay=1&width=64");
    let mut program = WireClient::subscribe(gateway.wire, 1, "cam0");
    assert_eq!(program.next().0, 16);
    let events = get(gateway.http, "/api/v1/events");
    let frame = grey_jpeg(320, 240, 90);
    for sequence in 1..=10 {
        gateway.publish(&frame);
        assert_eq!(viewer.next().sequence, sequence);
        assert_eq!(small.next().sequence, sequence);
        assert_eq!(program.next().0, 17);
    }
    let listed = clients(&gateway);
    let facts: Vec<_> = listed
        .iter()
        .map(|client| {
            let text = |key: &str| client[key].as_str().unwrap_or("-").to_owned();
            assert_eq!(text("address"), "127.0.0.1");
            (
                text("protocol"),
                text("source"),
                text("form"),
                client["frames"].as_u64().unwrap(),
            )
        })
        .collect();
    let fact = |protocol: &str, source: &str, form: &str, frames| {
        (
            protocol.to_owned(),
            source.to_owned(),
            form.to_owned(),
            frames,
        )
    };
    assert_eq!(
        facts,
        [
            fact("stream", "cam0", "", 10),
            fact("stream", "cam0", "width=64&overlay=1", 10),
            fact("wire", "cam0", "", 10),
            fact("events", "-", "", 0),
        ]
    );
    for client in [&listed[0], &listed[2]] {
        let bytes = client["bytes"].as_u64().unwrap() as usize;
        assert!(
            (frame.len() * 10..frame.len() * 10 + 4000).contains(&bytes),
            "{client}"
        );
        assert!(client["fps"].as_f64().unwrap() > 1.0, "{client}");
        assert!(
            client["staleness_ms"].as_f64().unwrap() < 60_000.0,
            "{client}"
        );
        assert_eq!(
            (&client["skipped"], &client["stale"], &client["late"]),
            (&0.into(), &0.into(), &0.into())
        );
    }
    let metrics = String::from_utf8(get(gateway.http, "/metrics").bytes()).unwrap();
    let labels = "client=\"1\",address=\"127.0.0.1\",protocol=\"stream\",source=\"cam0\"";
    assert!(
        metrics.contains(&format!("wigwag_connection_frames_total{{{labels}}} 10\n")),
        "{metrics}"
    );
    assert!(
        metrics.contains(&format!("wigwag_connection_fps{{{labels}}} ")),
        "{metrics}"
    );
    drop((viewer, small, program, events));
    while gateway.hub.clients().connected_total() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(clients(&gateway), Vec::<Value>::new());
}

/// Goal: it can be seen which client is too slow, by how much, and that others are not.
/// Method: one viewer reads a frame and then nothing, while another one gets 40.
#[test]
fn slow_client_is_seen_by_what_it_skips_and_how_old_its_picture_is() {
    let mut limits = limits();
    limits.staleness_max = Duration::from_secs(500);
    let gateway = TestGateway::with_limits(limits);
    let mut slow = Viewer::over(connect_with_little_room(gateway.http), "/stream/cam0");
    let mut fast = Viewer::open(gateway.http, "/stream/cam0");
    // Captured a minute ago: whoever gets stuck in it has a picture that is so old.
    let old = FrameMeta {
        capture: MonotonicNs(MonotonicNs::now().0.saturating_sub(60_000_000_000)),
        ..meta(PixelFormat::Mjpeg, 640, 480, 0)
    };
    let large = jpeg(1, 1_900_000);
    gateway.publish_as(0, &old, &large);
    assert_eq!(fast.next().sequence, 1);
    for number in 2..=40 {
        let sequence = gateway.publish(&jpeg(number, 1_900_000));
        assert_eq!(fast.next().sequence, sequence);
    }
    let listed = clients(&gateway);
    assert!(
        listed[0]["staleness_ms"].as_f64().unwrap() >= 60_000.0,
        "{}",
        listed[0]
    );
    assert!(
        listed[1]["staleness_ms"].as_f64().unwrap() < 60_000.0,
        "{}",
        listed[1]
    );
    assert_eq!(listed[1]["frames"], 40);
    while slow.next().sequence < 40 {}
    let slow = &clients(&gateway)[0];
    let (frames, skipped) = (
        slow["frames"].as_u64().unwrap(),
        slow["skipped"].as_u64().unwrap(),
    );
    assert!(skipped >= 30 && frames + skipped == 40, "{slow}");
}

/// Goal: nobody is handed a frame that is older than the configured bound; it is counted, and the
/// next frame comes as ever.
#[test]
fn frame_that_is_too_old_is_left_out_and_counted() {
    let mut limits = limits();
    limits.staleness_max = Duration::from_secs(30);
    let gateway = TestGateway::with_limits(limits);
    let mut viewer = Viewer::open(gateway.http, "/stream/cam0");
    let mut program = WireClient::subscribe(gateway.wire, 1, "cam0");
    assert_eq!(program.next().0, 16);
    let minute_old = FrameMeta {
        capture: MonotonicNs(MonotonicNs::now().0.saturating_sub(60_000_000_000)),
        ..meta(PixelFormat::Mjpeg, 640, 480, 0)
    };
    gateway.publish_as(0, &minute_old, &jpeg(1, 900));
    let stale = &gateway.hub.sources()[0].counters().client_stale;
    while stale.get(Protocol::Stream) + stale.get(Protocol::Wire) < 2 {
        std::thread::yield_now();
    }
    let sequence = gateway.publish(&jpeg(2, 900));
    assert_eq!(viewer.next().sequence, sequence);
    assert_eq!(program.next().1[..8], sequence.to_be_bytes());
    assert!(
        clients(&gateway)
            .iter()
            .all(|client| client["stale"] == 1 && client["skipped"] == 0)
    );
}

/// Goal: clients behind a trusted proxy are told apart, and nobody else can pretend to be behind one.
/// Method: one place for each address.
#[test]
fn address_behind_a_proxy_is_believed_only_if_the_proxy_is_trusted() {
    let mut limits = limits();
    limits.clients.max_clients_per_address = 1;
    let from = |address: &str| format!("X-Forwarded-For: {address}\r\n");
    for (proxies, second) in [(&["127.0.0.0/8"][..], 200), (&["10.0.0.0/8"][..], 503)] {
        let everything = AccessRules {
            anonymous: Permissions::all(),
            ..AccessRules::default()
        };
        let gateway = TestGateway::guarded(limits, access(proxies, &[]), &everything);
        let first = request(gateway.http, "GET", "/stream/cam0", &from("1.2.3.4"));
        assert_eq!(first.status, 200);
        let other = request(gateway.http, "GET", "/stream/cam0", &from("1.2.3.5"));
        assert_eq!(other.status, second, "{proxies:?}");
        let same = request(gateway.http, "GET", "/stream/cam0", &from("1.2.3.4"));
        assert_eq!(same.status, 503);
        let believed = clients(&gateway)[0]["address"] == "1.2.3.4";
        assert_eq!(believed, second == 200);
    }
}

/// Goal: pages of other origins may read what the config lets them read, and by default nothing.
#[test]
fn other_pages_may_read_only_what_the_config_allows() {
    let origin = |origin: &str| format!("Origin: {origin}\r\n");
    let preflight = "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n";
    let closed = TestGateway::start();
    closed.publish(&jpeg(1, 900));
    let answer = request(
        closed.http,
        "GET",
        "/snapshot/cam0",
        &origin("https://a.example"),
    );
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    assert_eq!(
        request(closed.http, "OPTIONS", "/snapshot/cam0", preflight).status,
        405
    );

    let open = TestGateway::with(limits(), access(&[], &["https://a.example"]));
    open.publish(&jpeg(1, 900));
    let answer = request(
        open.http,
        "GET",
        "/snapshot/cam0",
        &origin("https://a.example"),
    );
    assert_eq!(
        answer.headers["access-control-allow-origin"],
        "https://a.example"
    );
    assert!(answer.headers["access-control-expose-headers"].contains("x-wigwag-sequence"));
    assert!(answer.headers["vary"].contains("origin"));
    let answer = request(open.http, "OPTIONS", "/snapshot/cam0", preflight);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["access-control-allow-methods"], "GET,HEAD");
    let answer = request(
        open.http,
        "GET",
        "/snapshot/cam0",
        &origin("https://b.example"),
    );
    assert!(!answer.headers.contains_key("access-control-allow-origin"));

    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let ws = |gateway: &TestGateway, page: &str| {
        request(
            gateway.http,
            "GET",
            "/ws",
            &format!("{}{upgrade}", origin(page)),
        )
        .status
    };
    assert_eq!(ws(&open, "https://a.example"), 101);
    assert_eq!(ws(&open, "https://b.example"), 403);
    assert_eq!(ws(&closed, "https://a.example"), 403);
    assert_eq!(read(&open.hub.connections().refused), 0);
}
