//! How we log in to a Kafka cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Duration, Secret, Url, tls::ClientTlsConfig};

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
    /// For `oauthbearer`: where tokens are asked for, and as whom.
    pub client_credentials: Option<ClientCredentialsConfig>,
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

/// Tokens from an authorization server, by the client credentials grant (RFC 6749, section 4.4). A new one is there
/// before the old one expires.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KafkaClientCredentials")]
pub struct ClientCredentialsConfig {
    /// The token endpoint: `https://login.example/oauth2/token`. Redirects are not followed.
    pub token_url: Url,
    /// The name of the client.
    pub client_id: String,
    /// The secret of the client.
    pub client_secret: Secret,
    /// What the token is to be good for, names with spaces between them. Default: what the server gives.
    pub scope: Option<String>,
    /// More parameters that the server wants: `{ audience: kafka }`.
    #[serde(default)]
    pub parameters: BTreeMap<String, Secret>,
    /// Where in the request name and secret of the client stand. Default: `basic`.
    #[serde(default)]
    pub auth: ClientAuth,
    /// How the server is checked and how we identify ourselves to it. Default: the public roots.
    pub tls: Option<ClientTlsConfig>,
    /// How long one request may take. Default: 5s.
    pub timeout: Option<Duration>,
}

/// Where name and secret of a client stand in a request for a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KafkaClientAuth")]
pub enum ClientAuth {
    /// In the header `Authorization`, which every server takes.
    #[default]
    Basic,
    /// In the body, for servers that take nothing else.
    Body,
}
