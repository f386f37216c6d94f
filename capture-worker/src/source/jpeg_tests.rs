//! Tests of the JPEG checks and the splitter, on images built byte by byte and on bytes at random.

use super::*;
use proptest::prelude::*;

/// A JPEG of the given size whose image data is `data`; as small as its structure allows.
pub(crate) fn jpeg(width_px: u16, height_px: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8];
    // A comment that holds what looks like an end and a start, as thumbnails do.
    bytes.extend([0xFF, 0xFE, 0, 6, 0xFF, 0xD9, 0xFF, 0xD8]);
    bytes.extend([0xFF, 0xC0, 0, 11, 8]);
    bytes.extend(height_px.to_be_bytes());
    bytes.extend(width_px.to_be_bytes());
    bytes.extend([1, 1, 0x11, 0]);
    bytes.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0]);
    bytes.extend(data);
    bytes.extend([0xFF, 0xD9]);
    bytes
}

fn split(bytes: &[u8], piece: usize) -> Vec<Span> {
    let (mut splitter, mut spans) = (Splitter::default(), Vec::new());
    bytes
        .chunks(piece.max(1))
        .for_each(|piece| splitter.push(piece, &mut spans));
    spans
}

/// Image data in which every FF is stuffed or a restart marker.
fn image_data() -> impl Strategy<Value = Vec<u8>> {
    let unit = prop_oneof![
        (0..0xFF_u8).prop_map(|byte| vec![byte]),
        Just(vec![0xFF, 0x00]),
        (0xD0..=0xD7_u8).prop_map(|restart| vec![0xFF, restart]),
    ];
    proptest::collection::vec(unit, 0..200).prop_map(|units| units.concat())
}

#[test]
fn a_whole_jpeg_has_its_size_and_length() {
    let bytes = jpeg(640, 480, &[1, 2, 0xFF, 0x00, 0xFF, 0xD3, 9]);
    let facts = inspect(&bytes).unwrap();
    assert_eq!(
        facts,
        JpegFacts {
            width_px: 640,
            height_px: 480,
            len_bytes: bytes.len()
        }
    );
}

#[test]
fn padding_behind_the_end_is_left_out() {
    let bytes = jpeg(8, 8, &[5; 40]);
    for padding in [&[0; 600][..], &[0xFF; 9], b"\r\n--boundary"] {
        let padded = [&bytes, padding].concat();
        assert_eq!(inspect(&padded).unwrap().len_bytes, bytes.len());
    }
}

#[test]
fn a_cut_jpeg_is_told_at_every_length() {
    let bytes = jpeg(8, 8, &[5; 40]);
    for length in 0..bytes.len() {
        assert!(inspect(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn each_fault_has_its_name() {
    assert_eq!(inspect(b"GIF89a"), Err(JpegFault::NoStart));
    assert_eq!(inspect(&[0xFF, 0xD8, 0x00]), Err(JpegFault::BadHeader));
    assert_eq!(
        inspect(&[0xFF, 0xD8, 0xFF, 0xE0, 0, 1]),
        Err(JpegFault::BadHeader)
    );
    assert_eq!(inspect(&[0xFF, 0xD8, 0xFF, 0xDA]), Err(JpegFault::NoSize));
    let wild = JpegFault::WildSize {
        width_px: 0,
        height_px: 480,
    };
    assert_eq!(inspect(&jpeg(0, 480, &[])), Err(wild));
    assert!(matches!(
        inspect(&jpeg(65_535, 8, &[])),
        Err(JpegFault::WildSize { .. })
    ));
    let bytes = jpeg(8, 8, &[1]);
    assert_eq!(inspect(&bytes[..bytes.len() - 2]), Err(JpegFault::NoEnd));
}

#[test]
fn a_real_jpeg_of_every_kind_is_read() {
    for (progressive, optimize) in [(false, false), (true, false), (false, true)] {
        let mut compressor = turbojpeg::Compressor::new().unwrap();
        compressor.set_progressive(progressive).unwrap();
        compressor.set_optimize(optimize).unwrap();
        let image = turbojpeg::Image::mandelbrot(120, 90, turbojpeg::PixelFormat::RGB);
        let bytes = compressor.compress_to_vec(image.as_deref()).unwrap();
        let facts = inspect(&bytes).unwrap();
        assert_eq!((facts.width_px, facts.height_px), (120, 90));
        assert_eq!(facts.len_bytes, bytes.len());
        let spans = split(&[&bytes[..], &bytes].concat(), 1000);
        let len_bytes = bytes.len() as u64;
        assert_eq!(
            spans,
            [
                Span {
                    offset: 0,
                    len_bytes
                },
                Span {
                    offset: len_bytes,
                    len_bytes
                }
            ]
        );
    }
}

#[test]
fn a_cut_image_is_dropped_and_what_follows_is_found_again() {
    let (first, second) = (jpeg(8, 8, &[1; 50]), jpeg(8, 8, &[2; 30]));
    // More than a segment can hold: the cut may have made a length of what follows.
    let follows = second.repeat(70_000 / second.len());
    for cut in 2..first.len() {
        let stream = [&first[..cut], &follows].concat();
        let spans = split(&stream, 1000);
        let len_bytes = second.len() as u64;
        // The image right behind the cut may be mixed with the one before it, and be found a second
        // time from the start inside its comment; no other is touched.
        let is_true = |span: &Span| {
            span.offset >= cut as u64 && (span.offset - cut as u64).is_multiple_of(len_bytes)
        };
        assert!(
            spans.iter().filter(|span| !is_true(span)).count() <= 2,
            "{cut}"
        );
        let last = Span {
            offset: stream.len() as u64 - len_bytes,
            len_bytes,
        };
        assert_eq!(spans.last(), Some(&last), "{cut}");
    }
}

proptest! {
    #[test]
    fn images_are_found_wherever_the_pieces_end(
        images in proptest::collection::vec(image_data(), 1..5),
        junk in proptest::collection::vec(0..0xFF_u8, 0..20),
        piece in 1..100_usize,
    ) {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for data in &images {
            stream.extend(&junk);
            let bytes = jpeg(16, 8, data);
            let (offset, len_bytes) = (stream.len() as u64, bytes.len() as u64);
            prop_assert_eq!(inspect(&bytes).map(|facts| facts.len_bytes), Ok(bytes.len()));
            expected.push(Span { offset, len_bytes });
            stream.extend(bytes);
        }
        prop_assert_eq!(split(&stream, piece), expected);
    }

    #[test]
    fn no_bytes_make_it_panic_or_point_outside(
        mut bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(0xFF), 0xC0..=0xFF_u8], 0..400),
        piece in 1..50_usize,
    ) {
        for start in [false, true] {
            if start {
                bytes.splice(0..0, [0xFF, 0xD8]);
            }
            if let Ok(facts) = inspect(&bytes) {
                prop_assert!(facts.len_bytes <= bytes.len());
            }
            for span in split(&bytes, piece) {
                prop_assert!(span.len_bytes >= 4);
                prop_assert!(span.offset + span.len_bytes <= bytes.len() as u64);
            }
        }
    }
}
