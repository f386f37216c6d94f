//! Memory for the outputs of operators, used again from frame to frame.
//!
//! Neighbours: [`op`](super::op) asks for an output and leaves a handle here. tract drops a value as
//! soon as its last reader has run, and from then on the handle here is the only one: so that
//! operators share memory, and a frame takes none from the system, whose fresh pages would cost more
//! than some of the operators. Sizes are rounded up to a few, so that many operators fit into one
//! piece.

use std::sync::{Arc, Mutex, PoisonError};
use tract_onnx::tract_core::internal::*;

/// A cache line; no register lies across two when an image begins at one.
const ALIGNMENT_BYTES: usize = 64;

/// Floats of the smallest piece: 64 KiB.
const SMALL: usize = 16 << 10;
/// Larger pieces are multiples of this many floats: 1 MiB.
const LARGE: usize = 256 << 10;

/// Floats of the piece that `count` of them are kept in.
#[must_use]
pub fn piece(count: usize) -> usize {
    let step = if count <= SMALL { SMALL } else { LARGE };
    count.div_ceil(step).max(1) * step
}

/// The outputs of all operators of a network, free ones and those in use.
#[derive(Debug, Default)]
pub struct Memory {
    tensors: Mutex<Vec<Arc<Tensor>>>,
}

impl Memory {
    /// A tensor of floats for nobody but the caller; it holds whatever it held before.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn take(&self, shape: &[usize]) -> TractResult<Arc<Tensor>> {
        let mut tensors = self.tensors.lock().unwrap_or_else(PoisonError::into_inner);
        let free = tensors
            .iter_mut()
            .position(|tensor| tensor.shape() == shape && Arc::get_mut(tensor).is_some());
        let Some(at) = free else {
            let tensor = Tensor::zero_aligned::<f32>(shape, ALIGNMENT_BYTES)?;
            return Ok(Arc::new(tensor));
        };
        Ok(tensors.swap_remove(at))
    }

    /// Keeps a handle, so that the memory is used again once all others are gone.
    pub fn keep(&self, tensor: &Arc<Tensor>) {
        let mut tensors = self.tensors.lock().unwrap_or_else(PoisonError::into_inner);
        tensors.push(Arc::clone(tensor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_once_it_is_free_and_never_before() {
        let memory = Memory::default();
        let first = memory.take(&[6]).expect("memory");
        memory.keep(&first);
        let second = memory.take(&[6]).expect("memory");
        assert!(!Arc::ptr_eq(&first, &second), "the first is in use");
        let at = Arc::as_ptr(&first);
        drop(first);
        let third = memory.take(&[6]).expect("memory");
        assert_eq!(Arc::as_ptr(&third), at);
        assert_eq!(memory.take(&[7]).expect("memory").len(), 7);
        drop(third);
        assert_eq!(memory.take(&[2, 3]).expect("memory").shape(), [2, 3]);
    }

    #[test]
    fn piece_holds_what_is_asked_for() {
        assert_eq!([0, 1, SMALL].map(piece), [SMALL; 3]);
        assert_eq!([SMALL + 1, LARGE].map(piece), [LARGE; 2]);
        assert_eq!(piece(LARGE + 1), 2 * LARGE);
    }
}
