//! `kafka`: topics of a Kafka cluster.

mod connection;
pub(crate) mod options;
mod sink;
mod source;

pub use connection::{ConnectionConfig, Mechanism, SaslConfig};
pub use options::Options;
pub use sink::{Compression, CreateTopicsConfig, Partition, SinkConfig};
pub use source::{GroupProtocol, Isolation, OnLostPosition, SourceConfig, Start};
