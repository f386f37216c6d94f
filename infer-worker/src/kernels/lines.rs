//! Floats in memory that starts at a cache line and ends with one.
//!
//! Neighbours: packed weights, values per channel and the scratch buffer are kept in it, so that a
//! whole register can be read at every multiple of its size and never lies across two lines. Weights
//! may lie on the box's [`shelf`](super::shelf), where they can only be read.

use super::shelf::{Mapping, Shelf};

/// Values in a cache line of 64 bytes, and the most that a register holds.
pub const LINE: usize = 16;

#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

const ZERO: Line = Line([0.0; LINE]);

/// A list of floats, padded with zeros to whole cache lines.
#[derive(Debug, Default)]
pub struct Lines {
    own: Vec<Line>,
    /// In place of `own`, which is empty then.
    shelf: Option<Mapping>,
}

impl Lines {
    /// No values.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            own: Vec::new(),
            shelf: None,
        }
    }

    /// `count` zeros, and more up to the next whole line.
    #[must_use]
    pub fn zeros(count: usize) -> Self {
        Self {
            own: vec![ZERO; count.div_ceil(LINE)],
            shelf: None,
        }
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
        let lines = self.own();
        lines.clear();
        lines.resize(count.div_ceil(LINE), ZERO);
    }

    /// Values that there is room for: a multiple of [`LINE`].
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.shelf {
            None => self.own.len() * LINE,
            Some(mapping) => mapping.bytes() / size_of::<f32>(),
        }
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `count` rounded up to whole lines.
    #[must_use]
    pub const fn padded(count: usize) -> usize {
        count.div_ceil(LINE) * LINE
    }

    /// Sets the value at `at`; beyond the end nothing happens.
    pub fn set(&mut self, at: usize, value: f32) {
        if let Some(line) = self.own().get_mut(at / LINE) {
            line.0[at % LINE] = value;
        }
    }

    /// The first value; valid for reads of [`len`](Self::len) values.
    #[must_use]
    pub fn as_ptr(&self) -> *const f32 {
        match &self.shelf {
            None => self.own.as_ptr().cast(),
            Some(mapping) => mapping.as_ptr(),
        }
    }

    /// The first value; valid for reads and writes of [`len`](Self::len) values.
    pub fn as_mut_ptr(&mut self) -> *mut f32 {
        self.own().as_mut_ptr().cast()
    }

    /// The lines as memory that can be written to; those on a shelf are let go of, and none are left.
    fn own(&mut self) -> &mut Vec<Line> {
        self.shelf = None;
        &mut self.own
    }

    /// The same values on the box's shelf, if it has one and they can be put there.
    #[must_use]
    pub fn shared(self) -> Self {
        match Shelf::of_box() {
            Some(shelf) => self.on(shelf),
            None => self,
        }
    }

    /// The same values on a shelf, if they can be put there.
    pub(super) fn on(self, shelf: &Shelf) -> Self {
        let values = self.own.iter().flat_map(|line| line.0);
        let bytes: Vec<u8> = values.flat_map(f32::to_ne_bytes).collect();
        match shelf.place(&bytes) {
            Some(mapping) => Self {
                own: Vec::new(),
                shelf: Some(mapping),
            },
            None => self,
        }
    }

    /// Whether they lie on a shelf.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.shelf.is_some()
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
        assert_eq!(lines.own()[1].0[..2], [1.0, 0.0]);
        lines.set(99, 5.0);
        lines.clear(3);
        assert_eq!(lines.len(), 16);
        assert_eq!(lines.own()[0].0, [0.0; LINE]);
    }
}
