//! Reading streams, buckets and subjects.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConnectionConfig;
use crate::{ByteSize, Duration, Ordering};

/// Reads a stream, a key-value bucket or, at most once, plain subjects: one of `stream`, `kv` and `subjects` alone.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NatsSource")]
pub struct SourceConfig {
    /// The connection that gives servers and credentials.
    pub connection: String,
    /// What the connection says; not written here.
    #[serde(skip)]
    pub endpoint: Option<Arc<ConnectionConfig>>,
    /// The order that the lanes of the route keep; not written here.
    #[serde(skip)]
    pub ordering: Option<Ordering>,
    /// The JetStream stream. With `ordering: none` it is read through the durable consumer, which several processes may
    /// share; with an order it is read as a log, by one process at a time.
    pub stream: Option<String>,
    /// The name of the durable consumer (`durable_name`), or of the position where the stream is read as a log.
    /// Default: the name of the route, with `-` for a dot.
    pub durable: Option<String>,
    /// With `stream`: only messages of these subjects (`filter_subjects`). Alone: the subjects of core NATS to
    /// subscribe to (`SUB`), in a route with `delivery: at_most_once`.
    #[serde(default)]
    pub subjects: Vec<String>,
    /// The queue group of a subscription to core NATS (`SUB`): each message goes to one member.
    pub queue: Option<String>,
    /// The key-value bucket whose changes are read, from its stream `KV_<bucket>`: puts with their value, deletes
    /// without a body.
    pub kv: Option<String>,
    /// Where a consumer or position that does not exist yet begins (`deliver_policy`).
    #[serde(default)]
    pub start: Start,
    /// How long the server waits for an acknowledgement of a message (`ack_wait`); we ask for more time (`+WPI`) at
    /// every third of it. Only with `ordering: none`. Default: what the consumer has, 30s for a new one.
    pub ack_wait: Option<Duration>,
    /// Where the position is kept and who may read, when a stream or bucket is read as a log.
    #[serde(default)]
    pub lease: LeaseConfig,
    /// Messages of core NATS that may wait to be taken; what comes beyond them is dropped and counted.
    #[serde(default = "default_pending")]
    pub pending: u32,
    /// Largest message that is expected; the route's share of memory must hold one.
    #[serde(default = "default_max_message")]
    pub max_message: ByteSize,
}

/// The entry of a key-value bucket that says who reads a stream as a log, and how far it has come.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "NatsLease")]
pub struct LeaseConfig {
    /// The key-value bucket; its entry is named `STREAM.DURABLE`.
    pub bucket: String,
    /// Makes the bucket if it does not exist. Without it a missing one is an error that says how to make it.
    pub create: bool,
    /// How many replicas a bucket that is made has (`num_replicas`).
    pub replicas: u32,
    /// How long the reader may be silent before another process takes over. A reader that cannot renew for two thirds
    /// of it stops.
    pub ttl: Duration,
}

impl Default for LeaseConfig {
    fn default() -> Self {
        Self {
            bucket: "hybridge-leases".to_owned(),
            create: false,
            replicas: 1,
            ttl: Duration::from_secs(15),
        }
    }
}

/// Where a consumer or position that does not exist yet begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NatsStart")]
pub enum Start {
    /// At the first message that is kept.
    #[default]
    Earliest,
    /// After the last message.
    Latest,
    /// At the first message stored at or after this time, in RFC 3339: `2026-05-01T00:00:00Z`.
    Time(String),
    /// At this sequence of the stream.
    Sequence(u64),
}

/// What a source reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read<'a> {
    /// A stream.
    Stream(&'a str),
    /// A key-value bucket.
    Kv(&'a str),
    /// Subjects of core NATS.
    Core,
}

impl SourceConfig {
    /// What it reads.
    pub fn read(&self) -> Read<'_> {
        match (&self.stream, &self.kv) {
            (Some(stream), _) => Read::Stream(stream),
            (None, Some(bucket)) => Read::Kv(bucket),
            (None, None) => Read::Core,
        }
    }
}

fn default_pending() -> u32 {
    4096
}

fn default_max_message() -> ByteSize {
    ByteSize::from_mib(1)
}
