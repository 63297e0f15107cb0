//! What every client of a cluster is configured with, what it says about itself, and what its errors mean.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hybridge_config::connector::kafka::{ConnectionConfig, Mechanism, Options};
use hybridge_core::{Error, ErrorKind};
use rdkafka::ClientConfig;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::token::Tokens;

/// The settings that come from a connection.
pub(super) fn config(connection: &ConnectionConfig) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", connection.brokers.join(","));
    config.set("client.id", connection.client_id.as_deref().unwrap_or("hybridge"));
    let connect = connection.connect_timeout.map_or(5_000, |timeout| timeout.get().as_millis());
    config.set("socket.connection.setup.timeout.ms", connect.clamp(1_000, 300_000).to_string());
    // Small requests, such as commits, must not wait for more to be sent.
    config.set("socket.nagle.disable", "true");
    config.set("reconnect.backoff.max.ms", "1000");
    let protocol = match (&connection.tls, &connection.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    if let Some(tls) = &connection.tls {
        let files = [
            ("ssl.ca.location", &tls.ca),
            ("ssl.certificate.location", &tls.cert),
            ("ssl.key.location", &tls.key),
        ];
        for (name, path) in files {
            if let Some(path) = path {
                config.set(name, path.to_string_lossy());
            }
        }
        config.set("ssl.endpoint.identification.algorithm", "https");
    }
    if let Some(sasl) = &connection.sasl {
        let mechanism = match sasl.mechanism {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
            Mechanism::Oauthbearer => "OAUTHBEARER",
        };
        config.set("sasl.mechanism", mechanism);
        if sasl.mechanism != Mechanism::Oauthbearer {
            config.set("sasl.username", sasl.username.clone().unwrap_or_default());
            let password = sasl.password.as_ref().map_or("", |password| password.expose());
            config.set("sasl.password", password);
        }
    }
    apply(&mut config, &connection.options);
    let is_debugged = connection.options.contains_key("debug");
    let level = if is_debugged { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Warning };
    config.set_log_level(level);
    config
}

/// Sets what the file says by the names of the client library.
pub(super) fn apply(config: &mut ClientConfig, options: &Options) {
    for (name, value) in options {
        config.set(name, value);
    }
}

/// How long the cluster is asked for at first.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
const LEAST_PATIENCE: Duration = Duration::from_millis(100);
/// How the client library begins to say that it got no token, which we have told it.
const NO_TOKEN: &str = "Failed to acquire SASL OAUTHBEARER token";

/// What a client says about itself, from whichever thread.
#[derive(Default)]
pub(super) struct Voice {
    tokens: Option<Arc<Tokens>>,
    /// The last thing that went wrong with a connection, until something works again.
    trouble: Mutex<Option<Trouble>>,
    /// Whether there is such a thing; looked at for every record.
    is_troubled: AtomicBool,
    /// Something was said since this was last looked at.
    spoke: AtomicBool,
    /// The cluster has refused the token that we showed, or one side the certificate of the other.
    refused: AtomicBool,
}

/// What went wrong with a connection.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) kind: ErrorKind,
    pub(super) reason: String,
}

impl Voice {
    pub(super) fn new(tokens: Option<Arc<Tokens>>) -> Self {
        Self { tokens, ..Self::default() }
    }

    pub(super) fn speaks(&self) {
        self.spoke.store(true, Ordering::Relaxed);
    }

    /// Whether something was said since the last call.
    pub(super) fn has_spoken(&self) -> bool {
        self.spoke.swap(false, Ordering::Relaxed)
    }

    pub(super) fn log(&self, level: RDKafkaLogLevel, what: &str, text: &str) {
        self.speaks();
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(what, "{text}");
            }
            // A broker that is away is said at every attempt; what it means for a route is said by the route.
            _ => tracing::debug!(what, "{text}"),
        }
    }

    pub(super) fn error(&self, error: &KafkaError, reason: &str) {
        self.speaks();
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        // With TLS 1.3 a certificate is refused after the handshake, which the client takes for a connection that broke.
        let code = if reason.contains("SSL alert number") { Code::SSL } else { code };
        tracing::debug!(%error, reason, "client error");
        // Why there is no token was said better when it was not given.
        if reason.starts_with(NO_TOKEN) {
            return;
        }
        match (code, &self.tokens) {
            (Code::Authentication, Some(tokens)) => {
                tokens.was_refused();
                self.refused.store(true, Ordering::Release);
            }
            (Code::SSL, _) => self.refused.store(true, Ordering::Release),
            _ => {}
        }
        // That all are down says less than why one of them is.
        if code != Code::AllBrokersDown || self.trouble().is_none() {
            self.is_in_trouble(Trouble { kind: kind(code), reason: advised(code, reason) });
        }
    }

    pub(super) fn token(&self) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.speaks();
        let tokens = self.tokens.as_ref().ok_or("no token is configured")?;
        tokens.token().map_err(|no| {
            self.is_in_trouble(Trouble { kind: no.kind, reason: no.what.clone() });
            no.what.into()
        })
    }

    /// Whether only another client can log in: this one shows the same token until it is due to be renewed, and has read its
    /// certificates.
    pub(super) fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    fn is_in_trouble(&self, trouble: Trouble) {
        *lock(&self.trouble) = Some(trouble);
        self.is_troubled.store(true, Ordering::Release);
    }

    /// What went wrong last with a connection.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        lock(&self.trouble).clone()
    }

    /// Something works: what went wrong before is over.
    pub(super) fn is_well(&self) {
        if self.is_troubled.swap(false, Ordering::AcqRel) {
            lock(&self.trouble).take();
        }
    }

    /// An error of a call, with what is known about its cause.
    pub(super) fn explain(&self, context: impl Into<String>, error: &KafkaError) -> Error {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        // A client that has given up says why once, and only that it has from then on.
        let is_vague = is_connection(code) || code == Code::Fatal;
        match self.trouble() {
            Some(trouble) if is_vague || kind(code) == trouble.kind => {
                Error::with_source(trouble.kind, context, trouble.reason)
            }
            _ => Error::with_source(kind(code), context, error.clone()),
        }
    }
}

/// Asks the cluster with growing patience, at most for `limit`: who is refused need not wait for the end of it. `once`
/// takes its patience and lets the client say what it has to say.
pub(super) fn ask<T>(
    voice: &Voice,
    limit: Duration,
    mut once: impl FnMut(Duration) -> Result<T, KafkaError>,
) -> Result<T, KafkaError> {
    let (until, mut patience) = (Instant::now() + limit, FIRST_PATIENCE);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let asked = once(patience.min(left).max(LEAST_PATIENCE));
        let is_refused =
            voice.trouble().is_some_and(|trouble| trouble.kind == ErrorKind::Unauthorized);
        if asked.is_ok() || is_refused || Instant::now() >= until {
            return asked;
        }
        patience *= 3;
    }
}

/// What the library says, and what to do where it does not say that.
fn advised(code: Code, reason: &str) -> String {
    let advice = match code {
        Code::Authentication => "check the credentials of the connection",
        Code::SSL => "check `tls` of the connection, and the names in the broker's certificate",
        _ => return reason.to_owned(),
    };
    format!("{reason}: {advice}")
}

/// Locks, also after a panic elsewhere: what these locks protect is replaced in one step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether an error says only that the cluster did not answer.
pub(super) fn is_connection(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::MessageTimedOut
            | Code::TimedOutQueue
            | Code::WaitingForCoordinator
            | Code::NetworkException
            | Code::RequestTimedOut
    )
}

/// What an error of the client means.
pub(super) fn kind(code: Code) -> ErrorKind {
    match code {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::SSL
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed => ErrorKind::Unauthorized,
        Code::Fatal
        | Code::Fenced
        | Code::PurgeQueue
        | Code::PurgeInflight
        | Code::BrokerDestroy
        | Code::Resolve => ErrorKind::Disconnected,
        code if is_connection(code) => ErrorKind::Disconnected,
        _ => ErrorKind::Transient,
    }
}
