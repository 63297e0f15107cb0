//! `http`: CloudEvents and plain bodies over HTTP.

mod connection;
mod sink;
mod source;

pub use connection::ConnectionConfig;

pub use crate::tls::ClientTlsConfig;
pub use sink::{HeadersConfig, Method, Mode, SinkConfig, WebhookConfig};
pub use source::{
    Encoding, HmacAlgorithm, HmacConfig, PlainBodies, ServerTlsConfig, SourceConfig,
    TimestampConfig, WrapConfig,
};
