//! The daemon and its commands.

use std::process::ExitCode;

/// Messages are made on one thread and freed on another, in pieces of all sizes: the allocator of the
/// C library spends up to a fifth of a busy route's time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hybridge::cli::main()
}
