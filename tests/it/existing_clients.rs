//! Clients that know nothing of Wigwag, as users run them: VLC, GStreamer, OpenCV, ffmpeg and curl, each
//! with the forms of pictures that they can ask for, over IPv4 and IPv6.

use crate::clients::run;
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use wigwag_tests::client::http;
use wigwag_tests::client::metrics::Metrics;
use wigwag_tests::client::multipart::is_jpeg;
use wigwag_tests::process::signal;
use wigwag_tests::{TestBox, wait};

/// A box whose one source is raw: without viewers there is nothing to encode.
const RAW_SOURCE: &str = "[sources.cam0]\ntype = \"pattern\"\nformat = \"yuyv\"\nwidth_px = 640\n\
                          height_px = 480\nfps = 30.0\n[infer]\nworkers = 1";

/// Debian's Python, which sees Debian's OpenCV.
const PYTHON: &str = "/usr/bin/python3";

/// Goal: OpenCV's VideoCapture plays a stream, whole and smaller, and the picture moves.
#[test]
fn opencv_reads_the_stream() {
    const SCRIPT: &str = "import sys, cv2
for url in sys.argv[1:]:
    capture, seen = cv2.VideoCapture(url), set()
    for _ in range(20):
        ok, picture = capture.read()
        assert ok
        seen.add(hash(picture.tobytes()))
    print(picture.shape, len(seen) >= 15)";
    let test_box = TestBox::start("opencv");
    let url = format!("http://{}/stream/pattern0", test_box.http());
    let small = format!("{url}?width=320&quality=70");
    let output = run(PYTHON, "python3-opencv", &["-c", SCRIPT, &url, &small]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text, "(480, 640, 3) True\n(240, 320, 3) True\n");
    test_box.stop();
}

/// Goal: GStreamer plays a stream.
/// Method: it decodes 20 pictures of the size that was asked for, and ends by itself.
#[test]
fn gstreamer_reads_the_stream() {
    let test_box = TestBox::start("gstreamer");
    let source = format!(
        "souphttpsrc is-live=true location=http://{}/stream/pattern0?width=160 ! \
         multipartdemux ! image/jpeg",
        test_box.http()
    );
    assert_gstreamer_plays(&test_box, &source, (160, 120));
    test_box.stop();
}

/// Decodes 20 JPEGs of that size, which come from the elements of `source`, and sees them move.
#[track_caller]
pub fn assert_gstreamer_plays(
    test_box: &TestBox,
    source: &str,
    (width_px, height_px): (usize, usize),
) {
    let file = test_box.scratch().join("pictures");
    let pipeline = format!(
        "-q {source} ! jpegdec ! identity eos-after=21 ! videoconvert ! video/x-raw,format=RGB ! \
         filesink location={}",
        file.display()
    );
    let arguments: Vec<&str> = pipeline.split_whitespace().collect();
    let packages = "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good";
    run("gst-launch-1.0", packages, &arguments);
    let pictures = std::fs::read(&file).unwrap();
    let picture_bytes = width_px * height_px * 3;
    assert_eq!(pictures.len(), 20 * picture_bytes);
    let mut different: Vec<&[u8]> = pictures.chunks(picture_bytes).collect();
    different.dedup();
    assert!(different.len() >= 15, "the picture does not move");
}

/// Goal: VLC plays a stream.
/// Method: its picture filter keeps every picture that it would have shown; more and more different
/// ones are there.
#[test]
fn vlc_plays_the_stream() {
    const PICTURES: usize = 20;
    let test_box = TestBox::start("vlc");
    let folder = test_box.scratch().join("pictures");
    std::fs::create_dir(&folder).unwrap();
    for (path, mode) in [(&test_box.scratch(), 0o755), (&folder, 0o777)] {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let url = format!("http://{}/stream/pattern0", test_box.http());
    let mut program = Command::new("timeout");
    program.arg(wait::DEADLINE.as_secs().to_string());
    if nix::unistd::geteuid().is_root() {
        // VLC does not run as root.
        program.args(["setpriv", "--reuid=65534", "--regid=65534"]);
        program.arg("--clear-groups");
    }
    let mut vlc = program
        .args(["cvlc", "--quiet", "--no-audio", "--vout=dummy", &url])
        .args(["--video-filter=scene", "--scene-format=jpg"])
        .args(["--scene-ratio=1", "--scene-path"])
        .arg(&folder)
        .env("HOME", &folder)
        .spawn()
        .unwrap();
    let different = || {
        let entries = std::fs::read_dir(&folder).unwrap().flatten();
        let files = entries.filter_map(|entry| std::fs::read(entry.path()).ok());
        // The newest may not be whole yet.
        files.filter(|file| is_jpeg(file)).collect::<BTreeSet<_>>()
    };
    wait::until_true("VLC plays; apt-get install vlc-bin vlc-plugin-base", || {
        assert_eq!(vlc.try_wait().unwrap(), None, "VLC has ended");
        different().len() >= PICTURES
    });
    signal(vlc.id(), "TERM");
    vlc.wait().unwrap();
    test_box.stop();
}

/// Goal: ffmpeg gets the size and the rate that it asks for; the hands of a clip are drawn in for
/// who asks for that.
/// Method: two seconds at five pictures a second, as ffmpeg counts and decodes them; a snapshot of a
/// hand differs from the same one with the hand drawn in.
#[test]
fn ffmpeg_gets_the_form_that_it_asks_for() {
    let test_box = crate::predictions::box_with_a_thumb("forms");
    let url = |query: &str| format!("http://{}/stream/cam0{query}", test_box.http());
    let output = run(
        "ffmpeg",
        "ffmpeg",
        &[
            "-v",
            "error",
            "-i",
            &url("?width=200&fps=5&overlay=1"),
            "-frames:v",
            "10",
            "-fps_mode",
            "passthrough",
            "-f",
            "framecrc",
            "-",
        ],
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("#dimensions 0: 200x150"), "{text}");
    assert_eq!(
        text.lines().filter(|line| !line.starts_with('#')).count(),
        10,
        "{text}"
    );
    let snapshot = wait::until("a snapshot with a hand drawn in", || {
        let reply = test_box.http_get("/snapshot/cam0?overlay=1");
        let prediction = reply.header("x-wigwag-prediction-sequence")?.to_owned();
        let sequence: u64 = reply.header("x-wigwag-sequence")?.parse().ok()?;
        // 500 ms at 15 pictures a second.
        assert!(
            sequence.abs_diff(prediction.parse().unwrap()) <= 8,
            "{prediction} on {sequence}"
        );
        Some(reply.body)
    });
    assert!(is_jpeg(&snapshot));
    test_box.stop();
}

/// Goal: curl gets several answers over one connection, asks for heads alone, and a browser's `::1`
/// is the same box.
#[test]
fn curl_keeps_its_connection_over_ipv6() {
    let test_box = TestBox::builder("ipv6")
        .source("pattern:")
        .argument("--http")
        .argument("[::1]:0")
        .argument("--wire")
        .argument("[::1]:0")
        .start();
    let url = |path: &str| format!("http://{}{path}", test_box.http());
    let (status, snapshot) = (url("/api/v1/status"), url("/snapshot/pattern0?width=64"));
    let output = run(
        "curl",
        "curl",
        &[
            "-sS",
            "-g",
            "-w",
            "%{num_connects} %{http_code}\n",
            "-o",
            "/dev/null",
            "-o",
            "/dev/null",
            &status,
            &snapshot,
        ],
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 200\n0 200\n");
    let head = run(
        "curl",
        "curl",
        &["-sS", "-g", "-I", &url("/stream/pattern0?width=64")],
    );
    let head = String::from_utf8_lossy(&head.stdout).to_lowercase();
    assert!(
        head.contains(" 200 ok") && head.contains("no-store"),
        "{head}"
    );
    let refused = run(
        "curl",
        "curl",
        &["-sS", "-g", &url("/stream/pattern0?width=1")],
    );
    assert_eq!(
        String::from_utf8_lossy(&refused.stdout),
        r#"{"error":"`width` is `1`, expected a number from 16 to 16384","hint":"write ?width=320"}"#
    );
    let program = wigwag_tests::client::wire::WireClient::subscribe(&test_box.wire(), 1, "");
    drop(program);
    let clients = test_box.http_get("/api/v1/clients").json();
    assert!(clients["clients"].is_array(), "{clients}");
    test_box.stop();
}

/// Goal: while nobody watches, nothing is encoded: neither the frames of a raw source nor any other
/// form of them.
/// Method: the counters of a box with a raw source, over frames with and without viewers.
#[test]
fn nothing_is_encoded_while_nobody_watches() {
    let test_box = TestBox::builder("unwatched").config(RAW_SOURCE).start();
    let http = test_box.http();
    let encoded = || {
        let metrics = Metrics::scrape(&http);
        let sum = |name: &str| metrics.sum(name, &["source=\"cam0\""]);
        (
            sum("wigwag_frame_encodes_total"),
            sum("wigwag_renditions_total"),
        )
    };
    let thirty_frames_pass = || {
        let now = test_box.newest("cam0");
        wait::until_true("thirty frames pass", || test_box.newest("cam0") > now + 30);
    };
    thirty_frames_pass();
    assert_eq!(encoded(), (0.0, 0.0));
    let (_, viewer) = http::open(&http, "/stream/cam0?width=320");
    wait::until_true("both are made", || encoded().0 > 5.0 && encoded().1 > 5.0);
    drop(viewer);
    wait::until_true("the viewer is gone", || {
        test_box.http_get("/api/v1/clients").json()["clients"] == serde_json::json!([])
    });
    let after = encoded();
    thirty_frames_pass();
    assert_eq!(encoded(), after);
    test_box.stop();
}
