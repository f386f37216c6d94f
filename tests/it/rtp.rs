//! Sources as datagrams: players that know nothing of Wigwag play them, what is lost is made good by
//! the next frame, and what does not fit the format is made to.

use crate::clients::run;
use crate::existing_clients::assert_gstreamer_plays;
use crate::reload::reload;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use turbojpeg::Subsamp;
use wigwag_tests::client::metrics::Metrics;
use wigwag_tests::client::rtp::{Packet, RtpReceiver};
use wigwag_tests::client::wire::{Message, WireClient};
use wigwag_tests::{TestBox, jpegs, wait};

/// A moving test picture, 30 times a second.
const PATTERN: &str = "[sources.cam0]\ntype = \"pattern\"\n[infer]\nworkers = 1\n";

fn output(address: &str, keys: &str) -> String {
    format!("[rtp.wall]\naddress = \"{address}\"\n{keys}\n")
}

fn size_of(jpeg: &[u8]) -> (usize, usize) {
    let header = turbojpeg::read_header(jpeg).unwrap();
    (header.width, header.height)
}

/// Goal: a camera's JPEGs go out untouched, each frame under its capture time, and the reports say
/// which time that is.
/// Method: a clip whose frames are known; what is put together again is one of them, byte for byte;
/// timestamps grow; the time of a frame by the report is near now.
#[test]
fn frames_pass_untouched_with_their_time() {
    let mut receiver = RtpReceiver::bind();
    let builder = TestBox::builder("rtp");
    let known = [Subsamp::Sub2x1, Subsamp::Sub2x2].map(|subsamp| {
        jpegs::encode(jpegs::Coding {
            sides: [640, 480],
            subsamp,
            ..jpegs::BASELINE
        })
    });
    let clip = builder.scratch().join("clip.mjpeg");
    std::fs::write(&clip, known.concat()).unwrap();
    let source = format!(
        "[sources.cam0]\ntype = \"clip\"\npath = \"{}\"\nfps = 15\n[infer]\nworkers = 1\n",
        clip.display()
    );
    let test_box = builder
        .config(&(source + &output(&receiver.address(), "")))
        .start();
    let (mut last, mut ssrc) = (None, None);
    for _ in 0..20 {
        let frame = wait::until("a frame of the clip comes", || {
            let frame = receiver.frame();
            let scan = [&frame.scan[..], &[0xFF, 0xD9]].concat();
            // Until the first one, and while a busy machine gives none, it is a notice.
            let is_known = known.iter().any(|jpeg| jpeg.ends_with(&scan));
            is_known.then_some(frame)
        });
        assert_eq!(size_of(&frame.jpeg), (640, 480));
        assert!(frame.packets > 5, "{} packets", frame.packets);
        assert_eq!(*ssrc.get_or_insert(frame.ssrc), frame.ssrc);
        if let Some(last) = last.replace(frame.timestamp) {
            let ticks = frame.timestamp.wrapping_sub(last);
            assert!((1..u32::MAX / 2).contains(&ticks), "{ticks}");
        }
    }
    let report = receiver.report();
    assert_eq!(Some(report.ssrc), ssrc);
    let behind_ticks = last.unwrap().wrapping_sub(report.timestamp) as i32;
    let captured_us = report.wall_us as i64 + i64::from(behind_ticks) * 1_000_000 / 90_000;
    let now_us = shm_layout::wall_us() as i64;
    assert!(
        (0..30_000_000).contains(&(now_us - captured_us)),
        "{report:?}"
    );

    let clients = test_box.http_get("/api/v1/clients").json();
    let listed = clients["clients"].as_array().unwrap();
    let listed = listed.iter().find(|client| client["protocol"] == "rtp");
    assert!(
        listed.is_some_and(|client| client["bytes"].as_u64() > Some(0)),
        "{clients}"
    );
    let metrics = Metrics::scrape(&test_box.http());
    let labels = ["output=\"wall\"", "source=\"cam0\""];
    assert!(metrics.sum("wigwag_rtp_frames_total", &labels) >= 20.0);
    assert_eq!(metrics.sum("wigwag_rtp_frames_unfit_total", &labels), 0.0);
    assert_eq!(
        metrics.sum("wigwag_renditions_total", &[]),
        0.0,
        "nothing is encoded"
    );
    test_box.stop();
}

/// Goal: ffmpeg plays a source by its description.
/// Method: it fetches the description over HTTP and decodes 20 different pictures of the size and
/// at the rate that the output is configured for.
#[test]
fn ffmpeg_plays_a_description() {
    let address = RtpReceiver::bind().address();
    let keys = "width_px = 320\nfps = 20.0\n";
    let toml = PATTERN.to_owned() + &output(&address, keys);
    let test_box = TestBox::builder("rtp_ffmpeg").config(&toml).start();
    let reply = test_box.http_get("/stream/cam0.sdp");
    assert_eq!(reply.header("content-type"), Some("application/sdp"));
    let description = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(description.contains("a=framerate:20\r\n"), "{description}");
    let other = test_box.http_get("/stream/cam0.sdp?output=other");
    assert_eq!(other.status, 404);
    let url = format!("http://{}/stream/cam0.sdp", test_box.http());
    let output = run(
        "ffmpeg",
        "ffmpeg",
        &[
            "-v",
            "error",
            "-protocol_whitelist",
            "http,tcp,udp,rtp",
            "-i",
            &url,
            "-frames:v",
            "20",
            "-fps_mode",
            "passthrough",
            "-f",
            "framecrc",
            "-",
        ],
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("#dimensions 0: 320x240"), "{text}{output:?}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let checksums: std::collections::BTreeSet<_> =
        lines.filter_map(|line| line.rsplit(',').next()).collect();
    assert!(checksums.len() >= 18, "{text}");
    test_box.stop();
}

/// Goal: GStreamer plays a multicast group.
/// Method: it joins the group on loopback and decodes 20 pictures of a moving picture.
#[test]
fn gstreamer_plays_a_group() {
    let port = RtpReceiver::bind()
        .address()
        .split_once(':')
        .unwrap()
        .1
        .to_owned();
    let group = "239.255.42.7";
    let toml =
        PATTERN.to_owned() + &output(&format!("{group}:{port}"), "interface = \"127.0.0.1\"");
    let test_box = TestBox::builder("rtp_gstreamer").config(&toml).start();
    let description =
        String::from_utf8_lossy(&test_box.http_get("/stream/cam0.sdp").body).into_owned();
    assert!(
        description.contains("c=IN IP4 239.255.42.7/1\r\n"),
        "{description}"
    );
    let source = format!(
        "udpsrc address={group} port={port} multicast-iface=lo \
         caps=application/x-rtp,media=video,encoding-name=JPEG,payload=26,clock-rate=90000 ! \
         rtpjpegdepay"
    );
    assert_gstreamer_plays(&test_box, &source, (640, 480));
    test_box.stop();
}

/// Goal: a lost packet costs the picture that it belongs to, and no other.
/// Method: a forwarder between box and receiver drops every 50th packet; the pictures that become
/// whole are right, and there are more of them than of the others.
#[test]
fn loss_is_survived_by_the_next_frame() {
    let (mut receiver, relay) = (RtpReceiver::bind(), RtpReceiver::bind());
    let toml = PATTERN.to_owned() + &output(&relay.address(), "mtu = 1000");
    let test_box = TestBox::builder("rtp_loss").config(&toml).start();
    let (is_over, to) = (AtomicBool::new(false), receiver.address());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let out = UdpSocket::bind("127.0.0.1:0").unwrap();
            let mut number = 0;
            while !is_over.load(Ordering::Relaxed) {
                let datagram = relay.datagram();
                assert!(datagram.len() <= 1000 - 28 && Packet::parse(&datagram).is_some());
                number += 1;
                if number % 50 != 0 {
                    out.send_to(&datagram, &to).unwrap();
                }
            }
        });
        let mut whole = 0;
        while receiver.lost() < 5 {
            let frame = receiver.frame();
            assert_eq!(size_of(&frame.jpeg), (640, 480));
            let decoded = turbojpeg::decompress(&frame.jpeg, turbojpeg::PixelFormat::GRAY);
            assert!(decoded.is_ok(), "{decoded:?}");
            whole += 1;
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(whole > 5, "{whole} of {}", receiver.lost());
    });
    test_box.stop();
}

/// Goal: pictures that the format has no place for are encoded anew by themselves.
/// Method: push progressive pictures of odd sides; they come out as RTP, of the same size in blocks,
/// and the log says so once.
#[test]
fn what_does_not_fit_is_encoded_anew() {
    let mut receiver = RtpReceiver::bind();
    let toml = "[sources.phone]\ntype = \"push\"\n[infer]\nworkers = 1\n".to_owned()
        + &output(&receiver.address(), "");
    let test_box = TestBox::builder("rtp_unfit").config(&toml).start();
    let mut client = WireClient::push(&test_box.wire(), "phone");
    assert!(matches!(client.message(), Message::Welcome(_)));
    let jpeg = jpegs::encode(jpegs::Coding {
        sides: [250, 130],
        is_progressive: true,
        ..jpegs::BASELINE
    });
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut own = 0;
            while !is_over.load(Ordering::Relaxed) {
                own += 1;
                client.push_frame(own, &jpeg).unwrap();
                while !matches!(
                    client.message(),
                    Message::Accepted { .. } | Message::Refused { .. }
                ) {}
                std::thread::sleep(std::time::Duration::from_millis(40));
            }
        });
        // Until then it is a notice that is sent: nobody has pushed yet.
        wait::until_true("a pushed picture comes", || {
            size_of(&receiver.frame().jpeg) == (256, 136)
        });
        is_over.store(true, Ordering::Relaxed);
    });
    test_box.await_log("output wall: its pictures are encoded anew");
    let metrics = Metrics::scrape(&test_box.http());
    assert!(metrics.sum("wigwag_renditions_total", &["source=\"phone\""]) > 0.0);
    test_box.stop();
}

/// Goal: outputs come and go with a reload; nobody else is concerned.
#[test]
fn an_output_comes_and_goes_by_reload() {
    let mut receiver = RtpReceiver::bind();
    let test_box = TestBox::builder("rtp_reload").config(PATTERN).start();
    assert_eq!(test_box.http_get("/stream/cam0.sdp").status, 404);
    let capture = test_box.unit("capture/cam0");
    let with = PATTERN.to_owned() + &output(&receiver.address(), "quality = 40");
    let told = reload(&test_box, &with);
    assert!(told.contains("rtp.wall"), "{told}");
    let _frame = receiver.frame();
    reload(&test_box, PATTERN);
    wait::until_true("nothing is sent any more", || {
        test_box.http_get("/stream/cam0.sdp").status == 404
    });
    assert_eq!(test_box.unit("capture/cam0").pid, capture.pid);
    test_box.stop();
}
