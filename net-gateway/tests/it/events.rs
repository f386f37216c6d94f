//! Server-sent events and the latest prediction.

use crate::client::get;
use crate::gateway::TestGateway;
use std::io::BufRead;

/// Lines of a chunked body, chunk framing taken off.
fn chunk(body: &mut impl BufRead) -> String {
    let mut size = String::new();
    body.read_line(&mut size).unwrap();
    let mut bytes = vec![0; usize::from_str_radix(size.trim(), 16).unwrap() + 2];
    body.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes[..bytes.len() - 2].to_vec()).unwrap()
}

#[test]
fn every_prediction_of_the_source_comes_as_an_event() {
    let gateway = TestGateway::start();
    let mut events = get(gateway.http, "/api/v1/events?source=cam0");
    assert_eq!(events.status, 200);
    assert_eq!(events.headers["content-type"], "text/event-stream");
    assert_eq!(chunk(&mut events.body), ": connected\nretry: 1000\n\n");
    for sequence in 1..=30 {
        gateway.predict(1, sequence);
        gateway.predict(0, sequence);
        let event = chunk(&mut events.body);
        let head = format!("event: prediction\nid: cam0:{sequence}\ndata: ");
        let data = event.strip_prefix(&head).expect(&event);
        let json: serde_json::Value = serde_json::from_str(data.trim_end()).unwrap();
        assert_eq!(json["sequence"], sequence);
        assert_eq!(json["model"], format!("sha256:{}", "ab".repeat(32)));
    }
}

#[test]
fn the_latest_prediction_is_kept_and_a_restarted_gateway_knows_it() {
    let gateway = TestGateway::start();
    assert_eq!(get(gateway.http, "/api/v1/predictions/cam0").status, 204);
    gateway.predict(0, 7);
    let latest = loop {
        let answer = get(gateway.http, "/api/v1/predictions/cam0");
        if answer.status == 200 {
            break answer.json();
        }
    };
    assert_eq!(
        (&latest["sequence"], &latest["source"]),
        (&7.into(), &"cam0".into())
    );
    assert_eq!(latest["stale"], false);

    let hub = std::sync::Arc::new(net_gateway::hub::Hub::new(
        ["cam0", "cam1"],
        crate::gateway::limits(),
    ));
    let _pump = net_gateway::pump::Pump::new(&gateway.segment, 5, &hub).unwrap();
    assert_eq!(
        hub.sources()[0].latest_prediction().unwrap().raw.sequence.0,
        7
    );
}
