//! Splits a file of concatenated JPEGs into its images.
//!
//! Neighbours: `agree` reads clips with it. A thumbnail inside an image is not taken for an image:
//! segments are skipped by their stated lengths.

const PREFIX: u8 = 0xFF;
const START: u8 = 0xD8;
const END: u8 = 0xD9;

/// The images of a clip, in order; what lies between or behind them is skipped.
#[derive(Debug, Clone)]
pub struct Clip<'a> {
    rest: &'a [u8],
}

impl<'a> Clip<'a> {
    /// Reads `bytes` from the start.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Clip<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self
            .rest
            .windows(2)
            .position(|pair| pair == [PREFIX, START])?;
        let image = &self.rest[start..];
        let length = image_length(image)?;
        self.rest = &image[length..];
        Some(&image[..length])
    }
}

/// Bytes from the start marker to the end marker; `None` when the image is cut off.
fn image_length(image: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        // To the next marker: 0xFF and then neither another 0xFF nor a stuffed 0.
        while *image.get(at)? != PREFIX || matches!(*image.get(at + 1)?, 0 | PREFIX) {
            at += 1;
        }
        let marker = image[at + 1];
        at += 2;
        match marker {
            END => return Some(at),
            // Restart markers and the like stand alone.
            START | 0x01 | 0xD0..=0xD7 => {}
            _ => {
                let length = u16::from_be_bytes([*image.get(at)?, *image.get(at + 1)?]);
                at += usize::from(length).max(2);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &[u8] = &[
        0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 7, 0xFF, 0, 0xFF, 0xD0, 8, 0xFF, 0xD9,
    ];

    #[test]
    fn clip_splits_images_and_skips_what_lies_between() {
        let bytes = [SMALL, &[1, 2, 3], SMALL, SMALL].concat();
        let images: Vec<&[u8]> = Clip::new(&bytes).collect();
        assert_eq!(images, [SMALL; 3]);
    }

    #[test]
    fn clip_does_not_stop_at_the_end_of_a_thumbnail() {
        let mut image = vec![0xFF, 0xD8, 0xFF, 0xE1, 0, 6, 0xFF, 0xD8, 0xFF, 0xD9];
        image.extend_from_slice(&SMALL[2..]);
        let images: Vec<&[u8]> = Clip::new(&image).collect();
        assert_eq!(images, [image.as_slice()]);
    }

    #[test]
    fn clip_leaves_out_an_image_that_is_cut_off() {
        for length in 0..SMALL.len() {
            let bytes = [SMALL, &SMALL[..length]].concat();
            assert_eq!(Clip::new(&bytes).count(), 1, "{length}");
        }
    }
}
