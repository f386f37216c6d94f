//! Registers of 64-bit ARM: NEON, which every such processor that runs Linux has.
//!
//! Neighbours: [`enter!`](super) switches the instructions on and calls the algorithms with these.

use super::lanes::Lanes;
use std::arch::aarch64::*;
use std::ptr;

/// Four floats.
#[derive(Clone, Copy)]
pub(super) struct Neon(float32x4_t);

impl Lanes for Neon {
    const COUNT: usize = 4;
    const ROWS: usize = 12;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller promises NEON.
        Self(unsafe { vdupq_n_f32(value) })
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const f32) -> Self {
        // SAFETY: the caller promises NEON and one readable value.
        Self(unsafe { vld1q_dup_f32(from) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises NEON and four readable values.
        Self(unsafe { vld1q_f32(from) })
    }

    #[inline(always)]
    unsafe fn load_some(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0_f32; 4];
        // SAFETY: the caller promises `count` readable values, at most four.
        unsafe { ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count) };
        // SAFETY: the array has four values.
        Self(unsafe { vld1q_f32(lanes.as_ptr()) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises four writable values.
        unsafe { vst1q_f32(to, self.0) };
    }

    #[inline(always)]
    unsafe fn store_some(self, to: *mut f32, count: usize) {
        let mut lanes = [0.0_f32; 4];
        // SAFETY: the array has four values.
        unsafe { vst1q_f32(lanes.as_mut_ptr(), self.0) };
        // SAFETY: the caller promises `count` writable values, at most four.
        unsafe { ptr::copy_nonoverlapping(lanes.as_ptr(), to, count) };
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: a value exists only where NEON does.
        Self(unsafe { vaddq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, sum: Self) -> Self {
        // SAFETY: a value exists only where NEON does.
        Self(unsafe { vfmaq_f32(sum.0, self.0, factor.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: a value exists only where NEON does.
        Self(unsafe { vminq_f32(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: a value exists only where NEON does.
        Self(unsafe { vmaxq_f32(self.0, other.0) })
    }
}
