//! Routes: from one source, through steps, to targets.

mod policy;
mod rule;
mod target;

use std::{collections::BTreeMap, fmt};

pub use policy::{
    CircuitBreakerConfig, DeadLetterConfig, FailoverConfig, FailoverPolicy, RetryConfig,
    RetryOverride,
};
pub use rule::{RuleConfig, RuleSetConfig, RulesConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use target::{FailoverList, TargetConfig, To};

use crate::{ByteSize, SinkConfig, SourceConfig, TransformConfig};

/// One route. Only `from` and one of `to` and `targets` must be said.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Where the messages come from.
    pub from: SourceConfig,
    /// The only target. Either this or `targets`.
    pub to: Option<To>,
    /// The targets by name; without rules, every message goes to all of them. Either this or `to`.
    #[serde(default)]
    pub targets: BTreeMap<String, TargetConfig>,
    /// Steps that change messages, in this order.
    #[serde(default)]
    pub transform: Vec<TransformConfig>,
    /// Which messages go to which targets; asked after the steps. Without them every message goes to all targets.
    pub rules: Option<RulesConfig>,
    /// The targets of messages that no rule is for. Empty: they go nowhere and are counted as filtered.
    #[serde(default)]
    pub otherwise: Vec<String>,
    /// Which messages keep their order. Default: `key`; for an `http` source `none`.
    pub ordering: Option<Ordering>,
    /// What is promised about each message; refused where the endpoints cannot keep it.
    #[serde(default)]
    pub delivery: DeliveryGuarantee,
    /// What the route may hold.
    #[serde(default)]
    pub limits: RouteLimitsConfig,
    /// How a target that fails is tried again.
    #[serde(default)]
    pub retry: RetryConfig,
    /// When a target that keeps failing is left alone for a while.
    #[serde(default)]
    pub circuit_breaker: CircuitBreakerConfig,
    /// Where messages with permanent faults go. Default: nowhere; the route holds such a message rather than lose it.
    pub dead_letter: Option<DeadLetterConfig>,
}

impl RouteConfig {
    /// The name of the target of a route that says `to`: after loading it stands in `targets`, and `to` is `None`.
    pub const ONLY_TARGET: &'static str = "to";

    /// Which messages keep their order, the source's default applied.
    pub fn ordering(&self) -> Ordering {
        match (self.ordering, &self.from) {
            (Some(ordering), _) => ordering,
            (None, SourceConfig::Http(_)) => Ordering::None,
            (None, _) => Ordering::Key,
        }
    }

    /// The order that lanes keep. The lane of a message is chosen by its key before steps run; with a step that changes
    /// the key, all messages keep their order instead.
    pub fn lane_ordering(&self) -> Ordering {
        let rekeys = self.transform.iter().any(TransformConfig::changes_key);
        match self.ordering() {
            Ordering::Key if rekeys => Ordering::Total,
            ordering => ordering,
        }
    }

    /// Most batches on their way at once; after loading.
    pub fn lanes(&self) -> usize {
        let mut sinks = self.targets.values().flat_map(|target| target.to.sinks());
        let default = if sinks.all(SinkConfig::takes_batches) { 4 } else { 16 };
        self.limits.lanes.unwrap_or(default) as usize
    }

    /// Its rules, in the order of the file, if it has any; those of a file of their own after loading.
    pub fn rules(&self) -> Option<&[RuleConfig]> {
        self.rules.as_ref().map(RulesConfig::as_slice)
    }

    /// The names of its rules, in the order of the file.
    pub fn rule_names(&self) -> Vec<String> {
        self.rules().into_iter().flatten().map(|rule| rule.name.clone()).collect()
    }

    /// The sinks of all targets and of the dead letters; after loading.
    pub fn sinks(&self) -> impl Iterator<Item = &SinkConfig> {
        let targets = self.targets.values().flat_map(|target| target.to.sinks());
        targets.chain(self.dead_letter.iter().map(|dead_letter| &dead_letter.to))
    }

    /// How `target` is tried again: its own settings over the route's.
    pub fn retry_for(&self, target: &TargetConfig) -> RetryConfig {
        RetryConfig {
            initial: target.retry.initial.unwrap_or(self.retry.initial),
            max: target.retry.max.unwrap_or(self.retry.max),
            budget: target.retry.budget.unwrap_or(self.retry.budget),
        }
    }

    /// When `target` is left alone: its own settings or the route's.
    pub fn circuit_breaker_for<'a>(&'a self, target: &'a TargetConfig) -> &'a CircuitBreakerConfig {
        target.circuit_breaker.as_ref().unwrap_or(&self.circuit_breaker)
    }
}

/// Which messages keep their order from source to target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// None: every lane takes what comes next.
    None,
    /// Those of one key; a message without a key goes by its partition.
    Key,
    /// All of them, one batch after the other.
    Total,
}

/// What is promised about each message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryGuarantee {
    /// It may be lost, and comes once at most: it is settled at the source before it is sent. Not available yet.
    AtMostOnce,
    /// It is never lost, and may come more than once after a fault.
    #[default]
    AtLeastOnce,
    /// It is never lost, and the target drops repeats.
    EffectivelyOnce,
    /// Reading, writing and settling are one transaction. Not available with the endpoints that there are.
    ExactlyOnce,
}

/// As it is written in the file.
impl fmt::Display for Ordering {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Key => "key",
            Self::Total => "total",
        })
    }
}

/// As it is written in the file.
impl fmt::Display for DeliveryGuarantee {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::AtMostOnce => "at_most_once",
            Self::AtLeastOnce => "at_least_once",
            Self::EffectivelyOnce => "effectively_once",
            Self::ExactlyOnce => "exactly_once",
        })
    }
}

/// What a route may hold.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RouteLimitsConfig {
    /// Most bytes in memory. Default: the route's floor and what the shared pool has left.
    pub in_flight: Option<ByteSize>,
    /// Most messages per partition that are read and not yet settled: what a crash would repeat.
    #[schemars(range(min = 1))]
    pub uncommitted: u64,
    /// Most batches on their way at once, each in a lane of its own. Default: 16; 4 where every target takes a batch in
    /// one piece (a topic of the log, lines of a file, standard output): there fewer and larger ones cost less.
    #[schemars(range(min = 1, max = 1_024))]
    pub lanes: Option<u32>,
}

impl Default for RouteLimitsConfig {
    fn default() -> Self {
        Self { in_flight: None, uncommitted: 100_000, lanes: None }
    }
}
