//! The daemon and its commands.

use std::ffi::CStr;
use std::process::ExitCode;

/// Messages are made on one thread and freed on another, in pieces of all sizes: the allocator of the C library spends up to
/// a fifth of a busy route's time on that. This one also serves the Kafka client, which is written in C.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How it is set up, as it looks for by this name: what is freed goes back to the system within a second, also where nothing
/// happens any more.
#[allow(unsafe_code, reason = "the allocator finds it by its name")]
// SAFETY: nothing else has this name, and it is what the allocator expects there: a pointer to a text that ends with a zero.
#[unsafe(export_name = "malloc_conf")]
static SET_UP: &CStr =
    c"background_thread:true,max_background_threads:1,dirty_decay_ms:1000,muzzy_decay_ms:0";

fn main() -> ExitCode {
    hybridge::cli::main()
}
