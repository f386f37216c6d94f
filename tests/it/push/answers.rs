//! Each frame is answered, and its prediction comes back under the client's own number.

use super::{accepted, pushed_box};
use serde_json::Value;
use shm_layout::control::{BoxState, SourceState};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use wigwag_tests::client::metrics::Metrics;
use wigwag_tests::client::multipart::MultipartStream;
use wigwag_tests::client::websocket::WsClient;
use wigwag_tests::client::wire::{Message, WireClient};
use wigwag_tests::{TestBox, demo, wait};

/// Goal: a program pushes its camera and gets gestures; to everybody else it is a source like any.
/// Method: push the demo clip's thumb under numbers of our own; each frame is answered, and each
/// prediction names one of them with its time and sequence; a viewer sees the same bytes; the
/// status says waiting, live, waiting; the box is ready all the time.
#[test]
fn a_clients_frames_come_back_as_gestures_under_its_own_numbers() {
    let test_box = pushed_box("push_wire", &["phone"], 240);
    let waiting = await_state(&test_box, "phone", SourceState::Waiting);
    assert_eq!(waiting, "waiting for a client");
    wait::until_true("the gateway knows that the box is ready", || {
        test_box.http_get("/readyz").status == 200
    });
    let mut viewer = MultipartStream::open(&test_box.http(), "phone");
    let notice = viewer.notice();
    assert_eq!(notice.notice.as_deref(), Some("waiting"));

    let mut client = WireClient::push(&test_box.wire(), "phone");
    let Message::Welcome(welcome) = client.message() else {
        panic!("no WELCOME")
    };
    assert_eq!(welcome["source"], "phone");
    assert_eq!(welcome["limits"]["max_frame_bytes"], 512 * 1024);
    let clip = demo::frames();
    let (mut own, mut thumbs, mut pushed) = (1_000, 0, Vec::new());
    while thumbs < 3 {
        for jpeg in &clip[demo::THUMB_UP] {
            own += 7;
            pushed.push((
                own,
                accepted_or_predicted(&mut client, own, jpeg, &mut thumbs, &pushed),
            ));
            std::thread::sleep(Duration::from_millis(40));
        }
    }
    let sequences: Vec<u64> = pushed.iter().map(|(_, sequence)| *sequence).collect();
    let expected: Vec<u64> = (1..=sequences.len() as u64).collect();
    assert_eq!(sequences, expected);
    let live = await_live(&test_box, &mut client, &clip[180], own);
    assert_eq!(live, "pushed by 127.0.0.1: MJPG 640x480");
    let clients = test_box.http_get("/api/v1/clients").json();
    let pushes = |seen: &Value| seen["protocol"] == "wire" && seen["bytes"].as_u64() > Some(0);
    let mut seen = clients["clients"].as_array().unwrap().iter();
    assert!(seen.any(pushes), "answers to it are counted: {clients}");
    let part = viewer.part();
    assert!(clip.contains(&part.jpeg), "the bytes pass untouched");
    assert_eq!(test_box.status().state, BoxState::Ready);

    drop(client);
    let gone = await_state(&test_box, "phone", SourceState::Waiting);
    assert_eq!(gone, "waiting for a client; the last one, 127.0.0.1, left");
    assert_eq!(test_box.status().state, BoxState::Ready);
    let metrics = Metrics::scrape(&test_box.http());
    let taken = metrics.sum("wigwag_push_frames_total", &["outcome=\"accepted\""]);
    assert!(taken >= sequences.len() as f64, "{taken}");
    test_box.stop();
}

#[track_caller]
fn await_state(test_box: &TestBox, source: &str, state: SourceState) -> String {
    test_box.await_status(&format!("{source} is {state:?}"), |status| {
        let found = status.sources.iter().find(|found| found.name == source)?;
        (found.state == state).then(|| found.detail.clone())
    })
}

/// Pushes a frame and gives its sequence; a prediction that comes before is checked.
#[track_caller]
fn accepted_or_predicted(
    client: &mut WireClient,
    own: u64,
    jpeg: &[u8],
    thumbs: &mut usize,
    pushed: &[(u64, u64)],
) -> u64 {
    client.push_frame(own, jpeg).unwrap();
    loop {
        match client.message() {
            Message::Accepted { number, sequence } => {
                assert_eq!(number, own);
                return sequence;
            }
            Message::PushedPrediction {
                number,
                client_time_us,
                sequence,
                json,
            } => {
                assert!(pushed.contains(&(number, sequence)), "{number} {sequence}");
                assert_eq!(client_time_us, number * 10);
                assert_eq!(json["sequence"], sequence);
                *thumbs += usize::from(json["hands"][0]["gesture"] == "Thumb_Up");
            }
            other => panic!("{other:?} instead of an answer"),
        }
    }
}

/// Pushes until the status says that the source is live.
#[track_caller]
fn await_live(test_box: &TestBox, client: &mut WireClient, jpeg: &[u8], own: u64) -> String {
    let mut own = own;
    wait::until("the source is live", || {
        own += 1;
        accepted(client, own, jpeg);
        let source = test_box.source("phone");
        (source.state == SourceState::Live).then_some(source.detail)
    })
}

/// Goal: the same over a WebSocket, for pages and programs that have no other way.
/// Method: push, read answers and predictions as JSON; a second client is told who has the source,
/// one of another origin is refused, and so is a source that is not pushed.
#[test]
fn a_websocket_pushes_as_well() {
    let toml = "[sources.phone]\ntype = \"push\"\n[sources.hall]\ntype = \"pattern\"\n\
                [infer]\nworkers = 1";
    let test_box = TestBox::builder("push_ws").config(toml).start();
    let (http, jpeg) = (test_box.http(), &demo::frames()[180]);
    let mut client = WsClient::open(&http, "/ws/push?source=phone");
    let welcome = client.json();
    assert_eq!(
        (&welcome["type"], &welcome["source"]),
        (&"welcome".into(), &"phone".into())
    );
    client.push_frame(41, jpeg);
    let answer = client.json();
    assert_eq!(
        (&answer["type"], &answer["number"]),
        (&"accepted".into(), &41.into())
    );
    let predicted = client.json();
    assert_eq!(predicted["type"], "prediction", "{predicted}");
    assert_eq!(
        (&predicted["number"], &predicted["client_time_us"]),
        (&41.into(), &410.into())
    );
    assert_eq!(predicted["sequence"], answer["sequence"]);
    client.push_frame(42, &jpeg[..jpeg.len() / 2]);
    let answer = client.json();
    assert_eq!(
        (&answer["type"], &answer["code"]),
        (&"refused".into(), &42.into()),
        "{answer}"
    );

    let told = WsClient::open(&http, "/ws/push?source=phone").json();
    assert_eq!(
        (&told["type"], &told["code"], &told["retry"]),
        (&"error".into(), &21.into(), &true.into())
    );
    let told = WsClient::open(&http, "/ws/push?source=hall").json();
    assert_eq!(
        (&told["code"], &told["retry"]),
        (&20.into(), &false.into()),
        "{told}"
    );
    let told = WsClient::open(&http, "/ws/push").json();
    assert_eq!(told["code"], 22, "{told}");

    let mut foreign = TcpStream::connect(&http).unwrap();
    let request = format!(
        "GET /ws/push?source=phone HTTP/1.1\r\nHost: {http}\r\nOrigin: http://evil.example\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    foreign.write_all(request.as_bytes()).unwrap();
    let mut answer = [0; 12];
    foreign.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 403");
    test_box.stop();
}
