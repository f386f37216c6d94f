//! The fence: all `unsafe` code of this crate lies in this folder.
//!
//! - [`lanes`] is a register of floats; `x86`, `neon` and `scalar` are the registers that there are;
//! - [`product`] and [`depthwise`] are the algorithms, generic over the register;
//! - this file enters them with the right instructions switched on.
//!
//! Neighbours: only [`Kernels`] calls the functions here, after it has checked every
//! length, so that no kernel checks one again. Two things make the code unsafe: it uses instructions
//! that not every processor has, and it reads and writes through pointers in its inner loops.
//!
//! How it is kept right: a register can only be made by an `unsafe` call whose caller promises the
//! instructions, so whoever holds one may do arithmetic; the algorithms are tested on every set with
//! odd sizes against tract, with other numbers around each slice; and `scalar`, which runs the same
//! algorithms, is plain Rust.
#![allow(
    unsafe_code,
    reason = "vector instructions, and inner loops without bounds checks; see the inventory in shm-layout/README.md"
)]

pub mod depthwise;
pub mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
pub mod product;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::lines::Lines;
use super::shape::{Depthwise, Epilogue, Product};
use super::{KernelSet, Kernels};
use lanes::Lanes;

/// Values in a register of `set`.
pub(super) const fn lane_count(set: KernelSet) -> usize {
    match set {
        KernelSet::Avx512 => 16,
        KernelSet::Avx2 => 8,
        KernelSet::Neon | KernelSet::Scalar => 4,
    }
}

/// Columns that a product of `set` works on at a time: two registers.
pub(super) const fn panel_width(set: KernelSet) -> usize {
    2 * lane_count(set)
}

/// Enters `$kernel` with the registers of `$kernels`, which prove that the processor has them.
macro_rules! enter {
    ($kernels:expr, $module:ident::$kernel:ident, ($($name:ident: $kind:ty),*)) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f")]
        fn avx512($($name: $kind),*) {
            // SAFETY: this function runs only where AVX-512F is there, and its caller checked lengths.
            unsafe { $module::$kernel::<x86::Avx512>($($name),*) }
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        fn avx2($($name: $kind),*) {
            // SAFETY: this function runs only where AVX2 and FMA are there, and its caller checked
            // lengths.
            unsafe { $module::$kernel::<x86::Avx2>($($name),*) }
        }
        #[cfg(target_arch = "aarch64")]
        #[target_feature(enable = "neon")]
        fn neon($($name: $kind),*) {
            // SAFETY: this function runs only where NEON is there, and its caller checked lengths.
            unsafe { $module::$kernel::<neon::Neon>($($name),*) }
        }
        match $kernels.set() {
            #[cfg(target_arch = "x86_64")]
            KernelSet::Avx512 => {
                // SAFETY: a `Kernels` exists only for a set that this processor has.
                unsafe { avx512($($name),*) }
            }
            #[cfg(target_arch = "x86_64")]
            KernelSet::Avx2 => {
                // SAFETY: as above.
                unsafe { avx2($($name),*) }
            }
            #[cfg(target_arch = "aarch64")]
            KernelSet::Neon => {
                // SAFETY: as above.
                unsafe { neon($($name),*) }
            }
            // SAFETY: plain Rust runs everywhere, and the caller checked lengths.
            _ => unsafe { $module::$kernel::<scalar::Scalar>($($name),*) },
        }
    }};
}

/// The product of matrices whose lengths were checked.
pub(super) fn multiply(
    kernels: Kernels,
    product: &Product<'_>,
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    debug_assert_eq!(product.weights.width(), panel_width(kernels.set()));
    enter!(kernels, product::multiply, (product: &Product<'_>, epilogue: &Epilogue<'_>, out: &mut [f32]));
}

/// A depthwise convolution whose lengths were checked, and whose channels fill whole registers.
pub(super) fn depthwise_direct(
    kernels: Kernels,
    work: &Depthwise<'_>,
    epilogue: &Epilogue<'_>,
    out: &mut [f32],
) {
    debug_assert_eq!(work.from.channels % lane_count(kernels.set()), 0);
    enter!(kernels, depthwise::direct, (work: &Depthwise<'_>, epilogue: &Epilogue<'_>, out: &mut [f32]));
}

/// A depthwise convolution whose lengths were checked, by way of `scratch`: zeros, with room for a
/// plane of `padded` height and width of registers.
pub(super) fn depthwise_padded(
    kernels: Kernels,
    work: &Depthwise<'_>,
    epilogue: &Epilogue<'_>,
    padded: [usize; 2],
    scratch: &mut Lines,
    out: &mut [f32],
) {
    debug_assert!(scratch.len() >= padded[0] * padded[1] * lane_count(kernels.set()));
    enter!(kernels, depthwise::padded, (work: &Depthwise<'_>, epilogue: &Epilogue<'_>, padded: [usize; 2], scratch: &mut Lines, out: &mut [f32]));
}

/// A register's share of an activation.
#[derive(Clone, Copy)]
enum Function<V> {
    None,
    Clamp(V, V),
    Slope(V),
}

impl<V: Lanes> Function<V> {
    /// The function for the channels from `channel` on.
    ///
    /// # Safety
    /// The processor has the instructions of `V`, and slopes are there for a register from `channel`.
    #[inline(always)]
    unsafe fn new(activation: super::Activation<'_>, channel: usize) -> Self {
        match activation {
            super::Activation::None => Self::None,
            super::Activation::Clamp { low, high } => {
                // SAFETY: the caller has the instructions.
                let low = unsafe { V::splat(low) };
                // SAFETY: as above.
                let high = unsafe { V::splat(high) };
                Self::Clamp(low, high)
            }
            super::Activation::Slope(slopes) => {
                // SAFETY: the caller promises a register of slopes from `channel` on.
                Self::Slope(unsafe { V::load(slopes.as_ptr().wrapping_add(channel)) })
            }
        }
    }

    /// Applies it to one register of every line.
    #[inline(always)]
    fn apply_all<const LINES: usize, const NV: usize>(
        self,
        lines: &mut [[V; NV]; LINES],
        register: usize,
        zero: V,
    ) {
        match self {
            Self::None => {}
            Self::Clamp(low, high) => {
                for line in lines {
                    line[register] = line[register].max(low).min(high);
                }
            }
            Self::Slope(slope) => {
                for line in lines {
                    let value = line[register];
                    line[register] = value.min(zero).mul_add(slope, value.max(zero));
                }
            }
        }
    }
}
