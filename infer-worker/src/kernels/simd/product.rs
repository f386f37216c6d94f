//! The product of two matrices, with bias, residual and activation applied while the sums are still
//! in registers.
//!
//! Neighbours: entered by [`super`], which knows that all lengths fit. The rows are cut into stretches
//! that stay in the second-level cache, and for each panel of columns a tile of `ROWS` rows by two
//! registers is summed over the whole depth without leaving the registers.

use super::Function;
use super::lanes::Lanes;
use crate::kernels::shape::{Epilogue, Product};

/// Bytes of the left matrix that are worked on before the next stretch of rows.
const STRETCH_BYTES: usize = 192 * 1024;
/// Weights of at most this many bytes stay in the first-level cache.
const SMALL_BYTES: usize = 16 * 1024;

/// Where a tile reads and writes.
#[derive(Clone, Copy)]
struct Tile<'a> {
    /// First row of the left matrix.
    a: *const f32,
    depth: usize,
    /// The panel, at the first column of the tile.
    panel: *const f32,
    /// The output at the first row and column.
    out: *mut f32,
    columns: usize,
    /// First column and row.
    column: usize,
    row: usize,
    epilogue: &'a Epilogue<'a>,
}

/// See [`Kernels::multiply`](crate::kernels::Kernels::multiply).
///
/// # Safety
/// The processor has the instructions of `V`; `product`, `epilogue` and `out` have the lengths that
/// `Kernels::multiply` checks, and the weights are packed in panels of two registers.
#[inline(always)]
pub unsafe fn multiply<V: Lanes>(product: &Product<'_>, epilogue: &Epilogue<'_>, out: &mut [f32]) {
    let Product { rows, depth, .. } = *product;
    let (columns, width) = (product.weights.columns(), 2 * V::COUNT);
    // Weights that fit the first-level cache are read again for every few rows; then the output is
    // written row by row.
    let small = depth * columns * 4 <= SMALL_BYTES;
    let stretch = if small {
        4 * V::ROWS
    } else {
        (STRETCH_BYTES / 4 / depth.max(1)).clamp(4 * V::ROWS, 4096) / V::ROWS * V::ROWS
    };
    let mut start = 0;
    while start < rows {
        let end = (start + stretch).min(rows);
        let mut column = 0;
        while column < columns {
            let mut tile = Tile {
                a: product.rows_of.as_ptr(),
                depth,
                panel: product
                    .weights
                    .values()
                    .as_ptr()
                    .wrapping_add(column * depth),
                out: out.as_mut_ptr(),
                columns,
                column,
                row: start,
                epilogue,
            };
            if columns - column > V::COUNT {
                // SAFETY: rows `start..end` and the columns of this panel lie within the matrices.
                unsafe { stretch_of::<V, 2>(&mut tile, end) };
            } else {
                // SAFETY: as above; the columns end within the panel's first register.
                unsafe { stretch_of::<V, 1>(&mut tile, end) };
            }
            column += width;
        }
        start = end;
    }
}

/// All rows from `tile.row` to `end`, `NV` registers wide.
///
/// # Safety
/// As [`multiply`]; `end` is at most the rows of the product.
#[inline(always)]
unsafe fn stretch_of<V: Lanes, const NV: usize>(tile: &mut Tile<'_>, end: usize) {
    while tile.row + V::ROWS <= end {
        // `ROWS` is no constant that a type may depend on; the compiler keeps one arm.
        match V::ROWS {
            // SAFETY: that many rows are left.
            12 => unsafe { sum_tile::<V, 12, NV>(tile) },
            // SAFETY: as above.
            6 => unsafe { sum_tile::<V, 6, NV>(tile) },
            // SAFETY: as above.
            _ => unsafe { sum_tile::<V, 4, NV>(tile) },
        }
        tile.row += if V::ROWS == 12 || V::ROWS == 6 {
            V::ROWS
        } else {
            4
        };
    }
    while tile.row + 4 <= end {
        // SAFETY: four rows are left.
        unsafe { sum_tile::<V, 4, NV>(tile) };
        tile.row += 4;
    }
    while tile.row < end {
        // SAFETY: one row is left.
        unsafe { sum_tile::<V, 1, NV>(tile) };
        tile.row += 1;
    }
}

/// `MR` rows by `NV` registers.
///
/// Each step after the sums is a loop of its own over all of them, short enough to be unrolled, so
/// that they stay in registers to the end.
///
/// # Safety
/// As [`multiply`]; the rows from `tile.row` on and the columns from `tile.column` on are there.
#[inline(always)]
unsafe fn sum_tile<V: Lanes, const MR: usize, const NV: usize>(tile: &Tile<'_>) {
    let epilogue = tile.epilogue;
    // SAFETY: the caller has the instructions.
    let zero = unsafe { V::splat(0.0) };
    let mut sums = [[zero; NV]; MR];
    for register in 0..NV {
        let from = tile.column + register * V::COUNT;
        // SAFETY: values per channel are padded to whole lines, and a line holds whole registers.
        let bias = unsafe { V::load(epilogue.bias.as_ptr().wrapping_add(from)) };
        for line in &mut sums {
            line[register] = bias;
        }
    }
    let mut a = tile.a.wrapping_add(tile.row.wrapping_mul(tile.depth));
    let mut b = tile.panel;
    for _ in 0..tile.depth {
        let mut line = [zero; NV];
        for (register, values) in line.iter_mut().enumerate() {
            // SAFETY: each step of the depth has two registers in the panel.
            *values = unsafe { V::load(b.wrapping_add(register * V::COUNT)) };
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the row has `depth` values, and this is the step's one.
            let factor = unsafe { V::broadcast(a.wrapping_add(row.wrapping_mul(tile.depth))) };
            for register in 0..NV {
                sums[register] = factor.mul_add(line[register], sums[register]);
            }
        }
        a = a.wrapping_add(1);
        b = b.wrapping_add(2 * V::COUNT);
    }
    let first = epilogue.residual.is_some_and(|residual| residual.first);
    if first {
        // SAFETY: the tile lies in the output, and the residual has as many rows.
        unsafe { add_residual(tile, &mut sums) };
    }
    for register in 0..NV {
        // SAFETY: as for the bias.
        let function =
            unsafe { Function::new(epilogue.activation, tile.column + register * V::COUNT) };
        function.apply_all(&mut sums, register, zero);
    }
    if !first && epilogue.residual.is_some() {
        // SAFETY: as above.
        unsafe { add_residual(tile, &mut sums) };
    }
    // SAFETY: the tile lies in the output.
    unsafe { store(tile, &sums) };
}

/// Adds the residual's values to a tile, where it has any.
///
/// # Safety
/// As [`sum_tile`].
#[inline(always)]
unsafe fn add_residual<V: Lanes, const MR: usize, const NV: usize>(
    tile: &Tile<'_>,
    sums: &mut [[V; NV]; MR],
) {
    let Some(residual) = tile.epilogue.residual else {
        return;
    };
    for register in 0..NV {
        let column = tile.column + register * V::COUNT;
        let left = residual.channels.saturating_sub(column).min(V::COUNT);
        let start = tile
            .row
            .wrapping_mul(residual.channels)
            .wrapping_add(column);
        let mut from = residual.values.as_ptr().wrapping_add(start);
        for line in sums.iter_mut() {
            let other = if left == V::COUNT {
                // SAFETY: the row has `left` more values.
                unsafe { V::load(from) }
            } else {
                // SAFETY: as above.
                unsafe { V::load_some(from, left) }
            };
            line[register] = line[register].add(other);
            from = from.wrapping_add(residual.channels);
        }
    }
}

/// Writes a tile to the output.
///
/// # Safety
/// As [`sum_tile`].
#[inline(always)]
unsafe fn store<V: Lanes, const MR: usize, const NV: usize>(tile: &Tile<'_>, sums: &[[V; NV]; MR]) {
    let start = tile
        .row
        .wrapping_mul(tile.columns)
        .wrapping_add(tile.column);
    let mut to = tile.out.wrapping_add(start);
    let left = tile.columns - tile.column;
    let whole = left >= NV * V::COUNT;
    for line in sums {
        for (register, value) in line.iter().enumerate() {
            let to = to.wrapping_add(register * V::COUNT);
            if whole || register + 1 < NV {
                // SAFETY: the tile has more columns than whole registers before its last one.
                unsafe { value.store(to) };
            } else {
                // SAFETY: the last register's columns are what is left.
                unsafe { value.store_some(to, left - register * V::COUNT) };
            }
        }
        to = to.wrapping_add(tile.columns);
    }
}
