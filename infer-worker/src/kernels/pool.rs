//! The operations that need no instruction set of their own: the compiler vectorises them well
//! enough for the little time that they take.
//!
//! Neighbours: `model::fused` calls these. Safe code; lengths follow from slices, and a slice that is
//! too short leaves the rest of the output as it was.

use super::shape::Plane;

/// The greatest of each 2x2 pixels, channel by channel; `out` is half as high and wide.
pub fn max_2x2(input: &[f32], from: Plane, out: &mut [f32]) {
    let (line, c) = (from.width * from.channels, from.channels);
    if line == 0 {
        return;
    }
    let pairs = input.chunks_exact(line * 2);
    for (rows, target) in pairs.zip(out.chunks_exact_mut((from.width / 2 * c).max(1))) {
        let (upper, lower) = rows.split_at(line);
        let pixels = upper.chunks_exact(2 * c).zip(lower.chunks_exact(2 * c));
        for ((upper, lower), target) in pixels.zip(target.chunks_exact_mut(c)) {
            let (upper, lower) = (upper.split_at(c), lower.split_at(c));
            let corners = upper.0.iter().zip(upper.1).zip(lower.0.iter().zip(lower.1));
            for (value, ((a, b), (c, d))) in target.iter_mut().zip(corners) {
                *value = a.max(*b).max(c.max(*d));
            }
        }
    }
}

/// Twice as high and wide, linear between pixel centres, the edge repeated.
pub fn double(input: &[f32], from: Plane, out: &mut [f32]) {
    let Plane {
        height,
        width,
        channels,
    } = from;
    if height == 0 || width == 0 || channels == 0 {
        return;
    }
    for (at, target) in out.chunks_exact_mut(channels).enumerate() {
        let (upper, lower, down) = neighbours(at / (2 * width), height);
        let (left, right, across) = neighbours(at % (2 * width), width);
        let pixel = |y: usize, x: usize| input.get((y * width + x) * channels..).unwrap_or(&[]);
        let (a, b) = (pixel(upper, left), pixel(upper, right));
        let (c, d) = (pixel(lower, left), pixel(lower, right));
        let corners = a.iter().zip(b).zip(c.iter().zip(d));
        let shares = [
            (1.0 - across) * (1.0 - down),
            across * (1.0 - down),
            (1.0 - across) * down,
            across * down,
        ];
        for (value, ((a, b), (c, d))) in target.iter_mut().zip(corners) {
            *value = a * shares[0] + b * shares[1] + c * shares[2] + d * shares[3];
        }
    }
}

/// The two pixels around place `at` of twice `count`, and the share of the second.
fn neighbours(at: usize, count: usize) -> (usize, usize, f32) {
    // Place 2n lies a quarter before pixel n, place 2n + 1 a quarter after it.
    let pixel = at / 2;
    if at.is_multiple_of(2) {
        (pixel.saturating_sub(1), pixel, 0.75)
    } else {
        (pixel, (pixel + 1).min(count - 1), 0.25)
    }
}

/// The mean of each channel over all pixels; `out` has one value per channel.
pub fn mean(input: &[f32], out: &mut [f32]) {
    out.fill(0.0);
    if out.is_empty() {
        return;
    }
    let pixels = input.chunks_exact(out.len());
    let count = pixels.len().max(1) as f32;
    for pixel in pixels {
        for (sum, value) in out.iter_mut().zip(pixel) {
            *sum += value;
        }
    }
    for sum in out {
        *sum /= count;
    }
}

/// `1 / (1 + e^-x)` of each value.
pub fn sigmoid(input: &[f32], out: &mut [f32]) {
    for (value, x) in out.iter_mut().zip(input) {
        *value = 1.0 / (1.0 + (-x).exp());
    }
}

/// The sum of two lists.
pub fn add(a: &[f32], b: &[f32], out: &mut [f32]) {
    for (value, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
        *value = a + b;
    }
}

/// Copies, for row `row` of the output, the window around each of its pixels: `out` is
/// `[to.width, side · side · channels]`, zero outside of the image.
pub fn windows_of_row(
    input: &[f32],
    from: Plane,
    window: super::Window,
    row: usize,
    out: &mut [f32],
) {
    let c = from.channels;
    let span = window.side * c;
    if span == 0 {
        return;
    }
    for (place, target) in out.chunks_exact_mut(window.side * span).enumerate() {
        let left = (place * window.stride) as isize - window.left as isize;
        for (tap, target) in target.chunks_exact_mut(span).enumerate() {
            let y = (row * window.stride + tap) as isize - window.top as isize;
            if y < 0 || y as usize >= from.height {
                target.fill(0.0);
                continue;
            }
            let at = y as usize * from.width * c;
            let line = input.get(at..at + from.width * c).unwrap_or(&[]);
            copy_span(line, left * c as isize, target);
        }
    }
}

/// Copies `target.len()` values of `line` from place `first`, with zeros where there are none.
fn copy_span(line: &[f32], first: isize, target: &mut [f32]) {
    if let Ok(first) = usize::try_from(first)
        && let Some(values) = line.get(first..first + target.len())
    {
        target.copy_from_slice(values);
        return;
    }
    for (at, value) in target.iter_mut().enumerate() {
        let from = usize::try_from(first + at as isize);
        *value = from
            .ok()
            .and_then(|from| line.get(from))
            .copied()
            .unwrap_or(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Window;

    fn plane(height: usize, width: usize, channels: usize) -> Plane {
        Plane {
            height,
            width,
            channels,
        }
    }

    #[test]
    fn max_2x2_takes_the_greatest_and_leaves_an_odd_edge() {
        let input = [1.0, 5.0, 9.0, 2.0, 3.0, 8.0, 7.0, 7.0, 7.0];
        let mut out = [0.0; 1];
        max_2x2(&input, plane(3, 3, 1), &mut out);
        assert_eq!(out, [5.0]);
    }

    #[test]
    fn double_repeats_the_edge_and_mixes_by_quarters() {
        let mut out = [0.0; 8];
        double(&[0.0, 4.0], plane(1, 2, 1), &mut out);
        assert_eq!(out, [0.0, 1.0, 3.0, 4.0, 0.0, 1.0, 3.0, 4.0]);
    }

    #[test]
    fn windows_of_row_are_zero_outside() {
        let input = [1.0, 2.0, 3.0, 4.0];
        let window = Window {
            side: 3,
            stride: 1,
            top: 1,
            left: 1,
        };
        let mut out = [9.0; 18];
        windows_of_row(&input, plane(2, 2, 1), window, 0, &mut out);
        assert_eq!(out[..9], [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 4.0]);
        assert_eq!(out[9..], [0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 0.0]);
    }

    #[test]
    fn mean_and_sigmoid_are_what_they_say() {
        let mut out = [0.0; 2];
        mean(&[1.0, 10.0, 3.0, 30.0], &mut out);
        assert_eq!(out, [2.0, 20.0]);
        sigmoid(&[0.0, 100.0], &mut out);
        assert_eq!(out, [0.5, 1.0]);
    }
}
