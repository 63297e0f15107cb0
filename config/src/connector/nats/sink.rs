//! Publishing to streams, buckets and subjects.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::ConnectionConfig;
use crate::{Duration, Encoding, EventFormat, Template};

/// Publishes to a stream, a key-value bucket or, at most once, plain subjects.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NatsSink")]
pub struct SinkConfig {
    /// The connection that gives servers and credentials.
    pub connection: String,
    /// What the connection says; not written here.
    #[serde(skip)]
    pub endpoint: Option<Arc<ConnectionConfig>>,
    /// The JetStream stream that must take each message (`Nats-Expected-Stream`): its acknowledgement is the
    /// confirmation. Without it `subject` is one of core NATS, in a route with `delivery: at_most_once`.
    pub stream: Option<String>,
    /// The subject (`HPUB`). It may have references: `orders.{{ event.type }}`.
    pub subject: Option<Template>,
    /// The key-value bucket to put into, on `$KV.<bucket>.<key>`; a message without a body deletes its key
    /// (`KV-Operation: DEL`).
    pub kv: Option<String>,
    /// The key in the bucket. Default: the key of the message.
    pub key: Option<Template>,
    /// The revision that the key must have before it is changed, 0 for a key that must not be there
    /// (`Nats-Expected-Last-Subject-Sequence`): `"{{ headers['revision'] }}"`. A key that has another one is a
    /// permanent fault of the message.
    pub revision: Option<Template>,
    /// How CloudEvents are written.
    #[serde(default)]
    pub encoding: Encoding,
    /// The format of events that are written with `encoding: structured`.
    #[serde(default)]
    pub event_format: EventFormat,
    /// How long the messages of a batch may take to be confirmed. Default: 10s.
    pub timeout: Option<Duration>,
}

/// What a sink writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To<'a> {
    /// A stream.
    Stream(&'a str),
    /// A key-value bucket.
    Kv(&'a str),
    /// Subjects of core NATS.
    Core,
}

impl SinkConfig {
    /// What it writes to.
    pub fn to(&self) -> To<'_> {
        match (&self.stream, &self.kv) {
            (Some(stream), _) => To::Stream(stream),
            (None, Some(bucket)) => To::Kv(bucket),
            (None, None) => To::Core,
        }
    }
}
