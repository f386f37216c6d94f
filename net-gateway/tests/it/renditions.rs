//! `?width=`, `?quality=`, `?overlay=1` and `?fps=`: what is made, how often, and for whom.

use crate::client::{Viewer, connect, get, read_answer, request};
use crate::gateway::{TestGateway, grey_jpeg, jpeg, limits, meta};
use net_gateway::source_feed::{SourceCounters, read};
use shm_layout::{FrameMeta, MonotonicNs, PixelFormat};
use std::io::Write;
use std::time::Duration;

/// What a viewer sees: width, height, and the spread of its lightness (0 for one grey).
fn look_at(jpeg: &[u8]) -> (usize, usize, u8) {
    let image = turbojpeg::decompress(jpeg, turbojpeg::PixelFormat::RGB).unwrap();
    let values = image.pixels.iter();
    let spread = values.clone().max().unwrap() - values.min().unwrap();
    (image.width, image.height, spread)
}

fn counters(gateway: &TestGateway) -> &SourceCounters {
    gateway.hub.sources()[0].counters()
}

fn made(gateway: &TestGateway) -> u64 {
    read(&counters(gateway).renditions)
}

fn publish(gateway: &TestGateway, lightness: u8) -> u64 {
    gateway.publish(&grey_jpeg(640, 480, lightness))
}

/// Goal: a viewer gets the size that it asks for, beside one who gets the frame untouched; whatever
/// is wider than the frame is the frame itself.
#[test]
fn width_is_what_was_asked_for_and_never_more_than_there_is() {
    let gateway = TestGateway::start();
    let original = grey_jpeg(640, 480, 120);
    let mut plain = Viewer::open(gateway.http, "/stream/cam0");
    let mut small = Viewer::open(gateway.http, "/stream/cam0?width=320");
    let mut odd = Viewer::open(gateway.http, "/stream/cam0?width=100&cachebuster=7");
    let mut huge = Viewer::open(gateway.http, "/stream/cam0?width=4000");
    for sequence in 1..=5 {
        gateway.publish(&original);
        let parts = [plain.next(), small.next(), odd.next(), huge.next()];
        assert!(parts.iter().all(|part| part.sequence == sequence));
        let [plain, small, odd, huge] = parts.map(|part| part.jpeg);
        assert!(plain == original && huge == original, "untouched");
        assert_eq!(look_at(&small), (320, 240, 0));
        assert_eq!(look_at(&odd), (100, 75, 0));
    }
}

/// Goal: the work is done once for each distinct form and frame, however many watch it, and not at
/// all when the last of them has left.
/// Method: ten viewers of one form and five of another; the counter of what was made.
#[test]
fn each_form_is_made_once_for_all_who_watch_it_and_never_for_nobody() {
    let gateway = TestGateway::start();
    let open = |query: &str| Viewer::open(gateway.http, &format!("/stream/cam0?{query}"));
    let mut viewers: Vec<Viewer> = (0..10).map(|_| open("width=320&quality=50")).collect();
    viewers.extend((0..5).map(|_| open("quality=50&width=320&overlay=1")));
    for sequence in 1..=8 {
        publish(&gateway, 90);
        for viewer in &mut viewers {
            assert_eq!(viewer.next().sequence, sequence);
        }
        assert_eq!(made(&gateway), 2 * sequence);
    }
    assert_eq!(gateway.hub.studio().watched(), 2);
    drop(viewers);
    while gateway.hub.clients().connected_total() > 0 {
        std::thread::yield_now();
    }
    let mut plain = Viewer::open(gateway.http, "/stream/cam0");
    let after = made(&gateway);
    for _ in 0..5 {
        let sequence = publish(&gateway, 90);
        while plain.next().sequence < sequence {}
    }
    assert_eq!(gateway.hub.studio().watched(), 0);
    assert_eq!(
        made(&gateway),
        after,
        "a plain viewer costs nothing of that"
    );
}

/// Goal: a lower quality is fewer bytes of the same picture.
#[test]
fn quality_is_what_was_asked_for() {
    let gateway = TestGateway::start();
    // A picture with something in it: the first bytes of noise.
    let noise: Vec<u8> = (0..640u32 * 480 * 3)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    gateway.publish_as(0, &meta(PixelFormat::Rgb24, 640, 480, 640 * 3), &noise);
    let size = |query: &str| {
        let answer = get(gateway.http, &format!("/snapshot/cam0{query}"));
        assert_eq!(answer.status, 200, "{query}");
        let bytes = answer.bytes();
        assert_eq!(look_at(&bytes).0, 640, "{query}");
        bytes.len()
    };
    let sizes = [
        size("?quality=5"),
        size("?quality=40"),
        size(""),
        size("?quality=95"),
    ];
    assert!(sizes.is_sorted_by(|a, b| a * 5 < b * 4), "{sizes:?}");
}

/// Goal: hands are drawn in for who asks for it, from the newest prediction that is young enough;
/// the part says whose they are. Nobody else sees them.
#[test]
fn overlay_shows_hands_that_are_young_enough() {
    let gateway = TestGateway::start();
    let mut plain = Viewer::open(gateway.http, "/stream/cam0?width=320");
    let mut drawn = Viewer::open(gateway.http, "/stream/cam0?width=320&overlay=1");
    publish(&gateway, 128);
    assert_eq!(
        (plain.next().prediction, drawn.next().prediction),
        (None, None)
    );

    gateway.predict(0, 1);
    while gateway.hub.sources()[0].latest_prediction().is_none() {
        std::thread::yield_now();
    }
    let sequence = publish(&gateway, 128);
    let (plain_part, drawn_part) = (plain.next(), drawn.next());
    assert_eq!(
        (plain_part.sequence, drawn_part.sequence),
        (sequence, sequence)
    );
    assert_eq!(
        (plain_part.prediction, drawn_part.prediction),
        (None, Some(1))
    );
    assert_eq!(look_at(&plain_part.jpeg), (320, 240, 0), "one grey");
    let (width, height, spread) = look_at(&drawn_part.jpeg);
    assert_eq!((width, height), (320, 240));
    assert!(spread > 100, "a hand in it: {spread}");

    let answer = get(gateway.http, "/snapshot/cam0?overlay=1");
    assert_eq!(answer.headers["x-wigwag-prediction-sequence"], "1");
    assert!(look_at(&answer.bytes()).2 > 100);

    let much_later = FrameMeta {
        capture: MonotonicNs(MonotonicNs::now().0 + 600_000_000),
        ..meta(PixelFormat::Mjpeg, 640, 480, 0)
    };
    gateway.publish_as(0, &much_later, &grey_jpeg(640, 480, 128));
    let part = drawn.next();
    assert_eq!(
        (part.prediction, look_at(&part.jpeg).2),
        (None, 0),
        "too old to show"
    );
}

/// Goal: `?fps=` gives at most so many pictures, evenly, of the source as it is and of other forms;
/// a form is made no more often than its fastest viewer wants it.
/// Method: frames with capture times 40 ms apart; the last one is seen by everybody who is asked to.
#[test]
fn fps_is_what_was_asked_for_and_nothing_is_made_in_vain() {
    let gateway = TestGateway::start();
    let mut all = Viewer::open(gateway.http, "/stream/cam0");
    let mut five = Viewer::open(gateway.http, "/stream/cam0?fps=5");
    let mut small = Viewer::open(gateway.http, "/stream/cam0?fps=5&width=64");
    let mut slower = Viewer::open(gateway.http, "/stream/cam0?fps=2.5&width=64");
    let begin = MonotonicNs::now().0;
    let frame = grey_jpeg(64 * 2, 48 * 2, 99);
    let (mut of_five, mut of_small) = (Vec::new(), Vec::new());
    for index in 0..51 {
        let meta = FrameMeta {
            capture: MonotonicNs(begin + index * 40_000_000),
            ..meta(PixelFormat::Mjpeg, 128, 96, 0)
        };
        let sequence = gateway.publish_as(0, &meta, &frame);
        assert_eq!(all.next().sequence, sequence);
        // The second one a little before its time: it is nearer than the one after.
        if index == 0 || index % 5 == 4 {
            of_five.push(five.next().sequence);
            of_small.push(small.next().sequence);
        }
    }
    let expected: Vec<u64> = [1].into_iter().chain((5..=50).step_by(5)).collect();
    assert_eq!((&of_five, &of_small), (&expected, &expected));
    assert_eq!(made(&gateway), 11);
    let slower: Vec<u64> = (0..6).map(|_| slower.next().sequence).collect();
    assert!(
        slower.is_sorted_by(|a, b| a < b) && slower[0] == 1,
        "{slower:?}"
    );
    let skipped = &counters(&gateway).client_skipped;
    assert_eq!(skipped.get(net_gateway::clients::Protocol::Stream), 0);
}

/// Goal: what one client asks for cannot cost without bound: beyond the limit a new form is refused,
/// one that is watched is not, and there is room again later.
#[test]
fn forms_beyond_the_limit_are_refused_with_what_there_is() {
    let mut limits = limits();
    limits.max_renditions = 2;
    let gateway = TestGateway::with_limits(limits);
    publish(&gateway, 90);
    let first = Viewer::open(gateway.http, "/stream/cam0?width=320");
    let _second = Viewer::open(gateway.http, "/stream/cam1?overlay=1");
    let third = get(gateway.http, "/stream/cam0?width=321");
    assert_eq!(third.status, 429);
    assert_eq!(third.headers["retry-after"], "5");
    let json = third.json();
    assert!(
        json["error"].as_str().unwrap().contains("max_renditions"),
        "{json}"
    );
    assert!(
        json["hint"].as_str().unwrap().contains("?width=320"),
        "{json}"
    );
    assert_eq!(read(&gateway.hub.connections().renditions_refused), 1);
    Viewer::open(gateway.http, "/stream/cam0?width=320").next();
    assert_eq!(get(gateway.http, "/snapshot/cam0").status, 200);
    drop(first);
    while gateway.hub.studio().watched() > 1 {
        std::thread::yield_now();
    }
    Viewer::open(gateway.http, "/stream/cam0?width=321").next();
}

#[test]
fn values_that_cannot_be_used_are_refused_with_one_that_can() {
    let gateway = TestGateway::start();
    for (query, hint) in [
        ("width=0", "write ?width=320"),
        ("width=99999", "write ?width=320"),
        ("quality=101", "write ?quality=60"),
        ("fps=0", "write ?fps=5"),
        ("fps=nan", "write ?fps=5"),
        ("overlay=yes", "write ?overlay=1"),
    ] {
        let answer = get(gateway.http, &format!("/stream/cam0?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        let json = answer.json();
        assert_eq!(json["hint"], hint);
        let name = query.split('=').next().unwrap();
        assert!(json["error"].as_str().unwrap().contains(name), "{json}");
    }
    assert_eq!(get(gateway.http, "/snapshot/cam0?width=x").status, 400);
    assert_eq!(gateway.hub.clients().connected_total(), 0);
    assert_eq!(gateway.hub.studio().watched(), 0);
}

/// Goal: a frame that is no JPEG costs its own renditions and nothing else, and is counted.
#[test]
fn a_damaged_frame_is_left_out_and_counted() {
    let gateway = TestGateway::start();
    let mut plain = Viewer::open(gateway.http, "/stream/cam0");
    let mut small = Viewer::open(gateway.http, "/stream/cam0?width=320");
    let damaged = jpeg(1, 5000);
    gateway.publish(&damaged);
    assert!(plain.next().jpeg == damaged, "passed on as it is");
    while read(&counters(&gateway).rendition_failures) == 0 {
        std::thread::yield_now();
    }
    let sequence = publish(&gateway, 90);
    assert_eq!(small.next().sequence, sequence);
}

/// Goal: viewers of another form see a notice too, in their own size.
#[test]
fn notice_comes_in_the_size_that_was_asked_for() {
    let mut limits = limits();
    limits.notice_after = Duration::from_secs(1);
    let gateway = TestGateway::with_limits(limits);
    let mut small = Viewer::open(gateway.http, "/stream/cam0?width=320");
    publish(&gateway, 200);
    assert_eq!(small.next().notice, None);
    gateway.set_status("lost");
    let notice = small.next();
    assert_eq!(notice.notice.as_deref(), Some("lost"));
    assert_eq!(look_at(&notice.jpeg).0, 320);
    let sequence = publish(&gateway, 200);
    let next = std::iter::repeat_with(|| small.next()).find(|part| part.notice.is_none());
    assert_eq!(next.unwrap().sequence, sequence);
}

/// Goal: one connection carries several requests, HEAD tells what GET would, and nothing of a camera
/// is kept by a cache.
#[test]
fn a_connection_is_kept_and_head_is_get_without_the_body() {
    let gateway = TestGateway::start();
    publish(&gateway, 90);
    let mut stream = connect(gateway.http);
    for _ in 0..3 {
        stream
            .write_all(b"GET /snapshot/cam0?width=64 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let answer = read_answer(stream.try_clone().unwrap());
        assert_eq!((answer.status, &*answer.version), (200, "HTTP/1.1"));
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(look_at(&answer.bytes()).0, 64);
    }
    let head = request(gateway.http, "HEAD", "/stream/cam0?width=64", "");
    assert_eq!(head.status, 200);
    assert!(head.headers["content-type"].starts_with("multipart/x-mixed-replace"));
    assert_eq!(head.headers["cache-control"], "no-store");
    let mut rest = Vec::new();
    let mut body = head.body;
    std::io::Read::read_to_end(&mut body, &mut rest).unwrap();
    assert_eq!(rest, b"");
    for path in ["/api/v1/status", "/metrics", "/api/v1/predictions/cam0"] {
        let head = request(gateway.http, "HEAD", path, "");
        assert_eq!(head.headers["cache-control"], "no-store", "{path}");
    }
}
