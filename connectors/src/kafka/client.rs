//! What every client of a cluster is configured with, what it says about itself, and what its errors mean.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use hybridge_config::connector::kafka::{ConnectionConfig, Mechanism, Options};
use hybridge_core::{Error, ErrorKind};
use rdkafka::ClientConfig;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::token::TokenFile;

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

/// What a client says about itself, from whichever thread.
#[derive(Default)]
pub(super) struct Voice {
    token: Option<TokenFile>,
    /// The last thing that went wrong with a connection, until something works again.
    trouble: Mutex<Option<(Code, String)>>,
    /// Something was said since this was last looked at.
    spoke: AtomicBool,
}

impl Voice {
    pub(super) fn new(connection: &ConnectionConfig) -> Self {
        let token = connection.sasl.as_ref().and_then(|sasl| {
            let path = sasl.token_file.clone()?;
            Some(TokenFile { path, principal: sasl.username.clone() })
        });
        Self { token, ..Self::default() }
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
        tracing::debug!(%error, reason, "client error");
        let mut trouble = lock(&self.trouble);
        // That all are down says less than why one of them is.
        if trouble.is_none() || code != Code::AllBrokersDown {
            *trouble = Some((code, reason.to_owned()));
        }
    }

    pub(super) fn token(&self) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.speaks();
        let file = self.token.as_ref().ok_or("no token file is configured")?;
        file.read().map_err(|what| {
            *lock(&self.trouble) = Some((Code::Authentication, what.clone()));
            what.into()
        })
    }

    /// What went wrong last with a connection.
    pub(super) fn trouble(&self) -> Option<(Code, String)> {
        lock(&self.trouble).clone()
    }

    /// Something works: what went wrong before is over.
    pub(super) fn is_well(&self) {
        lock(&self.trouble).take();
    }

    /// An error of a call, with what is known about its cause.
    pub(super) fn explain(&self, context: impl Into<String>, error: &KafkaError) -> Error {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        match self.trouble() {
            Some((cause, reason)) if is_connection(code) => {
                Error::with_source(kind(cause), context, reason)
            }
            _ => Error::with_source(kind(code), context, error.clone()),
        }
    }
}

/// Locks, also after a panic elsewhere: what these locks protect is replaced in one step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether an error says only that the cluster did not answer.
fn is_connection(code: Code) -> bool {
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
