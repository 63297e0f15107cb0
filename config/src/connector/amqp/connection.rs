//! Where a broker is and who we are there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Uri;
use crate::{Duration, tls::ClientTlsConfig};

/// A virtual host of an AMQP 0-9-1 broker that sources and sinks share by name. Each of them opens connections of its own,
/// so that a broker that blocks publishing blocks no consumer.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AmqpConnection")]
pub struct ConnectionConfig {
    /// `amqps://user:password@host/vhost`. The virtual host (`connection.open`) `/` is written `%2f` or left out;
    /// without a user it is `guest`. Never printed with its user info.
    pub uri: Uri,
    /// How the broker is checked and how we identify ourselves; only with `amqps://`. The files are read at each
    /// connection. Default: the public roots.
    pub tls: Option<ClientTlsConfig>,
    /// How we log in (the SASL mechanism of `connection.start-ok`). Default: with the user and password of `uri`.
    #[serde(default)]
    pub auth: Auth,
    /// Lets a user and password cross a network in plain text, which `amqp://` to another machine does. Default: refused.
    #[serde(default)]
    pub allow_plain_text: bool,
    /// How long the broker may be silent before the connection counts as lost (`connection.tune-ok`). Default: 20s;
    /// the broker may say less.
    pub heartbeat: Option<Duration>,
    /// How long opening a connection may take. Default: 5s.
    pub connect_timeout: Option<Duration>,
}

/// How we log in to a broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AmqpAuth")]
pub enum Auth {
    /// With the user and password of `uri`.
    #[default]
    Plain,
    /// As the client certificate of `tls` says (SASL EXTERNAL).
    External,
}
