//! Where a NATS system is and who we are there.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Duration, Secret, tls::ClientTlsConfig};

/// A NATS system that sources and sinks share by name. At most one way to log in is written.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NatsConnection")]
pub struct ConnectionConfig {
    /// Some of its servers, each `nats://host:4222`, `tls://host:4222` or `host:4222`; the others of a cluster are
    /// learned from them.
    #[schemars(length(min = 1))]
    pub servers: Vec<String>,
    /// The content of a `.creds` file, JWT and seed: `"${file:/run/secrets/edge.creds}"` (`jwt` and `sig` of
    /// `CONNECT`).
    pub credentials: Option<Secret>,
    /// The seed of an nkey: it begins with `SU` (`nkey` and `sig` of `CONNECT`).
    pub nkey: Option<Secret>,
    /// A token (`auth_token` of `CONNECT`).
    pub token: Option<Secret>,
    /// The name to log in with (`user` of `CONNECT`); goes with `password`.
    pub username: Option<String>,
    /// The password of `username` (`pass` of `CONNECT`).
    pub password: Option<Secret>,
    /// Encrypts, and how the server is checked and how we identify ourselves. Default: plain text, unless the server
    /// asks for TLS.
    pub tls: Option<ClientTlsConfig>,
    /// How long opening a connection to one server may take. Default: 5s.
    pub connect_timeout: Option<Duration>,
}

impl ConnectionConfig {
    /// The ways to log in that are written, by their keys.
    pub fn logins(&self) -> Vec<&'static str> {
        let ways = [
            ("credentials", self.credentials.is_some()),
            ("nkey", self.nkey.is_some()),
            ("token", self.token.is_some()),
            ("username", self.username.is_some() || self.password.is_some()),
        ];
        ways.into_iter().filter(|(_, is_written)| *is_written).map(|(key, _)| key).collect()
    }
}
