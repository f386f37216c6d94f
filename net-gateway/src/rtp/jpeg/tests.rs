//! Real JPEGs of every coding: those that fit are taken apart, the others are told apart.

use super::*;
use proptest::prelude::*;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

fn encode(sides: (usize, usize), subsamp: Subsamp, change: impl Fn(&mut Compressor)) -> Vec<u8> {
    let (width, height) = sides;
    let pixels: Vec<u8> = (0..width * height * 3)
        .map(|at| (at * 7 % 251) as u8)
        .collect();
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(80).unwrap();
    compressor.set_subsamp(subsamp).unwrap();
    change(&mut compressor);
    let image = Image {
        pixels: pixels.as_slice(),
        width,
        pitch: width * 3,
        height,
        format: PixelFormat::RGB,
    };
    compressor.compress_to_vec(image).unwrap()
}

fn plain(sides: (usize, usize), subsamp: Subsamp) -> Vec<u8> {
    encode(sides, subsamp, |_| {})
}

/// Behind the start of the picture, as a camera puts it.
fn with_segment(jpeg: &[u8], segment: &[u8]) -> Vec<u8> {
    [&jpeg[..2], segment, &jpeg[2..]].concat()
}

#[test]
fn pictures_of_both_samplings_fit() {
    for (subsamp, sampling) in [
        (Subsamp::Sub2x1, Sampling::Half),
        (Subsamp::Sub2x2, Sampling::Quarter),
    ] {
        let jpeg = plain((640, 480), subsamp);
        let taken = take_apart(&jpeg).unwrap();
        assert_eq!((taken.width_blocks, taken.height_blocks), (80, 60));
        assert_eq!((taken.sampling, taken.restart_interval), (sampling, 0));
        assert!(jpeg.ends_with(&[taken.scan, &[0xFF, EOI]].concat()));
        assert_ne!(taken.tables[0], taken.tables[1]);
        // What follows the end is left out.
        let padded = [&jpeg[..], &[0; 99]].concat();
        assert_eq!(take_apart(&padded), Ok(taken));
    }
}

/// Goal: what is sent is the same picture for every decoder.
/// Method: a fill byte where there is data behind it, and where there is the end.
#[test]
fn fill_bytes_stand_before_markers_only() {
    let jpeg = plain((640, 480), Subsamp::Sub2x1);
    let filled = |at: usize| [&jpeg[..at], &[0xFF], &jpeg[at..]].concat();
    let start = jpeg.len() - take_apart(&jpeg).unwrap().scan.len() - 2;
    let data = jpeg[start..].windows(2).position(|two| two == [0xFF, 0]);
    let data = start + data.expect("a byte 0xFF in the data");
    assert_eq!(take_apart(&filled(data)), Err(Unfit::Broken));
    assert!(take_apart(&filled(jpeg.len() - 2)).is_ok());
}

#[test]
fn sides_are_rounded_up_to_blocks_as_the_data_is() {
    let blocks = |width, height| {
        let jpeg = plain((width, height), Subsamp::Sub2x2);
        let taken = take_apart(&jpeg).map_err(|unfit| unfit.to_string());
        taken.map(|taken| (taken.width_blocks, taken.height_blocks))
    };
    assert_eq!(blocks(17, 8), Ok((3, 1)));
    assert_eq!(blocks(2040, 16), Ok((255, 2)));
    assert!(blocks(2041, 16).unwrap_err().contains("2041x16"));
    assert!(blocks(16, 2048).unwrap_err().contains("2040"));
}

#[test]
fn other_codings_are_told_apart() {
    let unfit = |subsamp, change: fn(&mut Compressor)| {
        take_apart(&encode((64, 48), subsamp, change)).unwrap_err()
    };
    let coded = |change| unfit(Subsamp::Sub2x2, change);
    assert_eq!(coded(|c| c.set_progressive(true).unwrap()), Unfit::Coding);
    assert_eq!(coded(|c| c.set_arithmetic(true).unwrap()), Unfit::Coding);
    assert_eq!(coded(|c| c.set_optimize(true).unwrap()), Unfit::Huffman);
    for subsamp in [
        Subsamp::None,
        Subsamp::Gray,
        Subsamp::Sub1x2,
        Subsamp::Sub4x1,
    ] {
        assert_eq!(unfit(subsamp, |_| {}), Unfit::Sampling, "{subsamp:?}");
    }
}

#[test]
fn what_cameras_leave_out_or_add_fits() {
    let jpeg = plain((64, 48), Subsamp::Sub2x1);
    let expected = take_apart(&jpeg).unwrap();
    let mut without = jpeg.clone();
    while let Some(at) = without.windows(2).position(|two| two == [0xFF, DHT]) {
        let length = usize::from(u16::from_be_bytes([without[at + 2], without[at + 3]]));
        without.drain(at..at + 2 + length);
    }
    assert_eq!(take_apart(&without), Ok(expected));
    let commented = with_segment(&jpeg, b"\xff\xfe\0\x06\xff\xd8\xff\xd9");
    assert_eq!(take_apart(&commented), Ok(expected));
    let restarts = with_segment(&jpeg, b"\xff\xdd\0\x04\0\x05");
    assert_eq!(take_apart(&restarts).unwrap().restart_interval, 5);
}

#[test]
fn colours_that_were_not_transformed_are_told() {
    let jpeg = plain((64, 48), Subsamp::Sub2x2);
    let adobe = |transform| {
        let segment = [
            b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0".as_slice(),
            &[transform],
        ]
        .concat();
        take_apart(&with_segment(&jpeg, &segment)).map(drop)
    };
    assert_eq!((adobe(0), adobe(1)), (Err(Unfit::Colours), Ok(())));
}

#[test]
fn tables_that_have_no_place_are_told() {
    let jpeg = plain((64, 48), Subsamp::Sub2x2);
    let of_16_bits = with_segment(&jpeg, &[&[0xFF, DQT, 0, 131, 0x10][..], &[1; 128]].concat());
    assert_eq!(take_apart(&of_16_bits), Err(Unfit::Quantisation));
    let at = jpeg.windows(2).position(|two| two == [0xFF, DQT]).unwrap();
    let mut without = jpeg.clone();
    without.drain(at..at + 2 + 67);
    assert_eq!(take_apart(&without), Err(Unfit::Quantisation));
}

#[test]
fn every_cut_is_noticed() {
    let jpeg = plain((64, 48), Subsamp::Sub2x2);
    for len in 0..jpeg.len() {
        assert!(take_apart(&jpeg[..len]).is_err(), "{len}");
    }
}

proptest! {
    #[test]
    fn no_bytes_break_it(changes in prop::collection::vec((0_usize..2_000, any::<u8>()), 0..8)) {
        let mut jpeg = plain((64, 48), Subsamp::Sub2x2);
        for (at, byte) in changes {
            let at = at % jpeg.len();
            jpeg[at] = byte;
        }
        if let Ok(taken) = take_apart(&jpeg) {
            prop_assert!(taken.width_blocks > 0 && taken.height_blocks > 0);
            prop_assert!(taken.scan.len() < jpeg.len() && !taken.scan.is_empty());
        }
    }
}
