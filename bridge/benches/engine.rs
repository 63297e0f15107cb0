//! CPU time per message of the engine alone: `cargo bench -p hybridge --bench engine`.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;

use hybridge::measure::{Load, engine};
use hybridge_config::Ordering;

/// User and system time of this process so far, in nanoseconds.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0.0)
}

fn main() {
    for ordering in [Ordering::Key, Ordering::None, Ordering::Total] {
        for batch in [1, 10, 100, 1000] {
            let messages = if batch == 1 { 300_000 } else { 2_000_000 };
            let load = Load { messages, batch, keys: 1000, bytes: 1024, ordering };
            let mut each: Vec<f64> = (0..5)
                .map(|_| {
                    let before = cpu();
                    let counts = engine(load);
                    assert_eq!(counts.map(|counts| counts.delivered).ok(), Some(messages));
                    (cpu() - before) / messages as f64
                })
                .collect();
            each.sort_by(f64::total_cmp);
            println!(
                "{ordering:>5?} batch {batch:>4}: {:6.0} ns per message (median of 5; {:.0} to {:.0})",
                each[2], each[0], each[4]
            );
        }
    }
}
