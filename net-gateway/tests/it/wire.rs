//! The wire protocol over real sockets, with a client written from `WIRE.md`.

use crate::client::WireClient;
use crate::gateway::{TestGateway, jpeg, limits};
use std::io::Write;

fn u64_at(body: &[u8], offset: usize) -> u64 {
    u64::from_be_bytes(body[offset..offset + 8].try_into().unwrap())
}

fn u32_at(body: &[u8], offset: usize) -> u32 {
    u32::from_be_bytes(body[offset..offset + 4].try_into().unwrap())
}

#[test]
fn frames_and_predictions_come_to_who_subscribed_to_both() {
    let gateway = TestGateway::start();
    let mut client = WireClient::subscribe(gateway.wire, 3, "cam0");
    let (kind, welcome) = client.next();
    assert_eq!(kind, 16);
    let welcome: serde_json::Value = serde_json::from_slice(&welcome).unwrap();
    assert_eq!(
        (&welcome["source"], &welcome["format"]),
        (&"cam0".into(), &"jpeg".into())
    );
    for number in 1..=20 {
        gateway.publish(&jpeg(number, 90_000));
        let (kind, body) = client.next();
        assert_eq!((kind, u64_at(&body, 0)), (17, number));
        assert_eq!((u32_at(&body, 16), u32_at(&body, 20)), (640, 480));
        assert!(body[24..] == jpeg(number, 90_000));

        gateway.predict(1, 77);
        gateway.predict(0, number);
        let (kind, body) = client.next();
        assert_eq!(
            (kind, u64_at(&body, 0)),
            (18, number),
            "only of its own source"
        );
        assert_eq!(u64_at(&body, 8), 1_700_000_000_000_000);
        let json: serde_json::Value = serde_json::from_slice(&body[16..]).unwrap();
        assert_eq!(
            (&json["sequence"], &json["source"]),
            (&number.into(), &"cam0".into())
        );
    }
}

#[test]
fn only_what_was_asked_for_is_sent() {
    let gateway = TestGateway::start();
    let mut frames = WireClient::subscribe(gateway.wire, 1, "");
    let mut predictions = WireClient::subscribe(gateway.wire, 2, "");
    assert_eq!((frames.next().0, predictions.next().0), (16, 16));
    for number in 1..=5 {
        gateway.predict(0, number);
        gateway.publish(&jpeg(number, 100));
        assert_eq!(frames.next().0, 17);
        assert_eq!(predictions.next().0, 18);
    }
}

#[test]
fn every_kind_of_wrong_message_is_answered_and_ends_the_connection() {
    let gateway = TestGateway::start();
    let refused = |bytes: &[u8]| {
        let mut client = WireClient {
            stream: crate::client::connect(gateway.wire),
        };
        client.stream.write_all(bytes).unwrap();
        client.expect_error()
    };
    assert_eq!(refused(&[0, 0, 0, 6, 2, 1, 0, 0, 1, 0]).0, 1);
    assert_eq!(refused(&[0, 0, 0, 6, 1, 99, 0, 0, 1, 0]).0, 2);
    assert_eq!(refused(b"GET / HTTP/1.1\r\n\r\n").0, 3);
    assert_eq!(refused(&[0, 0, 0, 6, 1, 1, 0, 0, 0, 0]).0, 4);
    let (code, text) = refused(&[0, 0, 0, 9, 1, 1, 0, 0, 1, 3, b'c', b'a', b't']);
    assert_eq!((code, text.as_str()), (5, "there is no source named `cat`"));

    let mut chatty = WireClient::subscribe(gateway.wire, 1, "cam0");
    assert_eq!(chatty.next().0, 16);
    chatty.send(1, 1, &[1, 0]);
    assert_eq!(chatty.expect_error().0, 2);
}

#[test]
fn a_client_beyond_the_limit_is_told() {
    let mut limits = limits();
    limits.clients.max_clients = 1;
    let gateway = TestGateway::with_limits(limits);
    let mut first = WireClient::subscribe(gateway.wire, 1, "");
    assert_eq!(first.next().0, 16);
    let (code, text) = WireClient::subscribe(gateway.wire, 1, "").expect_error();
    assert_eq!(code, 6);
    assert!(text.contains("max_clients"), "{text}");
}

#[test]
fn a_client_that_leaves_is_counted_out() {
    let gateway = TestGateway::start();
    let mut client = WireClient::subscribe(gateway.wire, 3, "");
    client.next();
    assert_eq!(gateway.hub.clients().connected_total(), 1);
    drop(client);
    while gateway.hub.clients().connected_total() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn stop_is_announced() {
    let mut gateway = TestGateway::start();
    let mut client = WireClient::subscribe(gateway.wire, 1, "");
    client.next();
    let stopping = std::thread::spawn(move || gateway.stop());
    assert_eq!(client.expect_error().0, 8);
    stopping.join().unwrap();
}
