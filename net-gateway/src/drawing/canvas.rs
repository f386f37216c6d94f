//! A picture in RGB, and the one way to lay a colour over a part of it.
//!
//! What lies outside the picture is left out, so callers may place things anywhere.

/// Red, green and blue.
pub type Rgb = [u8; 3];

/// A picture in RGB without padding between its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Canvas {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Red, green and blue of each pixel, row by row: `width_px * height_px * 3` bytes.
    pub rgb: Vec<u8>,
}

impl Canvas {
    /// A picture of one colour.
    #[must_use]
    pub fn filled(width_px: u32, height_px: u32, rgb: Rgb) -> Self {
        Self {
            width_px,
            height_px,
            rgb: rgb.repeat(width_px as usize * height_px as usize),
        }
    }

    /// Gives it another size; what it shows is then undefined. Keeps its memory where that is
    /// large enough.
    pub fn resize(&mut self, width_px: u32, height_px: u32) {
        (self.width_px, self.height_px) = (width_px, height_px);
        self.rgb
            .resize(width_px as usize * height_px as usize * 3, 0);
    }

    /// Lays `rgb` over the rectangle x, y, width, height (in pixels) as thickly as `ink` says for
    /// the middle of each pixel, given in pixels from the rectangle's upper left corner: 0.0..=1.0.
    pub fn blend(
        &mut self,
        [left, top, width, height]: [f32; 4],
        rgb: Rgb,
        ink: impl Fn(f32, f32) -> f32,
    ) {
        let columns = within(left, width, self.width_px);
        let rows = within(top, height, self.height_px);
        let pitch = self.width_px as usize * 3;
        for row in rows {
            let y = row as f32 + 0.5 - top;
            for column in columns.clone() {
                let thick = ink(column as f32 + 0.5 - left, y).clamp(0.0, 1.0);
                let at = row * pitch + column * 3;
                if thick > 0.0
                    && let Some(pixel) = self.rgb.get_mut(at..at + 3)
                {
                    for (value, new) in pixel.iter_mut().zip(rgb) {
                        let mixed = f32::from(*value) * (1.0 - thick) + f32::from(new) * thick;
                        *value = mixed.round() as u8;
                    }
                }
            }
        }
    }

    /// Lays `rgb` over a whole rectangle, `ink` thick: 0.0..=1.0.
    pub fn fill(&mut self, place: [f32; 4], rgb: Rgb, ink: f32) {
        self.blend(place, rgb, |_, _| ink);
    }
}

/// The places `start..start + length` that lie in `0..size`.
fn within(start: f32, length: f32, size: u32) -> std::ops::Range<usize> {
    // Casts of numbers that are negative, too large or none end at the nearest one there is.
    start.max(0.0) as usize..((start + length).max(0.0) as usize).min(size as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_is_left_out() {
        let blank = Canvas::filled(8, 4, [9; 3]);
        for place in [
            [-50.0, -50.0, 20.0, 20.0],
            [8.0, 0.0, 5.0, 5.0],
            [0.0, 4.0, 5.0, 5.0],
            [f32::NAN, 0.0, f32::NAN, 4.0],
            [3.0, 1.0, -2.0, 2.0],
        ] {
            let mut canvas = blank.clone();
            canvas.fill(place, [200; 3], 1.0);
            assert_eq!(canvas, blank, "{place:?}");
        }
        let mut canvas = blank.clone();
        canvas.fill([-1e30, -1e30, f32::INFINITY, f32::INFINITY], [200; 3], 1.0);
        assert_eq!(canvas, Canvas::filled(8, 4, [200; 3]));
    }

    #[test]
    fn half_of_the_ink_is_half_of_the_way() {
        let mut canvas = Canvas::filled(4, 4, [100, 0, 200]);
        canvas.fill([1.0, 1.0, 2.0, 2.0], [200, 100, 100], 0.5);
        assert_eq!(canvas.rgb[..3], [100, 0, 200]);
        let second_of_second_row = (4 + 1) * 3;
        let pixel = &canvas.rgb[second_of_second_row..second_of_second_row + 3];
        assert_eq!(pixel, [150, 50, 150]);
    }
}
