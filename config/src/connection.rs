//! Named endpoints.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::connector::{amqp, http, kafka, nats};

/// Settings and credentials of an endpoint that routes share by name: a map with one key, its kind.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionConfig {
    /// A broker of AMQP 0-9-1, such as RabbitMQ.
    Amqp(amqp::ConnectionConfig),
    /// An HTTP endpoint.
    Http(http::ConnectionConfig),
    /// A Kafka cluster.
    Kafka(Box<kafka::ConnectionConfig>),
    /// A NATS system.
    Nats(Box<nats::ConnectionConfig>),
}

impl ConnectionConfig {
    /// The kind, as it is written in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Amqp(_) => "amqp",
            Self::Http(_) => "http",
            Self::Kafka(_) => "kafka",
            Self::Nats(_) => "nats",
        }
    }
}
