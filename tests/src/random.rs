//! Random numbers from a seed that a failing test prints, so that its run can be had again.
//!
//! Upstream: the ring's tests and their peers. Source: Steele, Lea, Flood, "Fast splittable
//! pseudorandom number generators" (SplitMix64).

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

/// One step of SplitMix64: every bit of `value` changes about half the bits of the result.
#[must_use]
pub fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

impl Random {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mixed(self.0) % bound
    }
}
