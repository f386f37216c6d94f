//! Symmetric positive definite systems of equations, small and dense.
//!
//! Neighbours: [`super::fit`] solves one for each of its steps. Pure; against a library of linear
//! algebra: these forty lines are all that is needed of one.

/// A symmetric matrix of `side` rows, row-major.
#[derive(Debug, Clone)]
pub struct Symmetric {
    /// Rows.
    pub side: usize,
    /// `side * side` values.
    pub values: Vec<f64>,
}

impl Symmetric {
    /// All zeros.
    #[must_use]
    pub fn zero(side: usize) -> Self {
        Self {
            side,
            values: vec![0.0; side * side],
        }
    }

    /// Adds `weight` times the product of `vector` with itself, to the lower half only; see
    /// [`fill`](Self::fill).
    pub fn add_square(&mut self, vector: &[f64], weight: f64) {
        for (row, a) in vector.iter().enumerate() {
            let factor = weight * a;
            let target = &mut self.values[row * self.side..][..=row];
            for (value, b) in target.iter_mut().zip(vector) {
                *value += factor * b;
            }
        }
    }

    /// Copies the lower half to the upper one.
    pub fn fill(&mut self) {
        for row in 0..self.side {
            for column in 0..row {
                self.values[column * self.side + row] = self.values[row * self.side + column];
            }
        }
    }

    /// This times `vector`.
    #[must_use]
    pub fn times(&self, vector: &[f64]) -> Vec<f64> {
        let rows = self.values.chunks_exact(self.side);
        rows.map(|row| dot(row, vector)).collect()
    }

    /// What times this gives `right`, by Cholesky's factors; `None` if it is not positive definite.
    /// Only the lower half is read.
    #[must_use]
    pub fn solve(mut self, right: &[f64]) -> Option<Vec<f64>> {
        let side = self.side;
        for column in 0..side {
            for row in column..side {
                let (a, b) = (row * side, column * side);
                let known = dot(&self.values[a..a + column], &self.values[b..b + column]);
                let rest = self.values[a + column] - known;
                if row == column {
                    if rest.is_nan() || rest <= 0.0 {
                        return None;
                    }
                    self.values[a + column] = rest.sqrt();
                } else {
                    self.values[a + column] = rest / self.values[b + column];
                }
            }
        }
        let mut found = right.to_vec();
        for row in 0..side {
            let known = dot(&self.values[row * side..][..row], &found[..row]);
            found[row] = (found[row] - known) / self.values[row * side + row];
        }
        for row in (0..side).rev() {
            let below = (row + 1..side).map(|lower| self.values[lower * side + row] * found[lower]);
            found[row] = (found[row] - below.sum::<f64>()) / self.values[row * side + row];
        }
        Some(found)
    }
}

/// The sum of the products, place by place.
#[must_use]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solve_finds_what_times_gives_the_right_side() {
        let mut matrix = Symmetric::zero(3);
        for vector in [[1.0, 2.0, 0.5], [0.0, 1.0, -1.0], [3.0, 0.1, 0.2]] {
            matrix.add_square(&vector, 1.5);
        }
        matrix.fill();
        let expected = [0.25, -2.0, 4.0];
        let right = matrix.times(&expected);
        let found = matrix.solve(&right).expect("positive definite");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn solve_refuses_what_is_not_positive_definite() {
        assert!(Symmetric::zero(2).solve(&[1.0, 1.0]).is_none());
        let mut nan = Symmetric::zero(1);
        nan.values[0] = f64::NAN;
        assert!(nan.solve(&[1.0]).is_none());
    }
}
