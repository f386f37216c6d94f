//! A register of floats, whatever the processor.
//!
//! Neighbours: `x86`, `neon` and `scalar` implement it, `product` and `depthwise` use it. Every
//! function is inlined into a function for which the instructions are switched on; called from
//! elsewhere it would be slow, but not wrong.

/// A register of [`COUNT`](Lanes::COUNT) floats.
///
/// A value exists only where the instructions do: whoever makes one promises that. Arithmetic on
/// values is therefore safe.
pub trait Lanes: Copy {
    /// Floats in the register; divides [`LINE`](crate::kernels::lines::LINE).
    const COUNT: usize;
    /// Rows of a product worked on at a time: two registers for each, and three more, must fit.
    const ROWS: usize;

    /// The same value in every lane.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn splat(value: f32) -> Self;

    /// One value from memory, in every lane.
    ///
    /// # Safety
    /// The processor has the instructions; `from` is valid for reading one value.
    unsafe fn broadcast(from: *const f32) -> Self;

    /// A full register from memory.
    ///
    /// # Safety
    /// The processor has the instructions; `from` is valid for reading `COUNT` values.
    unsafe fn load(from: *const f32) -> Self;

    /// The first `count` lanes from memory, zero in the others.
    ///
    /// # Safety
    /// The processor has the instructions; `from` is valid for reading `count` values, which are at
    /// most `COUNT`.
    unsafe fn load_some(from: *const f32, count: usize) -> Self;

    /// Writes the full register.
    ///
    /// # Safety
    /// `to` is valid for writing `COUNT` values.
    unsafe fn store(self, to: *mut f32);

    /// Writes the first `count` lanes.
    ///
    /// # Safety
    /// `to` is valid for writing `count` values, which are at most `COUNT`.
    unsafe fn store_some(self, to: *mut f32, count: usize);

    /// Sum.
    fn add(self, other: Self) -> Self;

    /// `self · factor + sum`.
    fn mul_add(self, factor: Self, sum: Self) -> Self;

    /// The smaller one of each lane.
    fn min(self, other: Self) -> Self;

    /// The greater one of each lane.
    fn max(self, other: Self) -> Self;
}
