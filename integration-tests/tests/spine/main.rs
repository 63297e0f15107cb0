//! The main job with the real binary: from HTTP through routes into topics and to targets.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

mod cloud_samples;
mod durability;
mod lifecycle;
mod load;
mod optional;
mod reload;
mod secrets;

const SOON: Duration = Duration::from_secs(30);

async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    while !holds().await? {
        ensure!(started.elapsed() < SOON, "not within {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
