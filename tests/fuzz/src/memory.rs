//! A limit on what one input may cost in memory. An allocation beyond it fails, which ends the
//! process as any crash does.
//!
//! It counts what Rust allocates. libjpeg-turbo's own memory is bounded by the fuzzer's limit on the
//! whole process, and by `bin/smoke.rs`, which looks at the process's peak.

use cap::Cap;
use std::alloc::System;
use std::sync::Once;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Runs `work`, which may allocate `limit_bytes` beyond what is allocated now.
///
/// # Panics
///
/// When the limit cannot be set, which no limit above what is in use is.
pub fn bounded<T>(limit_bytes: usize, work: impl FnOnce() -> T) -> T {
    static SPOKEN: Once = Once::new();
    SPOKEN.call_once(speak_without_limit);
    let limit = ALLOCATOR.allocated() + limit_bytes;
    ALLOCATOR.set_limit(limit).expect("above what is in use");
    let made = work();
    ALLOCATOR.set_limit(usize::MAX).expect("no limit");
    made
}

/// What a panic says needs memory too.
fn speak_without_limit() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let _unlimited = ALLOCATOR.set_limit(usize::MAX);
        before(info);
    }));
}
