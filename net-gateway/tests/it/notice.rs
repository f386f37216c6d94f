//! Notices: what viewers of a source without frames get, over real sockets and by the pump's clock.

use crate::client::{Viewer, WireClient, get};
use crate::gateway::{TestGateway, box_status, grey_jpeg, limits, meta, publish, segment};
use net_gateway::clients::Protocol;
use net_gateway::hub::Hub;
use net_gateway::picture_feed::Picture;
use net_gateway::pump::Pump;
use net_gateway::source_feed::read;
use shm_layout::{MonotonicNs, PixelFormat};
use std::sync::Arc;
use std::time::Duration;

const SECOND_NS: u64 = 1_000_000_000;

/// Limits with a notice of a silent source after one second.
fn soon() -> net_gateway::limits::Limits {
    net_gateway::limits::Limits {
        notice_after: Duration::from_secs(1),
        ..limits()
    }
}

/// Size and mean lightness of a picture.
fn look_at(jpeg: &[u8]) -> (usize, usize, u64) {
    let image = turbojpeg::decompress(jpeg, turbojpeg::PixelFormat::RGB).unwrap();
    let sum: u64 = image.pixels.iter().map(|value| u64::from(*value)).sum();
    (image.width, image.height, sum / image.pixels.len() as u64)
}

fn u64_at(body: &[u8], offset: usize) -> u64 {
    u64::from_be_bytes(body[offset..offset + 8].try_into().unwrap())
}

/// Goal: viewers of every protocol with video stay connected, see why there are no frames, and see
/// the next frame at once.
/// Method: one frame, then the supervisor says that the source is lost; each viewer gets a notice
/// whose picture is the last frame with little of its light; then one more frame.
#[test]
fn viewers_of_a_lost_source_see_a_notice_until_the_next_frame() {
    let gateway = TestGateway::with_limits(soon());
    let frame = grey_jpeg(320, 240, 200);
    let meta = meta(PixelFormat::Mjpeg, 320, 240, 0);
    let mut viewer = Viewer::open(gateway.http, "/stream/cam0");
    let mut program = WireClient::subscribe(gateway.wire, 1, "cam0");
    gateway.publish_as(0, &meta, &frame);
    let part = viewer.next();
    assert_eq!((part.sequence, part.notice), (1, None));
    assert_eq!((program.next().0, program.next().0), (16, 17));

    gateway.set_status("lost");
    let notice = viewer.next();
    assert_eq!(
        (notice.sequence, notice.notice.as_deref()),
        (1, Some("lost"))
    );
    assert_eq!(notice.capture_time_us, meta.capture_wall_us);
    let (width, height, light) = look_at(&notice.jpeg);
    assert_eq!((width, height), (320, 240));
    assert!((20..110).contains(&light), "{light}");

    let (kind, body) = program.next();
    assert_eq!((kind, u64_at(&body, 0)), (20, 1));
    assert_eq!(
        u64_at(&body, 8),
        meta.capture_wall_us,
        "since the last frame"
    );
    let text_len = usize::from(u16::from_be_bytes([body[16], body[17]]));
    let text = std::str::from_utf8(&body[18..18 + text_len]).unwrap();
    assert!(text.starts_with("cam0 is lost. No light. Since "), "{text}");
    assert_eq!(look_at(&body[18 + text_len..]).0, 320);

    gateway.publish_as(0, &meta, &frame);
    // A second notice may have been on its way.
    let next = std::iter::repeat_with(|| viewer.next()).find(|part| part.notice.is_none());
    let next = next.unwrap();
    assert_eq!((next.sequence, next.jpeg == frame), (2, true));
    let next = std::iter::repeat_with(|| program.next()).find(|(kind, _)| *kind != 20);
    let (kind, body) = next.unwrap();
    assert_eq!((kind, u64_at(&body, 0)), (17, 2));
}

/// Goal: a snapshot of a lost source is its notice, and says so; a strict client gets an error.
/// Method: a source that never gave a frame: the notice is a card of the size that it would have.
#[test]
fn snapshot_of_a_lost_source_is_its_notice_unless_the_client_is_strict() {
    let gateway = TestGateway::with_limits(soon());
    gateway.set_status("lost");
    let answer = get(gateway.http, "/snapshot/cam0");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["x-wigwag-notice"], "lost");
    assert_eq!(answer.headers["x-wigwag-sequence"], "0");
    let (width, height, light) = look_at(&answer.bytes());
    assert_eq!((width, height), (640, 480));
    assert!((20..60).contains(&light), "a dark card with text: {light}");

    let strict = get(gateway.http, "/snapshot/cam0?strict=1");
    assert_eq!(strict.status, 503);
    assert_eq!(strict.headers["x-wigwag-notice"], "lost");
    let error = strict.json()["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("cam0 is lost. No light."), "{error}");
    assert_eq!(get(gateway.http, "/snapshot/cam0?strict=yes").status, 400);
}

/// Goal: a source of which nobody says anything gets a notice as well, after the configured time.
#[test]
fn a_silent_source_of_unknown_state_gets_a_notice() {
    let gateway = TestGateway::with_limits(soon());
    let mut viewer = Viewer::open(gateway.http, "/stream/cam1");
    let notice = viewer.next();
    assert_eq!(
        (notice.sequence, notice.notice.as_deref()),
        (0, Some("silent"))
    );
    assert_eq!(look_at(&notice.jpeg).0, 640);
}

/// Goal: a notice is drawn once a second for all viewers together, and for nobody never.
/// Method: the pump's turns at given times, without any socket.
#[test]
fn a_notice_is_drawn_once_a_second_and_only_while_somebody_watches() {
    let segment = segment();
    let hub = Arc::new(Hub::new(["cam0", "cam1"], soon()));
    let mut pump = Pump::new(&segment, 3, &hub).unwrap();
    let drawn = || read(&hub.sources()[0].counters().notices);
    let start = MonotonicNs::now();
    let mut turn_at = |ms: u64| {
        pump.turn(MonotonicNs(start.0 + ms * SECOND_NS / 1000), || {});
        drawn()
    };
    hub.status().set(Arc::new(box_status("lost")));
    publish(
        &segment,
        0,
        &meta(PixelFormat::Mjpeg, 64, 48, 0),
        &grey_jpeg(64, 48, 200),
    );
    assert_eq!((turn_at(5_000), turn_at(9_000)), (0, 0), "nobody watches");

    let viewers = [Protocol::Stream, Protocol::Wire, Protocol::WebSocket]
        .map(|protocol| hub.watch_frames(0, protocol).unwrap());
    assert_eq!(turn_at(10_000), 1, "at once");
    assert_eq!((turn_at(10_100), turn_at(10_900)), (1, 1));
    assert_eq!((turn_at(11_000), turn_at(11_100)), (2, 2));
    drop(viewers);
    assert_eq!((turn_at(13_000), turn_at(15_000)), (2, 2), "nobody watches");
    let _again = hub.watch_frames(0, Protocol::Stream).unwrap();
    assert_eq!(turn_at(15_100), 3, "at once, though the last one is young");
}

/// Goal: no notice flickers in between the frames of a source that is back before the supervisor
/// says so, and none is shown for the gap of a restart.
#[test]
fn no_notice_comes_between_frames() {
    let segment = segment();
    let hub = Arc::new(Hub::new(["cam0", "cam1"], soon()));
    let mut pump = Pump::new(&segment, 3, &hub).unwrap();
    let _viewer = hub.watch_frames(0, Protocol::Stream).unwrap();
    hub.status().set(Arc::new(box_status("lost")));
    let frame = grey_jpeg(64, 48, 200);
    for _ in 0..20 {
        publish(&segment, 0, &meta(PixelFormat::Mjpeg, 64, 48, 0), &frame);
        let turned = pump.turn(MonotonicNs::now(), || {});
        assert_eq!((turned.frames, turned.notices), (1, 0));
        let between = MonotonicNs(MonotonicNs::now().0 + SECOND_NS / 10);
        assert_eq!(pump.turn(between, || {}).notices, 0);
    }
    hub.status().set(Arc::new(box_status("starting")));
    let during_restart = MonotonicNs(MonotonicNs::now().0 + SECOND_NS * 9 / 10);
    assert_eq!(pump.turn(during_restart, || {}).notices, 0);
}

/// Goal: a last frame that cannot be decoded, or is raw, still makes a notice of its size.
#[test]
fn a_damaged_or_raw_last_frame_makes_a_notice_too() {
    let (width, height) = (64, 48);
    let yuyv = [200u8, 128].repeat(width * height);
    let cases = [
        (meta(PixelFormat::Mjpeg, 64, 48, 0), vec![0x5a; 900]),
        (meta(PixelFormat::Yuyv, 64, 48, 128), yuyv),
    ];
    for (meta, payload) in cases {
        let gateway = TestGateway::with_limits(soon());
        let mut viewer = Viewer::open(gateway.http, "/stream/cam0");
        gateway.publish_as(0, &meta, &payload);
        assert_eq!(viewer.next().notice, None);
        gateway.set_status("ended");
        let notice = viewer.next();
        assert_eq!(notice.notice.as_deref(), Some("ended"));
        let (got_width, got_height, _) = look_at(&notice.jpeg);
        assert_eq!((got_width, got_height), (width, height));
    }
}

/// Goal: a reader of frames alone, as `/ws` is, is never handed a notice.
#[test]
fn who_asked_for_frames_alone_gets_no_notice() {
    let segment = segment();
    let hub = Arc::new(Hub::new(["cam0", "cam1"], soon()));
    let mut pump = Pump::new(&segment, 3, &hub).unwrap();
    let mut frames = hub.watch_frames(0, Protocol::WebSocket).unwrap();
    let mut pictures = hub.watch_frames(0, Protocol::Stream).unwrap();
    hub.status().set(Arc::new(box_status("lost")));
    let now = MonotonicNs::now();
    assert_eq!(
        pump.turn(now, || {}).notices,
        0,
        "a viewer who just came may wait"
    );
    assert_eq!(pump.turn(MonotonicNs(now.0 + SECOND_NS), || {}).notices, 1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        hub.fan_out_frames().await;
        let picture = pictures.next_picture().await.unwrap();
        assert!(matches!(picture, Picture::Notice(_)));
        hub.stop();
        assert!(frames.next().await.is_none());
    });
}
