//! Brings a picture to the size that a network reads.
//!
//! Neighbours: [`super::prepare`] says which part of the picture goes where. The filter is a triangle
//! as wide as the step from sample to sample, at least one pixel: where a picture shrinks every pixel
//! counts, where it grows it is plain bilinear. Pillow (`BILINEAR`), torchvision (`antialias=True`) and
//! `tf.image.resize(antialias=True)` do the same, so that a network sees what it was trained with.
//! Weights are worked out when sizes change, never per frame, and no memory is taken once they are.

/// Colours of a pixel.
const CHANNELS: usize = 3;

/// Where the samples of one axis lie: `out` of them, evenly over `[from, from + span)` of `len` pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Axis {
    /// Where the first sample's share begins, in pixels.
    pub from: f64,
    /// What all samples cover together, in pixels.
    pub span: f64,
    /// Pixels that there are.
    pub len: usize,
    /// Samples wanted.
    pub out: usize,
}

/// The pixels that make up one sample.
#[derive(Debug, Clone, Copy)]
struct Taps {
    first: usize,
    /// Place of the first weight, and one behind the last.
    weights: (usize, usize),
}

/// The weights of one axis.
#[derive(Debug, Default)]
struct Plan {
    axis: Axis,
    taps: Vec<Taps>,
    weights: Vec<f32>,
}

impl Plan {
    fn set(&mut self, axis: Axis) {
        if self.axis == axis {
            return;
        }
        self.axis = axis;
        self.taps.clear();
        self.weights.clear();
        let step = axis.span / axis.out.max(1) as f64;
        let support = step.max(1.0);
        for sample in 0..axis.out {
            let middle = axis.from + (sample as f64 + 0.5) * step;
            let first = (middle - support).max(0.0) as usize;
            let end = ((middle + support).ceil().max(0.0) as usize).min(axis.len);
            let at = self.weights.len();
            let weight = |pixel: usize| {
                let apart = (pixel as f64 + 0.5 - middle).abs();
                (1.0 - apart / support).max(0.0)
            };
            let sum: f64 = (first..end).map(weight).sum();
            if sum > 0.0 {
                let weights = (first..end).map(|pixel| (weight(pixel) / sum) as f32);
                self.weights.extend(weights);
            } else {
                // Outside of the picture: its nearest pixel.
                self.weights.push(1.0);
            }
            let first = first.min(axis.len.saturating_sub(1));
            self.taps.push(Taps {
                first,
                weights: (at, self.weights.len()),
            });
        }
    }

    fn taps(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let each = |taps: &Taps| (taps.first, &self.weights[taps.weights.0..taps.weights.1]);
        self.taps.iter().map(each)
    }
}

/// Brings pictures to another size; keeps its memory.
#[derive(Debug, Default)]
pub struct Resampler {
    columns: Plan,
    rows: Plan,
    /// One line of the result, before its columns are brought to their number.
    line: Vec<f32>,
}

impl Resampler {
    /// Resamples `pixels` (`[rows.len, columns.len, 3]`) and hands each result to `put`: its column,
    /// its row, its colours, in the units of the pixels.
    pub fn run<P: Copy + Into<f32>>(
        &mut self,
        pixels: &[P],
        columns: Axis,
        rows: Axis,
        mut put: impl FnMut(usize, usize, [f32; CHANNELS]),
    ) {
        debug_assert_eq!(pixels.len(), columns.len * rows.len * CHANNELS);
        let pitch = columns.len * CHANNELS;
        if pitch == 0 || rows.len == 0 {
            return;
        }
        self.columns.set(columns);
        self.rows.set(rows);
        for (y, (first, weights)) in self.rows.taps().enumerate() {
            self.line.clear();
            self.line.resize(pitch, 0.0);
            let lines = pixels[first * pitch..].chunks_exact(pitch);
            for (line, weight) in lines.zip(weights) {
                for (sum, value) in self.line.iter_mut().zip(line) {
                    *sum += (*value).into() * weight;
                }
            }
            for (x, (first, weights)) in self.columns.taps().enumerate() {
                let mut colours = [0.0; CHANNELS];
                let pixels = self.line[first * CHANNELS..].as_chunks::<CHANNELS>().0;
                for (pixel, weight) in pixels.iter().zip(weights) {
                    for (sum, value) in colours.iter_mut().zip(pixel) {
                        *sum += value * weight;
                    }
                }
                put(x, y, colours);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same by the definition, in f64, with both axes at once.
    fn expected(pixels: &[u8], columns: Axis, rows: Axis, x: usize, y: usize, c: usize) -> f64 {
        let weights = |axis: Axis, sample: usize| -> Vec<f64> {
            let step = axis.span / axis.out as f64;
            let middle = axis.from + (sample as f64 + 0.5) * step;
            let weight =
                |pixel: usize| (1.0 - (pixel as f64 + 0.5 - middle).abs() / step.max(1.0)).max(0.0);
            (0..axis.len).map(weight).collect()
        };
        let (across, down) = (weights(columns, x), weights(rows, y));
        let (mut sum, mut whole) = (0.0, 0.0);
        for (j, v) in down.iter().enumerate() {
            for (i, h) in across.iter().enumerate() {
                sum += v * h * f64::from(pixels[(j * columns.len + i) * 3 + c]);
                whole += v * h;
            }
        }
        sum / whole
    }

    fn axis() -> impl Strategy<Value = Axis> {
        (1_usize..40, 1_usize..24, 0.0..0.4_f64, 0.3..1.0_f64).prop_map(|(len, out, from, part)| {
            let from = from * len as f64;
            let span = ((len as f64 - from) * part).max(0.5);
            Axis {
                from,
                span,
                len,
                out,
            }
        })
    }

    proptest! {
        #[test]
        fn every_sample_is_the_weighted_mean_that_the_definition_gives(
            (columns, rows) in (axis(), axis()),
            seed in 0_usize..256,
        ) {
            let count = columns.len * rows.len * 3;
            let pixels: Vec<u8> = (0..count).map(|n| ((n * 7919 + seed * 31) % 256) as u8).collect();
            let mut resampler = Resampler::default();
            let mut seen = 0;
            resampler.run(&pixels, columns, rows, |x, y, colours| {
                for (c, value) in colours.into_iter().enumerate() {
                    let wanted = expected(&pixels, columns, rows, x, y, c);
                    assert!((f64::from(value) - wanted).abs() < 2e-3, "{value} {wanted} at {x} {y}");
                }
                seen += 1;
            });
            prop_assert_eq!(seen, columns.out * rows.out);
        }
    }

    /// A grey picture of 8 x 6 as Pillow 13 makes it 3 x 2 with `BILINEAR`; it rounds to whole numbers
    /// between its two passes.
    #[test]
    fn a_shrinking_picture_is_what_pillow_makes_of_it() {
        let grey = (0..48).map(|n| ((n * 37 + 11 * (n / 8)) % 256) as u8);
        let pixels: Vec<u8> = grey.flat_map(|value| [value; 3]).collect();
        let axis = |len: usize, out: usize| Axis {
            from: 0.0,
            span: len as f64,
            len,
            out,
        };
        let mut found = Vec::new();
        let put = |_, _, [red, ..]: [f32; 3]| found.push(red);
        Resampler::default().run(&pixels, axis(8, 3), axis(6, 2), put);
        let pillow = [102.0, 153.0, 107.0, 151.0, 105.0, 137.0];
        for (found, pillow) in found.iter().zip(pillow) {
            assert!((found - pillow).abs() <= 1.0, "{found} {pillow}");
        }
        assert_eq!(found.len(), pillow.len());
    }

    #[test]
    fn the_same_size_changes_nothing_and_nothing_gives_nothing() {
        let pixels: Vec<u8> = (0..5 * 4 * 3).map(|n| n as u8 * 4).collect();
        let whole = |len: usize| Axis {
            from: 0.0,
            span: len as f64,
            len,
            out: len,
        };
        let mut found = Vec::new();
        let mut resampler = Resampler::default();
        resampler.run(&pixels, whole(5), whole(4), |_, _, colours| {
            found.extend(colours)
        });
        let same: Vec<f32> = pixels.iter().map(|value| f32::from(*value)).collect();
        assert_eq!(found, same);
        resampler.run(&[] as &[u8], whole(0), whole(0), |_, _, _| unreachable!());
    }
}
