//! Depthwise convolution: each channel with its own window, a register of channels at a time.
//!
//! Neighbours: entered by [`super`], which knows that all lengths fit. [`direct`] reads the image in
//! place and takes care of its edges pixel by pixel; [`padded`] copies one register of channels with a
//! border of zeros into a scratch buffer first, where no pixel is at an edge. Both sum several
//! neighbouring pixels at once, so that sums do not wait for each other and taps are read once.

use super::Function;
use super::lanes::Lanes;
use crate::kernels::Lines;
use crate::kernels::shape::{Depthwise, Epilogue};

/// The steps, in values, from one thing to the next in memory.
#[derive(Clone, Copy)]
struct Steps {
    /// Input: row of pixels, pixel.
    row: usize,
    pixel: usize,
    /// Weights: tap.
    tap: usize,
    /// Output: pixel.
    out: usize,
}

/// What a register of channels needs for all of its pixels.
#[derive(Clone, Copy)]
struct Channels<V> {
    weights: *const f32,
    bias: V,
    zero: V,
    function: Function<V>,
    /// Channels in the register.
    count: usize,
}

impl<V: Lanes> Channels<V> {
    /// # Safety
    /// As [`direct`]; `channel` lies in the image.
    #[inline(always)]
    unsafe fn new(work: &Depthwise<'_>, epilogue: &Epilogue<'_>, channel: usize) -> Self {
        Self {
            weights: work.weights.as_ptr().wrapping_add(channel),
            // SAFETY: values per channel are padded to whole lines, and a line holds whole registers.
            bias: unsafe { V::load(epilogue.bias.as_ptr().wrapping_add(channel)) },
            // SAFETY: the caller has the instructions.
            zero: unsafe { V::splat(0.0) },
            // SAFETY: as for the bias.
            function: unsafe { Function::new(epilogue.activation, channel) },
            count: (work.from.channels - channel).min(V::COUNT),
        }
    }

    /// Applies the activation and stores the channels of neighbouring pixels, `step` apart.
    ///
    /// # Safety
    /// `to` is valid for writing `count` values at each of the pixels.
    #[inline(always)]
    unsafe fn finish<const P: usize>(&self, mut sums: [[V; 1]; P], to: *mut f32, step: usize) {
        self.function.apply_all(&mut sums, 0, self.zero);
        let mut to = to;
        if self.count == V::COUNT {
            for [sum] in sums {
                // SAFETY: the caller promises that many.
                unsafe { sum.store(to) };
                to = to.wrapping_add(step);
            }
        } else {
            for [sum] in sums {
                // SAFETY: as above.
                unsafe { sum.store_some(to, self.count) };
                to = to.wrapping_add(step);
            }
        }
    }
}

/// Picks the algorithm for a window: side and stride become constants.
macro_rules! by_window {
    ($window:expr, $function:ident::<$v:ty>($($argument:expr),*)) => {
        match ($window.side, $window.stride) {
            // SAFETY: the arguments are the caller's, who has promised all that is needed.
            (3, 1) => unsafe { $function::<$v, 3, 1>($($argument),*) },
            // SAFETY: as above.
            (3, _) => unsafe { $function::<$v, 3, 2>($($argument),*) },
            // SAFETY: as above.
            (_, 1) => unsafe { $function::<$v, 5, 1>($($argument),*) },
            // SAFETY: as above.
            _ => unsafe { $function::<$v, 5, 2>($($argument),*) },
        }
    };
}

/// Reads the image in place.
///
/// # Safety
/// The processor has the instructions of `V`; `work`, `epilogue` and `out` are as
/// [`Kernels::convolve_depthwise`](crate::kernels::Kernels::convolve_depthwise) checks them, and the
/// channels fill whole registers.
#[inline(always)]
pub unsafe fn direct<V: Lanes>(work: &Depthwise<'_>, epilogue: &Epilogue<'_>, out: &mut [f32]) {
    by_window!(work.window, direct_of::<V>(work, epilogue, out));
}

/// # Safety
/// As [`direct`]; `K` and `S` are the window's side and stride.
#[inline(always)]
unsafe fn direct_of<V: Lanes, const K: usize, const S: usize>(
    work: &Depthwise<'_>,
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    let Depthwise {
        window, from, to, ..
    } = *work;
    let steps = Steps {
        row: from.width * from.channels,
        pixel: from.channels,
        tap: Lines::padded(from.channels),
        out: from.channels,
    };
    let rows = window.inside(from.height, to.height, window.top);
    let columns = window.inside(from.width, to.width, window.left);
    for y in 0..to.height {
        let line = out.as_mut_ptr().wrapping_add(y * to.width * steps.out);
        let mut channel = 0;
        while channel < from.channels {
            // SAFETY: the channel lies in the image.
            let channels = unsafe { Channels::<V>::new(work, epilogue, channel) };
            let target = line.wrapping_add(channel);
            let whole = if rows.contains(&y) {
                columns.clone()
            } else {
                0..0
            };
            for x in (0..whole.start).chain(whole.end..to.width) {
                // SAFETY: pixel and channel lie in the output.
                unsafe { edge::<V, K, S>(work, steps, &channels, [y, x], channel, target) };
            }
            if !whole.is_empty() {
                let corner = (y * S - window.top) * steps.row
                    + (whole.start * S - window.left) * steps.pixel;
                let source = work.input.as_ptr().wrapping_add(corner + channel);
                let target = target.wrapping_add(whole.start * steps.out);
                // SAFETY: around each of these pixels the whole window lies in the image.
                unsafe { run::<V, K, S>(source, steps, &channels, target, whole.len()) };
            }
            channel += V::COUNT;
        }
    }
}

/// One pixel of which part of the window may lie outside.
///
/// # Safety
/// As [`direct_of`]; `[y, x]` lies in the output, `target` is its line at `channel`.
#[inline(always)]
unsafe fn edge<V: Lanes, const K: usize, const S: usize>(
    work: &Depthwise<'_>,
    steps: Steps,
    channels: &Channels<V>,
    [y, x]: [usize; 2],
    channel: usize,
    target: *mut f32,
) {
    let Depthwise { window, from, .. } = *work;
    let mut sum = channels.bias;
    for down in 0..K {
        // Below zero this wraps to more than any height or width.
        let row = (y * S + down).wrapping_sub(window.top);
        if row >= from.height {
            continue;
        }
        for across in 0..K {
            let column = (x * S + across).wrapping_sub(window.left);
            if column >= from.width {
                continue;
            }
            let at = row * steps.row + column * steps.pixel + channel;
            // SAFETY: row, column and channel lie in the image.
            let value = unsafe { V::load(work.input.as_ptr().wrapping_add(at)) };
            let tap = channels
                .weights
                .wrapping_add((down * K + across) * steps.tap);
            // SAFETY: the weights have `K · K` taps of as many channels, padded to whole lines.
            let weight = unsafe { V::load(tap) };
            sum = value.mul_add(weight, sum);
        }
    }
    // SAFETY: the pixel lies in the output.
    unsafe { channels.finish([[sum]], target.wrapping_add(x * steps.out), steps.out) };
}

/// Copies each register of channels with its border first.
///
/// # Safety
/// As [`direct`], but for any number of channels; `scratch` has room for `height · width` registers,
/// which hold every window of the output and the image, and is zero.
#[inline(always)]
pub unsafe fn padded<V: Lanes>(
    work: &Depthwise<'_>,
    epilogue: &Epilogue<'_>,
    [_, width]: [usize; 2],
    scratch: &mut Lines,
    out: &mut [f32],
) {
    by_window!(
        work.window,
        padded_of::<V>(work, epilogue, width, scratch, out)
    );
}

/// # Safety
/// As [`padded`]; `K` and `S` are the window's side and stride.
#[inline(always)]
unsafe fn padded_of<V: Lanes, const K: usize, const S: usize>(
    work: &Depthwise<'_>,
    epilogue: &Epilogue<'_>,
    width: usize,
    scratch: &mut Lines,
    out: &mut [f32],
) {
    let Depthwise {
        window, from, to, ..
    } = *work;
    let steps = Steps {
        row: width * V::COUNT,
        pixel: V::COUNT,
        tap: Lines::padded(from.channels),
        out: from.channels,
    };
    let scratch = scratch.as_mut_ptr();
    let inner = scratch.wrapping_add(window.top * steps.row + window.left * steps.pixel);
    let mut channel = 0;
    while channel < from.channels {
        // SAFETY: the channel lies in the image.
        let channels = unsafe { Channels::<V>::new(work, epilogue, channel) };
        for row in 0..from.height {
            let source = work
                .input
                .as_ptr()
                .wrapping_add(row * from.width * from.channels + channel);
            let target = inner.wrapping_add(row * steps.row);
            // SAFETY: the row lies in the image, and with its border in the scratch buffer.
            unsafe { copy_row::<V>(source, from.channels, channels.count, target, from.width) };
        }
        for y in 0..to.height {
            let source = scratch.wrapping_add(y * S * steps.row);
            let target = out
                .as_mut_ptr()
                .wrapping_add(y * to.width * steps.out + channel);
            // SAFETY: the scratch buffer holds every window of this row of the output.
            unsafe { run::<V, K, S>(source, steps, &channels, target, to.width) };
        }
        channel += V::COUNT;
    }
}

/// Copies the same `count` channels of `pixels` neighbouring pixels into registers in a row.
///
/// # Safety
/// `source` has `pixels` pixels `step` apart with `count` channels each; `target` has room for as many
/// registers.
#[inline(always)]
unsafe fn copy_row<V: Lanes>(
    source: *const f32,
    step: usize,
    count: usize,
    target: *mut f32,
    pixels: usize,
) {
    let (mut source, mut target) = (source, target);
    for _ in 0..pixels {
        let value = if count == V::COUNT {
            // SAFETY: the caller promises a register's channels.
            unsafe { V::load(source) }
        } else {
            // SAFETY: the caller promises `count` channels.
            unsafe { V::load_some(source, count) }
        };
        // SAFETY: the caller promises room for a register.
        unsafe { value.store(target) };
        source = source.wrapping_add(step);
        target = target.wrapping_add(V::COUNT);
    }
}

/// A row of `pixels` neighbouring output pixels, whose windows all lie in the input.
///
/// # Safety
/// `source` is the corner of the first window, with all windows readable at `steps`; `target` has room
/// for the pixels.
#[inline(always)]
unsafe fn run<V: Lanes, const K: usize, const S: usize>(
    source: *const f32,
    steps: Steps,
    channels: &Channels<V>,
    target: *mut f32,
    pixels: usize,
) {
    let (mut source, mut target, mut left) = (source, target, pixels);
    let (by, to) = (steps.pixel * S, steps.out);
    macro_rules! strips {
        ($count:literal) => {
            while left >= $count {
                // SAFETY: at least so many pixels are left.
                unsafe { strip::<V, K, S, $count>(source, steps, channels, target) };
                source = source.wrapping_add($count * by);
                target = target.wrapping_add($count * to);
                left -= $count;
            }
        };
    }
    strips!(8);
    strips!(4);
    strips!(2);
    strips!(1);
}

/// `P` neighbouring output pixels at once.
///
/// # Safety
/// As [`run`], for `P` pixels.
#[inline(always)]
unsafe fn strip<V: Lanes, const K: usize, const S: usize, const P: usize>(
    source: *const f32,
    steps: Steps,
    channels: &Channels<V>,
    target: *mut f32,
) {
    let mut sums = [[channels.bias]; P];
    let (mut row, mut tap) = (source, channels.weights);
    for _ in 0..K {
        let mut place = row;
        for _ in 0..K {
            // SAFETY: the weights have `K · K` taps of as many channels, padded to whole lines.
            let weight = unsafe { V::load(tap) };
            tap = tap.wrapping_add(steps.tap);
            for (pixel, [sum]) in sums.iter_mut().enumerate() {
                let from = place.wrapping_add(steps.pixel.wrapping_mul(pixel * S));
                // SAFETY: the pixel's window lies in the input.
                let value = unsafe { V::load(from) };
                *sum = value.mul_add(weight, *sum);
            }
            place = place.wrapping_add(steps.pixel);
        }
        row = row.wrapping_add(steps.row);
    }
    // SAFETY: the pixels lie in the output.
    unsafe { channels.finish(sums, target, steps.out) };
}
