//! capture-worker binary.
fn main() {}
