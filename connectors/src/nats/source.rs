//! Reads a stream, a key-value bucket or subjects.

mod consumer;
mod core;
mod flight;
mod log;

use hybridge_config::Ordering;
use hybridge_config::connector::nats::{Read, SourceConfig};
use hybridge_core::Error;

use crate::make::Limits;

/// The source of `route` in the instance of this name. Opens no connection.
///
/// # Errors
/// Without a connection in the configuration, or with an address of a server that is none.
pub fn source(
    config: &SourceConfig,
    route: &str,
    limits: Limits,
    instance: &str,
) -> Result<Box<dyn hybridge_core::Source>, Error> {
    match (config.read(), config.ordering) {
        (Read::Stream(stream), Some(Ordering::None)) => {
            Ok(Box::new(consumer::Source::new(config, stream, route, limits.uncommitted)?))
        }
        (Read::Stream(_) | Read::Kv(_), _) => {
            Ok(Box::new(log::Source::new(config, route, limits.uncommitted, instance)?))
        }
        (Read::Core, _) => Ok(Box::new(core::Source::new(config, route)?)),
    }
}

/// The name of a consumer or a position: that of the route, where none is written. No consumer may have dots.
fn durable(config: &SourceConfig, route: &str) -> String {
    config.durable.clone().unwrap_or_else(|| {
        let is_good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        route.chars().map(|c| if is_good(c) { c } else { '-' }).collect()
    })
}
