//! Wire protocol v1, the messages of clients that push: bytes to messages and back, as `WIRE.md`
//! says. All integers are big-endian.
//!
//! Pure functions over bytes: no socket, no clock. What a client sends is input: every length is
//! checked before it is used, and nothing is allocated for a message that is refused.

use super::protocol::{
    HEADER_BYTES, LENGTH_BYTES, VERSION, WANT_GESTURES, WANT_PREDICTIONS, WireError, header,
    parse_name, parse_reserved, wants_of,
};
use crate::push::numbers::OwnFrame;
use crate::push::refusal::{FrameFault, PushError};
use crate::push::session::Wish;
use bytes::{BufMut, Bytes};

/// Client to server, at first: which source it pushes to.
pub const TYPE_PUSH: u8 = 2;
/// Client to server: one frame.
pub const TYPE_PUSH_FRAME: u8 = 3;
/// Server to client: a frame was published.
pub const TYPE_ACCEPTED: u8 = 21;
/// Server to client: a frame was not published.
pub const TYPE_REFUSED: u8 = 22;
/// Server to client: a prediction of a frame that it pushed.
pub const TYPE_PUSHED_PREDICTION: u8 = 23;

/// Bytes of number and time at the start of a PUSH_FRAME body.
const OWN_BYTES: usize = 16;
/// Bytes of a PUSH_FRAME message in front of its JPEG.
pub const FRAME_HEAD_BYTES: usize = LENGTH_BYTES + HEADER_BYTES + OWN_BYTES;

/// Place of the type byte in a message.
const TYPE_AT: usize = LENGTH_BYTES + 1;

/// Whether the first message of a client, as far as it is there, is a PUSH.
#[must_use]
pub fn is_push(received: &[u8]) -> bool {
    received.get(TYPE_AT) == Some(&TYPE_PUSH)
}

/// Reads the body of a PUSH, with version, type and reserved in front of it.
///
/// # Errors
///
/// [`WireError`]: it has not the form of a PUSH.
pub fn parse_push(message: &[u8]) -> Result<Wish, WireError> {
    let body = parse_reserved(message)?;
    let [want, name @ ..] = body else {
        return Err(WireError::Malformed("the body has fewer than 2 bytes"));
    };
    if *want & !(WANT_PREDICTIONS | WANT_GESTURES) != 0 {
        return Err(WireError::Malformed(
            "want of a PUSH is none of 0, 2, 4 and 6",
        ));
    }
    Ok(Wish {
        source: parse_name(name)?,
        wants: wants_of(*want),
    })
}

/// The head of a PUSH_FRAME.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// What the client calls the frame.
    pub own: OwnFrame,
    /// Bytes of the JPEG that follows.
    pub jpeg_bytes: usize,
}

/// Reads the head of a PUSH_FRAME from the bytes received so far; `Ok(None)` means that more are
/// needed. A wrong length, version or type is refused as soon as its own bytes are there.
///
/// # Errors
///
/// [`WireError`] that the client is to be told before its connection is closed.
pub fn parse_frame_head(
    received: &[u8],
    max_frame_bytes: u32,
) -> Result<Option<FrameHead>, WireError> {
    let Some((length, rest)) = received.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length_bytes = u32::from_be_bytes(*length) as usize;
    let jpeg_bytes = length_bytes.checked_sub(HEADER_BYTES + OWN_BYTES);
    let Some(jpeg_bytes) = jpeg_bytes.filter(|bytes| *bytes > 0) else {
        return Err(PushError::Malformed("a PUSH_FRAME has at least 17 bytes in its body").into());
    };
    if jpeg_bytes > max_frame_bytes as usize {
        return Err(PushError::TooLarge {
            len_bytes: jpeg_bytes as u64,
            max_bytes: max_frame_bytes,
        }
        .into());
    }
    match *rest {
        [version, ..] if version != VERSION => return Err(WireError::Version(version)),
        [_, kind, ..] if kind != TYPE_PUSH_FRAME => return Err(WireError::NoFrame(kind)),
        _ => {}
    }
    let Some(head) = rest.get(..HEADER_BYTES + OWN_BYTES) else {
        return Ok(None);
    };
    let body = parse_reserved(head)?;
    let (numbers, _) = body.as_chunks::<8>();
    let [number, client_time_us] = numbers else {
        return Ok(None);
    };
    Ok(Some(FrameHead {
        own: OwnFrame {
            number: u64::from_be_bytes(*number),
            client_time_us: u64::from_be_bytes(*client_time_us),
        },
        jpeg_bytes,
    }))
}

/// A whole ACCEPTED message.
#[must_use]
pub fn accepted(number: u64, sequence: u64) -> Bytes {
    let mut bytes = header(TYPE_ACCEPTED, 16, 0);
    bytes.put_u64(number);
    bytes.put_u64(sequence);
    bytes.freeze()
}

/// A whole REFUSED message.
#[must_use]
pub fn refused(number: u64, fault: &FrameFault) -> Bytes {
    let text = fault.to_string();
    let mut bytes = header(TYPE_REFUSED, 10 + text.len(), 0);
    bytes.put_u64(number);
    bytes.put_u16(fault.code());
    bytes.put_slice(text.as_bytes());
    bytes.freeze()
}

/// The first 32 bytes of a PUSHED_PREDICTION; the JSON of `json_len` bytes follows.
#[must_use]
pub fn prediction_header(own: &OwnFrame, sequence: u64, json_len: usize) -> Bytes {
    let mut bytes = header(TYPE_PUSHED_PREDICTION, 24, json_len);
    bytes.put_u64(own.number);
    bytes.put_u64(own.client_time_us);
    bytes.put_u64(sequence);
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prediction_feed::Wants;

    const MAX: u32 = 1000;

    fn frame(length: u32, version: u8, kind: u8) -> Vec<u8> {
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend([version, kind, 0, 0]);
        bytes.extend(7_u64.to_be_bytes());
        bytes.extend(9_u64.to_be_bytes());
        bytes.extend(b"\xff\xd8");
        bytes
    }

    fn code(bytes: &[u8]) -> u16 {
        parse_frame_head(bytes, MAX).unwrap_err().code()
    }

    #[test]
    fn push_has_the_documented_form() {
        let wish = |predictions| Wish {
            source: "cam".to_owned(),
            wants: Wants {
                predictions,
                gestures: false,
            },
        };
        assert_eq!(parse_push(b"\x01\x02\0\0\x02\x03cam"), Ok(wish(true)));
        assert_eq!(parse_push(b"\x01\x02\0\0\x00\x03cam"), Ok(wish(false)));
        assert_eq!(parse_push(b"\x01\x02\0\0\x02\0").unwrap().source, "");
        let both = parse_push(b"\x01\x02\0\0\x06\0").unwrap();
        assert_eq!(both.wants, Wants::ALL);
        for bad in [
            &b"\x01\x02\0\0"[..],
            b"\x01\x02\0\0\x02",
            b"\x01\x02\0\0\x01\x03cam",
            b"\x01\x02\0\0\x02\x04cam",
            b"\x01\x02\0\x01\x02\x03cam",
            b"\x01\x02\0\0\x02\x01\xff",
        ] {
            assert_eq!(parse_push(bad).unwrap_err().code(), 4, "{bad:?}");
        }
    }

    #[test]
    fn frame_head_is_read_as_soon_as_it_is_there() {
        let bytes = frame(20 + 2, 1, 3);
        for len in 0..FRAME_HEAD_BYTES {
            assert_eq!(parse_frame_head(&bytes[..len], MAX), Ok(None), "{len}");
        }
        let own = OwnFrame {
            number: 7,
            client_time_us: 9,
        };
        let jpeg_bytes = 2;
        let head = FrameHead { own, jpeg_bytes };
        assert_eq!(parse_frame_head(&bytes, MAX), Ok(Some(head)));
    }

    #[test]
    fn lies_about_lengths_are_refused_before_anything_is_read() {
        assert_eq!(code(&frame(20 + MAX + 1, 1, 3)[..4]), 28);
        assert_eq!(code(&u32::MAX.to_be_bytes()), 28);
        for length in [0, 3, 4, 19, 20] {
            assert_eq!(code(&frame(length, 1, 3)), 4, "{length}");
        }
        assert!(parse_frame_head(&frame(20 + MAX, 1, 3), MAX).is_ok());
        assert_eq!(code(&frame(30, 9, 3)[..5]), 1);
        assert_eq!(code(&frame(30, 1, 1)[..6]), 2);
        let mut reserved = frame(30, 1, 3);
        reserved[7] = 1;
        assert_eq!(code(&reserved), 4);
    }

    #[test]
    fn answers_have_the_documented_bytes() {
        assert_eq!(
            &accepted(7, 41)[..],
            b"\0\0\0\x14\x01\x15\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x29"
        );
        let refused = refused(7, &FrameFault::NoFrameSlot);
        assert_eq!(&refused[..8], b"\0\0\0\x24\x01\x16\0\0");
        assert_eq!(&refused[16..18], 46_u16.to_be_bytes());
        assert_eq!(&refused[18..], b"no frame slot was free");
        let own = OwnFrame {
            number: 7,
            client_time_us: 9,
        };
        let prediction = prediction_header(&own, 41, 100);
        assert_eq!(&prediction[..8], b"\0\0\0\x80\x01\x17\0\0");
        assert_eq!((prediction[15], prediction[23], prediction[31]), (7, 9, 41));
    }
}
