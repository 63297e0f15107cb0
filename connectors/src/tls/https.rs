//! Connections of HTTP clients.

use std::time::Duration;

use hybridge_config::tls::ClientTlsConfig;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::ServerName;

use super::client::{client, plain};

/// What makes connections to a server over HTTP, encrypted or not, as its URL says.
pub(crate) type Connector = HttpsConnector<HttpConnector>;

/// Reads the files of `tls`, and so blocks; `None` is for URLs that are not encrypted. The error shows files, never what
/// they hold.
pub(crate) fn connector(
    tls: Option<&ClientTlsConfig>,
    connect_timeout: Duration,
) -> Result<Connector, Box<dyn std::error::Error + Send + Sync>> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp.set_keepalive(Some(Duration::from_secs(60)));
    let settings = match tls {
        // Never used: a connection to a plain URL makes no handshake.
        None => plain()?,
        Some(tls) => client(tls)?,
    };
    let mut builder = HttpsConnectorBuilder::new().with_tls_config(settings).https_or_http();
    if let Some(name) = tls.and_then(|tls| tls.server_name.clone()) {
        let name = ServerName::try_from(name)?;
        builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    Ok(builder.enable_all_versions().wrap_connector(tcp))
}
