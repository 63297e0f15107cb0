//! Consuming a queue.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConnectionConfig, QueueConfig};
use crate::{ByteSize, Ordering};

/// Consumes a queue or a stream of an AMQP broker. A message is acknowledged once it is delivered.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AmqpSource")]
pub struct SourceConfig {
    /// The connection that gives the broker and the credentials.
    pub connection: String,
    /// What the connection says; not written here.
    #[serde(skip)]
    pub endpoint: Option<Arc<ConnectionConfig>>,
    /// What the route asks of the order; not written here.
    #[serde(skip)]
    pub ordering: Option<Ordering>,
    /// The queue (`basic.consume`).
    pub queue: String,
    /// Most messages that the broker sends ahead of our acknowledgements (`basic.qos`, for the consumer). Fewer are
    /// asked for where so many of the size `max_message` would not fit into the route's own share of memory: a small
    /// `max_message` lets more through.
    #[serde(default = "default_prefetch")]
    #[schemars(range(min = 1, max = 65_535))]
    pub prefetch: u16,
    /// The queue has `x-single-active-consumer`: several processes may wait for it in an ordered route, and a quorum
    /// queue needs it there. Without it an ordered route consumes with `exclusive`.
    #[serde(default)]
    pub single_active_consumer: bool,
    /// The queue is a stream; says where to begin. It is read with `x-stream-offset`, and our position in it is kept
    /// in the embedded log.
    pub stream: Option<StreamConfig>,
    /// The dead-letter exchange of the queue. With it a message with a permanent fault, in a route without
    /// `dead_letter`, is rejected to there (`basic.reject` without `requeue`) instead of stopping its lane; the
    /// exchange must exist. A broker forwards dead letters without confirmation, so `dead_letter` is the safer place.
    pub dead_letter_exchange: Option<String>,
    /// Makes the queue where it is missing, durable (`queue.declare`). One that exists must have the same type and
    /// arguments. Default: it must exist.
    pub declare: Option<QueueConfig>,
    /// Largest message that is expected; a larger one is a permanent fault.
    #[serde(default = "default_max_message")]
    pub max_message: ByteSize,
}

/// Where to begin in a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "AmqpStream")]
pub struct StreamConfig {
    /// Where a route that has no position yet begins (`x-stream-offset`).
    pub start: Start,
}

/// Where a route that has no position in a stream yet begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AmqpStart")]
pub enum Start {
    /// At the first message that is kept (`first`).
    #[default]
    Earliest,
    /// After the last message (`next`).
    Latest,
    /// At this offset.
    Offset(u64),
    /// At the first chunk written at or after this time, in RFC 3339: `2026-05-01T00:00:00Z`.
    Time(String),
}

fn default_prefetch() -> u16 {
    1000
}

fn default_max_message() -> ByteSize {
    ByteSize::from_mib(1)
}
