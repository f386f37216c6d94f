//! Ends a connection from outside: because somebody who may do so asked for it, or because the
//! login that it lives on has ended.
//!
//! Upstream: [`crate::clients`] cuts. Downstream: [`crate::guarded_io`] fails from then on, so
//! whatever the protocol, its task ends as if the client had left.

use futures_util::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

/// The string of one connection that can be cut, once.
#[derive(Debug, Clone, Default)]
pub struct Cut(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_cut: AtomicBool,
    reader: AtomicWaker,
}

impl Cut {
    /// Cuts it.
    pub fn cut(&self) {
        // ORDERING: Release - pairs with the Acquire of `is_cut`; the waker orders the rest.
        self.0.is_cut.store(true, Ordering::Release);
        self.0.reader.wake();
    }

    /// Whether it was cut.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        // ORDERING: Acquire - see `cut`.
        self.0.is_cut.load(Ordering::Acquire)
    }

    /// The same for who waits for the client; it is woken when the connection is cut.
    pub fn poll(&self, cx: &Context<'_>) -> bool {
        self.0.reader.register(cx.waker());
        self.is_cut()
    }
}
