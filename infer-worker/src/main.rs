//! infer-worker binary.
fn main() {}
