//! The WebSocket with an independent client library.

use crate::gateway::{TestGateway, jpeg};
use std::io::Write;
use std::net::TcpStream;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

fn open(gateway: &TestGateway, query: &str) -> WebSocket<TcpStream> {
    let url = format!("ws://{}/ws{query}", gateway.http);
    tungstenite::client(url, crate::client::connect(gateway.http))
        .unwrap()
        .0
}

/// The next message; on a slow machine the gateway asks in between whether its client lives.
fn message(socket: &mut WebSocket<TcpStream>) -> Message {
    loop {
        match socket.read().unwrap() {
            Message::Ping(_) => {}
            other => return other,
        }
    }
}

/// The next text message as JSON.
fn text(socket: &mut WebSocket<TcpStream>) -> serde_json::Value {
    match message(socket) {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("not a text: {other:?}"),
    }
}

#[test]
fn status_predictions_and_video_come_over_one_socket() {
    let gateway = TestGateway::start();
    gateway.set_status("live");
    let mut socket = open(&gateway, "?source=cam0&video=1");
    let status = text(&mut socket);
    assert_eq!(status["type"], "status");
    assert_eq!(status["status"]["sources"][0]["name"], "cam0");
    for number in 1..=20 {
        gateway.publish(&jpeg(number, 50_000));
        let Message::Binary(frame) = message(&mut socket) else {
            panic!("not a frame");
        };
        assert_eq!(&frame[..8], b"WWF1\0\0\0\x20");
        assert_eq!(frame[8..16], number.to_be_bytes());
        assert!(frame[32..] == jpeg(number, 50_000));

        gateway.predict(0, number);
        let prediction = text(&mut socket);
        assert_eq!(prediction["type"], "prediction");
        assert_eq!(prediction["sequence"], number);
        assert_eq!(prediction["hands"][0]["gesture"], "Thumb_Up");
    }
    gateway.set_status("lost");
    assert_eq!(text(&mut socket)["status"]["sources"][0]["state"], "lost");
}

#[test]
fn without_video_only_texts_come_and_of_all_sources() {
    let gateway = TestGateway::start();
    let mut socket = open(&gateway, "");
    gateway.publish(&jpeg(1, 100));
    // A prediction is sent to who is there: wait until this client is.
    while gateway.hub.clients().connected_total() == 0 {
        std::thread::yield_now();
    }
    gateway.predict(1, 5);
    gateway.predict(0, 6);
    let mut got = [text(&mut socket), text(&mut socket)].map(|json| {
        (
            json["source"].as_str().unwrap().to_owned(),
            json["sequence"].as_u64(),
        )
    });
    got.sort();
    assert_eq!(
        got,
        [("cam0".to_owned(), Some(6)), ("cam1".to_owned(), Some(5))]
    );
}

#[test]
fn a_page_of_another_origin_is_refused() {
    let gateway = TestGateway::start();
    let connect = |origin: String| {
        let mut request = format!("ws://{}/ws", gateway.http)
            .into_client_request()
            .unwrap();
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        match tungstenite::client(request, crate::client::connect(gateway.http)) {
            Ok(_socket) => 101,
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                answer.status().as_u16()
            }
            Err(other) => panic!("neither accepted nor refused: {other}"),
        }
    };
    assert_eq!(connect(format!("http://{}", gateway.http)), 101);
    assert_eq!(connect("http://evil.example".to_owned()), 403);
}

#[test]
fn a_client_that_talks_and_a_gateway_that_stops_close_with_a_reason() {
    let mut gateway = TestGateway::start();
    let close_code = |socket: &mut WebSocket<TcpStream>| loop {
        if let Message::Close(Some(close)) = socket.read().unwrap() {
            return u16::from(close.code);
        }
    };
    let mut chatty = open(&gateway, "");
    chatty.send(Message::text("hello")).unwrap();
    assert_eq!(close_code(&mut chatty), 1008);
    let mut quiet = open(&gateway, "");
    quiet
        .send(Message::Ping(bytes::Bytes::from_static(b"x")))
        .unwrap();
    assert!(matches!(quiet.read().unwrap(), Message::Pong(_)));
    gateway.stop();
    assert_eq!(close_code(&mut quiet), 1001);
}

/// Room for a frame is made as soon as its length is said, so a long one is refused by its header.
#[test]
fn a_frame_longer_than_any_message_is_refused_before_it_comes() {
    let gateway = TestGateway::start();
    let mut socket = open(&gateway, "");
    let mut header = vec![0x82, 0xff];
    header.extend(16_000_000_u64.to_be_bytes());
    header.extend([0; 4]);
    socket.get_mut().write_all(&header).unwrap();
    // Nothing of it is sent; the gateway ends the connection all the same.
    while !matches!(socket.read(), Ok(Message::Close(_)) | Err(_)) {}
    while gateway.hub.clients().connected_total() > 0 {
        std::thread::yield_now();
    }
}
