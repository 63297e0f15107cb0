//! `kafka`: topics of a Kafka cluster.

mod connection;
pub(crate) mod options;
mod sasl;
mod sink;
mod source;

pub use connection::ConnectionConfig;
pub use options::Options;
pub use sasl::{ClientAuth, ClientCredentialsConfig, Mechanism, SaslConfig};
pub use sink::{Compression, CreateTopicsConfig, Partition, SinkConfig};
pub use source::{GroupProtocol, Isolation, OnLostPosition, SourceConfig, Start};
