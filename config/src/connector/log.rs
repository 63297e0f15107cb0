//! `log`: topics of the embedded log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ByteSize, Template};

/// Reads a topic of the embedded log, from where its consumer group stands.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LogSource")]
pub struct SourceConfig {
    /// The topic; made when it does not exist yet.
    pub topic: String,
    /// The consumer group whose position is kept in the log. Default: the name of the route.
    pub group: Option<String>,
    /// Where a group that has no position yet begins.
    #[serde(default)]
    pub start: Start,
    /// Largest message that is expected; the route's share of memory must hold one.
    #[serde(default = "default_max_message")]
    pub max_message: ByteSize,
}

/// Where a consumer group that has no position yet begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "LogStart")]
pub enum Start {
    /// At the first record that is kept.
    #[default]
    Earliest,
    /// After the last record, as of the group's first start.
    Latest,
    /// At the first record appended at or after this time, in RFC 3339: `2026-05-01T00:00:00Z`.
    Time(String),
    /// At this offset of every partition; before the first one kept: at the first one kept.
    Offset(u64),
}

/// Appends to a topic of the embedded log; a message is confirmed when it is on disk, as `storage.fsync` says.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LogSink")]
pub struct SinkConfig {
    /// The topic, made when it does not exist yet. It may have references: `orders.{{ event.type }}`.
    pub topic: Template,
    /// The key of the record, which chooses its partition. Default: the key of the message.
    pub key: Option<Template>,
    /// Largest record that is appended; a larger message is a permanent fault. Default: 16MiB.
    #[serde(default = "default_max_record")]
    pub max_message: ByteSize,
}

fn default_max_message() -> ByteSize {
    ByteSize::from_mib(1)
}

fn default_max_record() -> ByteSize {
    ByteSize::from_mib(16)
}
