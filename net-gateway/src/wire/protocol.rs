//! Wire protocol v1: bytes to messages and back, as `WIRE.md` says. All integers are big-endian.
//!
//! Pure functions over bytes: no socket, no clock. What a client sends is input: every length is
//! checked before it is used, and nothing is allocated for a message that is refused.

use crate::frame_message::FrameFacts;
use crate::gatekeeper::denied::Denied;
use crate::prediction_feed::{Kind, PredictionMessage, Wants};
use crate::push::refusal::PushError;
use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;

/// The protocol version that this gateway speaks.
pub const VERSION: u8 = 1;
/// Longest message that a client may send, in bytes, its length word included.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 4096;
/// Bytes of the length word.
pub(super) const LENGTH_BYTES: usize = 4;
/// Bytes of version, type and reserved, which every message has and its length counts.
pub(super) const HEADER_BYTES: usize = 4;
/// Bytes of sequence and capture time at the start of FRAME and PREDICTION bodies.
const STAMP_BYTES: usize = 16;
/// Bytes of the text's length in a NOTICE body.
const TEXT_LENGTH_BYTES: usize = 2;
/// Bytes of width and height in a FRAME body.
const SIZE_BYTES: usize = 8;

/// Client to server: which source, and what of it.
pub const TYPE_SUBSCRIBE: u8 = 1;
/// Client to server, before all else: a token.
pub const TYPE_AUTH: u8 = 4;
/// Server to client: the answer to SUBSCRIBE.
pub const TYPE_WELCOME: u8 = 16;
/// Server to client: one frame.
pub const TYPE_FRAME: u8 = 17;
/// Server to client: one prediction.
pub const TYPE_PREDICTION: u8 = 18;
/// Server to client: nothing else was sent for a while.
pub const TYPE_PING: u8 = 19;
/// Server to client: why there are no frames, as a picture.
pub const TYPE_NOTICE: u8 = 20;
/// Server to client: a gesture began, is held, or ended.
pub const TYPE_GESTURE_EVENT: u8 = 24;
/// Server to client: why the connection ends.
pub const TYPE_ERROR: u8 = 127;

/// Longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 255;

/// Bit of SUBSCRIBE's `want`: frames.
pub const WANT_FRAMES: u8 = 1;
/// Bit of SUBSCRIBE's `want`: predictions.
pub const WANT_PREDICTIONS: u8 = 2;
/// Bit of SUBSCRIBE's `want`: gesture events.
pub const WANT_GESTURES: u8 = 4;

/// What a client may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Frames are wanted.
    pub frames: bool,
    /// What else is wanted.
    pub wants: Wants,
    /// Name of the source; empty means the first one.
    pub source: String,
}

/// Why a connection is refused or ended; each has its code in the ERROR message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// The version byte is not [`VERSION`].
    #[error("protocol version {0} is not spoken here, expected {VERSION}")]
    Version(u8),
    /// The type byte is none that a client may send at this point.
    #[error("message type {0} is not expected here, expected {TYPE_SUBSCRIBE} (SUBSCRIBE) first")]
    Type(u8),
    /// The type byte is none that a client may send after PUSH.
    #[error("message type {0} is not expected here, expected 3 (PUSH_FRAME)")]
    NoFrame(u8),
    /// The length word is beyond the limit, or shorter than the message header.
    #[error(
        "message length {0} is outside {HEADER_BYTES}..={max}",
        max = CLIENT_MESSAGE_BYTES_MAX - LENGTH_BYTES
    )]
    Length(u32),
    /// The body does not have the form that its type demands.
    #[error("malformed message: {0}")]
    Malformed(&'static str),
    /// There is no source of that name.
    #[error("there is no source named `{0}`")]
    UnknownSource(String),
    /// A limit on clients is reached.
    #[error("{0}")]
    TooManyClients(String),
    /// Neither SUBSCRIBE nor PUSH came in time.
    #[error("neither SUBSCRIBE nor PUSH came within {0} s")]
    Timeout(u64),
    /// The gateway stops.
    #[error("the gateway is stopping, connect again in a moment")]
    Stopping,
    /// The client came without TLS, and there is some.
    #[error("this port speaks TLS only: connect with TLS (the box has `tls.enabled = true`)")]
    NeedsTls,
    /// The client may not, or not yet.
    #[error("{0}; {hint}", hint = .0.wire_hint())]
    Denied(#[from] Denied),
    /// A client that pushes is ended.
    #[error(transparent)]
    Push(#[from] PushError),
}

impl WireError {
    /// The code in the ERROR message.
    #[must_use]
    pub fn code(&self) -> u16 {
        match self {
            Self::Version(_) => 1,
            Self::Type(_) | Self::NoFrame(_) => 2,
            Self::Length(_) => 3,
            Self::Malformed(_) => 4,
            Self::UnknownSource(_) => 5,
            Self::TooManyClients(_) => 6,
            Self::Timeout(_) => 7,
            Self::Stopping => 8,
            Self::NeedsTls => 13,
            Self::Denied(denied) => denied.wire_code(),
            Self::Push(error) => error.code(),
        }
    }
}

/// Reads the first message of a client from the bytes received so far.
///
/// `Ok(None)` means that more bytes are needed; it never asks for more than
/// [`CLIENT_MESSAGE_BYTES_MAX`] in all. A wrong version, type or length is refused as soon as its
/// own bytes are there. With a message comes the number of bytes that it used.
///
/// # Errors
///
/// The [`WireError`] that the client is to be told before its connection is closed.
pub fn parse_subscribe(bytes: &[u8]) -> Result<Option<(Subscribe, usize)>, WireError> {
    parse_first(bytes, TYPE_SUBSCRIBE, parse_body)
}

/// Whether the first message, as far as it is there, is an AUTH.
#[must_use]
pub fn is_auth(received: &[u8]) -> bool {
    // Place of the type byte: after the length word and the version.
    received.get(LENGTH_BYTES + 1) == Some(&TYPE_AUTH)
}

/// Reads an AUTH as [`parse_subscribe`] reads a SUBSCRIBE; gives its token.
///
/// # Errors
///
/// The [`WireError`] that the client is to be told before its connection is closed.
pub fn parse_auth(bytes: &[u8]) -> Result<Option<(String, usize)>, WireError> {
    parse_first(bytes, TYPE_AUTH, |message| {
        let token = parse_reserved(message)?;
        if !(1..=TOKEN_BYTES_MAX).contains(&token.len()) {
            return Err(WireError::Malformed("the token has not 1 to 255 bytes"));
        }
        let token = std::str::from_utf8(token);
        let token = token.map_err(|_| WireError::Malformed("the token is not UTF-8"))?;
        Ok(token.to_owned())
    })
}

/// The same for a first message of another type, with its own reader.
pub(super) fn parse_first<T>(
    bytes: &[u8],
    expected: u8,
    parse: impl FnOnce(&[u8]) -> Result<T, WireError>,
) -> Result<Option<(T, usize)>, WireError> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*length);
    let length_bytes = length as usize;
    if !(HEADER_BYTES..=CLIENT_MESSAGE_BYTES_MAX - LENGTH_BYTES).contains(&length_bytes) {
        return Err(WireError::Length(length));
    }
    match *rest {
        [version, ..] if version != VERSION => return Err(WireError::Version(version)),
        [_, kind, ..] if kind != expected => return Err(WireError::Type(kind)),
        _ => {}
    }
    let Some(message) = rest.get(..length_bytes) else {
        return Ok(None);
    };
    let first = parse(message)?;
    Ok(Some((first, LENGTH_BYTES + length_bytes)))
}

fn parse_body(message: &[u8]) -> Result<Subscribe, WireError> {
    let [want, name @ ..] = parse_reserved(message)? else {
        return Err(WireError::Malformed("the body has fewer than 2 bytes"));
    };
    if *want == 0 || *want > WANT_FRAMES | WANT_PREDICTIONS | WANT_GESTURES {
        return Err(WireError::Malformed("want is outside 1..=7"));
    }
    Ok(Subscribe {
        frames: want & WANT_FRAMES != 0,
        wants: wants_of(*want),
        source: parse_name(name)?,
    })
}

/// What the bits of `want` ask for, beside frames.
pub(super) fn wants_of(want: u8) -> Wants {
    Wants {
        predictions: want & WANT_PREDICTIONS != 0,
        gestures: want & WANT_GESTURES != 0,
    }
}

/// The body of a message, which version, type and reserved stand in front of.
pub(super) fn parse_reserved(message: &[u8]) -> Result<&[u8], WireError> {
    match message {
        [_, _, 0, 0, body @ ..] => Ok(body),
        [_, _, _, _, ..] => Err(WireError::Malformed("the reserved bytes are not zero")),
        _ => Err(WireError::Malformed(
            "the message is shorter than its header",
        )),
    }
}

/// A name behind its length, to the end of the message.
pub(super) fn parse_name(bytes: &[u8]) -> Result<String, WireError> {
    let [name_bytes, name @ ..] = bytes else {
        return Err(WireError::Malformed("the body has fewer than 2 bytes"));
    };
    if name.len() != usize::from(*name_bytes) {
        return Err(WireError::Malformed(
            "name_len is not the length of the name",
        ));
    }
    match std::str::from_utf8(name) {
        Ok(name) => Ok(name.to_owned()),
        Err(_) => Err(WireError::Malformed("the name is not UTF-8")),
    }
}

/// The first 32 bytes of a FRAME message; the JPEG of `jpeg_len` bytes follows.
#[must_use]
pub fn frame_header(facts: &FrameFacts, jpeg_len: usize) -> Bytes {
    let mut bytes = header(TYPE_FRAME, STAMP_BYTES + SIZE_BYTES, jpeg_len);
    bytes.put_u64(facts.sequence);
    bytes.put_u64(facts.capture_time_us);
    bytes.put_u32(facts.width_px);
    bytes.put_u32(facts.height_px);
    bytes.freeze()
}

/// The first 24 bytes of a PREDICTION or GESTURE_EVENT message; the JSON of `json_len` bytes follows.
#[must_use]
pub fn prediction_header(
    kind: Kind,
    sequence: u64,
    capture_time_us: u64,
    json_len: usize,
) -> Bytes {
    let kind = match kind {
        Kind::Prediction => TYPE_PREDICTION,
        Kind::Gesture => TYPE_GESTURE_EVENT,
    };
    let mut bytes = header(kind, STAMP_BYTES, json_len);
    bytes.put_u64(sequence);
    bytes.put_u64(capture_time_us);
    bytes.freeze()
}

/// A whole PREDICTION or GESTURE_EVENT message, in two parts.
#[must_use]
pub fn told(message: &PredictionMessage) -> [Bytes; 2] {
    let json = message.json();
    let (sequence, time_us) = (message.sequence, message.capture_time_us);
    let header = prediction_header(message.kind, sequence, time_us, json.len());
    [header, json]
}

/// The first bytes of a NOTICE message, with its text; the JPEG of `jpeg_len` bytes follows.
#[must_use]
pub fn notice_header(sequence: u64, since_us: u64, text: &str, jpeg_len: usize) -> Bytes {
    let text_end = text.floor_char_boundary(usize::from(u16::MAX));
    let text = text.get(..text_end).unwrap_or_default();
    let own_len = STAMP_BYTES + TEXT_LENGTH_BYTES + text.len();
    let mut bytes = header(TYPE_NOTICE, own_len, jpeg_len);
    bytes.put_u64(sequence);
    bytes.put_u64(since_us);
    bytes.put_u16(text.len() as u16);
    bytes.put_slice(text.as_bytes());
    bytes.freeze()
}

/// A whole WELCOME message around its JSON.
#[must_use]
pub fn welcome(json: &[u8]) -> Bytes {
    let mut bytes = header(TYPE_WELCOME, json.len(), 0);
    bytes.put_slice(json);
    bytes.freeze()
}

/// A whole PING message.
#[must_use]
pub fn ping() -> Bytes {
    header(TYPE_PING, 0, 0).freeze()
}

/// A whole ERROR message.
#[must_use]
pub fn error(error: &WireError) -> Bytes {
    let text = error.to_string();
    let mut bytes = header(TYPE_ERROR, 2 + text.len(), 0);
    bytes.put_u16(error.code());
    bytes.put_slice(text.as_bytes());
    bytes.freeze()
}

/// Length, version, type and reserved; `following_len` bytes of the body are sent separately.
pub(super) fn header(kind: u8, own_len: usize, following_len: usize) -> BytesMut {
    // A payload is bounded by a ring's frame slot, far below 4 GiB.
    let length = u32::try_from(HEADER_BYTES + own_len + following_len).unwrap_or(u32::MAX);
    let mut bytes = BytesMut::with_capacity(LENGTH_BYTES + HEADER_BYTES + own_len);
    bytes.put_u32(length);
    bytes.put_u8(VERSION);
    bytes.put_u8(kind);
    bytes.put_u16(0);
    bytes
}

#[cfg(test)]
mod tests;
