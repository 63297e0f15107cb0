//! Tokens of OAUTHBEARER logins: from a file that another program keeps, or from an authorization server.

mod bank;
mod endpoint;
mod file;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hybridge_config::connector::kafka::ConnectionConfig;
use hybridge_core::ErrorKind;
use rdkafka::client::OAuthToken;
use serde::Deserialize;

use self::bank::Bank;
use self::endpoint::Endpoint;
use self::file::TokenFile;

/// How long a token is taken to be good that does not say so itself, in milliseconds.
const UNKNOWN_LIFETIME: i64 = 60_000;

/// Where the tokens of a connection come from. The clients of one source or sink share it.
pub(super) enum Tokens {
    File(TokenFile),
    Bank(Bank),
}

/// Why there is no token. Shows neither a token nor a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoToken {
    /// [`Unauthorized`](ErrorKind::Unauthorized) where we are refused, else what may pass.
    pub(super) kind: ErrorKind,
    pub(super) what: String,
}

impl NoToken {
    fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

impl Tokens {
    /// What a connection says about tokens, if anything. Neither reads nor asks.
    pub(super) fn of(connection: &ConnectionConfig) -> Option<Arc<Self>> {
        let sasl = connection.sasl.as_ref()?;
        let principal = sasl.username.clone();
        if let Some(client) = &sasl.client_credentials {
            let bank = Bank::new(Endpoint::new(client.clone(), principal));
            return Some(Arc::new(Self::Bank(bank)));
        }
        let path = sasl.token_file.clone()?;
        Some(Arc::new(Self::File(TokenFile { path, principal })))
    }

    /// A token that is good now. Waits for a server no longer than one request may take.
    pub(super) fn token(&self) -> Result<OAuthToken, NoToken> {
        match self {
            Self::File(file) => file.read(),
            Self::Bank(bank) => bank.token(),
        }
    }

    /// The cluster has refused the token that it was shown: the next one must be another.
    pub(super) fn was_refused(&self) {
        if let Self::Bank(bank) = self {
            bank.was_refused();
        }
    }
}

/// What is read of a JSON web token.
#[derive(Deserialize, Default)]
struct Claims {
    sub: Option<String>,
    exp: Option<f64>,
}

/// The claims of a JSON web token, unchecked: the broker checks it.
fn claims(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
