//! Every kernel set that this processor has, at odd sizes, against sums in plain loops.
//!
//! Around each slice lie other numbers: NaN around what is read, so that a kernel that reads too far
//! has NaN in its result, and a mark around what is written, which must still be there afterwards.

use infer_worker::kernels::{
    Activation, Depthwise, Epilogue, KernelSet, Kernels, Lines, Plane, Product, Residual, Window,
};
use proptest::prelude::*;

/// Values before and after a slice, more than the widest register has.
const MARGIN: usize = 40;
/// What must not be overwritten.
const MARK: f32 = 12_345.0;

/// A slice in the middle of other numbers.
struct Fenced(Vec<f32>);

impl Fenced {
    fn new(values: &[f32], around: f32) -> Self {
        let fence = [around; MARGIN];
        Self([&fence, values, &fence].concat())
    }

    fn inner(&self) -> &[f32] {
        &self.0[MARGIN..self.0.len() - MARGIN]
    }

    fn inner_mut(&mut self) -> &mut [f32] {
        let end = self.0.len() - MARGIN;
        &mut self.0[MARGIN..end]
    }

    fn is_whole(&self) -> bool {
        let end = self.0.len() - MARGIN;
        let around = self.0[..MARGIN].iter().chain(&self.0[end..]);
        around.into_iter().all(|value| *value == MARK)
    }
}

/// Numbers from -1 to 1 that look random and are the same each time.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn sets() -> Vec<Kernels> {
    let sets: Vec<Kernels> = KernelSet::ALL
        .into_iter()
        .filter_map(Kernels::new)
        .collect();
    assert!(
        sets.len() > 1 || cfg!(not(target_arch = "x86_64")),
        "only {sets:?}"
    );
    sets
}

/// What follows a sum, with its values.
#[derive(Debug, Clone, Copy)]
struct After {
    /// 0 none, 1 clamp, 2 slopes.
    function: u8,
    /// Channels of the residual out of the output's, in quarters; none if there is none.
    residual: Option<(usize, bool)>,
}

fn after() -> impl Strategy<Value = After> {
    (0_u8..3, proptest::option::of((1_usize..=4, any::<bool>())))
        .prop_map(|(function, residual)| After { function, residual })
}

impl After {
    fn channels(self, columns: usize) -> usize {
        self.residual
            .map_or(0, |(quarters, _)| (columns * quarters).div_ceil(4))
    }

    fn apply(self, sum: f64, bias: f32, slope: f32, residual: Option<f32>) -> f64 {
        let function = |value: f64| match self.function {
            0 => value,
            1 => value.clamp(-0.25, 0.5),
            _ if value < 0.0 => value * f64::from(slope),
            _ => value,
        };
        let first = self.residual.is_some_and(|(_, first)| first);
        let other = f64::from(residual.unwrap_or(0.0));
        if first {
            function(sum + f64::from(bias) + other)
        } else {
            function(sum + f64::from(bias)) + other
        }
    }
}

fn activation(after: After, slopes: &Lines) -> Activation<'_> {
    match after.function {
        0 => Activation::None,
        1 => Activation::Clamp {
            low: -0.25,
            high: 0.5,
        },
        _ => Activation::Slope(slopes),
    }
}

fn close(found: &[f32], expected: &[f64]) -> Result<(), TestCaseError> {
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let apart = (f64::from(*found) - expected).abs();
        prop_assert!(
            apart <= 2e-5 * (1.0 + expected.abs()),
            "{at}: {found} for {expected}"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Goal: a product is right for any number of rows, columns and depth, and touches nothing else.
    #[test]
    fn multiply_is_right_at_any_size(
        rows in 1_usize..40, depth in 0_usize..70, columns in 1_usize..80, after in after(), seed: u32,
    ) {
        let a = noise(rows * depth, seed);
        let b = noise(depth * columns, seed ^ 1);
        let (bias, slopes) = (noise(columns, seed ^ 2), noise(columns, seed ^ 3));
        let channels = after.channels(columns);
        let other = noise(rows * channels, seed ^ 4);
        let mut expected = Vec::new();
        for row in 0..rows {
            for column in 0..columns {
                let terms = (0..depth).map(|i| f64::from(a[row * depth + i]) * f64::from(b[i * columns + column]));
                let residual = (column < channels).then(|| other[row * channels + column]);
                expected.push(after.apply(terms.sum(), bias[column], slopes[column], residual));
            }
        }
        let (bias, slopes) = (Lines::of(&bias), Lines::of(&slopes));
        let (a, other) = (Fenced::new(&a, f32::NAN), Fenced::new(&other, f32::NAN));
        for kernels in sets() {
            let weights = kernels.pack(&b, depth, columns);
            let product = Product { rows_of: a.inner(), rows, depth, weights: &weights };
            let residual = after.residual.map(|(_, first)| Residual { values: other.inner(), channels, first });
            let epilogue = Epilogue { bias: &bias, activation: activation(after, &slopes), residual };
            let mut out = Fenced::new(&vec![0.0; rows * columns], MARK);
            kernels.multiply(&product, &epilogue, out.inner_mut()).expect("lengths fit");
            prop_assert!(out.is_whole(), "{kernels:?} wrote beyond the output");
            close(out.inner(), &expected)?;
        }
    }

    /// Goal: a depthwise convolution is right for any plane, border, stride and number of channels,
    /// and touches nothing else.
    #[test]
    fn depthwise_is_right_at_any_size(
        side in prop_oneof![Just(3_usize), Just(5)], stride in 1_usize..3,
        height in 1_usize..14, width in 1_usize..45, large: bool, channels in 1_usize..40,
        top in 0_usize..4, left in 0_usize..4, bottom in 0_usize..4, right in 0_usize..4,
        function in 0_u8..3, seed: u32,
    ) {
        // A large plane of whole registers is read in place, everything else by way of a copy.
        let (height, channels) = if large { (height + 40, 16 * channels.div_ceil(20)) } else { (height, channels) };
        let places = |before: usize, from: usize, after: usize| (before + from + after).checked_sub(side).map(|n| n / stride + 1);
        let (Some(high), Some(wide)) = (places(top, height, bottom), places(left, width, right)) else {
            return Ok(());
        };
        let from = Plane { height, width, channels };
        let to = Plane { height: high, width: wide, channels };
        let input = noise(height * width * channels, seed);
        let taps = noise(side * side * channels, seed ^ 1);
        let (bias, slopes) = (noise(channels, seed ^ 2), noise(channels, seed ^ 3));
        let after = After { function, residual: None };
        let mut expected = Vec::new();
        for y in 0..high {
            for x in 0..wide {
                for channel in 0..channels {
                    let mut sum = 0.0;
                    for down in 0..side {
                        for across in 0..side {
                            let (row, column) = ((y * stride + down).wrapping_sub(top), (x * stride + across).wrapping_sub(left));
                            if row < height && column < width {
                                let value = input[(row * width + column) * channels + channel];
                                sum += f64::from(value) * f64::from(taps[(down * side + across) * channels + channel]);
                            }
                        }
                    }
                    expected.push(after.apply(sum, bias[channel], slopes[channel], None));
                }
            }
        }
        let mut weights = Lines::zeros(side * side * Lines::padded(channels));
        for (at, value) in taps.iter().enumerate() {
            weights.set(at / channels * Lines::padded(channels) + at % channels, *value);
        }
        let (bias, slopes) = (Lines::of(&bias), Lines::of(&slopes));
        let input = Fenced::new(&input, f32::NAN);
        for kernels in sets() {
            let window = Window { side, stride, top, left };
            let work = Depthwise { window, input: input.inner(), from, to, weights: &weights };
            let epilogue = Epilogue { bias: &bias, activation: activation(after, &slopes), residual: None };
            let mut out = Fenced::new(&vec![0.0; high * wide * channels], MARK);
            kernels.convolve_depthwise(&work, &epilogue, out.inner_mut()).expect("lengths fit");
            prop_assert!(out.is_whole(), "{kernels:?} wrote beyond the output");
            close(out.inner(), &expected)?;
        }
    }
}

/// Goal: no length that does not fit reaches the fenced code.
#[test]
fn wrong_lengths_are_refused() {
    let lines = Lines::zeros(16);
    for kernels in sets() {
        let weights = kernels.pack(&[1.0; 6], 2, 3);
        let epilogue = Epilogue {
            bias: &lines,
            activation: Activation::None,
            residual: None,
        };
        let run = |rows_of: &[f32], rows, depth, epilogue: &Epilogue<'_>, out: usize| {
            let product = Product {
                rows_of,
                rows,
                depth,
                weights: &weights,
            };
            kernels
                .multiply(&product, epilogue, &mut vec![0.0; out])
                .is_ok()
        };
        assert!(run(&[1.0; 4], 2, 2, &epilogue, 6));
        assert!(!run(&[1.0; 3], 2, 2, &epilogue, 6), "left matrix");
        assert!(!run(&[1.0; 4], 2, 2, &epilogue, 5), "output");
        assert!(!run(&[1.0; 4], 2, 1, &epilogue, 6), "depth");
        assert!(!run(&[1.0; 4], usize::MAX, 2, &epilogue, 6), "overflow");
        let none = Lines::empty();
        let short = Epilogue {
            bias: &none,
            ..epilogue
        };
        assert!(!run(&[1.0; 4], 2, 2, &short, 6), "bias");
        let short = Epilogue {
            activation: Activation::Slope(&none),
            ..epilogue
        };
        assert!(!run(&[1.0; 4], 2, 2, &short, 6), "slopes");
        let values = &[1.0; 5];
        let residual = |channels| {
            Some(Residual {
                values,
                channels,
                first: true,
            })
        };
        let short = Epilogue {
            residual: residual(3),
            ..epilogue
        };
        assert!(!run(&[1.0; 4], 2, 2, &short, 6), "residual");
        let wide = Epilogue {
            residual: residual(4),
            ..epilogue
        };
        assert!(
            !run(&[1.0; 2], 1, 2, &wide, 3),
            "residual wider than the output"
        );

        let plane = Plane {
            height: 4,
            width: 4,
            channels: 1,
        };
        let image = [1.0; 16];
        let run = |input: &[f32], to, side, weights: &Lines, out: usize| {
            let window = Window {
                side,
                stride: 1,
                top: 1,
                left: 1,
            };
            let work = Depthwise {
                window,
                input,
                from: plane,
                to,
                weights,
            };
            kernels
                .convolve_depthwise(&work, &epilogue, &mut vec![0.0; out])
                .is_ok()
        };
        let taps = Lines::zeros(9 * 16);
        assert!(run(&image, plane, 3, &taps, 16));
        assert!(!run(&image[1..], plane, 3, &taps, 16), "input");
        assert!(!run(&image, plane, 3, &taps, 15), "output");
        assert!(!run(&image, plane, 5, &taps, 16), "weights");
        assert!(!run(&image, plane, 7, &taps, 16), "window");
        assert!(
            !run(
                &image,
                Plane {
                    channels: 2,
                    ..plane
                },
                3,
                &taps,
                32
            ),
            "channels"
        );
    }
    // Weights that are packed in panels of one width are no weights for another.
    let [first, .., last] = &sets()[..] else {
        return;
    };
    let (ours, weights) = (first.pack(&[1.0; 6], 2, 3), last.pack(&[1.0; 6], 2, 3));
    let epilogue = Epilogue {
        bias: &lines,
        activation: Activation::None,
        residual: None,
    };
    let product = Product {
        rows_of: &[1.0; 4],
        rows: 2,
        depth: 2,
        weights: &weights,
    };
    let result = first.multiply(&product, &epilogue, &mut [0.0; 6]);
    assert_eq!(result.is_err(), ours.width() != weights.width());
}
