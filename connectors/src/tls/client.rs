//! How a server is checked, and how we identify ourselves to it.

use std::path::Path;

use hybridge_config::tls::ClientTlsConfig;
use rustls::{ClientConfig, RootCertStore};

use super::{TlsError, certificates, private_key, provider, roots, unusable};

/// The settings of a client; reads the files. Without `ca` the roots of the machine are trusted.
pub(crate) fn client(config: &ClientTlsConfig) -> Result<ClientConfig, TlsError> {
    let roots = match &config.ca {
        Some(path) => roots(path)?,
        None => machine_roots()?,
    };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(Path::new("tls"), error))?
        .with_root_certificates(roots);
    match (&config.cert, &config.key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(cert), Some(key)) => builder
            .with_client_auth_cert(certificates(cert)?, private_key(key)?)
            .map_err(|error| unusable(cert, error)),
        (Some(path), None) | (None, Some(path)) => Err(TlsError::Alone { path: path.clone() }),
    }
}

/// Settings that trust nobody, for clients that make no handshake.
#[cfg(any(feature = "http", feature = "kafka"))]
pub(super) fn plain() -> Result<ClientConfig, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| unusable(Path::new("tls"), error))?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn machine_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NoRoots) } else { Ok(roots) }
}
