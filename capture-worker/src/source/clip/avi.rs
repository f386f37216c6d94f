//! MJPEG in AVI: the chunks of a RIFF file, walked from front to back.
//!
//! Neighbours: [`super`] plays it. The index at the end of the file and the sizes of lists are not
//! trusted: recorders that lost power leave both wrong. Only chunk headers are read, and each step
//! leads at least 8 bytes further, so no file can hold the walk up for ever.
//! Source: Microsoft, *AVI RIFF File Reference*; OpenDML 1.02 (several RIFF parts in one file).

use super::bytes::ClipBytes;
use super::{CLIP_FRAMES_MAX, ClipError};
use crate::source::jpeg::Span;

/// Codes under which recorders store plain JPEG images.
const JPEG_CODECS: [[u8; 4]; 5] = [*b"MJPG", *b"mjpg", *b"JPEG", *b"jpeg", *b"AVRn"];

/// The video frames of one AVI file.
#[derive(Debug)]
pub struct AviStream {
    bytes: ClipBytes,
    cursor: u64,
    streams: u32,
    video: Option<VideoStream>,
    spans: Vec<Span>,
    is_complete: bool,
}

/// The first video stream of the file.
#[derive(Debug, Clone, Copy, PartialEq)]
struct VideoStream {
    /// Its number as the two digits in front of its chunks, e.g. `00` in `00dc`.
    digits: [u8; 2],
    fps: Option<f64>,
    codec: Option<[u8; 4]>,
}

/// Whether a file with this beginning is an AVI.
#[must_use]
pub fn is_avi(head: &[u8]) -> bool {
    head.len() >= 12 && &head[..4] == b"RIFF" && &head[8..12] == b"AVI "
}

impl AviStream {
    /// Reads the headers up to the first frame.
    ///
    /// # Errors
    ///
    /// [`ClipError::Codec`] if the video is not MJPEG; [`ClipError::NoFrames`] if there is none.
    pub fn new(bytes: ClipBytes) -> Result<Self, ClipError> {
        let mut avi = Self {
            bytes,
            cursor: 0,
            streams: 0,
            video: None,
            spans: Vec::new(),
            is_complete: false,
        };
        let first = avi.span(0)?;
        let codec = avi.video.and_then(|video| video.codec);
        if let Some(found) = codec.filter(|codec| !JPEG_CODECS.contains(codec)) {
            let found = String::from_utf8_lossy(&found).into_owned();
            return Err(ClipError::Codec {
                path: avi.bytes.path().into(),
                found,
            });
        }
        match first {
            Some(_) => Ok(avi),
            None => Err(ClipError::NoFrames {
                path: avi.bytes.path().into(),
            }),
        }
    }

    /// The rate that the file asks for, in frames per second.
    #[must_use]
    pub fn fps(&self) -> Option<f64> {
        self.video.and_then(|video| video.fps)
    }

    /// Where frame `index` lies, or `None` behind the last.
    ///
    /// # Errors
    ///
    /// [`ClipError::Read`] if the file system fails.
    pub fn span(&mut self, index: usize) -> Result<Option<Span>, ClipError> {
        while self.spans.len() <= index && !self.is_complete {
            self.walk_on()?;
        }
        Ok(self.spans.get(index).copied())
    }

    /// The bytes that the spans point into.
    #[must_use]
    pub const fn bytes(&self) -> &ClipBytes {
        &self.bytes
    }

    /// Looks at one chunk header.
    fn walk_on(&mut self) -> Result<(), ClipError> {
        let mut head = [0_u8; 8];
        if self.bytes.read_some(&mut head, self.cursor)? < head.len() {
            self.is_complete = true;
            return Ok(());
        }
        let id = [head[0], head[1], head[2], head[3]];
        let size = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        let content = self.cursor + 8;
        match &id {
            // Step inside: what they hold follows behind four bytes of list type.
            b"RIFF" | b"LIST" => {
                self.cursor = content + 4;
                return Ok(());
            }
            b"strh" => self.read_stream_header(content)?,
            b"strf" => self.read_stream_format(content)?,
            _ if self.is_video_chunk(id) => self.add_frame(content, size),
            _ => {}
        }
        // Chunks start at even offsets.
        self.cursor = content + size + size % 2;
        Ok(())
    }

    fn is_video_chunk(&self, id: [u8; 4]) -> bool {
        let kind = [id[2], id[3]];
        self.video
            .is_some_and(|video| video.digits == [id[0], id[1]])
            && (kind == *b"dc" || kind == *b"db")
    }

    fn add_frame(&mut self, offset: u64, len_bytes: u64) {
        if offset.saturating_add(len_bytes) > self.bytes.len_bytes() {
            // The recording was cut inside this frame.
            self.is_complete = true;
        } else if len_bytes > 0 {
            self.spans.push(Span { offset, len_bytes });
        } else if let Some(&last) = self.spans.last() {
            // An empty chunk stands for "show the frame before it again".
            self.spans.push(last);
        }
        self.is_complete |= self.spans.len() >= CLIP_FRAMES_MAX;
    }

    /// `AVISTREAMHEADER`: type at 0, time scale at 20, rate at 24.
    fn read_stream_header(&mut self, content: u64) -> Result<(), ClipError> {
        let mut header = [0_u8; 28];
        let number = self.streams;
        self.streams = number.saturating_add(1);
        let is_whole = self.bytes.read_some(&mut header, content)? == header.len();
        if !is_whole || &header[..4] != b"vids" || self.video.is_some() || number > 99 {
            return Ok(());
        }
        let word = |at: usize| {
            f64::from(u32::from_le_bytes([
                header[at],
                header[at + 1],
                header[at + 2],
                header[at + 3],
            ]))
        };
        let (scale, rate) = (word(20), word(24));
        let digits = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        let fps = (scale > 0.0 && rate > 0.0).then(|| rate / scale);
        self.video = Some(VideoStream {
            digits,
            fps,
            codec: None,
        });
        Ok(())
    }

    /// `BITMAPINFOHEADER` behind the header of the video stream: compression at 16.
    fn read_stream_format(&mut self, content: u64) -> Result<(), ClipError> {
        let mut codec = [0_u8; 4];
        if let Some(video) = &mut self.video
            && video.codec.is_none()
            && self.bytes.read_some(&mut codec, content + 16)? == codec.len()
        {
            video.codec = Some(codec);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "avi_tests.rs"]
mod tests;
