//! Who has a source: one client at a time, through one gateway at a time.

use super::{HOLD_MS, accepted, ended, persistent_pusher, pushed_box, pusher};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wigwag_tests::client::metrics::Metrics;
use wigwag_tests::client::wire::{FRAMES, Message, WireClient};
use wigwag_tests::process::signal;
use wigwag_tests::{TestBox, demo, wait};

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
