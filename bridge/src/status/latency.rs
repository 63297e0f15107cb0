//! A latency histogram of fixed size: recording is two additions, whatever nobody reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds in microseconds: three per decade.
const BOUNDS: [u64; 22] = [
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
];

/// A histogram of durations, 100 µs to 1000 s. It holds under 200 bytes for ever.
#[derive(Debug, Default)]
pub struct Latency {
    counts: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Latency {
    /// Records that `times` messages took this long.
    pub fn record(&self, duration: Duration, times: u64) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(times, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros.saturating_mul(times), Ordering::Relaxed);
    }

    /// For each bucket its upper bound in seconds (`None`: no bound) and how many were at most
    /// that long.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let mut total = 0;
        self.counts.iter().enumerate().map(move |(index, count)| {
            total += count.load(Ordering::Relaxed);
            (BOUNDS.get(index).map(|micros| *micros as f64 / 1e6), total)
        })
    }

    /// The sum of all in seconds.
    pub fn sum(&self) -> f64 {
        self.micros.load(Ordering::Relaxed) as f64 / 1e6
    }
}
