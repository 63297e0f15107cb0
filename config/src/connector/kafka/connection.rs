//! Where a Kafka cluster is and who we are there.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Options;
use crate::{Duration, Secret, tls::ClientTlsConfig};

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

/// A login by SASL.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KafkaSasl")]
pub struct SaslConfig {
    /// How we show who we are.
    pub mechanism: Mechanism,
    /// The name to log in with; for `oauthbearer` the name of the principal, by default that in the token.
    pub username: Option<String>,
    /// The password of `username`.
    pub password: Option<Secret>,
    /// For `oauthbearer`: the file with the token. It is read again before the token in it expires, so that another
    /// program can renew it.
    pub token_file: Option<PathBuf>,
}

/// How we show a broker who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KafkaSaslMechanism")]
pub enum Mechanism {
    /// A password as it is; over TLS only, but for this machine.
    Plain,
    /// A password by a challenge, SCRAM-SHA-256.
    #[serde(rename = "scram_sha_256")]
    ScramSha256,
    /// A password by a challenge, SCRAM-SHA-512.
    #[serde(rename = "scram_sha_512")]
    ScramSha512,
    /// A token; over TLS only, but for this machine.
    Oauthbearer,
}
