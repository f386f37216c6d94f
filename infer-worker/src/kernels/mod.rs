//! Our own kernels: the few operations that hand networks spend their time in, on 32-bit floats with
//! channels last, once for each instruction set.
//!
//! - [`Kernels`] is the proof that this processor can run a [`KernelSet`]; its methods check every
//!   length, then enter the fenced code;
//! - [`simd`] holds that code: one algorithm, generic over a register of [`simd::lanes::Lanes`];
//! - [`lines`] is memory that starts at a cache line, [`shelf`] such memory of all workers of a box; [`shape`] describes windows and planes;
//! - [`pool`] has the operations that need no registers of their own.
//!
//! Neighbours: `model::fused` makes tract operators of these. Nothing here knows tract, ONNX, a file
//! or a clock, and nothing allocates per frame but a scratch buffer that is kept per thread.

pub mod lines;
pub mod pool;
pub mod set;
pub mod shape;
pub mod shelf;
pub mod simd;

pub use lines::Lines;
pub use set::KernelSet;
pub use shape::{Activation, Depthwise, Epilogue, Packed, Plane, Product, Residual, Window};

use std::cell::Cell;

/// Lengths that do not belong together: a fault of the program, found before any kernel ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected at least {expected} values, found {found}")]
pub struct Misfit {
    /// Which argument.
    pub what: &'static str,
    /// Values that it needs.
    pub expected: usize,
    /// Values that it has.
    pub found: usize,
}

/// Planes of at most this many pixels are copied with their border into a scratch buffer first: there
/// the pixels near the edge, which have fewer neighbours, would cost more than the copy.
const PADDED_PIXELS_MAX: usize = 40 * 40;

thread_local! {
    static SCRATCH: Cell<Lines> = const { Cell::new(Lines::empty()) };
}

/// A kernel set that this processor can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kernels {
    set: KernelSet,
}

impl Kernels {
    /// The kernels of `set`, if this processor has its instructions.
    #[must_use]
    pub fn new(set: KernelSet) -> Option<Self> {
        set.is_available().then_some(Self { set })
    }

    /// The fastest kernels that this processor can run.
    #[must_use]
    pub fn best() -> Self {
        let fastest = KernelSet::ALL.into_iter().find_map(Self::new);
        fastest.unwrap_or(Self {
            set: KernelSet::Scalar,
        })
    }

    /// Which set this is.
    #[must_use]
    pub fn set(self) -> KernelSet {
        self.set
    }

    /// Packs a matrix `[depth, columns]`, row-major, for [`Kernels::multiply`]; missing values are 0.
    #[must_use]
    pub fn pack(self, matrix: &[f32], depth: usize, columns: usize) -> Packed {
        Packed::new(matrix, depth, columns, simd::panel_width(self.set))
    }

    /// `out[row, column] = epilogue(Σ a[row, i] · weights[i, column])`.
    ///
    /// `out` and the residual are `[rows, columns]` and `[rows, residual channels]`, beginning with
    /// the product's first row.
    ///
    /// # Errors
    /// [`Misfit`] when a slice is too short, or the weights were packed for another set.
    pub fn multiply(
        self,
        product: &Product<'_>,
        epilogue: &Epilogue<'_>,
        out: &mut [f32],
    ) -> Result<(), Misfit> {
        let columns = product.weights.columns();
        at_least("packed depth", product.weights.depth(), product.depth)?;
        at_least(
            "depth of the product",
            product.depth,
            product.weights.depth(),
        )?;
        let width = simd::panel_width(self.set);
        let packed = product.weights.width();
        if packed != width {
            return Err(Misfit {
                what: "panel width",
                expected: width,
                found: packed,
            });
        }
        at_least(
            "left matrix",
            product.rows_of.len(),
            area(product.rows, product.depth)?,
        )?;
        at_least("product", out.len(), area(product.rows, columns)?)?;
        epilogue.check(product.rows, columns)?;
        simd::multiply(self, product, epilogue, out);
        Ok(())
    }

    /// Depthwise convolution: each channel with a window of its own.
    ///
    /// # Errors
    /// [`Misfit`] when a slice is too short, or the window is none of 3x3 and 5x5 at stride 1 or 2.
    pub fn convolve_depthwise(
        self,
        work: &Depthwise<'_>,
        epilogue: &Epilogue<'_>,
        out: &mut [f32],
    ) -> Result<(), Misfit> {
        let Depthwise {
            window, from, to, ..
        } = *work;
        if !window.is_depthwise() {
            return Err(Misfit {
                what: "window side of 3 or 5, stride of 1 or 2; side",
                expected: 3,
                found: window.side,
            });
        }
        let channels = from.channels;
        at_least("output channels", channels, to.channels)?;
        at_least("input channels", to.channels, channels)?;
        at_least("input", work.input.len(), from.values()?)?;
        at_least("output", out.len(), to.values()?)?;
        let taps = area(window.side * window.side, Lines::padded(channels))?;
        at_least("weights", work.weights.len(), taps)?;
        epilogue.check(area(to.height, to.width)?, channels)?;
        if epilogue.residual.is_some() {
            return Err(Misfit {
                what: "residual of a depthwise convolution",
                expected: 0,
                found: 1,
            });
        }
        if to.height == 0 || to.width == 0 || channels == 0 {
            return Ok(());
        }
        let small = area(from.height, from.width)? <= PADDED_PIXELS_MAX;
        if small || channels % simd::lane_count(self.set) != 0 {
            let mut scratch = SCRATCH.take();
            let padded = window.padded(from, to);
            scratch.clear(area(padded[0] * padded[1], simd::lane_count(self.set))?);
            simd::depthwise_padded(self, work, epilogue, padded, &mut scratch, out);
            SCRATCH.set(scratch);
        } else {
            simd::depthwise_direct(self, work, epilogue, out);
        }
        Ok(())
    }
}

/// Refuses a slice that is too short.
pub(crate) fn at_least(what: &'static str, found: usize, expected: usize) -> Result<(), Misfit> {
    if found >= expected {
        return Ok(());
    }
    Err(Misfit {
        what,
        expected,
        found,
    })
}

/// A product of two sizes; one that overflows is more than any slice has.
pub(crate) fn area(rows: usize, columns: usize) -> Result<usize, Misfit> {
    rows.checked_mul(columns).ok_or(Misfit {
        what: "a size within the address space",
        expected: rows,
        found: columns,
    })
}
