//! Connections to the target.

use std::time::Duration;

use http_body_util::Full;
use hybridge_config::connector::http::{ClientTlsConfig, SinkConfig};
use hybridge_core::{Error, ErrorKind};
use hyper::Uri;
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::tls;

pub(super) type Body = Full<Bytes>;
pub(super) type Client = hyper_util::client::legacy::Client<tls::Connector, Body>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Below the idle times of the usual servers and balancers, so that a request seldom meets a
/// connection that is being closed.
const POOL_IDLE: Duration = Duration::from_secs(30);
/// Renewing is asked for by every lane that lost its connection; once is enough.
const YOUNG: Duration = Duration::from_secs(1);

/// Makes the client of a sink when it is first needed, and again when certificates may be new.
pub(super) struct Clients {
    uri: Uri,
    tls: Option<ClientTlsConfig>,
    connect_timeout: Duration,
    pooled: usize,
    current: Mutex<Option<Current>>,
}

struct Current {
    made: Instant,
    connector: tls::Connector,
    client: Client,
}

impl Clients {
    pub(super) fn new(config: &SinkConfig, uri: Uri) -> Self {
        let is_tls = uri.scheme_str() == Some("https");
        Self {
            uri,
            tls: is_tls.then(|| config.tls.clone().unwrap_or_default()),
            connect_timeout: config.connect_timeout.map_or(CONNECT_TIMEOUT, |time| time.get()),
            pooled: config.max_in_flight as usize,
            current: Mutex::new(None),
        }
    }

    /// The client; a clone shares its connections. Fails where its certificates cannot be read.
    pub(super) async fn get(&self) -> Result<Client, Error> {
        let mut current = self.current.lock().await;
        if let Some(current) = &*current {
            return Ok(current.client.clone());
        }
        let made = self.make().await?;
        let client = made.client.clone();
        *current = Some(made);
        Ok(client)
    }

    /// Opens a connection and closes it again.
    pub(super) async fn probe(&self) -> Result<(), Error> {
        self.get().await?;
        let current = self.current.lock().await;
        let connector = current.as_ref().map(|current| current.connector.clone());
        drop(current);
        let Some(connector) = connector else { return Ok(()) };
        match connector.oneshot(self.uri.clone()).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let authority = self.uri.authority().map_or("", |authority| authority.as_str());
                let context = format!("cannot connect to {authority}");
                Err(Error::with_source(ErrorKind::Disconnected, context, error))
            }
        }
    }

    /// Reads certificates again before the next request.
    pub(super) async fn renew(&self) {
        let mut current = self.current.lock().await;
        let is_old = current.as_ref().is_some_and(|current| current.made.elapsed() >= YOUNG);
        if self.tls.is_some() && is_old {
            *current = None;
        }
    }

    /// Ends idle connections.
    pub(super) async fn close(&self) {
        *self.current.lock().await = None;
    }

    async fn make(&self) -> Result<Current, Error> {
        let (settings, timeout) = (self.tls.clone(), self.connect_timeout);
        let unusable = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::with_source(ErrorKind::Transient, "tls of the http sink", error)
        };
        let making = move || tls::connector(settings.as_ref(), timeout);
        let made = match &self.tls {
            None => making(),
            Some(_) => {
                let read = tokio::task::spawn_blocking(making).await;
                read.map_err(|error| unusable(error.into()))?
            }
        };
        let connector = made.map_err(unusable)?;
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(self.pooled)
            .build(connector.clone());
        Ok(Current { made: Instant::now(), connector, client })
    }
}
