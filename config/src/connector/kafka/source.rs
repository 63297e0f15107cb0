//! Reading topics with a consumer group.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ConnectionConfig;
use crate::ByteSize;

/// Reads topics of a Kafka cluster with a consumer group, from where the group stands.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KafkaSource")]
pub struct SourceConfig {
    /// The connection that gives brokers and credentials.
    pub connection: String,
    /// What the connection says; not written here.
    #[serde(skip)]
    pub endpoint: Option<Arc<ConnectionConfig>>,
    /// The topics.
    #[schemars(length(min = 1))]
    pub topics: Vec<String>,
    /// The consumer group whose position is kept. Default: the name of the route.
    pub group: Option<String>,
    /// Where a group that has no position yet begins.
    #[serde(default)]
    pub start: Start,
    /// Largest message that is expected; the route's share of memory must hold one.
    #[serde(default = "default_max_message")]
    pub max_message: ByteSize,
}

/// Where a consumer group that has no position yet begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KafkaStart")]
pub enum Start {
    /// At the first record that is kept.
    #[default]
    Earliest,
    /// After the last record.
    Latest,
    /// At the first record written at or after this time, in RFC 3339: `2026-05-01T00:00:00Z`.
    Time(String),
}

fn default_max_message() -> ByteSize {
    ByteSize::from_mib(1)
}
