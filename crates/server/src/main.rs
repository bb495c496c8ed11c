//! Nightlatch.
fn main() {}
