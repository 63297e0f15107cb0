//! Where messages come from.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    ByteSize, ConnectionConfig, Ordering,
    connector::{amqp, file, http, kafka, lease, log, nats, schedule, stdio},
};

/// The source of a route: a map with one key, its kind.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceConfig {
    /// A queue or a stream of an AMQP broker.
    Amqp(Box<amqp::SourceConfig>),
    /// Events posted over HTTP.
    Http(Box<http::SourceConfig>),
    /// Topics of a Kafka cluster.
    Kafka(Box<kafka::SourceConfig>),
    /// A stream, a key-value bucket or subjects of a NATS system.
    Nats(Box<nats::SourceConfig>),
    /// A topic of the embedded log.
    Log(log::SourceConfig),
    /// Files.
    File(file::SourceConfig),
    /// Standard input.
    Stdio(stdio::SourceConfig),
    /// Events by the clock.
    Schedule(schedule::SourceConfig),
}

impl SourceConfig {
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
            Self::Schedule(_) => "schedule",
        }
    }

    /// The largest message that the source hands out.
    pub fn max_message(&self) -> ByteSize {
        match self {
            Self::Amqp(amqp) => amqp.max_message,
            Self::Http(http) => http.max_message,
            Self::Kafka(kafka) => kafka.max_message,
            Self::Nats(nats) => nats.max_message,
            Self::Log(log) => log.max_message,
            Self::File(file) => file.max_message,
            Self::Stdio(stdio) => stdio.max_message,
            Self::Schedule(_) => ByteSize::from_bytes(64 << 10),
        }
    }

    /// The connection that it names.
    pub fn connection(&self) -> Option<&str> {
        match self {
            Self::Amqp(amqp) => Some(&amqp.connection),
            Self::Kafka(kafka) => Some(&kafka.connection),
            Self::Nats(nats) => Some(&nats.connection),
            Self::Http(_) | Self::Log(_) | Self::File(_) | Self::Stdio(_) | Self::Schedule(_) => {
                None
            }
        }
    }

    /// The lease under which it reads, where it keeps its position by itself and several processes may have the route.
    pub fn lease(&self) -> Option<&lease::LeaseConfig> {
        match self {
            Self::File(file) => file.lease.as_ref(),
            Self::Schedule(schedule) => schedule.lease.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn lease_mut(&mut self) -> Option<&mut lease::LeaseConfig> {
        match self {
            Self::File(file) => file.lease.as_mut(),
            Self::Schedule(schedule) => schedule.lease.as_mut(),
            _ => None,
        }
    }

    /// Takes what the connection that it names says; of one of another kind, nothing.
    pub(crate) fn connect(&mut self, connection: &ConnectionConfig) {
        match (self, connection) {
            (Self::Amqp(amqp), ConnectionConfig::Amqp(connection)) => {
                amqp.endpoint = Some(connection.clone().into());
            }
            (Self::Kafka(kafka), ConnectionConfig::Kafka(connection)) => {
                kafka.endpoint = Some(connection.clone().into());
            }
            (Self::Nats(nats), ConnectionConfig::Nats(connection)) => {
                nats.endpoint = Some(connection.as_ref().clone().into());
            }
            _ => {}
        }
    }

    /// Takes the order that the lanes keep, where the way it reads depends on that.
    pub(crate) fn order(&mut self, ordering: Ordering) {
        match self {
            Self::Amqp(amqp) => amqp.ordering = Some(ordering),
            Self::Nats(nats) => nats.ordering = Some(ordering),
            _ => {}
        }
    }
}
