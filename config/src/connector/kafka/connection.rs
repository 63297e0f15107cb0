//! Where a Kafka cluster is and who we are there.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Options, SaslConfig};
use crate::{Duration, tls::ClientTlsConfig};

/// A Kafka cluster that sources and sinks share by name.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KafkaConnection")]
pub struct ConnectionConfig {
    /// Some of its brokers, each `host:port`; the others are found through them (`bootstrap.servers`).
    #[schemars(length(min = 1))]
    pub brokers: Vec<String>,
    /// The name that we have in the brokers' logs and quotas (`client.id`). Default: `hybridge`.
    pub client_id: Option<String>,
    /// Encrypts (`security.protocol` `ssl` or `sasl_ssl`), and says how the brokers are checked and how we identify
    /// ourselves. Default: plain text.
    pub tls: Option<ClientTlsConfig>,
    /// How we log in. Default: not at all.
    pub sasl: Option<SaslConfig>,
    /// How long opening a connection may take, from 1s to 5m (`socket.connection.setup.timeout.ms`). Default: 5s.
    pub connect_timeout: Option<Duration>,
    /// Settings of librdkafka for sockets, TLS and metadata, by its own names: `{ socket.keepalive.enable: "true" }`.
    /// `debug: cgrp` shows in the log at level debug.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "enum": super::options::CONNECTION }))]
    pub options: Options,
}
