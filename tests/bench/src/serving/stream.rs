//! What a client reads, byte by byte and without copying pictures: a multipart stream over HTTP, or
//! the classic Python design's length and pickle. Pure.

use super::frames::{STAMP, STAMP_AT, STAMP_DIGITS};
use serde::{Deserialize, Serialize};

/// Longest head that is believed.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a picture that are kept to find its time.
const KEPT_BYTES: usize = 64;
/// Where the time stands in the classic design's pickle of (time, picture): protocol, frame with its
/// length, then the code of a float and its eight bytes.
const PICKLED_TIME_AT: usize = 2 + 9;

/// How a server talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// Multipart over HTTP.
    Multipart,
    /// A length of eight bytes, then a pickle.
    Pickle,
}

#[derive(Debug)]
enum State {
    /// In a head, up to its empty line.
    Head(Vec<u8>),
    /// In a length of eight bytes.
    Length(Vec<u8>),
    /// In a picture.
    Body { left: usize, kept: Vec<u8> },
    /// What comes is no such stream.
    Broken,
}

/// One client's place in its stream.
#[derive(Debug)]
pub struct Reader {
    protocol: Protocol,
    state: State,
    /// The time that the part's head gave, µs since 1970.
    told_us: Option<u64>,
}

impl Reader {
    /// At the start.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        let state = match protocol {
            Protocol::Multipart => State::Head(Vec::new()),
            Protocol::Pickle => State::Length(Vec::new()),
        };
        Self {
            protocol,
            state,
            told_us: None,
        }
    }

    /// Whether what came is no such stream.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken)
    }

    /// Takes what came; `seen` gets the capture time of each picture whose last byte is in it.
    pub fn feed(&mut self, mut bytes: &[u8], mut seen: impl FnMut(u64)) {
        while !bytes.is_empty() {
            bytes = match &mut self.state {
                State::Broken => return,
                State::Head(head) => {
                    // Byte by byte around the end, which may have come in two parts.
                    let before = head.len().min(3);
                    let window = [&head[head.len() - before..], bytes].concat();
                    match window.windows(4).position(|four| four == b"\r\n\r\n") {
                        None if head.len() + bytes.len() > HEAD_BYTES_MAX => {
                            self.state = State::Broken;
                            return;
                        }
                        None => {
                            head.extend_from_slice(bytes);
                            return;
                        }
                        Some(at) => {
                            let used = at + 4 - before;
                            head.extend_from_slice(&bytes[..used]);
                            let head = std::mem::take(head);
                            self.end_head(&head);
                            &bytes[used..]
                        }
                    }
                }
                State::Length(length) => {
                    let used = bytes.len().min(8 - length.len());
                    length.extend_from_slice(&bytes[..used]);
                    if let Ok(length) = <[u8; 8]>::try_from(length.as_slice()) {
                        let left = u64::from_ne_bytes(length) as usize;
                        self.state = State::Body {
                            left,
                            kept: Vec::new(),
                        };
                    }
                    &bytes[used..]
                }
                State::Body { left, kept } => {
                    let used = bytes.len().min(*left);
                    let keep = used.min(KEPT_BYTES.saturating_sub(kept.len()));
                    kept.extend_from_slice(&bytes[..keep]);
                    *left -= used;
                    if *left == 0 {
                        let kept = std::mem::take(kept);
                        let told_us = self.told_us.take();
                        // A placeholder of a server whose camera is not there yet has none.
                        if let Some(capture_us) = told_us.or_else(|| time_in(self.protocol, &kept))
                        {
                            seen(capture_us);
                        }
                        self.state = Self::new(self.protocol).state;
                    }
                    &bytes[used..]
                }
            };
        }
    }

    /// A head without a length is that of the whole answer.
    fn end_head(&mut self, head: &[u8]) {
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let value = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find_map(|(known, value)| (known == name).then_some(value))
        };
        self.told_us = value("x-wigwag-capture-time-us").and_then(|us| us.parse().ok());
        let length = value("content-length").and_then(|length| length.parse().ok());
        self.state = match length {
            Some(left @ 1..) => State::Body {
                left,
                kept: Vec::new(),
            },
            _ if head.starts_with("http/1.") && head.contains(" 200 ") => State::Head(Vec::new()),
            _ => State::Broken,
        };
    }
}

/// The time within a picture.
fn time_in(protocol: Protocol, kept: &[u8]) -> Option<u64> {
    match protocol {
        Protocol::Multipart => {
            let stamp = kept.get(STAMP_AT - STAMP.len()..STAMP_AT + STAMP_DIGITS)?;
            let digits = std::str::from_utf8(stamp.strip_prefix(STAMP)?).ok()?;
            u64::from_str_radix(digits, 16).ok()
        }
        Protocol::Pickle => {
            let (code, float) = kept.get(PICKLED_TIME_AT..)?.split_first()?;
            let seconds = f64::from_be_bytes(*float.first_chunk()?);
            (*code == b'G').then_some((seconds * 1e6) as u64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(protocol: Protocol, bytes: &[u8], step: usize) -> (Vec<u64>, bool) {
        let (mut reader, mut seen) = (Reader::new(protocol), Vec::new());
        for part in bytes.chunks(step) {
            reader.feed(part, |us| seen.push(us));
        }
        (seen, reader.is_broken())
    }

    #[test]
    fn multipart_is_read_however_it_comes() {
        let mut bytes = b"HTTP/1.0 200 OK\r\nContent-Type: multipart\r\n\r\n--b\r\n".to_vec();
        for us in [7, 8] {
            bytes.extend(
                format!("Content-Length: 5\r\nX-Wigwag-Capture-Time-Us: {us}\r\n\r\n").bytes(),
            );
            bytes.extend(b"01234\r\n--b\r\n");
        }
        let stamped = b"\xff\xd8\xff\xfe\0\x15TS=00000000000000ff.........";
        bytes.extend(format!("Content-Length: {}\r\n\r\n", stamped.len()).bytes());
        bytes.extend(stamped);
        for step in [1, 3, 7, 1_000] {
            let read = read(Protocol::Multipart, &bytes, step);
            assert_eq!(read, (vec![7, 8, 255], false), "{step}");
        }
        assert!(read(Protocol::Multipart, b"HTTP/1.1 503 No\r\n\r\n", 9).1);
    }

    #[test]
    fn pickles_are_read_however_they_come() {
        let mut pickle = b"\x80\x04\x95\0\0\0\0\0\0\0\0G".to_vec();
        pickle.extend(1.5_f64.to_be_bytes());
        pickle.extend([9; 100]);
        let message = [&(pickle.len() as u64).to_ne_bytes()[..], &pickle].concat();
        for step in [1, 5, 1_000] {
            let read = read(Protocol::Pickle, &message.repeat(2), step);
            assert_eq!(read, (vec![1_500_000; 2], false), "{step}");
        }
    }
}
