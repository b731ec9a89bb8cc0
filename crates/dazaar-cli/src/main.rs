//! The program `dazaar`.
fn main() {}
