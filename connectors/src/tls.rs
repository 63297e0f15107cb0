//! TLS of servers and clients, from the PEM files that the configuration names.
//!
//! The provider is always aws-lc. [`Server`] reads its files again when they change, so that a
//! renewed certificate needs no restart; it serves every listener of the process, not only those
//! of `http` sources.

mod client;
#[cfg(any(feature = "http", feature = "kafka"))]
mod https;
#[cfg(feature = "http")]
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(any(feature = "http", feature = "nats", feature = "amqp"))]
pub(crate) use client::client;
#[cfg(feature = "http")]
pub(crate) use https::Connector;
#[cfg(any(feature = "http", feature = "kafka"))]
pub(crate) use https::connector;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
#[cfg(feature = "http")]
pub use server::Server;

/// Why certificates or keys cannot be used. Names files, never their content.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds no PEM section of the kind that is wanted.
    #[error("cannot read {what} from {path}")]
    Read {
        /// What the file should hold.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: pem::Error,
    },
    /// A certificate without its key, or the other way round.
    #[error("a certificate and its key go together: {path} is alone")]
    Alone {
        /// The file that is there.
        path: PathBuf,
    },
    /// What the files hold does not fit together or is not supported.
    #[error("cannot use {path}: {reason}")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The machine has no trusted roots, and no `ca` is configured.
    #[error("no trusted root certificates on this machine, and no ca is configured")]
    NoRoots,
}

/// Whether a connection failed because one side does not take the certificate of the other.
#[cfg(any(feature = "nats", feature = "amqp"))]
pub(crate) fn is_refusal(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_)))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn unusable(path: &Path, reason: impl ToString) -> TlsError {
    TlsError::Unusable { path: path.to_owned(), reason: reason.to_string() }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = |source| TlsError::Read { what: "certificates", path: path.to_owned(), source };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(read)?.collect();
    let found = found.map_err(read)?;
    if found.is_empty() { Err(read(pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let what = "a private key";
    PrivateKeyDer::from_pem_file(path).map_err(|source| TlsError::Read {
        what,
        path: path.to_owned(),
        source,
    })
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| unusable(path, error))?;
    }
    Ok(roots)
}

#[cfg(test)]
#[cfg(feature = "http")]
mod tests;
