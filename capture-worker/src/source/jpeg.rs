//! JPEG structure: where an image ends, how large it is, and whether it is whole.
//!
//! Neighbours: the V4L2 source checks each frame here, the clip source finds the images of a file.
//! Nothing is decoded: only markers are read, and every length is checked before it is used.
//! Source for all markers: ITU-T T.81, table B.1.

use shm_layout::frame::SIDE_PX_MAX;

const MARKER: u8 = 0xFF;
const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const TEM: u8 = 0x01;

/// What is wrong with a JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JpegFault {
    /// The first two bytes are not FF D8.
    #[error("it does not start with FF D8")]
    NoStart,
    /// A header segment is malformed or runs past the end.
    #[error("its header is cut or malformed")]
    BadHeader,
    /// No frame header came before the image data.
    #[error("it has no size")]
    NoSize,
    /// Width or height is 0 or above the limit.
    #[error("its size is {width_px}x{height_px}, allowed is 1 to 16384 a side")]
    WildSize {
        /// Width in the frame header.
        width_px: u32,
        /// Height in the frame header.
        height_px: u32,
    },
    /// The end marker FF D9 is missing: the image was cut.
    #[error("its end is missing")]
    NoEnd,
}

/// The facts of a whole JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JpegFacts {
    /// Width in pixels, 1..=16384.
    pub width_px: u32,
    /// Height in pixels, 1..=16384.
    pub height_px: u32,
    /// Length up to and with the end marker; padding behind it is left out.
    pub len_bytes: usize,
}

/// Checks that `bytes` starts with one whole JPEG, perhaps followed by padding.
///
/// # Errors
///
/// [`JpegFault`] says what is missing.
pub fn inspect(bytes: &[u8]) -> Result<JpegFacts, JpegFault> {
    let header = read_header(bytes)?;
    // Inside image data FF is followed by 00 or a restart marker, so the last FF D9 behind the
    // first scan's header is the true end; a thumbnail's end lies in front of it.
    let data = bytes.get(header.scan_start..).unwrap_or_default();
    let end = data
        .windows(2)
        .rposition(|pair| pair == [MARKER, EOI])
        .ok_or(JpegFault::NoEnd)?;
    Ok(JpegFacts {
        width_px: header.width_px,
        height_px: header.height_px,
        len_bytes: header.scan_start + end + 2,
    })
}

/// Size of a JPEG and where its first scan begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JpegHeader {
    /// Width in pixels, 1..=16384.
    pub width_px: u32,
    /// Height in pixels, 1..=16384.
    pub height_px: u32,
    /// Offset of the first byte behind the start-of-scan marker.
    pub scan_start: usize,
}

/// Reads the segments in front of the image data.
///
/// # Errors
///
/// [`JpegFault`] if they are malformed, cut, or name no size within the limit.
pub fn read_header(bytes: &[u8]) -> Result<JpegHeader, JpegFault> {
    if !bytes.starts_with(&[MARKER, SOI]) {
        return Err(JpegFault::NoStart);
    }
    let mut at = 2;
    let mut size = None;
    loop {
        match (bytes.get(at), bytes.get(at + 1)) {
            // Any number of FF may stand in front of a marker code.
            (Some(&MARKER), Some(&MARKER)) => at += 1,
            (Some(&MARKER), Some(&code)) => {
                at += 2;
                if code == SOS {
                    let (width_px, height_px) = size.ok_or(JpegFault::NoSize)?;
                    return Ok(JpegHeader {
                        width_px,
                        height_px,
                        scan_start: at,
                    });
                }
                if is_alone(code) {
                    continue;
                }
                let segment = segment(bytes, at)?;
                if is_frame_header(code) {
                    size = Some(frame_size(segment)?);
                }
                at += 2 + segment.len();
            }
            _ => return Err(JpegFault::BadHeader),
        }
    }
}

/// Whether a marker has no length behind it.
const fn is_alone(code: u8) -> bool {
    matches!(code, TEM | 0xD0..=0xD7)
}

/// SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC), which share the range.
const fn is_frame_header(code: u8) -> bool {
    matches!(code, 0xC0..=0xCF) && !matches!(code, 0xC4 | 0xC8 | 0xCC)
}

/// The content of the segment whose two length bytes lie at `at`.
fn segment(bytes: &[u8], at: usize) -> Result<&[u8], JpegFault> {
    let length = bytes.get(at..at + 2).ok_or(JpegFault::BadHeader)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    // The length counts its own two bytes.
    if length < 2 {
        return Err(JpegFault::BadHeader);
    }
    bytes.get(at + 2..at + length).ok_or(JpegFault::BadHeader)
}

/// Width and height out of a frame header: precision u8, height u16, width u16, …
fn frame_size(segment: &[u8]) -> Result<(u32, u32), JpegFault> {
    let field = segment.get(1..5).ok_or(JpegFault::BadHeader)?;
    let height_px = u32::from(u16::from_be_bytes([field[0], field[1]]));
    let width_px = u32::from(u16::from_be_bytes([field[2], field[3]]));
    let sides = 1..=SIDE_PX_MAX;
    if !sides.contains(&width_px) || !sides.contains(&height_px) {
        return Err(JpegFault::WildSize {
            width_px,
            height_px,
        });
    }
    Ok((width_px, height_px))
}

/// Where one image lies in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Offset of its first byte.
    pub offset: u64,
    /// Its length in bytes.
    pub len_bytes: u64,
}

/// What the splitter expects next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// FF of a start; anything else is skipped.
    Start,
    /// D8 behind that FF.
    StartCode,
    /// FF in front of a marker.
    Marker,
    /// A marker's code.
    Code,
    /// First byte of the length of the segment with that code.
    LengthHigh(u8),
    /// Second byte of that length.
    LengthLow(u8, u8),
    /// That many bytes of a segment, then a marker, or image data when it was a scan's header.
    Segment { left: u32, scan: bool },
    /// Image data up to the next FF.
    Data,
    /// The byte behind an FF in image data.
    DataCode,
}

/// Finds the images in a stream of JPEGs one behind the other, fed piece by piece.
///
/// What is no JPEG between two images is skipped. An image that is malformed or cut is dropped, and
/// the search goes on behind the point where it broke: at most one segment, 64 KiB, later.
#[derive(Debug)]
pub struct Splitter {
    expect: Expect,
    position: u64,
    start: u64,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            expect: Expect::Start,
            position: 0,
            start: 0,
        }
    }
}

impl Splitter {
    /// Reads on; adds the span of each image that ends in `piece` to `spans`.
    pub fn push(&mut self, piece: &[u8], spans: &mut Vec<Span>) {
        let mut at = 0;
        while at < piece.len() {
            at += match self.expect {
                // Most of a file is image data and segments: leap over them.
                Expect::Start | Expect::Data => {
                    let found = piece[at..].iter().position(|&byte| byte == MARKER);
                    if found.is_some() {
                        self.expect = match self.expect {
                            Expect::Start => Expect::StartCode,
                            _ => Expect::DataCode,
                        };
                    }
                    found.map_or(piece.len() - at, |distance| distance + 1)
                }
                Expect::Segment { left, scan } => {
                    let step = (left as usize).min(piece.len() - at);
                    let left = left - step as u32;
                    self.expect = match (left, scan) {
                        (0, true) => Expect::Data,
                        (0, false) => Expect::Marker,
                        _ => Expect::Segment { left, scan },
                    };
                    step
                }
                _ => {
                    self.step(piece[at], self.position + at as u64, spans);
                    1
                }
            };
        }
        self.position += piece.len() as u64;
    }

    /// One byte in a state that looks at single bytes.
    fn step(&mut self, byte: u8, position: u64, spans: &mut Vec<Span>) {
        self.expect = match (self.expect, byte) {
            (Expect::StartCode, SOI) => {
                self.start = position - 1;
                Expect::Marker
            }
            (Expect::StartCode, MARKER) => Expect::StartCode,
            (Expect::Marker, MARKER) => Expect::Code,
            (Expect::Code | Expect::DataCode, EOI) => {
                let len_bytes = position + 1 - self.start;
                spans.push(Span {
                    offset: self.start,
                    len_bytes,
                });
                Expect::Start
            }
            // A start inside an image: the one before was cut, this is a new one.
            (Expect::Code | Expect::DataCode, SOI) => {
                self.start = position - 1;
                Expect::Marker
            }
            (Expect::Code, MARKER) => Expect::Code,
            (Expect::DataCode, MARKER) => Expect::DataCode,
            (Expect::DataCode, 0x00 | 0xD0..=0xD7) => Expect::Data,
            (Expect::Code, code) if is_alone(code) => Expect::Marker,
            (Expect::Code, 0x00) => Expect::Start,
            (Expect::Code | Expect::DataCode, code) => Expect::LengthHigh(code),
            (Expect::LengthHigh(code), high) => Expect::LengthLow(code, high),
            (Expect::LengthLow(code, high), low) => {
                let scan = code == SOS;
                match u32::from(u16::from_be_bytes([high, low])) {
                    0 | 1 => Expect::Start,
                    2 if scan => Expect::Data,
                    2 => Expect::Marker,
                    length => Expect::Segment {
                        left: length - 2,
                        scan,
                    },
                }
            }
            _ => Expect::Start,
        };
    }
}

#[cfg(test)]
#[path = "jpeg_tests.rs"]
pub(super) mod tests;
