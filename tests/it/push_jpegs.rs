//! No picture that a client pushes breaks anything: each broken kind is refused by its name or
//! costs nobody but its sender, and memory stays where it was.

use std::collections::BTreeSet;
use wigwag_tests::client::multipart::MultipartStream;
use wigwag_tests::client::wire::{Message, WireClient};
use wigwag_tests::process::peak_memory_kib;
use wigwag_tests::{TestBox, jpegs, wait};

/// What a process may need at most beyond what it needs for good pictures: one of 1280x1280, decoded
/// scan by scan (10 MB of coefficients, 5 MB of colours), and what surrounds it.
const GROWTH_KIB_MAX: u64 = 32 * 1024;
/// Codes of `WIRE.md`: not a whole JPEG, cut, too large or empty, a coding that is not taken.
const NO_JPEG: u16 = 41;
const CUT: u16 = 42;
const SIDES: u16 = 43;
const CODING: u16 = 44;

/// The code that each broken kind is refused with.
fn code_of(kind: &str) -> u16 {
    match kind {
        "no JPEG" | "end marker only" => NO_JPEG,
        "truncated" => CUT,
        "0x0" | "0x48" | "65535x65535" => SIDES,
        _ => CODING,
    }
}

/// What became of one pushed frame.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Accepted(u64),
    Refused(u16),
}

/// Pushes one frame and gives what became of it; the frames that were recognised meanwhile are noted.
#[track_caller]
fn push(client: &mut WireClient, own: u64, jpeg: &[u8], seen: &mut BTreeSet<u64>) -> Fate {
    client.push_frame(own, jpeg).unwrap();
    loop {
        match client.message() {
            Message::Accepted { number, sequence } if number == own => {
                return Fate::Accepted(sequence);
            }
            Message::Refused { number, code, .. } if number == own => return Fate::Refused(code),
            Message::PushedPrediction { number, .. } => drop(seen.insert(number)),
            other => panic!("{other:?} for frame {own}"),
        }
    }
}

/// Goal: a malformed JPEG crashes neither gateway nor worker, and costs no more memory than a good
/// one of the largest size.
/// Method: push every kind to a box whose source is recognised, watched, and watched in another
/// form; broken ones get their code; good ones come back recognised; those that only decoding finds
/// out are skipped, and the next good one comes back. All processes are the same at the end.
#[test]
fn no_kind_of_jpeg_breaks_gateway_or_worker() {
    let test_box = TestBox::builder("push_jpegs")
        .config(
            "[sources.phone]\ntype = \"push\"\nmax_fps = 240\n[infer]\nworkers = 1\nidle_fps = 240",
        )
        .start();
    let before = ["gateway", "infer/0"].map(|name| test_box.unit(name));
    let viewers = ["phone", "phone?width=32&overlay=1", "phone?quality=50"].map(|form| {
        let mut stream = MultipartStream::open(&test_box.http(), form);
        std::thread::spawn(move || while stream.next_picture().is_some() {})
    });
    let mut client = WireClient::push(&test_box.wire(), "phone");
    assert!(matches!(client.message(), Message::Welcome(_)));
    let (mut own, mut seen) = (0, BTreeSet::new());
    let largest = jpegs::encode(jpegs::Coding {
        sides: [1280, 1280],
        is_progressive: true,
        ..jpegs::BASELINE
    });
    // Pushes a good one until it comes back: whatever was before it has been dealt with then.
    let mut recognised = |client: &mut WireClient, seen: &mut BTreeSet<u64>, jpeg: &[u8]| {
        own += 1;
        let fate = push(client, own, jpeg, seen);
        assert!(matches!(fate, Fate::Accepted(_)), "{fate:?}");
        while !seen.contains(&own) {
            match client.message() {
                Message::PushedPrediction { number, .. } => drop(seen.insert(number)),
                other => panic!("{other:?}"),
            }
        }
    };
    recognised(&mut client, &mut seen, &largest);
    let calm = before
        .each_ref()
        .map(|unit| peak_memory_kib(unit.pid.unwrap()));

    for (kind, jpeg) in jpegs::good() {
        eprintln!("good: {kind}");
        recognised(&mut client, &mut seen, &jpeg);
    }
    let good = jpegs::encode(jpegs::BASELINE);
    let mut number = 1_000_000;
    for (kind, jpeg) in jpegs::bad() {
        number += 1;
        let fate = push(&mut client, number, &jpeg, &mut seen);
        assert_eq!(fate, Fate::Refused(code_of(kind)), "{kind}");
        recognised(&mut client, &mut seen, &good);
    }
    let counter = |name: &str| {
        let unit = test_box.unit("infer/0");
        unit.counters.get(name).copied().unwrap_or(0)
    };
    for (kind, jpeg) in jpegs::deceptive() {
        eprintln!("deceptive: {kind}");
        let taken = counter("taken");
        number += 1;
        let fate = push(&mut client, number, &jpeg, &mut seen);
        assert!(matches!(fate, Fate::Accepted(_)), "{kind}: {fate:?}");
        wait::until_true("the infer-worker has taken it", || counter("taken") > taken);
        recognised(&mut client, &mut seen, &good);
    }
    assert!(
        counter("undecodable") >= 2,
        "{} were found out",
        counter("undecodable")
    );

    for (unit, calm_kib) in before.iter().zip(calm) {
        let after = test_box.unit(&unit.name);
        assert_eq!(
            (after.pid, after.generation),
            (unit.pid, unit.generation),
            "{}",
            test_box.log()
        );
        let grown_kib = peak_memory_kib(unit.pid.unwrap()).saturating_sub(calm_kib);
        assert!(
            grown_kib < GROWTH_KIB_MAX,
            "{} grew by {grown_kib} KiB",
            unit.name
        );
    }
    test_box.stop();
    viewers
        .into_iter()
        .for_each(|viewer| viewer.join().unwrap());
}
