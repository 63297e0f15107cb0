//! `kafka`: topics of a Kafka cluster.

mod connection;
mod sink;
mod source;

pub use connection::{ConnectionConfig, Mechanism, SaslConfig};
pub use sink::SinkConfig;
pub use source::{SourceConfig, Start};
