//! Writing to topics.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConnectionConfig, Options};
use crate::{ByteSize, Duration, Encoding, EventFormat, Template};

/// Writes to topics of a Kafka cluster; a message is confirmed when all in-sync replicas have it. Key, headers (null
/// values and repeated names included), time and a null body are kept; the attributes of an event become `ce_` headers.
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
    /// How CloudEvents are written.
    #[serde(default)]
    pub encoding: Encoding,
    /// The format of events that are written with `encoding: structured`.
    #[serde(default)]
    pub event_format: EventFormat,
    /// How the partition is chosen.
    #[serde(default)]
    pub partition: Partition,
    /// How batches are compressed (`compression.codec`).
    #[serde(default)]
    pub compression: Compression,
    /// How long a record may take to be confirmed by all in-sync replicas, with everything that the client tries by
    /// itself (`message.timeout.ms`; `acks=all`, `enable.idempotence=true`). Default: 30s.
    pub timeout: Option<Duration>,
    /// Largest record that is written (`message.max.bytes` of the client); a larger message is a permanent fault, as
    /// is one that the topic does not take.
    #[serde(default = "default_max_message")]
    pub max_message: ByteSize,
    /// Creates topics that do not exist (CreateTopics), and says so in the log. Default: a missing topic is a fault
    /// that passes once it is there.
    pub create_topics: Option<CreateTopicsConfig>,
    /// Settings of librdkafka for batching, by its own names: `{ linger.ms: "20" }`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "enum": super::options::SINK }))]
    pub options: Options,
}

/// How the partition of a record is chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KafkaPartition")]
pub enum Partition {
    /// By the key, as the Java client does it (murmur2); any partition for a record without a key.
    #[default]
    Key,
    /// The number that the message had at its source; the topic must have as many partitions.
    Keep,
}

/// How batches are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KafkaCompression")]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip
    Gzip,
    /// Snappy
    Snappy,
    /// LZ4
    Lz4,
    /// Zstandard
    Zstd,
}

/// How topics are created.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KafkaCreateTopics")]
pub struct CreateTopicsConfig {
    /// Partitions of a new topic (`num_partitions`).
    #[schemars(range(min = 1, max = 10_000))]
    pub partitions: u32,
    /// Replicas of each partition (`replication_factor`). Default: what the cluster is configured with.
    pub replication: Option<u16>,
}

fn default_max_message() -> ByteSize {
    ByteSize::from_bytes(1_000_000)
}
