//! The `thoth` command.
fn main() {}
