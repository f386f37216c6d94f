//! Whatever a client sends, it hurts only itself, and it is told why.

use super::{accepted, ended, persistent_pusher, pushed_box, pusher};
use std::time::Duration;
use wigwag_tests::client::metrics::Metrics;
use wigwag_tests::client::wire::{Message, WireClient};
use wigwag_tests::demo;

/// The smallest JPEG that is taken: a size, a scan, an end. What it shows does not matter.
const TINY: &[u8] = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0\
    \xff\xda\0\x08\x01\x01\0\0\x3f\0\x12\xff\xd9";

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
