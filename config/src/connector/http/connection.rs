//! Settings and credentials of an HTTP endpoint.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Duration, Secret, Url, tls::ClientTlsConfig};

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
