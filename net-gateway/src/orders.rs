//! What clients order of the supervisor, on its way from their task to the pump, which talks to it.
//!
//! Upstream: [`crate::http::control`], which asked whether they may. Downstream: [`crate::run`].

use shm_layout::control::BoxOrder;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Orders that may wait; the pump takes them ten times a second.
const WAITING_MAX: usize = 16;

/// The orders that wait.
#[derive(Debug, Default)]
pub struct Orders(Mutex<Vec<BoxOrder>>);

impl Orders {
    /// Passes one on; false when too many wait.
    #[must_use]
    pub fn put(&self, order: BoxOrder) -> bool {
        let mut waiting = self.waiting();
        let has_room = waiting.len() < WAITING_MAX;
        if has_room && !waiting.contains(&order) {
            waiting.push(order);
        }
        has_room
    }

    /// Takes all that wait.
    #[must_use]
    pub fn take(&self) -> Vec<BoxOrder> {
        std::mem::take(&mut *self.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<BoxOrder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_order_counts_once_and_only_so_many_wait() {
        let orders = Orders::default();
        assert!(orders.put(BoxOrder::Reload) && orders.put(BoxOrder::Reload));
        assert_eq!(orders.take(), [BoxOrder::Reload]);
        let restart = |number: usize| BoxOrder::Restart {
            unit: format!("infer/{number}"),
        };
        let taken = (0..2 * WAITING_MAX).filter(|number| orders.put(restart(*number)));
        assert_eq!(taken.count(), WAITING_MAX);
        assert_eq!(orders.take().len(), WAITING_MAX);
        assert!(orders.take().is_empty());
    }
}
