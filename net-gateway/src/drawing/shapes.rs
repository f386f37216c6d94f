//! Lines and dots with smooth edges.

use super::canvas::{Canvas, Rgb};

/// A point in pixels.
pub type Point = [f32; 2];

/// Draws a line with round ends from `from` to `to`, `width_px` thick, of `ink` 0.0..=1.0.
pub fn line(canvas: &mut Canvas, [from, to]: [Point; 2], width_px: f32, rgb: Rgb, ink: f32) {
    let reach = width_px / 2.0 + 1.0;
    let [left, top] = [0, 1].map(|axis: usize| (from[axis].min(to[axis]) - reach).floor());
    let [right, bottom] = [0, 1].map(|axis: usize| (from[axis].max(to[axis]) + reach).ceil());
    canvas.blend([left, top, right - left, bottom - top], rgb, |x, y| {
        let distance = distance([left + x, top + y], from, to);
        ink * (width_px / 2.0 + 0.5 - distance).clamp(0.0, 1.0)
    });
}

/// Draws a filled dot.
pub fn dot(canvas: &mut Canvas, middle: Point, radius_px: f32, rgb: Rgb, ink: f32) {
    line(canvas, [middle, middle], radius_px * 2.0, rgb, ink);
}

/// Distance of a point from the line between two others.
fn distance([x, y]: Point, [x0, y0]: Point, [x1, y1]: Point) -> f32 {
    let (along_x, along_y) = (x1 - x0, y1 - y0);
    let length_squared = along_x * along_x + along_y * along_y;
    let part = if length_squared > 0.0 {
        (((x - x0) * along_x + (y - y0) * along_y) / length_squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    (x - x0 - part * along_x).hypot(y - y0 - part * along_y)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inked(canvas: &Canvas) -> Vec<(usize, usize)> {
        let width = canvas.width_px as usize;
        let pixels = canvas.rgb.chunks(3).enumerate();
        pixels
            .filter(|(_, pixel)| pixel[0] > 127)
            .map(|(index, _)| (index % width, index / width))
            .collect()
    }

    #[test]
    fn line_covers_its_pixels_and_no_others() {
        let mut canvas = Canvas::filled(20, 10, [0; 3]);
        line(&mut canvas, [[3.5, 4.5], [12.5, 4.5]], 1.0, [255; 3], 1.0);
        let expected: Vec<_> = (3..=12).map(|x| (x, 4)).collect();
        assert_eq!(inked(&canvas), expected);
    }

    #[test]
    fn dot_is_round_and_may_lie_across_the_edge() {
        let mut canvas = Canvas::filled(9, 9, [0; 3]);
        dot(&mut canvas, [4.5, 4.5], 3.0, [255; 3], 1.0);
        let pixels = inked(&canvas);
        assert!((24..=32).contains(&pixels.len()), "{}", pixels.len());
        assert!(pixels.contains(&(4, 2)) && !pixels.contains(&(1, 2)));
        let mut canvas = Canvas::filled(9, 9, [0; 3]);
        dot(&mut canvas, [-1.0, 4.5], 3.0, [255; 3], 1.0);
        assert!(inked(&canvas).iter().all(|(x, _)| *x < 2));
        dot(&mut canvas, [f32::NAN, 4.5], 3.0, [255; 3], 1.0);
    }
}
