//! The frames that everybody serves: the demo clip's in which no hand is to be seen, so that
//! recognition rests, each padded by comments to the same length, the first of which has room for a
//! time.

use crate::options::Options;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// Bytes of each frame.
pub const FRAME_BYTES: usize = 43_000;
/// Frames of the demo clip without a hand. Source: its labels.json.
const NO_HAND: std::ops::Range<usize> = 0..18;
/// What stands in front of the time, in the comment behind the start of the picture.
pub const STAMP: &[u8] = b"TS=";
/// Hexadecimal digits of the time, µs since 1970.
pub const STAMP_DIGITS: usize = 16;
/// Place of the digits in a frame: start, comment with its length, the mark.
pub const STAMP_AT: usize = 2 + 4 + STAMP.len();

/// Writes the clip.
///
/// # Errors
///
/// The demo clip cannot be read, or a frame of it is too long already.
pub fn write(options: &Options, path: &Path) -> Result<()> {
    let clip = fs::read(options.demo_clip()).context("cannot read the demo clip")?;
    let starts: Vec<usize> = clip
        .windows(3)
        .enumerate()
        .filter(|(_, three)| three == b"\xff\xd8\xff")
        .map(|(at, _)| at)
        .collect();
    ensure!(starts.len() > NO_HAND.end, "the demo clip is too short");
    let mut made = Vec::new();
    for number in NO_HAND {
        made.extend(padded(&clip[starts[number]..starts[number + 1]])?);
    }
    Ok(fs::write(path, made)?)
}

fn padded(jpeg: &[u8]) -> Result<Vec<u8>> {
    let digits = vec![b'0'; STAMP_DIGITS];
    let mut bytes = jpeg[..2].to_vec();
    put_comment(&mut bytes, &[STAMP, &digits].concat());
    let missing = FRAME_BYTES.checked_sub(bytes.len() + jpeg.len() - 2);
    let missing = missing.filter(|missing| *missing >= 4);
    let missing = missing.context("a frame of the demo clip is too long")?;
    put_comment(&mut bytes, &vec![b'.'; missing - 4]);
    bytes.extend(&jpeg[2..]);
    Ok(bytes)
}

fn put_comment(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend([0xFF, 0xFE]);
    bytes.extend((text.len() as u16 + 2).to_be_bytes());
    bytes.extend(text);
}
