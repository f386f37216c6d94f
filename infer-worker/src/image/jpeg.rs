//! JPEG to RGB, scaled down while decoding where the caller says that this is enough.
//!
//! Neighbours: fills a [`Picture`]. The bytes must be private memory: libjpeg-turbo parses the
//! header twice, and must not find another one the second time. So a frame is copied out of the
//! ring before it comes here.

use super::{Denominator, ImageError, Picture, Size, check_size};
use turbojpeg::{Decompressor, Image, PixelFormat, ScalingFactor};

/// Scans of a progressive JPEG; cameras send one, editors about ten. Each costs a pass over the
/// whole picture, so that a small file with thousands would hold a worker for minutes.
const SCANS_MAX: u32 = 100;

/// A complaint after which the picture is whole all the same: some cameras pad between segments.
const HARMLESS: &str = "extraneous bytes before marker";

/// Decodes `bytes` into `picture`; `denominator` chooses the scale once the size is known.
///
/// A picture that is cut off or damaged is an error, although the decoder fills in something.
///
/// # Errors
/// [`ImageError::Size`] beyond `pixels_max`, [`ImageError::Jpeg`] for what cannot be decoded.
pub fn decode(
    bytes: &[u8],
    pixels_max: usize,
    denominator: impl FnOnce(Size) -> Denominator,
    picture: &mut Picture,
) -> Result<(), ImageError> {
    // One decoder per image (0.3 µs): one that met a hostile header fails for ever afterwards.
    let mut decoder = Decompressor::new().map_err(jpeg_error)?;
    decoder.set_scan_limit(SCANS_MAX).map_err(jpeg_error)?;
    let header = decoder.read_header(bytes).map_err(jpeg_error)?;
    let size = check_size(header.width, header.height, pixels_max)?;

    // Lossless JPEG cannot be scaled.
    let denominator = if header.is_lossless {
        Denominator::One
    } else {
        denominator(size)
    };
    let scale = ScalingFactor::new(1, denominator.get());
    decoder.set_scaling_factor(scale).map_err(jpeg_error)?;
    let scaled = header.scaled(scale);
    picture.resize(scaled.width, scaled.height, size.width_px, size.height_px);
    let image = Image {
        pixels: picture.pixels.as_mut_slice(),
        width: scaled.width,
        pitch: scaled.width * 3,
        height: scaled.height,
        format: PixelFormat::RGB,
    };
    match decoder.decompress(bytes, image) {
        Err(error) if !error.to_string().contains(HARMLESS) => Err(jpeg_error(error)),
        _ => Ok(()),
    }
}

fn jpeg_error(error: turbojpeg::Error) -> ImageError {
    ImageError::Jpeg(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(width: usize, height: usize) -> Vec<u8> {
        let mut pixels = vec![0_u8; width * height * 3];
        for (index, pixel) in pixels.chunks_exact_mut(3).enumerate() {
            let x = index % width;
            pixel.copy_from_slice(if x * 2 < width {
                &[200, 30, 30]
            } else {
                &[30, 30, 200]
            });
        }
        let image = Image {
            pixels: &pixels[..],
            width,
            pitch: width * 3,
            height,
            format: PixelFormat::RGB,
        };
        turbojpeg::compress(image, 90, turbojpeg::Subsamp::Sub2x2)
            .expect("encode")
            .to_vec()
    }

    fn read(bytes: &[u8], denominator: Denominator) -> Result<Picture, ImageError> {
        let mut picture = Picture::default();
        decode(bytes, 1 << 20, |_| denominator, &mut picture).map(|()| picture)
    }

    #[test]
    fn decode_keeps_colours_and_size() {
        let picture = read(&encode(64, 48), Denominator::One).expect("decode");
        assert_eq!((picture.width_px, picture.height_px), (64, 48));
        assert!(picture.pixels[0] > 180 && picture.pixels[2] < 60);
        let last = &picture.pixels[picture.pixels.len() - 3..];
        assert!(last[0] < 60 && last[2] > 180);
    }

    #[test]
    fn decode_scaled_rounds_up_and_remembers_the_frame() {
        let picture = read(&encode(65, 47), Denominator::Four).expect("decode");
        assert_eq!((picture.width_px, picture.height_px), (17, 12));
        assert_eq!(
            picture.frame_size(),
            Size {
                width_px: 65,
                height_px: 47
            }
        );
    }

    #[test]
    fn decode_refuses_damage_at_every_length() {
        let whole = encode(64, 48);
        for length in 0..whole.len() - 2 {
            assert!(
                read(&whole[..length], Denominator::One).is_err(),
                "{length} bytes"
            );
        }
        assert!(read(&whole, Denominator::One).is_ok());
    }

    #[test]
    fn decode_refuses_a_size_beyond_the_limit_before_it_takes_memory() {
        let mut bytes = encode(64, 48);
        let frame_header = bytes
            .windows(2)
            .position(|pair| pair == [0xFF, 0xC0])
            .expect("SOF0");
        bytes[frame_header + 5..frame_header + 9].copy_from_slice(&[0x3E, 0x80, 0x3E, 0x80]);
        let mut picture = Picture::default();
        let result = decode(&bytes, 1 << 20, |_| Denominator::One, &mut picture);
        assert!(
            matches!(
                result,
                Err(ImageError::Size {
                    width_px: 16_000,
                    ..
                })
            ),
            "{result:?}"
        );
        assert_eq!(picture.pixels.capacity(), 0);
    }

    #[test]
    fn decode_does_without_huffman_tables_as_some_cameras_do() {
        let whole = encode(64, 48);
        let mut bytes = whole.clone();
        while let Some(at) = bytes.windows(2).position(|pair| pair == [0xFF, 0xC4]) {
            let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            bytes.drain(at..at + 2 + length);
        }
        assert!(bytes.len() < whole.len());
        let stripped = read(&bytes, Denominator::One).expect("standard tables");
        let expected = read(&whole, Denominator::One).expect("whole");
        assert_eq!(stripped.pixels, expected.pixels);
    }

    #[test]
    fn decode_works_after_a_hostile_header() {
        let mut hostile = encode(64, 48);
        let frame_header = hostile
            .windows(2)
            .position(|pair| pair == [0xFF, 0xC0])
            .expect("SOF0");
        hostile[frame_header + 5..frame_header + 9].fill(0);
        assert!(read(&hostile, Denominator::One).is_err());
        assert!(read(&encode(64, 48), Denominator::One).is_ok());
    }

    #[test]
    fn decode_accepts_padding_between_segments() {
        let mut bytes = encode(64, 48);
        let end = bytes.len() - 2;
        bytes.splice(end..end, [0x00; 4]);
        assert!(read(&bytes, Denominator::One).is_ok());
    }
}
