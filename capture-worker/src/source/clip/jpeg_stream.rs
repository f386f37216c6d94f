//! A file of JPEGs one behind the other, as `ffmpeg -f mjpeg` writes it and as cameras stream it.
//!
//! Neighbours: [`super`] plays it; [`crate::source::jpeg::Splitter`] finds the images. The index
//! grows while the clip plays for the first time, so that a large file starts at once.

use super::bytes::ClipBytes;
use super::{CLIP_FRAMES_MAX, ClipError};
use crate::source::jpeg::{Span, Splitter};

/// How much is read at a time while the index grows.
const PIECE_BYTES: usize = 64 * 1024;

/// How far into a file its first image must end; beyond that it is taken for something else.
const FIRST_IMAGE_WITHIN_BYTES: u64 = 64 * 1024 * 1024;

/// The images of one file.
#[derive(Debug)]
pub struct JpegStream {
    bytes: ClipBytes,
    splitter: Splitter,
    scanned: u64,
    spans: Vec<Span>,
    is_complete: bool,
}

impl JpegStream {
    /// Images in `bytes`.
    ///
    /// # Errors
    ///
    /// [`ClipError::NoFrames`] if there is none near its beginning.
    pub fn new(bytes: ClipBytes) -> Result<Self, ClipError> {
        let mut stream = Self {
            bytes,
            splitter: Splitter::default(),
            scanned: 0,
            spans: Vec::new(),
            is_complete: false,
        };
        while stream.spans.is_empty() {
            if stream.is_complete || stream.scanned > FIRST_IMAGE_WITHIN_BYTES {
                return Err(ClipError::NoFrames {
                    path: stream.bytes.path().into(),
                });
            }
            stream.scan_on()?;
        }
        Ok(stream)
    }

    /// Where image `index` lies, or `None` behind the last.
    ///
    /// # Errors
    ///
    /// [`ClipError::Read`] if the file system fails.
    pub fn span(&mut self, index: usize) -> Result<Option<Span>, ClipError> {
        while self.spans.len() <= index && !self.is_complete {
            self.scan_on()?;
        }
        Ok(self.spans.get(index).copied())
    }

    /// The bytes that the spans point into.
    #[must_use]
    pub const fn bytes(&self) -> &ClipBytes {
        &self.bytes
    }

    fn scan_on(&mut self) -> Result<(), ClipError> {
        let mut piece = [0_u8; PIECE_BYTES];
        let count = self.bytes.read_some(&mut piece, self.scanned)?;
        self.splitter.push(&piece[..count], &mut self.spans);
        self.scanned += count as u64;
        self.spans.truncate(CLIP_FRAMES_MAX);
        self.is_complete = count == 0 || self.spans.len() == CLIP_FRAMES_MAX;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_clip_has_its_272_frames() {
        let mut stream = JpegStream::new(ClipBytes::demo()).unwrap();
        assert!(stream.span(271).unwrap().is_some());
        assert_eq!(stream.span(272).unwrap(), None);
        let total: u64 = stream.spans.iter().map(|span| span.len_bytes).sum();
        assert_eq!(total, stream.bytes().len_bytes());
    }

    #[test]
    fn a_file_without_images_is_refused() {
        for bytes in [&b""[..], b"\xFF\xD8", b"hello, world", &[0xFF; 100_000]] {
            let refused = JpegStream::new(ClipBytes::embedded(bytes, "x")).unwrap_err();
            assert!(matches!(refused, ClipError::NoFrames { .. }), "{refused}");
        }
    }
}
