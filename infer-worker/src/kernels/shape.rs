//! What a kernel is asked to do: matrices, planes of pixels, windows, and what follows a sum.
//!
//! Neighbours: `model::fused` fills these in, [`Kernels`](super::Kernels) checks them. Plain data;
//! nothing here computes a pixel.

use super::lines::Lines;
use super::{Misfit, area, at_least};

/// What happens to each sum before it is stored: the bias is added, then the residual or the
/// activation, whichever comes first.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a> {
    /// One value per output channel.
    pub bias: &'a Lines,
    /// The activation.
    pub activation: Activation<'a>,
    /// Values of another layer that are added.
    pub residual: Option<Residual<'a>>,
}

/// A function of one value.
#[derive(Debug, Clone, Copy)]
pub enum Activation<'a> {
    /// The value itself.
    None,
    /// Nothing below `low`, nothing above `high`: ReLU and ReLU6.
    Clamp {
        /// Least result.
        low: f32,
        /// Greatest result.
        high: f32,
    },
    /// Negative values times a slope per channel: PReLU.
    Slope(&'a Lines),
}

/// Values that are added to the result, pixel by pixel.
#[derive(Debug, Clone, Copy)]
pub struct Residual<'a> {
    /// `[rows, channels]`.
    pub values: &'a [f32],
    /// Channels that it has; the output's further channels get nothing.
    pub channels: usize,
    /// Whether it is added before the activation.
    pub first: bool,
}

impl Epilogue<'_> {
    /// Checks it against an output of `[rows, columns]`.
    pub(super) fn check(&self, rows: usize, columns: usize) -> Result<(), Misfit> {
        at_least("bias", self.bias.len(), columns)?;
        if let Activation::Slope(slopes) = self.activation {
            at_least("slopes", slopes.len(), columns)?;
        }
        let Some(residual) = self.residual else {
            return Ok(());
        };
        at_least("channels for the residual", columns, residual.channels)?;
        let values = area(rows, residual.channels)?;
        at_least("residual", residual.values.len(), values)
    }
}

/// A matrix `[depth, columns]` in panels of as many columns as a kernel works on at a time, each
/// panel row after row, the last one padded with zeros.
#[derive(Debug)]
pub struct Packed {
    values: Lines,
    depth: usize,
    columns: usize,
    width: usize,
}

impl Packed {
    pub(super) fn new(matrix: &[f32], depth: usize, columns: usize, width: usize) -> Self {
        let panels = columns.div_ceil(width);
        let mut values = Lines::zeros(panels * depth * width);
        for (row, line) in matrix.chunks_exact(columns.max(1)).take(depth).enumerate() {
            for (column, value) in line.iter().enumerate() {
                let (panel, lane) = (column / width, column % width);
                values.set((panel * depth + row) * width + lane, *value);
            }
        }
        Self {
            values,
            depth,
            columns,
            width,
        }
    }

    /// The same matrix, read from the box's shelf if it can be put there.
    #[must_use]
    pub fn shared(self) -> Self {
        let values = self.values.shared();
        Self { values, ..self }
    }

    /// Rows of the matrix.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Columns of the matrix.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Columns of a panel.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The panels: `ceil(columns / width) · depth · width` values.
    pub(super) fn values(&self) -> &Lines {
        &self.values
    }
}

/// A product of matrices.
#[derive(Debug, Clone, Copy)]
pub struct Product<'a> {
    /// Left matrix, `[rows, depth]`, row-major.
    pub rows_of: &'a [f32],
    /// Its rows.
    pub rows: usize,
    /// Its columns.
    pub depth: usize,
    /// Right matrix, `[depth, columns]`.
    pub weights: &'a Packed,
}

/// The size of an image in memory: `[height, width, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plane {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Values of a pixel.
    pub channels: usize,
}

impl Plane {
    /// Values in all.
    ///
    /// # Errors
    /// [`Misfit`] when that is beyond the address space.
    pub fn values(self) -> Result<usize, Misfit> {
        area(area(self.height, self.width)?, self.channels)
    }
}

/// A square window that slides over a plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Pixels on a side.
    pub side: usize,
    /// Pixels between two places.
    pub stride: usize,
    /// Rows by which the first place lies above the plane.
    pub top: usize,
    /// Columns by which the first place lies left of the plane.
    pub left: usize,
}

impl Window {
    /// Whether the depthwise kernels know it.
    #[must_use]
    pub fn is_depthwise(self) -> bool {
        matches!(self.side, 3 | 5) && matches!(self.stride, 1 | 2)
    }

    /// Height and width of `from` with as much border as every place of `to` needs.
    pub(super) fn padded(self, from: Plane, to: Plane) -> [usize; 2] {
        let reach = |count: usize| count.saturating_sub(1) * self.stride + self.side;
        [
            reach(to.height).max(from.height + self.top),
            reach(to.width).max(from.width + self.left),
        ]
    }

    /// The places along one side of `to` values at which the whole window lies in `from` values, when
    /// it begins `before` values outside.
    pub(super) fn inside(self, from: usize, to: usize, before: usize) -> std::ops::Range<usize> {
        let first = before.div_ceil(self.stride).min(to);
        let end = match (from + before).checked_sub(self.side) {
            Some(room) => (room / self.stride + 1).min(to),
            None => 0,
        };
        first..end.max(first)
    }
}

/// A depthwise convolution.
#[derive(Debug, Clone, Copy)]
pub struct Depthwise<'a> {
    /// Its window.
    pub window: Window,
    /// The image that it reads, `from`.
    pub input: &'a [f32],
    /// Size of the input.
    pub from: Plane,
    /// Size of the output; as many channels.
    pub to: Plane,
    /// For each tap of the window, row by row, one value per channel, padded to whole lines.
    pub weights: &'a Lines,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_holds_exactly_the_places_without_border() {
        for side in [3, 5] {
            for stride in [1, 2] {
                for (from, before) in [(1, 0), (1, 2), (4, 1), (7, 2), (8, 0), (9, 1)] {
                    let window = Window {
                        side,
                        stride,
                        top: before,
                        left: before,
                    };
                    let to = 6;
                    let fits = |place: usize| {
                        let first = (place * stride) as isize - before as isize;
                        first >= 0 && first as usize + side <= from
                    };
                    let expected: Vec<usize> = (0..to).filter(|place| fits(*place)).collect();
                    let found: Vec<usize> = window.inside(from, to, before).collect();
                    assert_eq!(found, expected, "{window:?} {from}");
                }
            }
        }
    }
}
