//! infer-worker
