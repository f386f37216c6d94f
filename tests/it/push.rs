//! Frames from clients: each prediction comes back under the client's own number, one client at a
//! time has a source, and whoever misbehaves hurts nobody else.

use serde_json::Value;
use shm_layout::control::{BoxState, SourceState};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wigwag_tests::client::metrics::Metrics;
use wigwag_tests::client::multipart::MultipartStream;
use wigwag_tests::client::websocket::WsClient;
use wigwag_tests::client::wire::{FRAMES, Message, WireClient};
use wigwag_tests::process::signal;
use wigwag_tests::{TestBox, demo, wait};

/// How long a silent client keeps a source in these tests.
const HOLD_MS: u64 = 1_500;

/// The smallest JPEG that is taken: a size, a scan, an end. What it shows does not matter.
const TINY: &[u8] = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0\
    \xff\xda\0\x08\x01\x01\0\0\x3f\0\x12\xff\xd9";

/// A box whose only sources are pushed, named so; each takes `max_fps`.
fn pushed_box(name: &str, sources: &[&str], max_fps: u32) -> TestBox {
    let keys = format!("type = \"push\"\nhold_ms = {HOLD_MS}\nmax_fps = {max_fps}");
    let tables = sources
        .iter()
        .map(|source| format!("[sources.{source}]\n{keys}\n"));
    let toml = tables.collect::<String>() + "[infer]\nworkers = 1";
    TestBox::builder(name).config(&toml).start()
}

/// Asks to push, and is let in.
#[track_caller]
fn pusher(test_box: &TestBox, source: &str) -> WireClient {
    let mut client = WireClient::push(&test_box.wire(), source);
    match client.message() {
        Message::Welcome(_) => client,
        other => panic!("{other:?} instead of WELCOME"),
    }
}

/// Asks to push until let in, as a client does whose gateway goes.
fn persistent_pusher(address: &str, source: &str) -> WireClient {
    wait::until("a client is let in", || {
        let mut client = WireClient::try_push(address, source).ok()?;
        let answer = client.next_message();
        matches!(answer, Some(Message::Welcome(_))).then_some(client)
    })
}

/// Pushes a frame that must be taken, and gives its sequence; predictions meanwhile are left out.
#[track_caller]
fn accepted(client: &mut WireClient, own: u64, jpeg: &[u8]) -> u64 {
    client.push_frame(own, jpeg).unwrap();
    loop {
        match client.message() {
            Message::Accepted { number, sequence } => {
                assert_eq!(number, own);
                return sequence;
            }
            Message::PushedPrediction { .. } => {}
            other => panic!("{other:?} instead of ACCEPTED"),
        }
    }
}

/// Pushes a frame that must be refused, and gives the code; the connection goes on.
#[track_caller]
fn refused(client: &mut WireClient, own: u64, jpeg: &[u8]) -> (u16, String) {
    client.push_frame(own, jpeg).unwrap();
    loop {
        match client.message() {
            Message::Refused { number, code, text } => {
                assert_eq!(number, own);
                return (code, text);
            }
            Message::PushedPrediction { .. } => {}
            other => panic!("{other:?} instead of REFUSED"),
        }
    }
}

/// The ERROR that ends a connection, whatever comes before it.
#[track_caller]
fn ended(client: &mut WireClient) -> (u16, String) {
    loop {
        match client.next_message() {
            Some(Message::Error { code, text }) => {
                assert_eq!(client.next_message(), None, "closed behind it");
                return (code, text);
            }
            Some(_) => {}
            None => panic!("the connection ended without a word"),
        }
    }
}

#[track_caller]
fn await_state(test_box: &TestBox, source: &str, state: SourceState) -> String {
    test_box.await_status(&format!("{source} is {state:?}"), |status| {
        let found = status.sources.iter().find(|found| found.name == source)?;
        (found.state == state).then(|| found.detail.clone())
    })
}

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

/// Goal: two clients that claim one name: the first has it, and the second learns who that is.
/// Method: the second is refused while the first pushes or is just silent, gets in once the first
/// is gone, and takes over from one that was silent for too long, which is told.
#[test]
fn one_client_at_a_time_has_a_source() {
    let test_box = pushed_box("push_two", &["phone"], 240);
    let jpeg = &demo::frames()[180];
    let mut first = pusher(&test_box, "phone");
    accepted(&mut first, 1, jpeg);
    let (code, text) = ended(&mut WireClient::push(&test_box.wire(), "phone"));
    assert_eq!(code, 21);
    assert!(text.contains("is pushed by 127.0.0.1 since 0 s"), "{text}");
    drop(first);

    let mut second = persistent_pusher(&test_box.wire(), "phone");
    assert_eq!(accepted(&mut second, 1, jpeg), 2, "numbers go on");
    let mut third = persistent_pusher(&test_box.wire(), "phone");
    let (code, text) = ended(&mut second);
    assert_eq!(code, 25, "{text}");
    let silent_ms: u64 = text.split(' ').rev().nth(1).unwrap().parse().unwrap();
    assert!(silent_ms >= HOLD_MS, "{text}");
    assert_eq!(accepted(&mut third, 1, jpeg), 3);
    let metrics = Metrics::scrape(&test_box.http());
    assert_eq!(metrics.sum("wigwag_push_evictions_total", &[]), 1.0);
    assert!(metrics.sum("wigwag_push_held_total", &[]) >= 1.0);

    // A frame that never ends is silence too.
    third.send_raw(&20_000_u32.to_be_bytes()).unwrap();
    third.send_raw(&[1, 3, 0, 0, 0]).unwrap();
    let mut fourth = persistent_pusher(&test_box.wire(), "phone");
    assert_eq!(ended(&mut third).0, 25);
    assert_eq!(accepted(&mut fourth, 1, jpeg), 4);
    test_box.stop();
}

/// Goal: whatever a client sends, it hurts only itself, and it is told why.
/// Method: beside one that behaves, bad frames of every kind, lies about lengths and garbage; each
/// gets its code, the good one's frames are all taken, and the gateway is the same process.
#[test]
fn bad_clients_are_told_why_and_hurt_nobody() {
    let test_box = pushed_box("push_bad", &["good", "bad"], 240);
    let before = test_box.unit("gateway");
    let jpeg = demo::frames()[180].clone();
    let mut good = pusher(&test_box, "good");
    let mut own = 0;
    let mut fine = || {
        own += 1;
        assert_eq!(accepted(&mut good, own, &jpeg), own);
    };
    let mut client = pusher(&test_box, "bad");
    let size_at = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    let changed = |at: usize, bytes: &[u8]| {
        let mut changed = jpeg.clone();
        changed[size_at + at..size_at + at + bytes.len()].copy_from_slice(bytes);
        changed
    };
    for (number, (frame, code)) in [
        (jpeg[..jpeg.len() / 2].to_vec(), 42),
        (b"no picture".to_vec(), 41),
        (changed(5, &[0, 0, 0, 0]), 43),
        (changed(5, &[0xff, 0xff, 0xff, 0xff]), 43),
        (changed(1, &[0xc9]), 44),
        (changed(1, &[0xc3]), 44),
        (changed(4, &[12]), 44),
        (changed(9, &[4]), 44),
    ]
    .into_iter()
    .enumerate()
    {
        let (found, text) = refused(&mut client, number as u64, &frame);
        assert_eq!(found, code, "{number}: {text}");
        fine();
    }
    let padded = [&jpeg[..], &[0; 100]].concat();
    assert_eq!(
        accepted(&mut client, 9, &padded),
        1,
        "what follows is left out"
    );
    for number in 10..20 {
        client.push_frame(number, b"\xff\xd8\xff\xd9").unwrap();
    }
    let (code, text) = ended(&mut client);
    assert_eq!(code, 26, "{text}");
    assert!(text.contains("10 frames in a row"), "{text}");
    fine();

    for (bytes, code) in [
        (u32::MAX.to_be_bytes().to_vec(), 28),
        ((512 * 1024 + 21_u32).to_be_bytes().to_vec(), 28),
        (3_u32.to_be_bytes().to_vec(), 4),
        (b"\0\0\0\x15\x01\x03\0\x01".to_vec(), 4),
        (b"\0\0\0\x15\x02\x03\0\0".to_vec(), 1),
        (b"\0\0\0\x15\x01\x01\0\0".to_vec(), 2),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), 0),
    ] {
        let mut client = persistent_pusher(&test_box.wire(), "bad");
        client.send_raw(&[&bytes[..], &[0; 17]].concat()).unwrap();
        let (found, text) = ended(&mut client);
        assert!(code == 0 || found == code, "{bytes:?}: {found} {text}");
        fine();
    }
    for (source, code) in [("nobody", 5), ("", 22)] {
        let (found, text) = ended(&mut WireClient::push(&test_box.wire(), source));
        assert_eq!(found, code, "{text}");
    }
    let after = test_box.unit("gateway");
    assert_eq!(
        (after.pid, after.restarts),
        (before.pid, 0),
        "{}",
        test_box.log()
    );
    let metrics = Metrics::scrape(&test_box.http());
    let bad = ["source=\"bad\"", "outcome=\"bad\""];
    assert_eq!(metrics.sum("wigwag_push_frames_total", &bad), 18.0);
    test_box.stop();
}

/// Goal: a client that floods is slowed down, and told; the others do not notice.
/// Method: one client sends as fast as it can for as long as another needs for its frames.
#[test]
fn a_flood_hurts_only_itself() {
    let test_box = pushed_box("push_flood", &["calm", "flood"], 30);
    let jpeg = demo::frames()[180].clone();
    let mut calm = pusher(&test_box, "calm");
    let mut flood = pusher(&test_box, "flood");
    let (mut sender, hang_up) = (flood.clone_handle(), flood.clone_handle());
    let began = std::time::Instant::now();
    let (taken, over_rate) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while sender.push_frame(number, TINY).is_ok() {
                number += 1;
            }
        });
        let answers = scope.spawn(|| {
            let (mut taken, mut over_rate) = (0_u32, 0_u32);
            while let Some(message) = flood.next_message() {
                match message {
                    Message::Accepted { .. } => taken += 1,
                    Message::Refused { code: 40, .. } => over_rate += 1,
                    Message::PushedPrediction { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
            (taken, over_rate)
        });
        let mut predicted = 0;
        let mut own = 0;
        while predicted < 10 || began.elapsed() < Duration::from_secs(3) {
            own += 1;
            calm.push_frame(own, &jpeg).unwrap();
            loop {
                match calm.message() {
                    Message::Accepted { .. } => break,
                    Message::PushedPrediction { .. } => predicted += 1,
                    other => panic!("{other:?}"),
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        hang_up.hang_up();
        answers.join().unwrap()
    });
    let seconds = began.elapsed().as_secs_f64();
    assert!(over_rate > 0, "{taken} taken");
    // 30 a second and what may come bunched; as many are read beyond that.
    assert!(
        f64::from(taken) <= 30.0 * seconds + 8.0,
        "{taken} in {seconds} s"
    );
    assert!(
        f64::from(over_rate) <= 30.0 * seconds + 31.0,
        "{over_rate} in {seconds} s"
    );
    test_box.stop();
}

/// Goal: ten clients at once share recognition.
/// Method: ten push as fast as they get answers; each gets predictions, and none more than its
/// share by far.
#[test]
fn ten_clients_share_recognition_fairly() {
    let names: Vec<String> = (0..10).map(|number| format!("phone{number}")).collect();
    let sources: Vec<&str> = names.iter().map(String::as_str).collect();
    let test_box = pushed_box("push_ten", &sources, 240);
    let jpeg = demo::frames()[180].clone();
    let counts = Mutex::new(vec![0_u32; names.len()]);
    std::thread::scope(|scope| {
        for (index, name) in names.iter().enumerate() {
            let (test_box, jpeg, counts) = (&test_box, &jpeg, &counts);
            scope.spawn(move || {
                let mut client = pusher(test_box, name);
                let mut own = 0;
                // Until every one has some.
                while counts.lock().unwrap().iter().any(|count| *count < 8) {
                    own += 1;
                    client.push_frame(own, jpeg).unwrap();
                    loop {
                        match client.message() {
                            Message::Accepted { .. } | Message::Refused { code: 40, .. } => break,
                            Message::PushedPrediction { .. } => {
                                counts.lock().unwrap()[index] += 1;
                            }
                            other => panic!("{other:?}"),
                        }
                    }
                    std::thread::sleep(Duration::from_millis(30));
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(most <= &(least * 2), "{counts:?}");
    test_box.stop();
}

/// Goal: a source has at most one publisher, whatever happens to gateways, and goes on after it.
/// Method: two clients fight for a source over rolling restarts and kills of the gateway, each
/// connecting again at once; no sequence is given out twice, and every gateway's go on above the
/// last one's.
#[test]
fn no_two_gateways_ever_publish_one_source() {
    let test_box = pushed_box("push_roll", &["phone"], 240);
    let (wire, jpeg) = (test_box.wire(), demo::frames()[180].clone());
    let is_over = AtomicBool::new(false);
    let given = Mutex::new((BTreeSet::new(), 0_u64));
    let newest = || given.lock().unwrap().1;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    push_until_ended(&wire, &jpeg, &given, &is_over);
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        }
        let goes_on = |after: u64| {
            wait::until_true("frames are taken again", || newest() > after + 5);
        };
        goes_on(0);
        for _ in 0..2 {
            let output = test_box.run(&["restart", "gateway"]);
            assert!(output.status.success(), "{output:?}");
            goes_on(newest());
            let before = test_box.unit("gateway");
            signal(before.pid.unwrap(), "KILL");
            test_box.await_successor("gateway", before.generation);
            goes_on(newest());
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let (sequences, newest) = given.into_inner().unwrap();
    assert_eq!(sequences.last(), Some(&newest));
    assert!(test_box.newest("phone") >= newest);
    // Only frames whose answer was lost with its gateway are missing: two clients, one under way.
    let missing = newest - sequences.len() as u64;
    assert!(missing <= 8, "{missing} of {newest} are missing");
    test_box.stop();
}

/// Pushes until the connection ends, and notes each sequence that is given out.
fn push_until_ended(
    wire: &str,
    jpeg: &[u8],
    given: &Mutex<(BTreeSet<u64>, u64)>,
    is_over: &AtomicBool,
) {
    let Ok(mut client) = WireClient::try_push(wire, "phone") else {
        return;
    };
    let mut own = 0;
    while !is_over.load(Ordering::Relaxed) {
        match client.next_message() {
            Some(Message::Welcome(_) | Message::Refused { .. }) => {}
            Some(Message::Accepted { sequence, .. }) => {
                let mut given = given.lock().unwrap();
                assert!(given.0.insert(sequence), "{sequence} was given out twice");
                given.1 = given.1.max(sequence);
            }
            Some(Message::PushedPrediction { .. }) => continue,
            Some(Message::Error { code, text }) => {
                assert!([8, 21, 24, 25].contains(&code), "{code} {text}");
                return;
            }
            Some(other) => panic!("{other:?}"),
            None => return,
        }
        own += 1;
        if client.push_frame(own, jpeg).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Goal: clients that name no source get one each, as many as the config allows.
/// Method: two are let in and told which source is theirs; the third is told that there is none;
/// one that leaves makes room. Another program watches one of them by its name.
#[test]
fn clients_without_a_name_get_a_source_each() {
    let test_box = TestBox::builder("push_guests")
        .config("[gateway]\nanonymous_sources = 2\n[sources.hall]\ntype = \"pattern\"\n[infer]\nworkers = 1")
        .start();
    let jpeg = demo::frames()[180].clone();
    let guest = || {
        let mut client = WireClient::push(&test_box.wire(), "");
        match client.message() {
            Message::Welcome(welcome) => {
                Ok((client, welcome["source"].as_str().unwrap().to_owned()))
            }
            Message::Error { code, text } => Err((code, text)),
            other => panic!("{other:?}"),
        }
    };
    let (mut first, name) = guest().unwrap();
    assert_eq!(name, "guest0");
    let (second, name) = guest().unwrap();
    assert_eq!(name, "guest1");
    let (code, text) = guest().unwrap_err();
    assert_eq!((code, text.contains("2 of 2")), (22, true), "{text}");
    accepted(&mut first, 1, &jpeg);
    let mut program = WireClient::subscribe(&test_box.wire(), FRAMES, "guest0");
    assert!(matches!(program.message(), Message::Welcome(_)));
    assert!(matches!(program.message(), Message::Frame { jpeg: seen, .. } if seen == jpeg));
    drop(second);
    let (_third, name) = wait::until("there is room again", || guest().ok());
    assert_eq!(name, "guest1");
    test_box.stop();
}
