//! What changes or selects a message between its source and its targets.
//!
//! [`build`] makes a step from what the routing-rule file says; it is the only place that tells the
//! kinds apart. Everything that can be computed from the file alone is computed there, once: a
//! message meets compiled look-ups only. No step here does input or output, so none yields.

mod cloudevents;
mod headers;
mod map;

pub use hybridge_schemas::template;

use hybridge_config::TransformConfig;
use hybridge_core::Transformer;

/// Makes a step. Pure: no input or output, nothing is spawned.
pub fn build(config: &TransformConfig) -> Box<dyn Transformer> {
    match config {
        TransformConfig::Cloudevents(config) => Box::new(cloudevents::Step::new(config)),
        TransformConfig::Map(config) => Box::new(map::Step::new(config)),
    }
}
