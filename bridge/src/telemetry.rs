//! Logs and metrics: set up once by the commands, read by the admin listener.
//!
//! The numbers of routes are kept in [`crate::status`] and written out when they are scraped, so
//! there is one place that counts. What connectors count with the `metrics` crate is appended.

mod exposition;
mod metrics;
mod process;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub use metrics::Metrics;

/// What is logged when nobody says otherwise.
pub const DEFAULT_FILTER: &str = "info";

/// What is never logged, whatever the filter says: the AMQP client writes out whole messages there.
const NEVER: &str = "lapin::returned_messages=off";

/// Why logs or metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter is not one.
    #[error("log filter `{filter}` is not valid: {source}")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// There is a subscriber already.
    #[error("logs are set up twice")]
    Logs(#[from] TryInitError),
    /// There is a recorder already.
    #[error("metrics are set up twice: {0}")]
    Metrics(String),
}

/// Starts logging to standard error: text at a terminal, one JSON object per line otherwise.
/// `filter` is as in `RUST_LOG` (`info`, `hybridge=debug,warn`).
pub fn logs(filter: &str) -> Result<(), Error> {
    let wrong = |source| Error::Filter { filter: filter.to_owned(), source };
    let never = NEVER.parse().map_err(wrong)?;
    let filter = EnvFilter::try_new(filter).map_err(wrong)?.add_directive(never);
    let terminal = std::io::stderr().is_terminal();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = if terminal {
        layer.with_target(false).boxed()
    } else {
        layer.json().flatten_event(true).with_span_list(false).boxed()
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).try_init()?;
    Ok(())
}
