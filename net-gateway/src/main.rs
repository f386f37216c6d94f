//! net-gateway binary.
fn main() {}
