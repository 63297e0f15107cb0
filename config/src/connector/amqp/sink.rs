//! Publishing to an exchange.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConnectionConfig, ExchangeConfig, SourceConfig};
use crate::{ByteSize, Duration, Encoding, EventFormat, Template};

/// Publishes to an exchange of an AMQP broker. A message is confirmed once the broker has confirmed it and has routed it to
/// a queue: one that no queue takes is tried again.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AmqpSink")]
pub struct SinkConfig {
    /// The connection that gives the broker and the credentials.
    pub connection: String,
    /// What the connection says; not written here.
    #[serde(skip)]
    pub endpoint: Option<Arc<ConnectionConfig>>,
    /// The exchange of `basic.publish`. Default: the default exchange, whose routing keys are names of queues.
    #[serde(default)]
    pub exchange: String,
    /// The routing key of `basic.publish`. It may have references: `orders.{{ event.type }}`. Default: the key of the
    /// message.
    pub routing_key: Option<Template>,
    /// How CloudEvents are written.
    #[serde(default)]
    pub encoding: Encoding,
    /// The format of events that are written with `encoding: structured`.
    #[serde(default)]
    pub event_format: EventFormat,
    /// What the names of attributes begin with among the headers, in binary mode.
    #[serde(default)]
    pub attribute_prefix: AttributePrefix,
    /// Whether messages survive a restart of the broker (`delivery-mode` 2, else 1).
    #[serde(default = "yes")]
    pub persistent: bool,
    /// Properties and headers to copy that are left out otherwise, because they change what the target does with the
    /// message.
    #[serde(default)]
    pub allow: Vec<Property>,
    /// Makes the exchange where it is missing, durable (`exchange.declare`). One that exists must have the same type.
    /// Default: it must exist.
    pub declare: Option<ExchangeConfig>,
    /// How long a batch may take to be confirmed (`confirm.select`, `mandatory`); then its connection is ended, so
    /// that nothing of it is published later.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// Largest body that is sent; a larger message is a permanent fault. Default: 16MiB, which is the broker's own since 4.0.
    #[serde(default = "default_max_message")]
    pub max_message: ByteSize,
}

/// What the names of attributes begin with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "AmqpAttributePrefix")]
pub enum AttributePrefix {
    /// As in the binding for RabbitMQ that Knative wrote.
    #[default]
    #[serde(rename = "ce-")]
    Ce,
    /// As in the binding for AMQP 1.0: for consumers that speak that to the same broker.
    #[serde(rename = "cloudEvents_")]
    CloudEvents,
}

/// What is not copied from a message unless it is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AmqpProperty")]
pub enum Property {
    /// `amqp-expiration`: the message would expire at the target.
    Expiration,
    /// `amqp-user-id`: the broker refuses another user's.
    UserId,
    /// The headers `CC` and `BCC`: the message would be routed elsewhere too.
    Cc,
    /// Headers that a broker sets or obeys, such as `x-death`, `x-delivery-count`, `x-stream-offset` and `x-delay`.
    Broker,
}

fn yes() -> bool {
    true
}

fn default_timeout() -> Duration {
    Duration::from_secs(30)
}

fn default_max_message() -> ByteSize {
    ByteSize::from_mib(16)
}

impl SinkConfig {
    /// Whether what it publishes may reach the queue of `source`, as far as the file says: by the queue's name at the default
    /// exchange, or by a binding that is declared.
    pub(crate) fn may_feed(&self, source: &SourceConfig) -> bool {
        if self.exchange.is_empty() {
            return self.routing_key.is_none();
        }
        let bindings = source.declare.iter().flat_map(|declare| &declare.bind);
        bindings.into_iter().any(|binding| binding.exchange == self.exchange)
    }
}
