//! What happens when a target does not take a message.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Duration, Percent, SinkConfig};

/// How a target that fails is tried again: for ever, with growing and jittered waits. Permanent faults are not retried.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// The first wait.
    pub initial: Duration,
    /// The longest wait.
    pub max: Duration,
    /// Most retries as a share of what is sent for the first time; a spent budget means wait, never give up.
    pub budget: Percent,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(200),
            max: Duration::from_secs(30),
            budget: Percent::new(20),
        }
    }
}

/// What a target says differently from its route about being tried again.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryOverride {
    /// The first wait. Default: the route's.
    pub initial: Option<Duration>,
    /// The longest wait. Default: the route's.
    pub max: Option<Duration>,
    /// Most retries as a share of what is sent for the first time. Default: the route's.
    pub budget: Option<Percent>,
}

/// When a target that keeps failing is left alone for a while.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CircuitBreakerConfig {
    /// So many failures in a row open the circuit.
    #[schemars(range(min = 1))]
    pub failures: u32,
    /// How long it stays open at first; it backs off to `retry.max`.
    pub open: Duration,
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        Self { failures: 5, open: Duration::from_secs(1) }
    }
}

/// How sinks of one target take turns.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FailoverConfig {
    /// Which sink is used.
    pub policy: FailoverPolicy,
    /// How long a preferred sink must have been well before it is gone back to.
    pub back_after: Duration,
}

impl Default for FailoverConfig {
    fn default() -> Self {
        Self { policy: FailoverPolicy::Preference, back_after: Duration::from_secs(60) }
    }
}

/// Which sink of a failover list is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailoverPolicy {
    /// The first of the list that is well.
    #[default]
    Preference,
}

/// Where messages with permanent faults go.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetterConfig {
    /// The sink that takes them.
    pub to: SinkConfig,
    /// Also gives up on a message that could not be delivered for so long. Default: never.
    pub after: Option<Duration>,
}
