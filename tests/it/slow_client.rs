//! A client that never reads costs nothing and delays nobody; a camera's JPEGs pass untouched.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use wigwag_tests::client::metrics::Metrics;
use wigwag_tests::client::multipart::MultipartStream;
use wigwag_tests::client::websocket::WsClient;
use wigwag_tests::client::wire::{FRAMES, Message, WireClient};
use wigwag_tests::{TestBox, demo, wait};

/// Frames that the fast clients read in each run.
const FRAMES_READ: usize = 120;

/// A client that misses so many frames in a row, or is so far behind, was held up: 5 s, half of the
/// time that a deaf client is given.
const STALL_FRAMES: u64 = 150;

/// Which frame of the demo clip each JPEG is.
fn index_of_frames() -> HashMap<Vec<u8>, usize> {
    demo::frames()
        .into_iter()
        .enumerate()
        .map(|(index, jpeg)| (jpeg, index))
        .collect()
}

/// A box that plays the demo clip from a file, at twice its rate.
fn box_with_clip(name: &str) -> TestBox {
    let builder = TestBox::builder(name);
    let clip = demo::write_clip(builder.scratch(), 0..demo::frames().len());
    let toml = format!(
        "[sources.cam0]\ntype = \"clip\"\npath = \"{}\"\nfps = 30.0\n[infer]\nworkers = 1",
        clip.display()
    );
    builder.config(&toml).start()
}

/// Opens `path` and never reads from it.
fn deaf_http(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    stream
}

/// Sequences that a fast client of each kind reads, until `is_enough`.
fn read_fast(test_box: &TestBox, is_enough: impl Fn() -> bool) -> [Vec<u64>; 2] {
    let mut viewer = MultipartStream::open(&test_box.http(), "cam0");
    let mut program = WireClient::subscribe(&test_box.wire(), FRAMES, "cam0");
    assert!(matches!(program.message(), Message::Welcome(_)));
    let stop = AtomicBool::new(false);
    let goes_on = |read: &Vec<u64>| read.len() < FRAMES_READ || !stop.load(Ordering::Relaxed);
    let (mut seen, mut received) = (Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while goes_on(&received) {
                match program.message() {
                    Message::Frame { sequence, .. } => received.push(sequence),
                    other => panic!("{other:?} instead of a frame"),
                }
            }
        });
        scope.spawn(|| {
            while goes_on(&seen) {
                seen.push(viewer.part().sequence);
            }
        });
        wait::until_true("what the fast clients wait for", is_enough);
        stop.store(true, Ordering::Relaxed);
    });
    let newest = test_box.newest("cam0");
    for sequences in [&seen, &received] {
        let next = sequences.iter().skip(1).copied().chain([newest + 1]);
        let stall = sequences
            .iter()
            .zip(next)
            .map(|(a, b)| b - a)
            .max()
            .unwrap();
        assert!(
            stall < STALL_FRAMES,
            "a fast client was held up for {stall} frames"
        );
    }
    [seen, received]
}

/// Share of the published frames, from the first to the last one read, that were read.
fn share(sequences: &[u64]) -> f64 {
    assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
    let published = sequences[sequences.len() - 1] - sequences[0] + 1;
    sequences.len() as f64 / published as f64
}

/// Goal: what a camera delivers as JPEG reaches each client byte for byte, frame by frame.
/// Method: play the demo clip. Each part and each wire frame must be one of its frames, in the
/// clip's order, and the same sequence must be the same frame on both.
#[test]
fn jpegs_of_a_camera_pass_untouched() {
    let (test_box, index) = (box_with_clip("pass_through"), index_of_frames());
    let place = |jpeg: &[u8]| *index.get(jpeg).expect("a frame of the clip, unchanged");
    let mut viewer = MultipartStream::open(&test_box.http(), "cam0");
    let mut program = WireClient::subscribe(&test_box.wire(), FRAMES, "cam0");
    assert!(matches!(program.message(), Message::Welcome(_)));
    let [mut seen, mut received] = [BTreeMap::new(), BTreeMap::new()];
    for _ in 0..FRAMES_READ {
        let part = viewer.part();
        seen.insert(part.sequence, place(&part.jpeg));
        match program.message() {
            Message::Frame {
                sequence,
                width_px,
                height_px,
                jpeg,
                ..
            } => {
                received.insert(sequence, place(&jpeg));
                assert_eq!((width_px, height_px), (640, 480));
            }
            other => panic!("{other:?} instead of a frame"),
        }
    }
    let both = seen
        .iter()
        .filter(|(sequence, _)| received.contains_key(sequence));
    assert!(both.clone().count() > 0, "no frame was seen on both");
    assert!(
        both.clone()
            .all(|(sequence, place)| received[sequence] == *place)
    );
    for frames in [&seen, &received] {
        assert_eq!(frames.len(), FRAMES_READ, "a sequence came twice");
        let frames: Vec<(&u64, &usize)> = frames.iter().collect();
        for pair in frames.windows(2) {
            // The clip starts over at its end. A capture-worker that is late leaves frames out.
            let steps = (pair[1].1 + index.len() - pair[0].1) % index.len();
            assert!(steps as u64 >= pair[1].0 - pair[0].0, "{pair:?}");
        }
    }
    let encodes = Metrics::scrape(&test_box.http()).sum("wigwag_frame_encodes_total", &[]);
    assert!(encodes < 0.5, "{encodes} frames were encoded again");
    test_box.stop();
}

/// Goal: each frame that is published is either delivered to a client or counted as skipped.
/// Method: one client of the wire protocol from its first to its last frame; what the gateway
/// counts must lie between what was published up to its last frame and what is published now.
#[test]
fn delivered_and_skipped_frames_add_up() {
    let test_box = box_with_clip("add_up");
    let [_, received] = read_fast(&test_box, || true);
    let metrics = Metrics::scrape(&test_box.http());
    let newest = test_box.newest("cam0");
    let wire = ["protocol=\"wire\""];
    let delivered = metrics.sum("wigwag_client_frames_total", &wire) as u64;
    let skipped = metrics.sum("wigwag_client_frames_skipped_total", &wire) as u64;
    let (first, last) = (received[0], received[received.len() - 1]);
    assert!(
        delivered >= received.len() as u64,
        "{delivered} counted, {} seen",
        received.len()
    );
    let counted = first..=newest;
    assert!(
        (last - first + 1..=newest - first + 1).contains(&(delivered + skipped)),
        "{delivered} delivered, {skipped} skipped, published {counted:?}, last seen {last}"
    );
    test_box.stop();
}

/// Goal: clients that never read cost those beside them nothing.
/// Method: two fast clients alone, then beside ten that never read, until the gateway has let go
/// of each one that was sent frames. Both runs get the same share of the published frames within
/// reason, and no sequence twice.
#[test]
fn clients_that_never_read_delay_nobody() {
    let test_box = box_with_clip("slow");
    let alone = read_fast(&test_box, || true).map(|sequences| share(&sequences));

    let address = test_box.http();
    let deaf: Vec<TcpStream> = (0..4)
        .map(|_| deaf_http(&address, "/stream/cam0"))
        .chain((0..2).map(|_| deaf_http(&address, "/api/v1/events")))
        .collect();
    let deaf_programs: Vec<WireClient> = (0..2)
        .map(|_| WireClient::subscribe(&test_box.wire(), FRAMES, "cam0"))
        .collect();
    let deaf_sockets: Vec<WsClient> = (0..2)
        .map(|_| WsClient::open(&address, "/ws?source=cam0&video=1"))
        .collect();
    let let_go = || Metrics::scrape(&address).sum("wigwag_client_write_timeouts_total", &[]);
    let beside = read_fast(&test_box, || let_go() > 7.5).map(|sequences| share(&sequences));

    for (alone, beside) in alone.iter().zip(beside) {
        println!("share of frames read: {alone:.3} alone, {beside:.3} beside deaf clients");
        assert!(beside > alone * 0.5, "{beside:.3} beside, {alone:.3} alone");
    }
    drop((deaf, deaf_programs, deaf_sockets));
    test_box.stop();
}
