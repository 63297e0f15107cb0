//! The certificate of a listener.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use hybridge_config::connector::http::ServerTlsConfig;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use super::{TlsError, certificates, private_key, provider, roots, unusable};

/// TLS of one listener. A handshake that is under way keeps the certificate that it began with.
#[derive(Debug)]
pub struct Server {
    config: ServerTlsConfig,
    current: RwLock<Current>,
}

#[derive(Clone, Debug)]
struct Current {
    stamps: Vec<Option<Stamp>>,
    server: Arc<ServerConfig>,
}

/// Tells that a file is another one, also when it was replaced by renaming or behind a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Server {
    /// Reads certificate, key and, where clients must show a certificate, the authorities that
    /// sign those.
    ///
    /// # Errors
    /// A file that cannot be read, is no PEM, or does not fit the others.
    pub fn load(config: &ServerTlsConfig) -> Result<Self, TlsError> {
        let current = read(config)?;
        Ok(Self { config: config.clone(), current: RwLock::new(current) })
    }

    /// What the files said when they were last read; for one connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(current.server.clone())
    }

    /// Reads the files again if one of them changed, and says whether it did. Blocks on the file
    /// system.
    ///
    /// # Errors
    /// As [`load`](Self::load); what was in use stays in use, and the next call tries again.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let old = self.current.read().unwrap_or_else(PoisonError::into_inner).stamps.clone();
        if old == stamps(&self.config) {
            return Ok(false);
        }
        let new = read(&self.config)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }
}

/// The stamps are taken first: a file that changes while it is read is read again next time.
fn read(config: &ServerTlsConfig) -> Result<Current, TlsError> {
    let stamps = stamps(config);
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&config.cert, error))?;
    let builder = match &config.ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(|error| unusable(path, error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut server = builder
        .with_single_cert(certificates(&config.cert)?, private_key(&config.key)?)
        .map_err(|error| unusable(&config.cert, error))?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Current { stamps, server: Arc::new(server) })
}

fn stamps(config: &ServerTlsConfig) -> Vec<Option<Stamp>> {
    let paths = [Some(&config.cert), Some(&config.key), config.ca.as_ref()];
    paths.into_iter().flatten().map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let data = fs::metadata(path).ok()?;
    let modified = (data.mtime(), data.mtime_nsec());
    Some(Stamp { inode: data.ino(), length: data.len(), modified })
}
