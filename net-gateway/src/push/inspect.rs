//! Which JPEGs of a client are taken: whole ones, of a coding that the decoders read at a known
//! price, within the limits of the source.
//!
//! Pure, over bytes that anybody may have sent: every length is checked before it is used, nothing
//! is decoded and nothing allocated. One walk over the markers; image data is only looked through
//! for the next marker. Source for all markers: ITU-T T.81, table B.1.

use thiserror::Error;

const MARKER: u8 = 0xFF;
const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const TEM: u8 = 0x01;

/// Most scans: editors write ten. Each costs the decoder a pass over the whole picture, so that a
/// small file with thousands would hold an infer-worker for minutes.
const SCANS_MAX: u32 = 16;

/// What is wrong with a JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JpegFault {
    /// The first two bytes are not FF D8.
    #[error("it is no JPEG: it does not start with FF D8")]
    NoStart,
    /// Its segments do not make a JPEG.
    #[error("it is no JPEG: {0}")]
    Structure(&'static str),
    /// It ends before its end marker.
    #[error("it is cut: the end marker FF D9 is missing")]
    Cut,
    /// Its sides are 0 or beyond the limits.
    #[error("it is {width_px}x{height_px}, the limits are 1x1 to {max_width_px}x{max_height_px}")]
    Size {
        /// Width in its header.
        width_px: u32,
        /// Height in its header.
        height_px: u32,
        /// Limit of the source.
        max_width_px: u32,
        /// Limit of the source.
        max_height_px: u32,
    },
    /// Its coding is not taken.
    #[error("it is {0}; baseline and progressive JPEGs of 8 bits, grey or YCbCr, are taken")]
    Coding(&'static str),
    /// It has too many scans.
    #[error("it has more than {0} scans")]
    Scans(u32),
}

/// The facts of a JPEG that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JpegFacts {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Length up to and with the end marker; what follows is left out.
    pub len_bytes: usize,
}

/// Looks at one JPEG from start to end.
///
/// # Errors
///
/// [`JpegFault`]: the first thing that is wrong with it.
pub fn inspect(
    bytes: &[u8],
    max_width_px: u32,
    max_height_px: u32,
) -> Result<JpegFacts, JpegFault> {
    if !bytes.starts_with(&[MARKER, SOI]) {
        return Err(JpegFault::NoStart);
    }
    let mut walk = Walk { bytes, at: 2 };
    let (mut size, mut scans) = (None, 0);
    loop {
        match walk.marker()? {
            EOI if scans == 0 => return Err(JpegFault::Structure("it has no image data")),
            EOI => break,
            SOI => return Err(JpegFault::Structure("a second one begins inside")),
            TEM | 0xD0..=0xD7 => {}
            SOS => {
                if size.is_none() {
                    return Err(JpegFault::Structure("it has no size"));
                }
                scans += 1;
                if scans > SCANS_MAX {
                    return Err(JpegFault::Scans(SCANS_MAX));
                }
                walk.segment()?;
                walk.skip_image_data();
            }
            0xC0..=0xC2 => {
                let found = frame_size(walk.segment()?)?;
                if size.replace(found).is_some() {
                    return Err(JpegFault::Structure("it has two sizes"));
                }
                let (width_px, height_px) = found;
                let is_within = (1..=max_width_px).contains(&width_px)
                    && (1..=max_height_px).contains(&height_px);
                if !is_within {
                    return Err(JpegFault::Size {
                        width_px,
                        height_px,
                        max_width_px,
                        max_height_px,
                    });
                }
            }
            0xC3 => return Err(JpegFault::Coding("lossless")),
            0xC9..=0xCC => return Err(JpegFault::Coding("arithmetic-coded")),
            0xC5..=0xC7 | 0xCD..=0xCF => return Err(JpegFault::Coding("hierarchical")),
            0x00 => return Err(JpegFault::Structure("image data stands outside of a scan")),
            _ => drop(walk.segment()?),
        }
    }
    let (width_px, height_px) = size.ok_or(JpegFault::Structure("it has no size"))?;
    Ok(JpegFacts {
        width_px,
        height_px,
        len_bytes: walk.at,
    })
}

/// Where the walk stands.
struct Walk<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Walk<'b> {
    /// The code of the marker that must stand here; any number of FF may stand in front of it.
    fn marker(&mut self) -> Result<u8, JpegFault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let fill = rest.iter().take_while(|byte| **byte == MARKER).count();
        match rest.get(fill) {
            None => Err(JpegFault::Cut),
            Some(_) if fill == 0 => Err(JpegFault::Structure("a marker is missing")),
            Some(&code) => {
                self.at += fill + 1;
                Ok(code)
            }
        }
    }

    /// The content of the segment whose two length bytes stand here.
    fn segment(&mut self) -> Result<&'b [u8], JpegFault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some((length, _)) = rest.split_first_chunk::<2>() else {
            return Err(JpegFault::Cut);
        };
        // The length counts its own two bytes.
        let length = usize::from(u16::from_be_bytes(*length));
        if length < 2 {
            return Err(JpegFault::Structure("a segment is shorter than its length"));
        }
        let content = rest.get(2..length).ok_or(JpegFault::Cut)?;
        self.at += length;
        Ok(content)
    }

    /// Goes to the next marker that is not part of image data; to the end if there is none.
    fn skip_image_data(&mut self) {
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(found) = rest.iter().position(|byte| *byte == MARKER) else {
                self.at = self.bytes.len();
                return;
            };
            match rest.get(found + 1) {
                // A stuffed byte, or a restart marker.
                Some(0x00 | 0xD0..=0xD7) => self.at += found + 2,
                // One of several FF in front of a marker.
                Some(&MARKER) => self.at += found + 1,
                _ => {
                    self.at += found;
                    return;
                }
            }
        }
    }
}

/// Width and height out of a frame header: precision u8, height u16, width u16, components u8,
/// and three bytes for each of them.
fn frame_size(header: &[u8]) -> Result<(u32, u32), JpegFault> {
    let &[precision, h1, h0, w1, w0, components, ref rest @ ..] = header else {
        return Err(JpegFault::Structure("its size is cut"));
    };
    if precision != 8 {
        return Err(JpegFault::Coding("not of 8 bits"));
    }
    if !matches!(components, 1 | 3) {
        return Err(JpegFault::Coding("of neither one nor three components"));
    }
    if rest.len() != 3 * usize::from(components) {
        return Err(JpegFault::Structure(
            "its components are not as many as it says",
        ));
    }
    let side = |high, low| u32::from(u16::from_be_bytes([high, low]));
    Ok((side(w1, w0), side(h1, h0)))
}

#[cfg(test)]
mod tests;
