//! Where a Kafka cluster is and who we are there.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Duration, Secret, tls::ClientTlsConfig};

/// A Kafka cluster that sources and sinks share by name.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KafkaConnection")]
pub struct ConnectionConfig {
    /// Some of its brokers, each `host:port`; the others are found through them.
    #[schemars(length(min = 1))]
    pub brokers: Vec<String>,
    /// The name that the brokers log us under. Default: `hybridge`.
    pub client_id: Option<String>,
    /// Encrypts, and how the brokers are checked and how we identify ourselves. Default: plain text.
    pub tls: Option<ClientTlsConfig>,
    /// How we log in. Default: not at all.
    pub sasl: Option<SaslConfig>,
    /// How long opening a connection may take. Default: 5s.
    pub connect_timeout: Option<Duration>,
}

/// A login by SASL.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KafkaSasl")]
pub struct SaslConfig {
    /// How the password is shown to the broker.
    pub mechanism: Mechanism,
    /// The name to log in with.
    pub username: Option<String>,
    /// The password of `username`.
    pub password: Option<Secret>,
}

/// How a password is shown to a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KafkaSaslMechanism")]
pub enum Mechanism {
    /// As it is; over TLS only, but for this machine.
    Plain,
    /// By a challenge, SCRAM-SHA-256.
    #[serde(rename = "scram_sha_256")]
    ScramSha256,
    /// By a challenge, SCRAM-SHA-512.
    #[serde(rename = "scram_sha_512")]
    ScramSha512,
}
