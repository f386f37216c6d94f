//! One frame as every client gets it: the JPEG once in memory, with each protocol's header beside it.
//!
//! Upstream: [`crate::pump`] builds it, once per frame. Downstream: [`crate::source_feed`] hands
//! it to the clients, which only clone reference counts. It must never be built per client.

use bytes::{BufMut, Bytes, BytesMut};
use shm_layout::MonotonicNs;

/// Boundary of the multipart stream; the delimiter on the line is `--wigwag`.
pub const BOUNDARY: &str = "wigwag";
/// What opens a multipart stream, before its first part.
pub const STREAM_OPENING: &[u8] = b"--wigwag\r\n";
/// What ends a part. The next delimiter goes out together with its predecessor's image, so that
/// a client that looks for it does not wait for the next frame to show this one.
pub(crate) const PART_END: &[u8] = b"\r\n--wigwag\r\n";

/// First word of a binary WebSocket message, `WWF1`.
pub const WS_MAGIC: u32 = 0x5757_4631;
/// Bytes of the header of a binary WebSocket message.
pub const WS_HEADER_BYTES: usize = 32;

/// The facts about a frame that travel with its JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameFacts {
    /// Number of the frame within its source.
    pub sequence: u64,
    /// Wall clock of the capture, in microseconds since 1970.
    pub capture_time_us: u64,
    /// The same on the monotonic clock, for ages.
    pub captured: MonotonicNs,
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
}

/// One frame, ready for every protocol.
#[derive(Debug, Clone)]
pub struct FrameMessage {
    facts: FrameFacts,
    ordinal: u64,
    prediction: Option<u64>,
    jpeg_len: usize,
    /// WebSocket header, JPEG, end of the multipart part: one allocation, sliced for each use.
    body: Bytes,
    part_header: Bytes,
    wire_header: Bytes,
}

impl FrameMessage {
    /// Copies `jpeg` once and writes the headers around it.
    #[must_use]
    pub fn new(facts: FrameFacts, jpeg: &[u8]) -> Self {
        Self::with_prediction(facts, jpeg, None)
    }

    /// The same for a frame that has the hands of the prediction of that sequence drawn in.
    #[must_use]
    pub fn with_prediction(facts: FrameFacts, jpeg: &[u8], prediction: Option<u64>) -> Self {
        let mut body = BytesMut::with_capacity(WS_HEADER_BYTES + jpeg.len() + PART_END.len());
        body.put_u32(WS_MAGIC);
        body.put_u32(WS_HEADER_BYTES as u32);
        body.put_u64(facts.sequence);
        body.put_u64(facts.capture_time_us);
        body.put_u32(facts.width_px);
        body.put_u32(facts.height_px);
        body.put_slice(jpeg);
        body.put_slice(PART_END);
        let part_header = format!(
            "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Wigwag-Sequence: {}\r\n\
             X-Wigwag-Capture-Time-Us: {}\r\n{}\r\n",
            jpeg.len(),
            facts.sequence,
            facts.capture_time_us,
            prediction.map_or_else(String::new, |sequence| format!(
                "X-Wigwag-Prediction-Sequence: {sequence}\r\n"
            )),
        );
        Self {
            facts,
            ordinal: facts.sequence,
            prediction,
            jpeg_len: jpeg.len(),
            body: body.freeze(),
            part_header: Bytes::from(part_header),
            wire_header: crate::wire::protocol::frame_header(&facts, jpeg.len()),
        }
    }

    /// Sequence, capture time and size.
    #[must_use]
    pub fn facts(&self) -> FrameFacts {
        self.facts
    }

    /// The same frame as the `ordinal`th of a feed that does not show every frame.
    #[must_use]
    pub fn with_ordinal(mut self, ordinal: u64) -> Self {
        self.ordinal = ordinal;
        self
    }

    /// Its number in the feed that shows it: gaps are what a client of that feed skipped.
    #[must_use]
    pub fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The sequence of the prediction that is drawn in; `None` for a picture without hands.
    #[must_use]
    pub fn prediction(&self) -> Option<u64> {
        self.prediction
    }

    /// The JPEG alone.
    #[must_use]
    pub fn jpeg(&self) -> Bytes {
        self.body
            .slice(WS_HEADER_BYTES..WS_HEADER_BYTES + self.jpeg_len)
    }

    /// A binary WebSocket message: header and JPEG.
    #[must_use]
    pub fn ws_message(&self) -> Bytes {
        self.body.slice(..WS_HEADER_BYTES + self.jpeg_len)
    }

    /// One part of the multipart stream: its header, then the JPEG with the next delimiter.
    #[must_use]
    pub fn multipart(&self) -> [Bytes; 2] {
        [self.part_header.clone(), self.body.slice(WS_HEADER_BYTES..)]
    }

    /// A FRAME message of the wire protocol: its header, then the JPEG.
    #[must_use]
    pub fn wire(&self) -> [Bytes; 2] {
        [self.wire_header.clone(), self.jpeg()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> FrameMessage {
        let facts = FrameFacts {
            sequence: 41,
            capture_time_us: 1_700_000,
            captured: MonotonicNs(5),
            width_px: 640,
            height_px: 480,
        };
        FrameMessage::new(facts, b"\xff\xd8jpeg\xff\xd9")
    }

    #[test]
    fn multipart_part_is_exact() {
        let [header, body] = message().multipart();
        assert_eq!(
            header,
            "Content-Type: image/jpeg\r\nContent-Length: 8\r\nX-Wigwag-Sequence: 41\r\n\
             X-Wigwag-Capture-Time-Us: 1700000\r\n\r\n"
        );
        assert_eq!(body, &b"\xff\xd8jpeg\xff\xd9\r\n--wigwag\r\n"[..]);
        assert_eq!(STREAM_OPENING, format!("--{BOUNDARY}\r\n").as_bytes());
    }

    #[test]
    fn part_names_the_prediction_that_is_drawn_in() {
        let facts = message().facts();
        let drawn = FrameMessage::with_prediction(facts, b"jpeg", Some(39)).with_ordinal(7);
        let [header, _] = drawn.multipart();
        let header = String::from_utf8(header.to_vec()).unwrap();
        assert!(header.ends_with("1700000\r\nX-Wigwag-Prediction-Sequence: 39\r\n\r\n"));
        assert_eq!((drawn.ordinal(), message().ordinal()), (7, 41));
    }

    #[test]
    fn ws_message_has_the_documented_header() {
        let bytes = message().ws_message();
        assert_eq!(&bytes[..8], b"WWF1\0\0\0\x20");
        assert_eq!(bytes[8..16], 41u64.to_be_bytes());
        assert_eq!(bytes[16..24], 1_700_000u64.to_be_bytes());
        assert_eq!(bytes[24..28], 640u32.to_be_bytes());
        assert_eq!(bytes[28..32], 480u32.to_be_bytes());
        assert_eq!(&bytes[32..], b"\xff\xd8jpeg\xff\xd9");
    }

    #[test]
    fn all_forms_share_one_copy_of_the_jpeg() {
        let message = message();
        let jpeg = message.jpeg();
        assert_eq!(jpeg, &b"\xff\xd8jpeg\xff\xd9"[..]);
        assert_eq!(message.multipart()[1].as_ptr(), jpeg.as_ptr());
        assert_eq!(message.wire()[1].as_ptr(), jpeg.as_ptr());
        assert_eq!(
            message.ws_message()[WS_HEADER_BYTES..].as_ptr(),
            jpeg.as_ptr()
        );
    }
}
