//! Floats in memory that starts at a cache line and ends with one.
//!
//! Neighbours: packed weights, values per channel and the scratch buffer are kept in it, so that a
//! whole register can be read at every multiple of its size and never lies across two lines.

/// Values in a cache line of 64 bytes, and the most that a register holds.
pub const LINE: usize = 16;

#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

const ZERO: Line = Line([0.0; LINE]);

/// A list of floats, padded with zeros to whole cache lines.
#[derive(Debug, Default)]
pub struct Lines(Vec<Line>);

impl Lines {
    /// No values.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// `count` zeros, and more up to the next whole line.
    #[must_use]
    pub fn zeros(count: usize) -> Self {
        Self(vec![ZERO; count.div_ceil(LINE)])
    }

    /// The values of `values`, then zeros up to the next whole line.
    #[must_use]
    pub fn of(values: &[f32]) -> Self {
        let mut lines = Self::zeros(values.len());
        for (at, value) in values.iter().enumerate() {
            lines.set(at, *value);
        }
        lines
    }

    /// Makes it at least `count` zeros; memory is only taken when it was never so large before.
    pub fn clear(&mut self, count: usize) {
        self.0.clear();
        self.0.resize(count.div_ceil(LINE), ZERO);
    }

    /// Values that there is room for: a multiple of [`LINE`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len() * LINE
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `count` rounded up to whole lines.
    #[must_use]
    pub const fn padded(count: usize) -> usize {
        count.div_ceil(LINE) * LINE
    }

    /// Sets the value at `at`; beyond the end nothing happens.
    pub fn set(&mut self, at: usize, value: f32) {
        if let Some(line) = self.0.get_mut(at / LINE) {
            line.0[at % LINE] = value;
        }
    }

    /// The first value; valid for reads of [`len`](Self::len) values.
    #[must_use]
    pub fn as_ptr(&self) -> *const f32 {
        self.0.as_ptr().cast()
    }

    /// The first value; valid for reads and writes of [`len`](Self::len) values.
    pub fn as_mut_ptr(&mut self) -> *mut f32 {
        self.0.as_mut_ptr().cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned_padded_and_cleared() {
        let mut lines = Lines::of(&[1.0; 17]);
        assert_eq!(lines.len(), 32);
        assert_eq!(lines.as_ptr() as usize % 64, 0);
        assert_eq!(lines.0[1].0[..2], [1.0, 0.0]);
        lines.set(99, 5.0);
        lines.clear(3);
        assert_eq!(lines.len(), 16);
        assert_eq!(lines.0[0].0, [0.0; LINE]);
    }
}
