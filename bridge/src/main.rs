//! The daemon and its commands.
fn main() {}
