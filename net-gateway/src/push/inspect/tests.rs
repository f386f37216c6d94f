//! Real JPEGs of every coding, and what can be wrong with one.

use super::*;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

const LIMIT: u32 = 1280;

fn look(bytes: &[u8]) -> Result<JpegFacts, JpegFault> {
    inspect(bytes, LIMIT, LIMIT)
}

/// A real picture with detail, so that its image data holds stuffed bytes.
fn real(progressive: bool, gray: bool) -> Vec<u8> {
    let (width, height) = (320, 240);
    let mut seed = 1_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    let pixels: Vec<u8> = (0..width * height * 3).map(|_| next()).collect();
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(90).unwrap();
    compressor
        .set_subsamp(if gray { Subsamp::Gray } else { Subsamp::Sub2x2 })
        .unwrap();
    compressor.set_progressive(progressive).unwrap();
    let image = Image {
        pixels: pixels.as_slice(),
        width,
        pitch: width * 3,
        height,
        format: PixelFormat::RGB,
    };
    compressor.compress_to_vec(image).unwrap()
}

/// A JPEG of given segments, with some image data.
fn made(segments: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0xFF, SOI];
    for (code, content) in segments {
        bytes.extend([0xFF, *code]);
        bytes.extend((content.len() as u16 + 2).to_be_bytes());
        bytes.extend(*content);
        if *code == SOS {
            bytes.extend([0x12, 0xFF, 0x00, 0xFF, 0xD3, 0x34]);
        }
    }
    bytes.extend([0xFF, EOI]);
    bytes
}

fn header(precision: u8, width: u16, height: u16, components: u8) -> Vec<u8> {
    let mut content = vec![precision];
    content.extend(height.to_be_bytes());
    content.extend(width.to_be_bytes());
    content.push(components);
    for number in 1..=components {
        content.extend([number, 0x11, 0]);
    }
    content
}

const SCAN: &[u8] = &[1, 1, 0, 0, 63, 0];

#[test]
fn whole_pictures_of_every_usual_coding_are_taken() {
    for (progressive, gray) in [(false, false), (false, true), (true, false), (true, true)] {
        let bytes = real(progressive, gray);
        let facts = look(&bytes).unwrap();
        assert_eq!((facts.width_px, facts.height_px), (320, 240));
        assert_eq!(facts.len_bytes, bytes.len());
    }
}

#[test]
fn what_follows_the_end_is_left_out() {
    let mut bytes = real(false, false);
    let len_bytes = bytes.len();
    bytes.extend([0xFF, EOI, 1, 2, 3]);
    assert_eq!(look(&bytes).unwrap().len_bytes, len_bytes);
}

#[test]
fn every_cut_is_noticed() {
    for progressive in [false, true] {
        let bytes = real(progressive, false);
        for len in 0..bytes.len() {
            assert!(look(&bytes[..len]).is_err(), "{len} of {}", bytes.len());
        }
    }
}

#[test]
fn sizes_are_within_the_limits() {
    let sized = |width, height| look(&made(&[(0xC0, &header(8, width, height, 3)), (SOS, SCAN)]));
    assert!(sized(1, 1).is_ok() && sized(1280, 1280).is_ok());
    for (width, height) in [
        (0, 0),
        (0, 8),
        (8, 0),
        (1281, 8),
        (8, 1281),
        (65_535, 65_535),
    ] {
        let fault = sized(width, height).unwrap_err();
        assert!(matches!(fault, JpegFault::Size { .. }), "{fault}");
    }
}

#[test]
fn codings_that_are_not_decoded_are_refused_by_name() {
    let coded = |code, content: &[u8]| {
        let bytes = made(&[(code, content), (SOS, SCAN)]);
        look(&bytes).unwrap_err().to_string()
    };
    let three = header(8, 64, 64, 3);
    for (code, name) in [
        (0xC3, "lossless"),
        (0xC9, "arithmetic"),
        (0xCA, "arithmetic"),
        (0xCC, "arithmetic"),
        (0xC5, "hierarchical"),
        (0xCF, "hierarchical"),
    ] {
        assert!(coded(code, &three).contains(name), "{code:x}");
    }
    assert!(coded(0xC1, &header(12, 64, 64, 3)).contains("8 bits"));
    assert!(coded(0xC0, &header(16, 64, 64, 1)).contains("8 bits"));
    assert!(
        coded(0xC0, &header(8, 64, 64, 4)).contains("components"),
        "CMYK"
    );
}

#[test]
fn a_bomb_of_scans_is_refused() {
    let size = header(8, 64, 64, 3);
    let mut segments = vec![(0xC2, size.as_slice())];
    segments.extend(vec![(SOS, SCAN); SCANS_MAX as usize]);
    assert!(look(&made(&segments)).is_ok());
    segments.push((SOS, SCAN));
    assert_eq!(look(&made(&segments)), Err(JpegFault::Scans(SCANS_MAX)));
}

#[test]
fn what_is_no_jpeg_is_told_apart() {
    let size = header(8, 64, 64, 1);
    assert_eq!(look(b"GIF89a"), Err(JpegFault::NoStart));
    assert_eq!(look(&[]), Err(JpegFault::NoStart));
    let structure = |bytes: &[u8], what: &str| {
        let fault = look(bytes).unwrap_err();
        assert!(matches!(fault, JpegFault::Structure(_)), "{fault}");
        assert!(fault.to_string().contains(what), "{fault}");
    };
    structure(&made(&[]), "no image data");
    structure(&made(&[(0xC0, &size)]), "no image data");
    structure(&made(&[(SOS, SCAN)]), "no size");
    structure(
        &made(&[(0xC0, &size), (0xC0, &size), (SOS, SCAN)]),
        "two sizes",
    );
    structure(&made(&[(0xC0, &size[..8])]), "components");
    structure(&made(&[(0xC0, &size[..3])]), "size is cut");
    structure(&[0xFF, SOI, 0xFF, 0xE0, 0, 1], "shorter");
    structure(&[0xFF, SOI, 0x12, 0x34], "marker is missing");
    structure(&[0xFF, SOI, 0xFF, SOI], "second one");
    structure(&[0xFF, SOI, 0xFF, 0x00], "outside of a scan");
    // A length that leads beyond the end.
    assert_eq!(
        look(&[0xFF, SOI, 0xFF, 0xE0, 0xFF, 0xFF, 0]),
        Err(JpegFault::Cut)
    );
    // Nothing but fill bytes.
    assert_eq!(
        look(&[&[0xFF, SOI][..], &[0xFF; 9000]].concat()),
        Err(JpegFault::Cut)
    );
}

/// Any change of any byte of the header, and any bytes at all: an answer, and a length within.
#[test]
fn no_bytes_break_it() {
    let good = real(true, false);
    let mut seed = 7_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    for _ in 0..20_000 {
        let mut bytes = good[..next(good.len()).min(2000)].to_vec();
        for _ in 0..=next(8) {
            if !bytes.is_empty() {
                let at = next(bytes.len());
                bytes[at] = next(256) as u8;
            }
        }
        if let Ok(facts) = look(&bytes) {
            assert!(facts.len_bytes <= bytes.len());
            assert!((1..=LIMIT).contains(&facts.width_px));
        }
    }
}
