//! Writing to topics.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ConnectionConfig;
use crate::{Duration, Template};

/// Writes to topics of a Kafka cluster; a message is confirmed when all in-sync replicas have it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KafkaSink")]
pub struct SinkConfig {
    /// The connection that gives brokers and credentials.
    pub connection: String,
    /// What the connection says; not written here.
    #[serde(skip)]
    pub endpoint: Option<Arc<ConnectionConfig>>,
    /// The topic. It may have references: `orders.{{ event.type }}`.
    pub topic: Template,
    /// The key of the record, which chooses its partition. Default: the key of the message.
    pub key: Option<Template>,
    /// How long a record may take to be confirmed. Default: 30s.
    pub timeout: Option<Duration>,
}
