//! PNG files to RGB, for `predict`. Cameras do not send PNG.

use super::{ImageError, Picture, check_size};
use png::{ColorType, Decoder, Limits, Transformations};
use std::io::Cursor;

/// Decodes `bytes` into `picture`. Transparency is ignored, depth becomes 8 bits.
///
/// # Errors
/// [`ImageError::Size`] beyond `pixels_max`, [`ImageError::Png`] for what cannot be decoded.
pub fn decode(bytes: &[u8], pixels_max: usize, picture: &mut Picture) -> Result<(), ImageError> {
    let limits = Limits {
        bytes: pixels_max.saturating_mul(8),
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(png_error)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let size = check_size(width, height, pixels_max)?;

    let mut decoded = vec![0; reader.output_buffer_size().unwrap_or(0)];
    let info = reader.next_frame(&mut decoded).map_err(png_error)?;
    picture.resize(size.width_px, size.height_px, size.width_px, size.height_px);
    let channels = info.color_type.samples();
    let grey = matches!(
        info.color_type,
        ColorType::Grayscale | ColorType::GrayscaleAlpha
    );
    let sources = decoded.chunks_exact(channels);
    for (target, source) in picture.pixels.chunks_exact_mut(3).zip(sources) {
        if grey {
            target.fill(source[0]);
        } else {
            target.copy_from_slice(&source[..3]);
        }
    }
    Ok(())
}

fn png_error(error: png::DecodingError) -> ImageError {
    ImageError::Png(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(color: ColorType, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().expect("header");
        writer.write_image_data(data).expect("data");
        writer.finish().expect("end");
        bytes
    }

    #[test]
    fn decode_reads_colour_grey_and_alpha() {
        let cases: [(ColorType, &[u8], [u8; 6]); 3] = [
            (ColorType::Rgb, &[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]),
            (
                ColorType::Rgba,
                &[1, 2, 3, 0, 4, 5, 6, 9],
                [1, 2, 3, 4, 5, 6],
            ),
            (ColorType::Grayscale, &[7, 8], [7, 7, 7, 8, 8, 8]),
        ];
        for (color, data, expected) in cases {
            let mut picture = Picture::default();
            decode(&encode(color, data), 100, &mut picture).expect("decode");
            assert_eq!(picture.pixels, expected, "{color:?}");
        }
    }

    #[test]
    fn decode_refuses_damage_and_size() {
        let whole = encode(ColorType::Rgb, &[1, 2, 3, 4, 5, 6]);
        let mut picture = Picture::default();
        assert!(matches!(
            decode(&whole, 1, &mut picture),
            Err(ImageError::Size { .. })
        ));
        for length in 0..whole.len() - 12 {
            assert!(
                decode(&whole[..length], 100, &mut picture).is_err(),
                "{length} bytes"
            );
        }
    }
}
