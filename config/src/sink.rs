//! Where messages go to.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    ConnectionConfig, Template,
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

/// A part of the place that a sink writes a message to.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// What the protocol calls it: `topic`, `subject`, `routing_key`.
    pub name: &'static str,
    /// What it is for each message.
    pub template: Template,
    /// Whether it must be a name without wildcards and white space.
    pub is_name: bool,
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

    /// Where a message goes to, as its protocol names it, and whether that is a name (of a topic, a subject).
    pub fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        let mut put = |name, template: Option<&'_ Template>, is_name| {
            places.extend(template.map(|template| Place {
                name,
                template: template.clone(),
                is_name,
            }));
        };
        match self {
            Self::Amqp(amqp) => {
                put("exchange", Some(&Template::literally(&amqp.exchange)), false);
                put("routing_key", amqp.routing_key.as_ref(), false);
            }
            Self::Kafka(kafka) => {
                put("topic", Some(&kafka.topic), true);
                put("key", kafka.key.as_ref(), false);
            }
            Self::Nats(nats) => {
                put("subject", nats.subject.as_ref(), true);
                put("key", nats.key.as_ref(), true);
                put("revision", nats.revision.as_ref(), false);
            }
            Self::Log(log) => {
                put("topic", Some(&log.topic), true);
                put("key", log.key.as_ref(), false);
            }
            Self::Http(_) | Self::File(_) | Self::Stdio(_) => {}
        }
        places
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
