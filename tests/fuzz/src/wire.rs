//! A client of the wire protocol: whatever it sends, what comes back are whole messages of the
//! protocol, and the parsers say of each beginning of a message what they say of all of it.
//!
//! The first byte chooses the listener, the rest are the bytes behind it.

use crate::gateway::{PUSH_LIMITS, Reach, Side, TOKEN, converse};
use crate::jpegs;
use net_gateway::wire::protocol::{self, Subscribe};
use net_gateway::wire::push_protocol::{self, FRAME_HEAD_BYTES};

/// Types of the messages that a gateway sends, as `WIRE.md` has them.
const WELCOME: u8 = 16;
const PING: u8 = 19;
const ACCEPTED: u8 = 21;
const REFUSED: u8 = 22;
const PUSHED_PREDICTION: u8 = 23;
const ERROR: u8 = 127;

/// Tries one input.
///
/// # Panics
///
/// When something is untrue that must be true.
pub fn run(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    check_auth(bytes);
    check_subscribe(bytes);
    check_frame_head(bytes);
    check_answers(&converse(Side::Wire, Reach::of(*choice), bytes));
}

fn check_auth(bytes: &[u8]) {
    let whole = protocol::parse_auth(bytes);
    for len in 0..bytes.len().min(64) {
        let begun = protocol::parse_auth(&bytes[..len]);
        assert!(begun == Ok(None) || begun == whole, "{len}: {begun:?}");
    }
    if let Ok(Some((token, used))) = whole {
        assert_eq!(
            &bytes[..used],
            message(protocol::TYPE_AUTH, token.as_bytes())
        );
    }
}

fn check_subscribe(bytes: &[u8]) {
    let whole = protocol::parse_subscribe(bytes);
    for len in 0..bytes.len().min(64) {
        let begun = protocol::parse_subscribe(&bytes[..len]);
        assert!(begun == Ok(None) || begun == whole, "{len}: {begun:?}");
    }
    let Ok(Some((
        Subscribe {
            frames,
            wants,
            source,
        },
        used,
    ))) = whole
    else {
        return;
    };
    let want = u8::from(frames) | u8::from(wants.predictions) << 1 | u8::from(wants.gestures) << 2;
    let body = [&[1, 1, 0, 0, want, source.len() as u8], source.as_bytes()].concat();
    let again = [&(body.len() as u32).to_be_bytes()[..], &body].concat();
    assert_eq!(&bytes[..used], again);
}

fn check_frame_head(bytes: &[u8]) {
    let parse = |bytes| push_protocol::parse_frame_head(bytes, PUSH_LIMITS.max_frame_bytes);
    let whole = parse(bytes);
    for len in 0..bytes.len().min(FRAME_HEAD_BYTES) {
        let begun = parse(&bytes[..len]);
        assert!(begun == Ok(None) || begun == whole, "{len}: {begun:?}");
    }
    let Ok(Some(head)) = whole else { return };
    assert!((1..=PUSH_LIMITS.max_frame_bytes as usize).contains(&head.jpeg_bytes));
    let length = (FRAME_HEAD_BYTES - 4 + head.jpeg_bytes) as u32;
    let again = [
        &length.to_be_bytes()[..],
        &[1, 3, 0, 0],
        &head.own.number.to_be_bytes(),
        &head.own.client_time_us.to_be_bytes(),
    ];
    assert_eq!(&bytes[..FRAME_HEAD_BYTES], again.concat());
}

fn check_answers(mut said: &[u8]) {
    let (mut is_first, mut last_sequence) = (true, 0);
    while !said.is_empty() {
        let (length, rest) = said.split_first_chunk().expect("a whole length");
        let length = u32::from_be_bytes(*length) as usize;
        let message = rest.get(..length).expect("a whole message");
        let [1, kind, 0, 0, body @ ..] = message else {
            panic!("{message:?} is no message");
        };
        said = &rest[length..];
        assert!(
            !is_first || matches!(*kind, WELCOME | ERROR),
            "{kind} comes first"
        );
        match *kind {
            WELCOME => assert!(is_first && is_json(body)),
            ACCEPTED => {
                let sequence = u64::from_be_bytes(body[8..].try_into().expect("16 bytes"));
                assert!(sequence > last_sequence);
                last_sequence = sequence;
            }
            ERROR | REFUSED => {
                let text = &body[if *kind == ERROR { 2 } else { 10 }..];
                let text = std::str::from_utf8(text).expect("words");
                assert!(!text.is_empty() && text.len() < 1_000, "{text}");
                assert!(*kind == REFUSED || said.is_empty(), "an ERROR is the last");
            }
            17..=PING => assert!(body.len() <= 1 << 20),
            other => panic!("a message of type {other}, below {PUSHED_PREDICTION}"),
        }
        is_first = false;
    }
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(bytes).is_ok()
}

/// A message of that type.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    [&length[..], &[1, kind, 0, 0], body].concat()
}

fn frame(number: u64, jpeg: &[u8]) -> Vec<u8> {
    let body = [&number.to_be_bytes()[..], &99_u64.to_be_bytes(), jpeg].concat();
    message(3, &body)
}

/// Inputs to begin with.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let subscribe = |want, name: &[u8]| message(1, &[&[want, name.len() as u8], name].concat());
    let push = |name: &[u8]| message(2, &[&[2, name.len() as u8], name].concat());
    let tiny = jpegs::encode(jpegs::Coding {
        sides: [16, 16],
        ..jpegs::BASELINE
    });
    let auth = message(4, TOKEN.as_bytes());
    let mut seeds = vec![
        subscribe(3, b"cam0"),
        subscribe(1, b""),
        subscribe(2, b"nobody"),
        [subscribe(3, b"cam0"), subscribe(3, b"cam0")].concat(),
        push(b"phone"),
        push(b"cam0"),
        auth.clone(),
        [auth.clone(), push(b"phone"), frame(1, &tiny)].concat(),
        [auth.clone(), subscribe(3, b"cam0")].concat(),
        [auth.clone(), auth].concat(),
        message(4, b"wrong"),
        [push(b""), frame(1, &tiny), frame(2, &tiny), frame(2, b"no")].concat(),
        [push(b"phone"), frame(1, b"\xff\xd8\xff\xd9").repeat(11)].concat(),
        [push(b"phone"), u32::MAX.to_be_bytes().to_vec()].concat(),
        [push(b"phone"), frame(1, &tiny)[..200].to_vec()].concat(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    let kinds = [jpegs::good(), jpegs::bad(), jpegs::deceptive()].concat();
    let short = kinds.into_iter().filter(|(_, jpeg)| jpeg.len() < 3_000);
    seeds.extend(short.map(|(_, jpeg)| [push(b"phone"), frame(1, &jpeg)].concat()));
    let first = (0..seeds.len()).map(|number| u8::from(number % 3 == 2));
    first
        .zip(seeds)
        .map(|(reach, seed)| [&[reach][..], &seed].concat())
        .collect()
}
