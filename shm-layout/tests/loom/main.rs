//! Models of the lock-free core: every interleaving of a few steps, with weak memory.
//!
//! The core is compiled unchanged, with loom's atomics in place of the standard ones; loom also
//! watches the payload and reports any unsynchronised access to it. `tests/model/run.sh` runs
//! these, and then each `mutant-…` feature, which they must catch.
#![cfg(loom)]

mod prediction_slot;
mod ring;

use loom::sync::atomic::AtomicU64;

fn word64() -> AtomicU64 {
    AtomicU64::new(0)
}

fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 20_000;
    builder.check(model);
}
