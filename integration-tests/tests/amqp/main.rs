//! The AMQP connector on a real RabbitMQ.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod outages;
mod parts;
mod prefetch;
mod rabbit;
mod sink;
mod source;
mod stream;
mod whole;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long anything may take that should happen soon.
pub const SOON: Duration = Duration::from_secs(60);

/// Waits until `done` says so.
pub async fn until(what: &str, done: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    while !done().await? {
        if started.elapsed() > SOON {
            bail!("not within {SOON:?}: {what}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
