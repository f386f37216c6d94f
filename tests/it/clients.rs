//! Every kind of client, as users run them: ffmpeg, curl, the Python example, a scraper, and small
//! programs. `predictions.rs` has what they are told of gestures.

use crate::predictions::{box_with_a_thumb, keys};
use std::collections::BTreeSet;
use std::process::{Command, Output};
use wigwag_tests::client::metrics::Metrics;
use wigwag_tests::client::multipart::{MultipartStream, is_jpeg};
use wigwag_tests::client::wire::{Message, WireClient};
use wigwag_tests::{TestBox, binaries, wait};

/// Runs a program that a user would, to its end or the deadline of every wait. It is part of what
/// the tests need, so it must be there.
#[track_caller]
pub(crate) fn run(program: &str, package: &str, arguments: &[&str]) -> Output {
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
        let sources = status.sources.iter();
        let sources: Vec<_> = sources
            .map(|source| (source.name.clone(), source.state))
            .collect();
        (
            status.instance.clone(),
            status.pid,
            status.http.clone(),
            status.model.clone(),
            units,
            sources,
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
