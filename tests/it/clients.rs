//! Every kind of client, as users run them: ffmpeg, curl, OpenCV in Python, a scraper, and small
//! programs for events, WebSocket and the wire protocol. Each sees the same frames and the same
//! predictions, in the documented form.

use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::process::{Command, Output};
use wigwag_tests::client::events::EventStream;
use wigwag_tests::client::metrics::Metrics;
use wigwag_tests::client::multipart::{MultipartStream, is_jpeg};
use wigwag_tests::client::websocket::{WsClient, WsMessage};
use wigwag_tests::client::wire::{FRAMES, Message, PREDICTIONS, WireClient};
use wigwag_tests::{TestBox, binaries, demo, wait};

/// A box whose only source shows a thumb pointing up, over and over.
fn box_with_a_thumb(name: &str) -> TestBox {
    let builder = TestBox::builder(name);
    let clip = demo::write_clip(builder.scratch(), demo::THUMB_UP);
    let toml = format!(
        "[sources.cam0]\ntype = \"clip\"\npath = \"{}\"\nfps = 15",
        clip.display()
    );
    builder.config(&toml).start()
}

/// Runs a program that a user would, to its end or the deadline of every wait. It is part of what
/// the tests need, so it must be there.
#[track_caller]
fn run(program: &str, package: &str, arguments: &[&str]) -> Output {
    let output = Command::new("timeout")
        .args([&wait::DEADLINE.as_secs().to_string(), program])
        .args(arguments)
        .output()
        .unwrap();
    // Source: timeout(1): 127 = the command cannot be found.
    assert_ne!(
        output.status.code(),
        Some(127),
        "{program} is missing: apt-get install {package}"
    );
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
    output
}

/// Goal: ffmpeg plays the stream.
/// Method: it decodes 40 frames of a moving picture; 40 pictures come out, all different.
#[test]
fn ffmpeg_reads_the_stream() {
    let test_box = TestBox::start("ffmpeg");
    let url = format!("http://{}/stream/pattern0", test_box.http());
    let output = run(
        "ffmpeg",
        "ffmpeg",
        &[
            "-v",
            "error",
            "-i",
            &url,
            "-frames:v",
            "40",
            "-fps_mode",
            "passthrough",
            "-f",
            "framemd5",
            "-",
        ],
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8_lossy(&output.stdout);
    let pictures: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit(',').next())
        .map(str::trim)
        .collect();
    assert_eq!(pictures.len(), 40, "{text}");
    assert_eq!(
        pictures.iter().collect::<BTreeSet<_>>().len(),
        40,
        "the picture does not move"
    );
    test_box.stop();
}

/// Goal: curl gets one picture, with its number and time.
/// Method: two snapshots, one behind the other.
#[test]
fn curl_gets_a_snapshot() {
    let test_box = TestBox::start("snapshot");
    let url = format!("http://{}/snapshot/pattern0", test_box.http());
    let file = test_box.scratch().join("snapshot.jpg");
    let mut sequences = Vec::new();
    for _ in 0..2 {
        let output = run(
            "curl",
            "curl",
            &[
                "-sS",
                "--fail",
                "-D",
                "-",
                "-o",
                file.to_str().unwrap(),
                &url,
            ],
        );
        let head = String::from_utf8_lossy(&output.stdout).to_lowercase();
        let field = |name: &str| {
            let mut lines = head.lines();
            lines
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .map(str::to_owned)
        };
        assert_eq!(
            field("content-type").as_deref(),
            Some("image/jpeg"),
            "{head}"
        );
        let time: u64 = field("x-wigwag-capture-time-us").unwrap().parse().unwrap();
        assert!(shm_layout::wall_us().abs_diff(time) < 60_000_000, "{time}");
        sequences.push(field("x-wigwag-sequence").unwrap().parse::<u64>().unwrap());
        assert!(is_jpeg(&std::fs::read(&file).unwrap()));
        let now = test_box.newest("pattern0");
        wait::until_true("a newer frame", || test_box.newest("pattern0") > now);
    }
    assert!(sequences[1] > sequences[0], "{sequences:?}");
    test_box.stop();
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn is_fraction(value: &Value) -> bool {
    value
        .as_f64()
        .is_some_and(|number| (0.0..=1.0).contains(&number))
}

/// Fails unless `prediction` has the documented form, to the letter, and shows one thumb up.
#[track_caller]
fn assert_is_a_thumb_up(prediction: &Value, extra: &[&str]) {
    let mut expected: BTreeSet<&str> = [
        "source",
        "sequence",
        "capture_time_us",
        "age_ms",
        "stale",
        "hands",
        "model",
        "generation",
        "timing_us",
    ]
    .into();
    expected.extend(extra);
    assert_eq!(keys(prediction), expected);
    assert_eq!(prediction["source"], "cam0");
    assert!(prediction["sequence"].as_u64().unwrap() > 0);
    let time = prediction["capture_time_us"].as_u64().unwrap();
    assert!(
        shm_layout::wall_us().abs_diff(time) < 60_000_000,
        "{time} is not now"
    );
    let age_ms = prediction["age_ms"].as_f64().unwrap();
    assert!(
        age_ms > 0.0 && prediction["stale"] == (age_ms > 500.0),
        "{prediction}"
    );
    let digest = prediction["model"]
        .as_str()
        .unwrap()
        .strip_prefix("sha256:")
        .unwrap();
    assert!(digest.len() == 64 && digest.chars().all(|digit| digit.is_ascii_hexdigit()));
    assert!(prediction["generation"].as_u64().is_some());
    let timing = &prediction["timing_us"];
    assert_eq!(
        keys(timing),
        ["capture_to_publish", "publish_to_take", "infer"].into()
    );
    assert!(
        timing.as_object().unwrap().values().all(Value::is_u64),
        "{timing}"
    );
    let hands = prediction["hands"].as_array().unwrap();
    assert_eq!(hands.len(), 1, "{prediction}");
    let hand = &hands[0];
    assert_eq!(
        keys(hand),
        ["gesture", "score", "handedness", "box", "landmarks"].into()
    );
    assert_eq!(hand["gesture"], "Thumb_Up");
    assert_eq!(hand["handedness"], "Right");
    assert!(is_fraction(&hand["score"]), "{hand}");
    let rect = hand["box"].as_array().unwrap();
    assert!(rect.len() == 4 && rect.iter().all(is_fraction), "{hand}");
    let landmarks = hand["landmarks"].as_array().unwrap();
    assert_eq!(landmarks.len(), 21);
    for landmark in landmarks {
        let [x, y, z] = &landmark.as_array().unwrap()[..] else {
            panic!("{landmark}")
        };
        assert!(
            is_fraction(x) && is_fraction(y) && z.as_f64().unwrap().abs() < 1.0,
            "{landmark}"
        );
    }
}

/// Whether a hand was found; the first frames of a box may come before.
fn has_hand(prediction: &Value) -> bool {
    prediction["hands"]
        .as_array()
        .is_some_and(|hands| !hands.is_empty())
}

/// Goal: a prediction looks the same everywhere.
/// Method: read one with a hand from each of the channels, and check every field of it.
#[test]
fn prediction_has_one_form_on_every_channel() {
    let test_box = box_with_a_thumb("form");
    let (http, wire) = (test_box.http(), test_box.wire());

    let latest = wait::until("a hand in the latest prediction", || {
        let reply = test_box.http_get("/api/v1/predictions/cam0");
        // 204 until there is one.
        (reply.status == 200).then(|| reply.json()).filter(has_hand)
    });
    assert_is_a_thumb_up(&latest, &[]);

    let mut events = EventStream::open(&http, "/api/v1/events?source=cam0");
    let mut last_id = String::new();
    for _ in 0..5 {
        let event = events.event();
        assert_eq!(event.kind, "prediction");
        assert_eq!(event.id, format!("cam0:{}", event.data["sequence"]));
        assert_ne!(event.id, last_id);
        assert_is_a_thumb_up(&event.data, &[]);
        last_id = event.id;
    }

    let mut socket = WsClient::open(&http, "/ws?source=cam0");
    let mut kinds = BTreeSet::new();
    while kinds.len() < 2 {
        let WsMessage::Json(message) = socket.message() else {
            panic!("a frame without video=1")
        };
        kinds.insert(message["type"].as_str().unwrap().to_owned());
        match message["type"].as_str() {
            Some("prediction") => assert_is_a_thumb_up(&message, &["type"]),
            Some("status") => assert_eq!(message["status"]["instance"], test_box.instance()),
            _ => panic!("{message}"),
        }
    }

    let mut program = WireClient::subscribe(&wire, PREDICTIONS, "cam0");
    let Message::Welcome(welcome) = program.message() else {
        panic!("no WELCOME")
    };
    assert_eq!(
        (&welcome["source"], &welcome["format"]),
        (&"cam0".into(), &"jpeg".into())
    );
    for _ in 0..5 {
        let Message::Prediction {
            sequence,
            capture_time_us,
            json,
        } = program.message()
        else {
            panic!("no PREDICTION")
        };
        assert_is_a_thumb_up(&json, &[]);
        assert_eq!(json["sequence"], sequence);
        assert_eq!(json["capture_time_us"], capture_time_us);
    }
    test_box.stop();
}

/// Goal: a prediction can be matched with its frame on every channel.
/// Method: collect frames and predictions by sequence from the stream beside the events, from the
/// WebSocket and from the wire protocol until 10 of each match; the capture times are the same.
#[test]
fn predictions_name_their_frames() {
    const MATCHES: usize = 10;
    let test_box = box_with_a_thumb("match");
    let (http, wire) = (test_box.http(), test_box.wire());
    let stamp = |json: &Value| {
        (
            json["sequence"].as_u64().unwrap(),
            json["capture_time_us"].as_u64().unwrap(),
        )
    };
    // Fills both sides in turn, so that neither runs away from the other.
    let both = |what: &str, next: &mut dyn FnMut() -> (bool, (u64, u64))| {
        let (mut frames, mut predictions) = (HashMap::new(), HashMap::new());
        wait::until_true(what, || {
            let (is_frame, (sequence, time)) = next();
            let before = if is_frame {
                &mut frames
            } else {
                &mut predictions
            }
            .insert(sequence, time);
            assert_eq!(before, None, "{what}: {sequence} came twice");
            let matched: Vec<(&u64, &u64)> = predictions
                .iter()
                .filter_map(|(sequence, time)| Some((frames.get(sequence)?, time)))
                .collect();
            assert!(
                matched
                    .iter()
                    .all(|(frame, prediction)| frame == prediction),
                "{what}"
            );
            matched.len() >= MATCHES
        });
    };

    let mut viewer = MultipartStream::open(&http, "cam0");
    let mut events = EventStream::open(&http, "/api/v1/events");
    let mut turn = false;
    both("stream and events", &mut || {
        turn = !turn;
        if turn {
            let part = viewer.part();
            (true, (part.sequence, part.capture_time_us))
        } else {
            (false, stamp(&events.event().data))
        }
    });

    let mut socket = WsClient::open(&http, "/ws?source=cam0&video=1");
    both("WebSocket", &mut || loop {
        match socket.message() {
            WsMessage::Frame {
                sequence,
                capture_time_us,
                width_px,
                height_px,
                jpeg,
            } => {
                assert!(is_jpeg(&jpeg));
                assert_eq!((width_px, height_px), (640, 480));
                return (true, (sequence, capture_time_us));
            }
            WsMessage::Json(json) if json["type"] == "prediction" => return (false, stamp(&json)),
            WsMessage::Json(_) => {}
        }
    });

    let mut program = WireClient::subscribe(&wire, FRAMES | PREDICTIONS, "");
    assert!(matches!(program.message(), Message::Welcome(_)));
    both("wire protocol", &mut || match program.message() {
        Message::Frame {
            sequence,
            capture_time_us,
            jpeg,
            ..
        } => {
            assert!(is_jpeg(&jpeg));
            (true, (sequence, capture_time_us))
        }
        Message::Prediction {
            sequence,
            capture_time_us,
            ..
        } => (false, (sequence, capture_time_us)),
        other => panic!("{other:?}"),
    });
    test_box.stop();
}

/// Goal: what the gateway cannot do for a client it says, and then nothing else is disturbed.
/// Method: unknown addresses and sources over HTTP; wrong versions, types, lengths and sources
/// over the wire protocol; a viewer beside them goes on.
#[test]
fn wrong_requests_are_answered_with_what_is_wrong() {
    let test_box = TestBox::start("wrong");
    let mut viewer = MultipartStream::open(&test_box.http(), "pattern0");
    for path in [
        "/stream/cam9",
        "/snapshot/cam9",
        "/api/v1/predictions/cam9",
        "/nothing",
    ] {
        let reply = test_box.http_get(path);
        assert_eq!(reply.status, 404, "{path}");
        let json = reply.json();
        assert_eq!(keys(&json), ["error", "hint"].into(), "{path}");
        if path.contains("cam9") {
            assert!(
                reply.text().contains("cam9") && reply.text().contains("pattern0"),
                "{json}"
            );
        }
    }
    let wire = test_box.wire();
    let cases: [(&str, Vec<u8>); 5] = [
        ("version", vec![0, 0, 0, 6, 9, 1, 0, 0, 1, 0]),
        ("type", vec![0, 0, 0, 6, 1, 7, 0, 0, 1, 0]),
        ("length", vec![0, 1, 0, 0]),
        ("malformed", vec![0, 0, 0, 6, 1, 1, 0, 0, 0, 0]),
        (
            "cam9",
            vec![0, 0, 0, 10, 1, 1, 0, 0, 1, 4, b'c', b'a', b'm', b'9'],
        ),
    ];
    let mut codes = BTreeSet::new();
    for (word, bytes) in cases {
        let mut program = WireClient::connect(&wire);
        program.send_raw(&bytes).unwrap();
        let Message::Error { code, text } = program.message() else {
            panic!("{word}: no ERROR")
        };
        assert!(text.contains(word), "{word}: {text}");
        assert!(codes.insert(code), "{word}: code {code} has two meanings");
        assert_eq!(
            program.next_message(),
            None,
            "{word}: the connection goes on"
        );
    }
    let now = test_box.newest("pattern0");
    while viewer.part().sequence <= now {}
    test_box.stop();
}

/// Goal: a scraper and a load balancer can watch the box.
/// Method: `/metrics` parses, its counters only rise, and they agree with the status; `/healthz`
/// and `/readyz` are content.
#[test]
fn metrics_and_health_are_served() {
    let test_box = TestBox::start("metrics");
    let http = test_box.http();
    assert_eq!(test_box.http_get("/healthz").status, 200);
    wait::until_true("/readyz is content", || {
        test_box.http_get("/readyz").status == 200
    });
    let _viewer = MultipartStream::open(&http, "pattern0").part();
    let before = Metrics::scrape(&http);
    let published = test_box.newest("pattern0");
    wait::until_true("frames are counted", || {
        Metrics::scrape(&http).sum("wigwag_frames_published_total", &["source=\"pattern0\""])
            >= published as f64
    });
    let after = Metrics::scrape(&http);
    for (name, value) in before.all().filter(|(name, _)| name.contains("_total")) {
        let now = after
            .all()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value);
        assert!(
            now.is_some_and(|now| now >= value),
            "{name} went from {value} to {now:?}"
        );
    }
    assert!(after.sum("wigwag_client_frames_total", &["source=\"pattern0\""]) >= 1.0);
    test_box.stop();
}

/// Goal: the status is the same wherever it is asked for.
/// Method: `/api/v1/status` and `/api/v1/sources` beside `status --json`, without what changes
/// from moment to moment.
#[test]
fn status_is_the_same_everywhere() {
    let test_box = TestBox::start("status");
    let from_http = || {
        let reply = test_box.http_get("/api/v1/status");
        assert_eq!(reply.status, 200);
        serde_json::from_slice::<shm_layout::control::BoxStatus>(&reply.body).unwrap()
    };
    let (told, asked) = (from_http(), test_box.status());
    let still = |status: &shm_layout::control::BoxStatus| {
        let units = status.units.iter();
        let units: Vec<_> = units
            .map(|unit| (unit.name.clone(), unit.pid, unit.state))
            .collect();
        (
            status.instance.clone(),
            status.pid,
            status.http.clone(),
            status.model.clone(),
            units,
        )
    };
    wait::until_true("both agree", || {
        still(&from_http()) == still(&test_box.status())
    });
    assert_eq!(told.http, asked.http);
    let sources = test_box.http_get("/api/v1/sources").json();
    assert_eq!(sources[0]["name"], "pattern0");
    assert_eq!(sources[0]["state"], "live");
    test_box.stop();
}

/// Goal: the Python example of the wire protocol works as it stands, in fewer than 40 lines.
/// Method: run it without a window; it tells 20 frames, each later than the one before, and the
/// gesture that is to be seen.
#[test]
fn python_example_sees_frames_and_gestures() {
    const FRAMES_TOLD: &str = "20";
    let test_box = box_with_a_thumb("python");
    let example = binaries::workspace().join("net-gateway/clients/python/view.py");
    let text = std::fs::read_to_string(&example).unwrap();
    assert!(text.lines().count() < 40, "{} lines", text.lines().count());
    let arguments = [
        example.to_str().unwrap(),
        "cam0",
        "--box",
        &test_box.wire(),
        "--headless",
        FRAMES_TOLD,
    ];
    let output = run("python3", "python3", &arguments);
    let told = String::from_utf8_lossy(&output.stdout);
    let frames: Vec<Vec<u64>> = told
        .lines()
        .filter_map(|line| line.strip_prefix("frame "))
        .map(|line| {
            line.split(' ')
                .map(|number| number.parse().unwrap())
                .collect()
        })
        .collect();
    assert_eq!(frames.len().to_string(), FRAMES_TOLD, "{told}");
    assert!(
        frames.is_sorted_by(|a, b| a[0] < b[0] && a[1] < b[1]),
        "sequence, time: {told}"
    );
    assert!(
        frames
            .iter()
            .all(|frame| frame[2..4] == [640, 480] && frame[4] > 1000),
        "{told}"
    );
    let mut predictions = told.lines().filter(|line| line.starts_with("prediction "));
    assert!(
        predictions.any(|line| line.ends_with("['Thumb_Up']")),
        "{told}"
    );
    test_box.stop();
}
