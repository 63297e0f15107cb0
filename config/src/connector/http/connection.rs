//! Settings and credentials of an HTTP endpoint.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Duration, Secret, Url};

/// An HTTP endpoint that sinks share by name. A sink's own setting wins over the connection's.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HttpConnection")]
pub struct ConnectionConfig {
    /// Where the endpoint is: `https://billing.example/base`. A sink's `path` is appended.
    pub url: Url,
    /// Bearer token, sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// Fixed headers of every request, such as an API key.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// How the server is checked and how we identify ourselves.
    pub tls: Option<ClientTlsConfig>,
    /// How long opening a connection may take. Default: 5s.
    pub connect_timeout: Option<Duration>,
}

/// TLS of a client. Without it, `https` is checked against the public roots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientTlsConfig {
    /// PEM file of the authorities that may have signed the server's certificate. Default: the public roots.
    pub ca: Option<PathBuf>,
    /// PEM file of our certificate with its chain, for servers that ask for one; goes with `key`.
    pub cert: Option<PathBuf>,
    /// PEM file of the private key of `cert`.
    pub key: Option<PathBuf>,
    /// The name that the server's certificate must have. Default: the URL's host.
    pub server_name: Option<String>,
}
