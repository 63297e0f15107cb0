//! What a route really promises, and what limits it.

mod delivery;
mod diff;
mod order;
mod summary;

pub(crate) use delivery::delivery;
pub use diff::{Diff, diff};
pub(crate) use order::order;
use serde::Serialize;
pub use summary::{Summary, summary};

use crate::{Config, DeliveryGuarantee, Ordering, RouteConfig, SinkConfig};

/// What a route promises: what it asks for, and what its endpoints leave of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guarantee {
    /// What is promised about each message.
    pub delivery: DeliveryGuarantee,
    /// Where the promise ends: one remark an endpoint that weakens it.
    pub delivery_limits: Vec<String>,
    /// Which messages keep their order.
    pub order: Ordering,
    /// What the order does not cover, or why there is none.
    pub order_limits: Vec<String>,
}

/// Something that endpoints cannot keep: what it is and why, and what to write instead.
pub(crate) type Refusal = (String, String);

/// What `route`, one of a configuration that was loaded, promises.
pub fn guarantee(config: &Config, route: &RouteConfig) -> Guarantee {
    // Loading refuses routes that ask for more than there can be, so there is nothing to report here.
    Guarantee {
        delivery: route.delivery,
        delivery_limits: delivery(config, route).unwrap_or_default(),
        order: route.ordering(),
        order_limits: order(config, route).unwrap_or_default(),
    }
}

/// The sinks of the targets of a route, whether it was resolved or not; not those of dead letters.
fn sinks(route: &RouteConfig) -> impl Iterator<Item = &SinkConfig> {
    let targets = route.targets.values().map(|target| &target.to);
    route.to.iter().chain(targets).flat_map(|to| to.sinks())
}

/// How many partitions a topic has: what the file says, or the default.
fn partitions(config: &Config, topic: &str) -> u32 {
    config.topics.get(topic).cloned().unwrap_or_default().partitions
}

#[cfg(test)]
mod tests;
