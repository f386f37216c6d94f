//! JPEGs as they come from networks: good ones of every coding, and every kind of broken one.
//!
//! Upstream: the system tests push them to a box, and `fuzz/` begins with them. It knows nothing of
//! the product: what each must lead to is for whoever uses it to say.

use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

const SOI: [u8; 2] = [0xFF, 0xD8];
const EOI: [u8; 2] = [0xFF, 0xD9];
const SOF0: u8 = 0xC0;
const SOF2: u8 = 0xC2;
const DHT: u8 = 0xC4;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
/// Where precision, height, width and the number of components stand behind a frame header's marker.
const PRECISION: usize = 4;
const SIDES: usize = 5;
const COMPONENTS: usize = 9;

/// What a good picture is like.
#[derive(Debug, Clone, Copy)]
pub struct Coding {
    /// Width and height in pixels.
    pub sides: [usize; 2],
    /// How colours are thinned out.
    pub subsamp: Subsamp,
    /// Scan by scan instead of at once.
    pub is_progressive: bool,
    /// Arithmetic instead of Huffman codes.
    pub is_arithmetic: bool,
    /// Four colours of ink instead of three of light.
    pub is_cmyk: bool,
}

/// Baseline, 64x48, 4:2:0.
pub const BASELINE: Coding = Coding {
    sides: [64, 48],
    subsamp: Subsamp::Sub2x2,
    is_progressive: false,
    is_arithmetic: false,
    is_cmyk: false,
};

/// A picture with detail, so that its image data holds stuffed bytes.
///
/// # Panics
///
/// When libjpeg-turbo refuses.
#[must_use]
pub fn encode(coding: Coding) -> Vec<u8> {
    let Coding { sides, subsamp, .. } = coding;
    let [width, height] = sides;
    let (format, bytes) = match coding.is_cmyk {
        true => (PixelFormat::CMYK, 4),
        false => (PixelFormat::RGB, 3),
    };
    let mut seed = 1_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8 & 0x3F
    };
    // A slope with noise on it.
    let pixels: Vec<u8> = (0..width * height * bytes)
        .map(|at| ((at / bytes % width) * 192 / width) as u8 + next())
        .collect();
    let mut compressor = Compressor::new().expect("a compressor");
    let set = [
        compressor.set_quality(80),
        compressor.set_subsamp(subsamp),
        compressor.set_progressive(coding.is_progressive),
        compressor.set_arithmetic(coding.is_arithmetic),
    ];
    assert!(set.iter().all(Result::is_ok), "{set:?}");
    let image = Image {
        pixels: pixels.as_slice(),
        width,
        pitch: width * bytes,
        height,
        format,
    };
    compressor.compress_to_vec(image).expect("a JPEG")
}

/// Good pictures of every usual coding, by name.
#[must_use]
pub fn good() -> Vec<(&'static str, Vec<u8>)> {
    let of = |subsamp, is_progressive| Coding {
        subsamp,
        is_progressive,
        ..BASELINE
    };
    let odd = Coding {
        sides: [17, 5],
        ..BASELINE
    };
    let baseline = encode(BASELINE);
    vec![
        ("4:2:0", baseline.clone()),
        ("4:2:2", encode(of(Subsamp::Sub2x1, false))),
        ("4:4:4", encode(of(Subsamp::None, false))),
        ("4:4:0", encode(of(Subsamp::Sub1x2, false))),
        ("4:1:1", encode(of(Subsamp::Sub4x1, false))),
        ("grey", encode(of(Subsamp::Gray, false))),
        ("progressive", encode(of(Subsamp::Sub2x2, true))),
        ("odd sides", encode(odd)),
        ("trailing data", [&baseline[..], &[0xA5; 100]].concat()),
        ("missing DHT", without(&baseline, DHT)),
        ("restart markers", with_restarts(&baseline)),
        ("padded markers", padded(&baseline)),
        ("thumbnail", with_thumbnail(&baseline)),
    ]
}

/// Broken and hostile ones, by name. The header of some promises more than there is.
#[must_use]
pub fn bad() -> Vec<(&'static str, Vec<u8>)> {
    let good = encode(BASELINE);
    let progressive = encode(Coding {
        is_progressive: true,
        ..BASELINE
    });
    let arithmetic = encode(Coding {
        is_arithmetic: true,
        ..BASELINE
    });
    let cmyk = encode(Coding {
        is_cmyk: true,
        ..BASELINE
    });
    let in_header = |at, bytes: &[u8]| changed(&good, SOF0, at, bytes);
    let coded = |code| in_header(1, &[code]);
    vec![
        ("no JPEG", b"GIF89a and nothing else".to_vec()),
        ("truncated", good[..good.len() / 2].to_vec()),
        ("end marker only", [SOI, EOI].concat()),
        ("0x0", in_header(SIDES, &[0; 4])),
        ("0x48", in_header(SIDES, &[0, 48, 0, 0])),
        ("65535x65535", in_header(SIDES, &[0xFF; 4])),
        ("arithmetic-coded", arithmetic),
        ("arithmetic by name", coded(0xC9)),
        ("CMYK", cmyk),
        ("16-bit", in_header(PRECISION, &[16])),
        ("12-bit", in_header(PRECISION, &[12])),
        ("lossless", coded(0xC3)),
        ("hierarchical", coded(0xC5)),
        ("no components", in_header(COMPONENTS, &[0])),
        ("progressive bomb", bomb(&progressive, 5_000)),
    ]
}

/// What has the form of a good one, and is none inside: found out by decoding alone.
#[must_use]
pub fn deceptive() -> Vec<(&'static str, Vec<u8>)> {
    let good = encode(BASELINE);
    let progressive = encode(Coding {
        is_progressive: true,
        ..BASELINE
    });
    let large = [0x05, 0x00, 0x05, 0x00];
    let wild_factors = changed(&good, SOF0, COMPONENTS + 2, &[0x44]);
    let no_factors = changed(&good, SOF0, COMPONENTS + 2, &[0x00]);
    vec![
        ("larger than its data", changed(&good, SOF0, SIDES, &large)),
        (
            "scans larger than their data",
            changed(&bomb(&progressive, 5), SOF2, SIDES, &large),
        ),
        ("sampled 4x4", wild_factors),
        ("sampled 0x0", no_factors),
        ("missing DQT", without(&good, DQT)),
        (
            "overfull Huffman table",
            changed(&good, DHT, 4, &[0, 255, 255, 255]),
        ),
        ("garbage as image data", garbage(&good)),
    ]
}

/// `jpeg` with other bytes behind the first marker of that code.
fn changed(jpeg: &[u8], code: u8, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut changed = jpeg.to_vec();
    let from = segments(jpeg)
        .into_iter()
        .find(|(found, _)| *found == code)
        .map(|(_, range)| range.start + at)
        .expect("a segment of that code");
    changed[from..from + bytes.len()].copy_from_slice(bytes);
    changed
}

/// `jpeg` without its segments of that code.
#[must_use]
pub fn without(jpeg: &[u8], code: u8) -> Vec<u8> {
    let mut rest = jpeg.to_vec();
    for (_, range) in segments(jpeg).into_iter().rev().filter(|s| s.0 == code) {
        rest.drain(range);
    }
    rest
}

/// The last scan again and again.
fn bomb(progressive: &[u8], times: usize) -> Vec<u8> {
    let all = segments(progressive);
    let (_, last) = all.iter().rfind(|(code, _)| *code == SOS).expect("a scan");
    let end = progressive.len() - EOI.len();
    let mut bomb = progressive[..end].to_vec();
    for _ in 0..times {
        bomb.extend(&progressive[last.start..end]);
    }
    bomb.extend(EOI);
    bomb
}

/// Says that restart markers stand there, after so many blocks that none does.
fn with_restarts(jpeg: &[u8]) -> Vec<u8> {
    [&jpeg[..2], &[0xFF, 0xDD, 0, 4, 0x10, 0], &jpeg[2..]].concat()
}

/// Fill bytes in front of every marker segment, as the standard allows.
fn padded(jpeg: &[u8]) -> Vec<u8> {
    let mut padded = jpeg.to_vec();
    for (_, range) in segments(jpeg).into_iter().rev() {
        padded.splice(range.start..range.start, [0xFF; 3]);
    }
    padded
}

fn with_thumbnail(jpeg: &[u8]) -> Vec<u8> {
    let thumbnail = encode(Coding {
        sides: [8, 8],
        ..BASELINE
    });
    let length = (thumbnail.len() as u16 + 2).to_be_bytes();
    let segment = [&[0xFF, 0xE1][..], &length, &thumbnail].concat();
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

fn garbage(jpeg: &[u8]) -> Vec<u8> {
    let (_, scan) = segments(jpeg)
        .into_iter()
        .find(|(code, _)| *code == SOS)
        .expect("a scan");
    let end = jpeg.len() - EOI.len();
    let noise = (scan.end..end).map(|at| (at.wrapping_mul(97) % 251) as u8);
    let noise: Vec<u8> = noise.collect();
    [&jpeg[..scan.end], &noise, &EOI].concat()
}

/// The marker segments from the start on: code, and from the marker to the end.
fn segments(jpeg: &[u8]) -> Vec<(u8, std::ops::Range<usize>)> {
    let (mut at, mut found) = (SOI.len(), Vec::new());
    while at + 4 <= jpeg.len() {
        let code = jpeg[at + 1];
        if jpeg[at] != 0xFF || matches!(code, 0 | 0xFF | 0xD0..=0xD9) {
            at += 1;
            continue;
        }
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        found.push((code, at..end.min(jpeg.len())));
        at = end;
    }
    found
}
