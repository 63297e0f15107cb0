//! TLS of clients, the same for every connector.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// TLS of a client. Where it is written, but empty, the server is checked against the public roots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientTlsConfig {
    /// PEM file of the authorities that may have signed the server's certificate. Default: the public roots.
    pub ca: Option<PathBuf>,
    /// PEM file of our certificate with its chain, for servers that ask for one; goes with `key`.
    pub cert: Option<PathBuf>,
    /// PEM file of the private key of `cert`.
    pub key: Option<PathBuf>,
    /// The name that the server's certificate must have, also sent as SNI. Default: the host of the address. A
    /// `kafka` connection has none: each broker must go by a name in its certificate.
    pub server_name: Option<String>,
}
