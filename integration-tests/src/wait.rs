//! Waiting in tests: for something, and not for a time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// How long anything may take that should happen soon.
pub const SOON: Duration = Duration::from_secs(60);
/// How often it is looked whether it has happened.
const EVERY: Duration = Duration::from_millis(10);

/// Waits until something holds.
///
/// # Errors
/// Its own, and that it did not come to hold.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    let late = || format!("not within {SOON:?}: {what}");
    while !tokio::time::timeout(SOON, holds()).await.with_context(late)?? {
        ensure!(started.elapsed() < SOON, late());
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}
