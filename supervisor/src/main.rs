//! supervisor binary.
fn main() {}
