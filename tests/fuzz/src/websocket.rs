//! A WebSocket client: an upgrade that is granted, then whatever it sends. What comes back are whole
//! messages, each of the kind that is documented, and the answers to frames make sense.
//!
//! The first byte chooses what the client asked for, the rest are the bytes behind the upgrade.

use crate::gateway::{Reach, Side, converse};
use crate::jpegs;
use serde_json::Value;

const PATHS: [&str; 6] = [
    "/ws",
    "/ws?source=cam0&video=1",
    "/ws/push?source=phone",
    "/ws/push?source=phone&predictions=0",
    "/ws/push",
    "/ws/push?source=cam0",
];
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PONG: u8 = 10;
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// Tries one input.
///
/// # Panics
///
/// When something is untrue that must be true.
pub fn run(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let path = PATHS[usize::from(*choice) % PATHS.len()];
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: box.local\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let all = [request.as_bytes(), rest].concat();
    let said = converse(Side::Http, Reach::Loopback, &all);
    let head_end = said.windows(4).position(|four| four == b"\r\n\r\n");
    let head_end = head_end.expect("an answer");
    assert!(
        said.starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&said)
    );
    check_messages(&said[head_end + 4..], path.starts_with("/ws/push"));
}

fn check_messages(mut said: &[u8], is_push: bool) {
    let (mut is_first, mut last_sequence) = (true, 0);
    while !said.is_empty() {
        let (opcode, payload, rest) = split_message(said).expect("a whole message");
        said = rest;
        match opcode {
            TEXT => {
                let json: Value = serde_json::from_slice(payload).expect("JSON");
                let kind = json["type"].as_str().expect("a type");
                let kinds: &[&str] = match (is_push, is_first) {
                    (true, true) => &["welcome", "error"],
                    (true, false) => &["accepted", "refused", "prediction", "error"],
                    (false, _) => &["prediction", "status"],
                };
                assert!(kinds.contains(&kind), "{json}");
                if kind == "accepted" {
                    let sequence = json["sequence"].as_u64().expect("a number");
                    assert!(sequence > last_sequence);
                    last_sequence = sequence;
                }
            }
            BINARY => assert!(!is_push && payload.starts_with(b"WWF1")),
            CLOSE => assert!(said.is_empty(), "a close is the last"),
            PONG => {}
            other => panic!("a message of opcode {other}"),
        }
        is_first = false;
    }
}

/// One message of a server: whole, unmasked, of the shortest form of its length.
fn split_message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    assert!(first & FIN != 0 && first & 0x70 == 0, "{first:x}");
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=125 => (u64::from(length), rest),
        126 => rest
            .split_first_chunk()
            .map(|(l, rest)| (u64::from(u16::from_be_bytes(*l)), rest))?,
        127 => rest
            .split_first_chunk()
            .map(|(l, rest)| (u64::from_be_bytes(*l), rest))?,
        128.. => panic!("a server does not mask"),
    };
    let (payload, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((first & 0x0F, payload, rest))
}

/// One message of a client, masked with zeros: the payload is then itself.
fn message(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut bytes = vec![first];
    match u16::try_from(length) {
        Ok(short @ 0..=125) => bytes.push(MASKED | short as u8),
        Ok(middle) => {
            bytes.push(MASKED | 126);
            bytes.extend(middle.to_be_bytes());
        }
        Err(_) => {
            bytes.push(MASKED | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

fn frame(number: u64, header_bytes: u32, jpeg: &[u8]) -> Vec<u8> {
    let parts = [
        &b"WWP1"[..],
        &header_bytes.to_be_bytes(),
        &number.to_be_bytes(),
        &99_u64.to_be_bytes(),
        jpeg,
    ];
    message(FIN | BINARY, &parts.concat())
}

/// Inputs to begin with.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let tiny = jpegs::encode(jpegs::Coding {
        sides: [16, 16],
        ..jpegs::BASELINE
    });
    let behind = |choice: u8, bytes: &[u8]| [&[choice], bytes].concat();
    let mut seeds: Vec<Vec<u8>> = (0..PATHS.len() as u8).map(|choice| vec![choice]).collect();
    let (good, longer) = (frame(1, 24, &tiny), frame(2, 26, &tiny));
    let fragments = [
        message(BINARY, b"WWP1"),
        message(0, &[0; 30]),
        message(FIN, b"end"),
    ];
    for bytes in [
        good.clone(),
        [
            good.clone(),
            longer,
            good.clone(),
            frame(4, 24, b"no picture"),
        ]
        .concat(),
        frame(1, 24, b"\xff\xd8\xff\xd9").repeat(11),
        message(FIN | TEXT, b"{\"type\":\"subscribe\",\"source\":\"cam0\"}"),
        message(FIN | TEXT, b"\xff\xfe"),
        message(FIN | 9, b"ping"),
        message(FIN | CLOSE, &[&1000_u16.to_be_bytes()[..], b"bye"].concat()),
        message(FIN | CLOSE, b"\x03"),
        message(FIN | 0x70 | BINARY, b"reserved"),
        message(FIN | BINARY, b"WWP1"),
        fragments.concat(),
        // A length beyond every limit, and one that wraps around.
        vec![
            FIN | BINARY,
            MASKED | 127,
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ],
        vec![
            FIN | BINARY,
            MASKED | 127,
            0xFF,
            0xFF,
            0xFF,
            0xFF,
            0xFF,
            0xFF,
            0xFF,
            0xFF,
        ],
        // Unmasked, which a client may not send.
        vec![FIN | TEXT, 2, b'h', b'i'],
    ] {
        seeds.push(behind(0, &bytes));
        seeds.push(behind(2, &bytes));
    }
    let kinds = [jpegs::good(), jpegs::bad(), jpegs::deceptive()].concat();
    let short = kinds.into_iter().filter(|(_, jpeg)| jpeg.len() < 3_000);
    seeds.extend(short.map(|(_, jpeg)| behind(4, &frame(1, 24, &jpeg))));
    seeds
}
