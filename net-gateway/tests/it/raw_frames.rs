//! Raw frames are encoded once for all viewers, and only while somebody watches.

use crate::client::{Viewer, WireClient};
use crate::gateway::{TestGateway, meta};
use net_gateway::source_feed::read;
use shm_layout::PixelFormat;

#[test]
fn a_raw_frame_is_encoded_once_for_all_and_never_for_nobody() {
    let gateway = TestGateway::start();
    let yuyv = [81, 90, 81, 240].repeat(32 * 48);
    let publish = || gateway.publish_as(0, &meta(PixelFormat::Yuyv, 64, 48, 128), &yuyv);
    let encodes = || read(&gateway.hub.sources()[0].counters().encodes);
    publish();
    assert_eq!(encodes(), 0);

    let mut viewers: Vec<Viewer> = (0..5)
        .map(|_| Viewer::open(gateway.http, "/stream/cam0"))
        .collect();
    let mut wire = WireClient::subscribe(gateway.wire, 1, "");
    let mut first = Vec::new();
    for viewer in &mut viewers {
        first = viewer.next().jpeg;
    }
    assert_eq!(wire.next().0, 16);
    assert_eq!(wire.next().0, 17);
    assert_eq!(encodes(), 1, "the one that was there when the viewers came");
    let image = turbojpeg::decompress(&first, turbojpeg::PixelFormat::RGB).unwrap();
    assert_eq!((image.width, image.height), (64, 48));
    assert!(
        image.pixels[0] > 240 && image.pixels[1] < 16,
        "red stays red"
    );

    for round in 2..=10 {
        publish();
        for viewer in &mut viewers {
            assert_eq!(viewer.next().sequence, round);
        }
        assert_eq!(encodes(), round);
    }
}

#[test]
fn nobody_watching_means_no_lease_and_no_encoding() {
    let gateway = TestGateway::start();
    let rgb = vec![128; 64 * 48 * 3];
    let subscriber = &mut gateway.segment.subscriber(0, 9).unwrap();
    for _ in 0..20 {
        gateway.publish_as(0, &meta(PixelFormat::Rgb24, 64, 48, 192), &rgb);
    }
    // The pump has seen them all, and did nothing with them.
    while read(&gateway.hub.sources()[0].counters().published) < subscriber.head().0 {
        std::thread::yield_now();
    }
    assert_eq!(read(&gateway.hub.sources()[0].counters().encodes), 0);
    assert_eq!(gateway.segment.leases_held(0), 0);
}
