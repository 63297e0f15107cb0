//! One target of a route.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, Visitor,
    value::MapAccessDeserializer,
};

use super::{CircuitBreakerConfig, FailoverConfig, RetryOverride};
use crate::{RetentionConfig, SinkConfig};

/// A target and how it is treated.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// Where the messages go.
    pub to: To,
    /// Whether a message is settled only when this target has confirmed it. With `false` it is written to the embedded log
    /// instead, and follows from there: the target never holds the others up. One target of a route at least is required.
    #[serde(default = "default_required")]
    pub required: bool,
    /// How much may wait for a target that is not required. What is older or more is removed, which is logged and counted;
    /// what was delivered is removed anyway. Default: any size, for 7 days.
    pub backlog: Option<RetentionConfig>,
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
            backlog: None,
            failover: None,
            retry: RetryOverride::default(),
            circuit_breaker: None,
        }
    }
}

/// One sink, or several that stand in for each other.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum To {
    /// Tried in this order.
    Failover(FailoverList),
    /// The only one.
    Sink(SinkConfig),
}

/// Sinks that stand in for each other.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
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

/// By hand, since an untagged enum would guess the types of all that is below it, and could not say where an error is.
impl<'de> Deserialize<'de> for To {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ToVisitor)
    }
}

struct ToVisitor;

impl<'de> Visitor<'de> for ToVisitor {
    type Value = To;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map with one key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<To, A::Error> {
        let Some(kind) = map.next_key::<String>()? else {
            return Err(A::Error::custom("a map without its kind"));
        };
        if kind == "failover" {
            return Ok(To::Failover(FailoverList { failover: map.next_value()? }));
        }
        let whole = MapAccessDeserializer::new(Unread { key: Some(kind), rest: map });
        SinkConfig::deserialize(whole).map(To::Sink)
    }
}

/// A map whose first key has been read already.
struct Unread<A> {
    key: Option<String>,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Unread<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        match self.key.take() {
            Some(key) => seed.deserialize(key.into_deserializer()).map(Some),
            None => self.rest.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.rest.next_value_seed(seed)
    }
}

fn default_required() -> bool {
    true
}
