//! One notice as every client gets it: the JPEG once in memory, with each protocol's header.
//!
//! Upstream: [`super::board`]. Downstream: [`crate::source_feed`]. Its parts say that it is none of
//! the source's frames; the sequence in them is the last frame's.

use super::trouble::Kind;
use crate::frame_message::PART_END;
use crate::wire::protocol;
use bytes::{BufMut, Bytes, BytesMut};

/// The facts that travel with a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeFacts {
    /// Rises with each notice of the source; never sent.
    pub number: u64,
    /// What kind of trouble it tells of.
    pub kind: Kind,
    /// Sequence of the last frame; 0 if there was none.
    pub sequence: u64,
    /// When that was captured, in microseconds since 1970; 0 if there was none.
    pub capture_time_us: u64,
    /// When the trouble began, in microseconds since 1970.
    pub since_us: u64,
    /// What the picture says.
    pub text: String,
}

/// One notice, ready for every protocol.
#[derive(Debug)]
pub struct NoticeMessage {
    facts: NoticeFacts,
    jpeg_len: usize,
    /// JPEG, then the end of the multipart part.
    body: Bytes,
    part_header: Bytes,
    wire_header: Bytes,
}

impl NoticeMessage {
    /// Copies `jpeg` once and writes the headers around it.
    #[must_use]
    pub fn new(facts: NoticeFacts, jpeg: &[u8]) -> Self {
        let mut body = BytesMut::with_capacity(jpeg.len() + PART_END.len());
        body.put_slice(jpeg);
        body.put_slice(PART_END);
        let part_header = format!(
            "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Wigwag-Sequence: {}\r\n\
             X-Wigwag-Capture-Time-Us: {}\r\nX-Wigwag-Notice: {}\r\n\r\n",
            jpeg.len(),
            facts.sequence,
            facts.capture_time_us,
            facts.kind.name(),
        );
        let wire_header =
            protocol::notice_header(facts.sequence, facts.since_us, &facts.text, jpeg.len());
        Self {
            facts,
            jpeg_len: jpeg.len(),
            body: body.freeze(),
            part_header: Bytes::from(part_header),
            wire_header,
        }
    }

    /// What travels with the picture.
    #[must_use]
    pub fn facts(&self) -> &NoticeFacts {
        &self.facts
    }

    /// The picture alone.
    #[must_use]
    pub fn jpeg(&self) -> Bytes {
        self.body.slice(..self.jpeg_len)
    }

    /// One part of the multipart stream: its header, then the JPEG with the next delimiter.
    #[must_use]
    pub fn multipart(&self) -> [Bytes; 2] {
        [self.part_header.clone(), self.body.clone()]
    }

    /// A NOTICE message of the wire protocol: its header, then the JPEG.
    #[must_use]
    pub fn wire(&self) -> [Bytes; 2] {
        [self.wire_header.clone(), self.jpeg()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_says_that_it_is_no_frame() {
        let facts = NoticeFacts {
            number: 1,
            kind: Kind::Lost,
            sequence: 41,
            capture_time_us: 1_700_000,
            since_us: 1_800_000,
            text: "cam0 is lost".to_owned(),
        };
        let message = NoticeMessage::new(facts, b"\xff\xd8jpeg\xff\xd9");
        let [header, body] = message.multipart();
        assert_eq!(
            header,
            "Content-Type: image/jpeg\r\nContent-Length: 8\r\nX-Wigwag-Sequence: 41\r\n\
             X-Wigwag-Capture-Time-Us: 1700000\r\nX-Wigwag-Notice: lost\r\n\r\n"
        );
        assert_eq!(body, &b"\xff\xd8jpeg\xff\xd9\r\n--wigwag\r\n"[..]);
        let [header, jpeg] = message.wire();
        assert_eq!(jpeg, message.jpeg());
        assert_eq!(header[5], protocol::TYPE_NOTICE);
        assert_eq!(header.len(), 8 + 8 + 8 + 2 + "cam0 is lost".len());
    }
}
