//! Where messages go to.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    ConnectionConfig,
    connector::{amqp, file, http, kafka, log, nats, stdio},
};

/// A sink: a map with one key, its kind.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkConfig {
    /// An exchange of an AMQP broker.
    Amqp(Box<amqp::SinkConfig>),
    /// Posts to an HTTP endpoint.
    Http(Box<http::SinkConfig>),
    /// Topics of a Kafka cluster.
    Kafka(Box<kafka::SinkConfig>),
    /// A stream, a key-value bucket or subjects of a NATS system.
    Nats(Box<nats::SinkConfig>),
    /// A topic of the embedded log.
    Log(log::SinkConfig),
    /// Files.
    File(file::SinkConfig),
    /// Standard output.
    Stdio(stdio::SinkConfig),
}

impl SinkConfig {
    /// The kind, as it is written in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Amqp(_) => "amqp",
            Self::Http(_) => "http",
            Self::Kafka(_) => "kafka",
            Self::Nats(_) => "nats",
            Self::Log(_) => "log",
            Self::File(_) => "file",
            Self::Stdio(_) => "stdio",
        }
    }

    /// Whether a batch costs it about as much as one message.
    pub fn takes_batches(&self) -> bool {
        match self {
            Self::Kafka(_) | Self::Nats(_) | Self::Log(_) | Self::Stdio(_) => true,
            Self::File(file) => file.format != file::Format::Whole,
            Self::Amqp(_) | Self::Http(_) => false,
        }
    }

    /// What it has for itself while it is open, so that another sink can have it only afterwards: the file to append to.
    pub fn exclusive(&self) -> Option<&Path> {
        match self {
            Self::File(file) if file.format != file::Format::Whole => Some(&file.path),
            _ => None,
        }
    }

    /// The connection that it names.
    pub fn connection(&self) -> Option<&str> {
        match self {
            Self::Amqp(amqp) => Some(&amqp.connection),
            Self::Http(http) => http.connection.as_deref(),
            Self::Kafka(kafka) => Some(&kafka.connection),
            Self::Nats(nats) => Some(&nats.connection),
            Self::Log(_) | Self::File(_) | Self::Stdio(_) => None,
        }
    }

    /// Takes what the connection that it names says; of one of another kind, nothing.
    pub(crate) fn connect(&mut self, connection: &ConnectionConfig) {
        match (self, connection) {
            (Self::Amqp(amqp), ConnectionConfig::Amqp(connection)) => {
                amqp.endpoint = Some(connection.clone().into());
            }
            (Self::Http(http), ConnectionConfig::Http(connection)) => http.connect(connection),
            (Self::Kafka(kafka), ConnectionConfig::Kafka(connection)) => {
                kafka.endpoint = Some(connection.clone().into());
            }
            (Self::Nats(nats), ConnectionConfig::Nats(connection)) => {
                nats.endpoint = Some(connection.as_ref().clone().into());
            }
            _ => {}
        }
    }
}
