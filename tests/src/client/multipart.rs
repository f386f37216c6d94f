//! `GET /stream/{source}`: JPEGs as parts of one answer without an end.

use super::http::{self, Streaming};
use std::io::{BufRead, Read};
use std::sync::mpsc::{Receiver, channel};

/// Largest part believed.
const PART_BYTES_MAX: usize = 64 << 20;

/// One open stream.
#[allow(missing_debug_implementations, reason = "the body is an opaque reader")]
pub struct MultipartStream {
    delimiter: String,
    body: Streaming,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// `X-Wigwag-Sequence`.
    pub sequence: u64,
    /// `X-Wigwag-Capture-Time-Us`.
    pub capture_time_us: u64,
    /// `X-Wigwag-Notice`; `None` for a frame.
    pub notice: Option<String>,
    /// The image.
    pub jpeg: Vec<u8>,
}

impl MultipartStream {
    /// Opens the stream of `source`.
    ///
    /// # Panics
    ///
    /// If it cannot be opened or is no multipart stream.
    #[track_caller]
    #[must_use]
    pub fn open(address: &str, source: &str) -> Self {
        let (content_type, body) = http::open(address, &format!("/stream/{source}"));
        Self::of(&content_type, body)
    }

    /// The stream in the body of an answer.
    ///
    /// # Panics
    ///
    /// If it is none.
    #[track_caller]
    #[must_use]
    pub fn of(content_type: &str, body: Streaming) -> Self {
        let boundary = content_type
            .strip_prefix("multipart/x-mixed-replace; boundary=")
            .unwrap_or_else(|| panic!("content type is `{content_type}`"));
        Self {
            delimiter: format!("--{boundary}"),
            body,
        }
    }

    /// The sequences of what comes, read by a thread of its own; they end with the stream.
    #[must_use]
    pub fn into_sequences(mut self) -> Receiver<u64> {
        let (seen, sequences) = channel();
        std::thread::spawn(move || {
            while let Some(part) = self.next_part() {
                if seen.send(part.sequence).is_err() {
                    return;
                }
            }
        });
        sequences
    }

    /// The next frame, notices left out; `None` when the stream has ended.
    ///
    /// # Panics
    ///
    /// If what comes is no part of such a stream.
    #[track_caller]
    pub fn next_part(&mut self) -> Option<Part> {
        loop {
            let part = self.next_picture()?;
            if part.notice.is_none() {
                return Some(part);
            }
        }
    }

    /// The next notice of a stream that must not end, frames left out.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[track_caller]
    pub fn notice(&mut self) -> Part {
        loop {
            let part = self.next_picture().expect("the stream goes on");
            if part.notice.is_some() {
                return part;
            }
        }
    }

    /// The next frame or notice; `None` when the stream has ended.
    ///
    /// # Panics
    ///
    /// If what comes is no part of such a stream.
    #[track_caller]
    pub fn next_picture(&mut self) -> Option<Part> {
        let delimiter = self.line()?;
        assert_eq!(delimiter, self.delimiter, "delimiter");
        let (mut sequence, mut capture_time_us, mut length, mut kind) = (None, None, None, None);
        let mut notice = None;
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else {
                assert_eq!(line, "", "header of a part");
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "x-wigwag-sequence" => sequence = value.parse().ok(),
                "x-wigwag-capture-time-us" => capture_time_us = value.parse().ok(),
                "x-wigwag-notice" => notice = Some(value.to_owned()),
                "content-length" => length = value.parse::<usize>().ok(),
                "content-type" => kind = Some(value.to_owned()),
                _ => {}
            }
        }
        assert_eq!(kind.as_deref(), Some("image/jpeg"));
        let length = length
            .filter(|length| *length <= PART_BYTES_MAX)
            .expect("Content-Length");
        let mut jpeg = vec![0; length];
        self.body.read_exact(&mut jpeg).ok()?;
        assert!(is_jpeg(&jpeg), "a part is no whole JPEG");
        assert_eq!(self.line()?, "", "end of a part");
        Some(Part {
            sequence: sequence.expect("X-Wigwag-Sequence"),
            capture_time_us: capture_time_us.expect("X-Wigwag-Capture-Time-Us"),
            notice,
            jpeg,
        })
    }

    /// The next part of a stream that must not end.
    ///
    /// # Panics
    ///
    /// If it has ended.
    #[track_caller]
    pub fn part(&mut self) -> Part {
        self.next_part().expect("the stream goes on")
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.body.read_line(&mut line).ok()?;
        (count > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// Whether `bytes` begin and end as a JPEG does.
#[must_use]
pub fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8]) && bytes.ends_with(&[0xff, 0xd9])
}
