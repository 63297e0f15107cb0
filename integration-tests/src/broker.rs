//! Real brokers as child processes, each with a folder and ports of its own.
//!
//! A broker that is not installed is an error that says how to install it, never a test that is
//! left out. Clients reach a broker through a [`Proxy`](crate::proxy::Proxy), so that the network
//! between them can fail.

pub mod kafka;
pub mod nats;
pub mod rabbitmq;

mod child;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

pub use child::Child;

const POLL: Duration = Duration::from_millis(50);
const INSTALL: &str = "install it with scripts/install-brokers.sh";

/// What `scripts/install-brokers.sh` has put at `path` within its folder of the cache.
fn installed(path: &str) -> Result<PathBuf> {
    cached(&format!("brokers/{path}"), INSTALL)
}

/// What one of the scripts has put at `path` within the cache.
///
/// # Errors
/// It is not there; `install` says how it comes there.
pub fn cached(path: &str, install: &str) -> Result<PathBuf> {
    let cache = match std::env::var_os("HYBRIDGE_CACHE") {
        Some(cache) if !cache.is_empty() => PathBuf::from(cache),
        _ => PathBuf::from(std::env::var_os("HOME").context("HOME")?).join(".cache/hybridge"),
    };
    let found = cache.join(path);
    ensure!(found.exists(), "{} is missing: {install}", found.display());
    Ok(found)
}

/// How long a broker may take to answer whether it is up.
const ASK: Duration = Duration::from_secs(10);

/// Waits until `is_up` says so; a broker that ends meanwhile is an error with what it printed.
async fn up(child: &mut Child, within: Duration, is_up: impl AsyncFn() -> bool) -> Result<()> {
    let started = Instant::now();
    // A client may wait for ever for a broker that closed its connection while it started.
    while !tokio::time::timeout(ASK, is_up()).await.unwrap_or(false) {
        if let Some(status) = child.exited()? {
            bail!("{} ended with {status}:\n{}", child.name(), child.log_tail());
        }
        if started.elapsed() > within {
            bail!("{} is not up within {within:?}:\n{}", child.name(), child.log_tail());
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
