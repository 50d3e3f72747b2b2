//! quintet (being built)
fn main() {}
