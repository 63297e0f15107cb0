//! `nats`: streams, key-value buckets and plain subjects of a NATS system.

mod connection;
mod sink;
mod source;

pub use connection::ConnectionConfig;
pub use sink::{SinkConfig, To};
pub use source::{LeaseConfig, Read, SourceConfig, Start};
