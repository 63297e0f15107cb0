//! Queues, exchanges and bindings that are made where they are missing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A durable queue to make where it is missing. One that exists must have the same type and arguments.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "AmqpQueue")]
pub struct QueueConfig {
    /// Its type (`x-queue-type`).
    #[serde(rename = "type")]
    pub kind: QueueType,
    /// Its other arguments: `{ x-message-ttl: 60000 }`.
    pub arguments: Arguments,
    /// What is routed into it beside what is sent to it by its name (`queue.bind`).
    pub bind: Vec<BindingConfig>,
}

/// Arguments by name.
pub type Arguments = BTreeMap<String, Argument>;

/// The value of an argument.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "AmqpArgument")]
pub enum Argument {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
}

/// The type of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AmqpQueueType")]
pub enum QueueType {
    /// On one node.
    #[default]
    Classic,
    /// Replicated.
    Quorum,
    /// A log that keeps what was read; a source of it needs `stream`.
    Stream,
}

/// A binding of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AmqpBinding")]
pub struct BindingConfig {
    /// The exchange, which must exist.
    pub exchange: String,
    /// The binding key. Default: empty.
    #[serde(default)]
    pub routing_key: String,
}

/// A durable exchange to make where it is missing. One that exists must have the same type.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AmqpExchange")]
pub struct ExchangeConfig {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ExchangeType,
    /// Its other arguments.
    #[serde(default)]
    pub arguments: Arguments,
}

/// The type of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AmqpExchangeType")]
pub enum ExchangeType {
    /// By the routing key, exactly.
    Direct,
    /// To every queue that is bound.
    Fanout,
    /// By patterns of the routing key.
    Topic,
    /// By headers.
    Headers,
}
