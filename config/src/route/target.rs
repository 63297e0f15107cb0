//! One target of a route.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{CircuitBreakerConfig, FailoverConfig, RetryOverride};
use crate::SinkConfig;

/// A target and how it is treated.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// Where the messages go.
    pub to: To,
    /// Whether a message is settled only when this target has confirmed it.
    #[serde(default = "default_required")]
    pub required: bool,
    /// How the sinks of a `failover` list take turns.
    pub failover: Option<FailoverConfig>,
    /// What differs from the route's `retry`.
    #[serde(default)]
    pub retry: RetryOverride,
    /// Instead of the route's `circuit_breaker`.
    pub circuit_breaker: Option<CircuitBreakerConfig>,
}

impl TargetConfig {
    /// A required target with the route's policies.
    pub fn new(to: To) -> Self {
        Self {
            to,
            required: true,
            failover: None,
            retry: RetryOverride::default(),
            circuit_breaker: None,
        }
    }
}

/// One sink, or several that stand in for each other.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum To {
    /// Tried in this order.
    Failover(FailoverList),
    /// The only one.
    Sink(SinkConfig),
}

/// Sinks that stand in for each other.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailoverList {
    /// The sinks, the preferred one first.
    #[schemars(length(min = 1))]
    pub failover: Vec<SinkConfig>,
}

impl To {
    /// The sinks in order of preference; at least one after loading.
    pub fn sinks(&self) -> &[SinkConfig] {
        match self {
            Self::Failover(list) => &list.failover,
            Self::Sink(sink) => std::slice::from_ref(sink),
        }
    }

    pub(crate) fn sinks_mut(&mut self) -> &mut [SinkConfig] {
        match self {
            Self::Failover(list) => &mut list.failover,
            Self::Sink(sink) => std::slice::from_mut(sink),
        }
    }
}

fn default_required() -> bool {
    true
}
