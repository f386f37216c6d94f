//! Cuts a rotated square out of a picture, at the size that a network reads.
//!
//! Neighbours: reads a [`Picture`], writes straight into a network's input. Runs once or twice per
//! frame over 50,000 pixels, so the inner loop is kept free of branches and conversions: for each row
//! the columns whose four neighbours all lie inside the picture are worked out first, places are fixed
//! point numbers, and the channels of a pixel are mixed four at a time, of which three count.

use super::region::Region;
use crate::image::Picture;
use std::ops::Range;

/// Bits of a place that are behind the point; a place is in pixels of the picture.
const FRACTION_BITS: u32 = 32;
/// Pixels further away than any that a picture has; places beyond are taken for it, so that a row's sums
/// stay in their range.
const FAR_PX: f64 = (1 << 20) as f64;
/// Bytes that a sample reads of each of two lines: two pixels, and one byte more.
const READ_BYTES: usize = 7;

/// What lies outside of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Border {
    /// Black, as the palm detector was trained with.
    Black,
    /// The nearest pixel of the edge, as the landmark network was trained with.
    Nearest,
}

/// A row of the square: the place of its first sample, and the way to the next.
struct Row {
    start: [i64; 2],
    step: [i64; 2],
}

impl Row {
    fn new(start: [f64; 2], step: [f64; 2]) -> Self {
        let one = (1_u64 << FRACTION_BITS) as f64;
        // What is no number becomes 0.
        let fixed = |pixels: f64| (pixels.clamp(-FAR_PX, FAR_PX) * one) as i64;
        Self {
            start: start.map(fixed),
            step: step.map(fixed),
        }
    }

    /// At most `FAR_PX` and as many steps of `FAR_PX` as a square has columns: 52 + 8 bits.
    fn at(&self, column: usize) -> [i64; 2] {
        let column = column as i64;
        [
            self.start[0].wrapping_add(self.step[0].wrapping_mul(column)),
            self.start[1].wrapping_add(self.step[1].wrapping_mul(column)),
        ]
    }
}

/// The pixel at or before a place, and the share of the one behind it.
#[inline(always)]
fn split(place: i64) -> (i64, f32) {
    // The upper 24 bits behind the point: as many as a float holds, so that it stays below 1.
    let share = (place as u32 >> 8) as i32;
    (
        place >> FRACTION_BITS,
        share as f32 * (1.0 / (1 << 24) as f32),
    )
}

/// Fills `out` (`[side, side, 3]`, RGB 0..=1) with `region` of `picture`, bilinear.
///
/// `region` is in pixels of the whole frame, whatever the scale at which it was decoded.
pub fn crop(picture: &Picture, region: &Region, side: usize, border: Border, out: &mut [f32]) {
    debug_assert_eq!(out.len(), side * side * 3);
    if picture.width_px == 0 || picture.height_px == 0 || !region.side.is_finite() {
        out.fill(0.0);
        return;
    }
    let [scale_x, scale_y] = picture.scale().map(f64::from);
    let center = region.center.map(f64::from);
    let step = f64::from(region.side) / side as f64;
    let (sin, cos) = f64::from(region.rotation).sin_cos();
    let (sin, cos) = (sin * step, cos * step);
    let half = side as f64 / 2.0;
    for (line, target) in out.chunks_exact_mut(side * 3).enumerate() {
        let down = line as f64 - half;
        let row = Row::new(
            [
                (center[0] - half * cos - down * sin) * scale_x,
                (center[1] - half * sin + down * cos) * scale_y,
            ],
            [cos * scale_x, sin * scale_y],
        );
        let inside = columns_inside(&row, picture, side);
        for column in (0..inside.start).chain(inside.end..side) {
            let pixel = &mut target[column * 3..column * 3 + 3];
            sample_edge(picture, row.at(column), border, pixel);
        }
        sample_inside(
            picture,
            &row,
            inside.start,
            &mut target[inside.start * 3..inside.end * 3],
        );
    }
}

/// The columns for which all four neighbours of the sample lie in the picture.
fn columns_inside(row: &Row, picture: &Picture, side: usize) -> Range<usize> {
    let most =
        [picture.width_px, picture.height_px].map(|count| (count as i64 - 1) << FRACTION_BITS);
    let (mut first, mut last) = (0.0_f64, side as f64 - 1.0);
    for ((start, step), most) in row.start.into_iter().zip(row.step).zip(most) {
        if step == 0 {
            if !(0..most).contains(&start) {
                return 0..0;
            }
            continue;
        }
        let (start, step, most) = (start as f64, step as f64, most as f64);
        let (a, b) = (-start / step, (most - start) / step);
        first = first.max(a.min(b));
        last = last.min(a.max(b));
    }
    let mut inside = (first.ceil() as usize)..((last.floor() + 1.0).max(0.0) as usize).min(side);
    // The ends were found by division; they are settled by the very sum that the loop will use.
    let fits = |column: usize| {
        let [x, y] = row.at(column);
        (0..most[0]).contains(&x) && (0..most[1]).contains(&y)
    };
    while inside.start < inside.end && !fits(inside.start) {
        inside.start += 1;
    }
    while inside.start < inside.end && !fits(inside.end - 1) {
        inside.end -= 1;
    }
    if inside.start < inside.end {
        inside
    } else {
        0..0
    }
}

/// Samples the columns from `first` on, all of which have four neighbours.
fn sample_inside(picture: &Picture, row: &Row, first: usize, target: &mut [f32]) {
    let stride = picture.width_px * 3;
    let pixels = picture.pixels.as_slice();
    let [mut x, mut y] = row.at(first);
    for pixel in target.chunks_exact_mut(3) {
        let ((left, right_share), (top, lower_share)) = (split(x), split(y));
        let at = (top as usize)
            .wrapping_mul(stride)
            .wrapping_add((left as usize).wrapping_mul(3));
        let below = at.wrapping_add(stride);
        let upper = pixels.get(at..at.wrapping_add(READ_BYTES));
        let lower = pixels.get(below..below.wrapping_add(READ_BYTES));
        let mixed = match (upper, lower) {
            (Some(upper), Some(lower)) => mix_four(upper, lower, right_share, lower_share),
            // Only the last two pixels of the picture have no byte behind them.
            _ => mix_four(
                &bytes(pixels, at),
                &bytes(pixels, below),
                right_share,
                lower_share,
            ),
        };
        pixel.copy_from_slice(&mixed[..3]);
        x = x.wrapping_add(row.step[0]);
        y = y.wrapping_add(row.step[1]);
    }
}

/// The bytes from `at` on, with zeros where there are none.
fn bytes(pixels: &[u8], at: usize) -> [u8; READ_BYTES] {
    let mut bytes = [0; READ_BYTES];
    let from = pixels.get(at..).unwrap_or_default();
    for (byte, from) in bytes.iter_mut().zip(from) {
        *byte = *from;
    }
    bytes
}

/// Mixes two pixels above with two below, 0..=1; the fourth value is of no meaning.
#[inline(always)]
fn mix_four(upper: &[u8], lower: &[u8], right_share: f32, lower_share: f32) -> [f32; 4] {
    let four = |bytes: &[u8], at: usize| -> [f32; 4] {
        [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]].map(f32::from)
    };
    let mix = |a: [f32; 4], b: [f32; 4], share: f32| -> [f32; 4] {
        std::array::from_fn(|channel| a[channel] + (b[channel] - a[channel]) * share)
    };
    let above = mix(four(upper, 0), four(upper, 3), right_share);
    let below = mix(four(lower, 0), four(lower, 3), right_share);
    mix(above, below, lower_share).map(|value| value * (1.0 / 255.0))
}

/// Samples one point of which a neighbour may lie outside.
fn sample_edge(picture: &Picture, at: [i64; 2], border: Border, pixel: &mut [f32]) {
    let (width, height) = (picture.width_px as i64, picture.height_px as i64);
    let ((left, right_share), (top, lower_share)) = (split(at[0]), split(at[1]));
    let neighbour = |x: i64, y: i64, channel: usize| -> f32 {
        let outside = x < 0 || y < 0 || x >= width || y >= height;
        if outside && border == Border::Black {
            return 0.0;
        }
        let (x, y) = (
            x.clamp(0, width - 1) as usize,
            y.clamp(0, height - 1) as usize,
        );
        f32::from(picture.pixels[(y * picture.width_px + x) * 3 + channel])
    };
    let (right, bottom) = (left + 1, top + 1);
    for (channel, value) in pixel.iter_mut().enumerate() {
        let above = neighbour(left, top, channel) * (1.0 - right_share)
            + neighbour(right, top, channel) * right_share;
        let below = neighbour(left, bottom, channel) * (1.0 - right_share)
            + neighbour(right, bottom, channel) * right_share;
        *value = (above * (1.0 - lower_share) + below * lower_share) * (1.0 / 255.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::FRAC_PI_2;

    /// A picture in which red grows to the right and green downwards; blue is full.
    fn gradient(width: usize, height: usize) -> Picture {
        let mut picture = Picture::default();
        picture.resize(width, height, width, height);
        for y in 0..height {
            for x in 0..width {
                let at = (y * width + x) * 3;
                picture.pixels[at..at + 3].copy_from_slice(&[x as u8, y as u8, 255]);
            }
        }
        picture
    }

    fn at(out: &[f32], side: usize, x: usize, y: usize) -> [f32; 3] {
        let at = (y * side + x) * 3;
        [out[at] * 255.0, out[at + 1] * 255.0, out[at + 2] * 255.0]
    }

    fn close(a: [f32; 3], b: [f32; 3]) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-2)
    }

    #[test]
    fn crop_whole_picture_copies_it() {
        let picture = gradient(16, 16);
        let mut out = vec![9.0; 16 * 16 * 3];
        crop(
            &picture,
            &Region::letterbox(16.0, 16.0),
            16,
            Border::Nearest,
            &mut out,
        );
        for y in 0..16 {
            for x in 0..16 {
                assert!(
                    close(at(&out, 16, x, y), [x as f32, y as f32, 255.0]),
                    "{x} {y}"
                );
            }
        }
    }

    #[test]
    fn crop_between_pixels_mixes_four() {
        let picture = gradient(40, 40);
        let region = Region {
            center: [20.25, 20.75],
            side: 8.0,
            rotation: 0.0,
        };
        let mut out = vec![0.0; 8 * 8 * 3];
        crop(&picture, &region, 8, Border::Nearest, &mut out);
        assert!(close(at(&out, 8, 4, 4), [20.25, 20.75, 255.0]));
        assert!(close(at(&out, 8, 0, 7), [16.25, 23.75, 255.0]));
    }

    #[test]
    fn crop_turned_a_quarter_looks_along_the_rows() {
        let picture = gradient(40, 40);
        let region = Region {
            center: [20.0, 20.0],
            side: 8.0,
            rotation: FRAC_PI_2,
        };
        let mut out = vec![0.0; 8 * 8 * 3];
        crop(&picture, &region, 8, Border::Nearest, &mut out);
        // Up in the square is right in the frame, and right in the square is down.
        assert!(close(at(&out, 8, 4, 0), [24.0, 20.0, 255.0]));
        assert!(close(at(&out, 8, 7, 4), [20.0, 23.0, 255.0]));
    }

    #[test]
    fn crop_outside_is_black_or_the_nearest_pixel() {
        let picture = gradient(16, 8);
        let region = Region::letterbox(16.0, 8.0);
        let mut out = vec![9.0; 16 * 16 * 3];
        crop(&picture, &region, 16, Border::Black, &mut out);
        assert_eq!(at(&out, 16, 5, 0), [0.0; 3]);
        assert!(close(at(&out, 16, 5, 4), [5.0, 0.0, 255.0]));
        crop(&picture, &region, 16, Border::Nearest, &mut out);
        assert!(close(at(&out, 16, 5, 0), [5.0, 0.0, 255.0]));
        assert!(close(at(&out, 16, 5, 15), [5.0, 7.0, 255.0]));
    }

    #[test]
    fn crop_of_a_scaled_picture_uses_frame_coordinates() {
        let mut picture = gradient(20, 20);
        picture.resize(20, 20, 40, 40);
        let region = Region {
            center: [20.0, 20.0],
            side: 16.0,
            rotation: 0.0,
        };
        let mut out = vec![0.0; 8 * 8 * 3];
        crop(&picture, &region, 8, Border::Nearest, &mut out);
        assert!(close(at(&out, 8, 4, 4), [10.0, 10.0, 255.0]));
        assert!(close(at(&out, 8, 0, 4), [6.0, 10.0, 255.0]));
    }

    #[test]
    fn crop_fast_and_careful_paths_agree_at_any_angle() {
        let picture = gradient(33, 21);
        let mut out = vec![0.0; 24 * 24 * 3];
        for turn in 0..50 {
            let rotation = turn as f32 * 0.13 - 3.0;
            let region = Region {
                center: [turn as f32, 11.0],
                side: 30.0,
                rotation,
            };
            crop(&picture, &region, 24, Border::Nearest, &mut out);
            for (index, pixel) in out.chunks_exact(3).enumerate() {
                let (x, y) = ((index % 24) as f32 - 12.0, (index / 24) as f32 - 12.0);
                let point = region.to_frame(x / 24.0, y / 24.0);
                let mut expected = [0.0; 3];
                let point = Row::new(point.map(f64::from), [0.0; 2]).at(0);
                sample_edge(&picture, point, Border::Nearest, &mut expected);
                for channel in 0..3 {
                    assert!(
                        (pixel[channel] - expected[channel]).abs() < 1e-3,
                        "{turn} {index}"
                    );
                }
            }
        }
    }

    #[test]
    fn crop_far_outside_or_of_nothing_is_harmless() {
        let picture = gradient(16, 16);
        let mut out = vec![0.5; 8 * 8 * 3];
        let far = Region {
            center: [-1e6, 1e6],
            side: 5.0,
            rotation: 1.0,
        };
        crop(&picture, &far, 8, Border::Black, &mut out);
        assert!(out.iter().all(|value| *value == 0.0));
        crop(&Picture::default(), &far, 8, Border::Nearest, &mut out);
        assert!(out.iter().all(|value| *value == 0.0));
    }
}
