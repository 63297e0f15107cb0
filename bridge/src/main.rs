//! The daemon and its commands.

use std::process::ExitCode;

fn main() -> ExitCode {
    hybridge::cli::main()
}
