//! A JPEG as RFC 2435 describes it: size, sampling, quantisation tables, restart interval and the
//! coded data; or why it cannot be described so.
//!
//! Pure, over bytes that anybody may have made: every length is checked before it is used, and nothing
//! is copied. A receiver makes a whole JPEG again out of those facts alone, so whatever else a picture
//! has (other Huffman tables, other samplings) must be found here.

use super::huffman;
use thiserror::Error;

/// Longest side in pixels: a byte of blocks of 8.
pub const SIDE_PX_MAX: u32 = 255 * 8;
/// Most bytes of coded data: its place in the frame is a number of 24 bits.
const SCAN_BYTES_MAX: usize = (1 << 24) - 1;
/// Bytes of a quantisation table of 8 bits.
const TABLE_BYTES: usize = 64;

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DRI: u8 = 0xDD;
const DHT: u8 = 0xC4;
const APP14: u8 = 0xEE;
/// Numbers of components that decoders take for red, green and blue.
const RGB_NUMBERS: [u8; 3] = *b"RGB";

/// Why a JPEG cannot be sent as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unfit {
    /// It is none, or is damaged.
    #[error("it is no whole JPEG")]
    Broken,
    /// It is not baseline.
    #[error("it is not a baseline JPEG of 8 bits")]
    Coding,
    /// Its colours are not sampled as 4:2:0 or 4:2:2.
    #[error("its colours are sampled neither as 4:2:0 nor as 4:2:2")]
    Sampling,
    /// Its colours are not brightness and two differences.
    #[error("its colours are red, green and blue")]
    Colours,
    /// A side is too long.
    #[error("it is {0}x{1}, the longest side that fits is {SIDE_PX_MAX}")]
    Size(u32, u32),
    /// It has Huffman tables of its own.
    #[error("it has Huffman tables of its own")]
    Huffman,
    /// It has not one quantisation table of 8 bits for brightness and one for colours.
    #[error(
        "its quantisation tables are not those of 8 bits, one for brightness and one for colours"
    )]
    Quantisation,
    /// There is too much of it.
    #[error("it has more than 16 MiB")]
    Length,
}

/// How colours are sampled, by the number that stands for it in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// 4:2:2.
    Half = 0,
    /// 4:2:0.
    Quarter = 1,
}

/// A JPEG that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpJpeg<'j> {
    /// Width in blocks of 8 pixels, rounded up as the coded data is.
    pub width_blocks: u8,
    /// Height, likewise.
    pub height_blocks: u8,
    /// How colours are sampled.
    pub sampling: Sampling,
    /// Units between two restart markers; 0 = there are none.
    pub restart_interval: u16,
    /// Quantisation tables for brightness and colours, in zigzag order.
    pub tables: [&'j [u8; TABLE_BYTES]; 2],
    /// The coded data without the end marker.
    pub scan: &'j [u8],
}

/// What was found in front of the scan.
#[derive(Debug, Default)]
struct Found<'j> {
    size: Option<(u32, u32, Sampling)>,
    /// Numbers of the quantisation tables for brightness and colours.
    uses: [u8; 2],
    tables: [Option<&'j [u8; TABLE_BYTES]>; 4],
    restart_interval: u16,
    components: [u8; 3],
}

/// Takes a JPEG apart.
///
/// # Errors
///
/// [`Unfit`]: the first thing that RFC 2435 has no place for.
pub fn take_apart(jpeg: &[u8]) -> Result<RtpJpeg<'_>, Unfit> {
    let [0xFF, SOI, rest @ ..] = jpeg else {
        return Err(Unfit::Broken);
    };
    let (mut rest, mut found) = (rest, Found::default());
    loop {
        let (code, content, behind) = split_segment(rest)?;
        rest = behind;
        match code {
            SOS => return found.with_scan(content, rest),
            0xC0 => found.read_frame_header(content)?,
            0xC1..=0xCF if code != DHT => return Err(Unfit::Coding),
            DQT => found.read_tables(content)?,
            DHT => check_huffman(content)?,
            APP14 => check_adobe(content)?,
            DRI => {
                let interval = content.try_into().map_err(|_| Unfit::Broken)?;
                found.restart_interval = u16::from_be_bytes(interval);
            }
            _ => {}
        }
    }
}

/// Code and content of the segment at the start, and what is behind it.
fn split_segment(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), Unfit> {
    let fill = bytes.iter().take_while(|byte| **byte == 0xFF).count();
    let rest = bytes.get(fill..).filter(|_| fill > 0);
    let Some([code, length @ ..]) = rest else {
        return Err(Unfit::Broken);
    };
    // None of those that have no length may stand here.
    if matches!(code, 0 | 1 | 0xD0..=EOI) {
        return Err(Unfit::Broken);
    }
    let (length_bytes, rest) = length.split_first_chunk::<2>().ok_or(Unfit::Broken)?;
    let length = usize::from(u16::from_be_bytes(*length_bytes)).checked_sub(2);
    let split = length.and_then(|length| rest.split_at_checked(length));
    let (content, behind) = split.ok_or(Unfit::Broken)?;
    Ok((*code, content, behind))
}

/// Adobe's segment says whether colours were transformed, in its last byte.
fn check_adobe(content: &[u8]) -> Result<(), Unfit> {
    match content {
        [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, 0, ..] => Err(Unfit::Colours),
        _ => Ok(()),
    }
}

fn check_huffman(mut content: &[u8]) -> Result<(), Unfit> {
    while let Some((class_and_number, rest)) = content.split_first() {
        let counts = rest.get(..16).ok_or(Unfit::Broken)?;
        let values: usize = counts.iter().map(|count| usize::from(*count)).sum();
        let (table, behind) = rest.split_at_checked(16 + values).ok_or(Unfit::Broken)?;
        if !huffman::is_standard(*class_and_number, table) {
            return Err(Unfit::Huffman);
        }
        content = behind;
    }
    Ok(())
}

impl<'j> Found<'j> {
    fn read_frame_header(&mut self, content: &[u8]) -> Result<(), Unfit> {
        let &[precision, h1, h0, w1, w0, components, ref each @ ..] = content else {
            return Err(Unfit::Broken);
        };
        if precision != 8 {
            return Err(Unfit::Coding);
        }
        let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
        let (width, height) = (side(w1, w0), side(h1, h0));
        let &[y, y_sampling, y_table, u, 0x11, u_table, v, 0x11, v_table] = each else {
            return Err(Unfit::Sampling);
        };
        let sampling = match y_sampling {
            0x21 => Sampling::Half,
            0x22 => Sampling::Quarter,
            _ => return Err(Unfit::Sampling),
        };
        if components != 3 || self.size.is_some() {
            return Err(Unfit::Broken);
        }
        if [y, u, v] == RGB_NUMBERS {
            return Err(Unfit::Colours);
        }
        if u_table != v_table {
            return Err(Unfit::Quantisation);
        }
        if !(1..=SIDE_PX_MAX).contains(&width) || !(1..=SIDE_PX_MAX).contains(&height) {
            return Err(Unfit::Size(width, height));
        }
        self.size = Some((width, height, sampling));
        self.uses = [y_table, u_table];
        self.components = [y, u, v];
        Ok(())
    }

    fn read_tables(&mut self, mut content: &'j [u8]) -> Result<(), Unfit> {
        while let Some((precision_and_number, rest)) = content.split_first() {
            let place = self.tables.get_mut(usize::from(*precision_and_number));
            let place = place.ok_or(Unfit::Quantisation)?;
            let (table, behind) = rest.split_first_chunk().ok_or(Unfit::Broken)?;
            (*place, content) = (Some(table), behind);
        }
        Ok(())
    }

    /// The rest: one scan of all three, with the first tables for brightness and the second ones for
    /// colours.
    fn with_scan(self, header: &[u8], coded: &'j [u8]) -> Result<RtpJpeg<'j>, Unfit> {
        let (width, height, sampling) = self.size.ok_or(Unfit::Broken)?;
        let [y, u, v] = self.components;
        match *header {
            [3, a, 0x00, b, 0x11, c, 0x11, 0, 63, 0] if [a, b, c] == [y, u, v] => {}
            [3, _, _, _, _, _, _, 0, 63, 0] => return Err(Unfit::Huffman),
            _ => return Err(Unfit::Coding),
        }
        let table = |number: u8| self.tables.get(usize::from(number)).copied().flatten();
        let tables = self.uses.map(table);
        let [Some(brightness), Some(colours)] = tables else {
            return Err(Unfit::Quantisation);
        };
        let scan = coded.get(..coded_len(coded)?).ok_or(Unfit::Broken)?;
        if scan.len() > SCAN_BYTES_MAX {
            return Err(Unfit::Length);
        }
        let blocks = |side: u32| side.div_ceil(8) as u8;
        Ok(RtpJpeg {
            width_blocks: blocks(width),
            height_blocks: blocks(height),
            sampling,
            restart_interval: self.restart_interval,
            tables: [brightness, colours],
            scan,
        })
    }
}

/// Bytes up to the end marker, which is the first marker that does not belong to the data.
fn coded_len(coded: &[u8]) -> Result<usize, Unfit> {
    let mut at = 0;
    loop {
        let rest = coded.get(at..).unwrap_or_default();
        let found = rest.iter().position(|byte| *byte == 0xFF);
        at += found.ok_or(Unfit::Broken)?;
        match coded.get(at + 1..).unwrap_or_default() {
            [0x00 | 0xD0..=0xD7, ..] => at += 2,
            // Fill bytes stand before markers; what they are before data, decoders differ about.
            [0xFF, 0x00, ..] => return Err(Unfit::Broken),
            [0xFF, ..] => at += 1,
            [EOI, ..] if at > 0 => return Ok(at),
            // Another scan would be another coding.
            [SOS | DHT, ..] => return Err(Unfit::Coding),
            _ => return Err(Unfit::Broken),
        }
    }
}

#[cfg(test)]
mod tests;
