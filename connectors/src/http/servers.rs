//! The listeners of all `http` sources of the process.
//!
//! Sources live on the workers, requests on a runtime of their own. Several sources may share one
//! address with different paths; the listener is opened with the first of them and goes away with
//! the last, so that a new generation can take the address again.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hybridge_config::connector::http::{ServerTlsConfig, SourceConfig};
use hybridge_core::{Error, ErrorKind};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore, watch};
use tokio::time::Instant;

use super::answer::{self, Refusal};
use super::connection::{self, Patience};
use super::endpoint::Endpoint;
use crate::tls;

/// How long a connection may be idle between requests: longer than the usual client keeps one.
const IDLE: Duration = Duration::from_secs(100);
/// How often certificate files are looked at.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(10);
/// How long the path of a source that went is answered with 503 rather than 404: it is being
/// restarted, and its senders shall come again.
const REMEMBERED: Duration = Duration::from_secs(300);

/// The listeners of the process. A clone is the same set.
#[derive(Clone, Debug)]
pub struct Servers(Arc<Inner>);

/// The paths of all sources of the configuration, by the address as it is configured.
type Expected = Arc<RwLock<HashSet<(SocketAddr, String)>>>;

#[derive(Debug)]
struct Inner {
    runtime: Handle,
    expected: Expected,
    listeners: Mutex<HashMap<SocketAddr, Arc<Listener>>>,
}

impl Servers {
    /// No listener yet; all of them will run on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        Self(Arc::new(Inner {
            runtime,
            expected: Expected::default(),
            listeners: Mutex::default(),
        }))
    }

    /// Takes the place of what was expected before: paths that a source will serve, or would if it
    /// could start. Until it does they are answered with 503, where any other path is a 404 that
    /// makes senders give up.
    pub fn expect(&self, places: impl IntoIterator<Item = (SocketAddr, String)>) {
        let mut expected = self.0.expected.write().unwrap_or_else(PoisonError::into_inner);
        *expected = places.into_iter().collect();
    }

    /// Serves `config.path` with `endpoint`, opening the listener if there is none.
    pub(super) async fn attach(
        &self,
        config: &SourceConfig,
        endpoint: Arc<Endpoint>,
    ) -> Result<Attachment, Error> {
        loop {
            let listener = self.listener(config);
            if listener.is_stopping() {
                listener.ended().await;
                self.forget(&listener);
                continue;
            }
            if listener.tls != config.tls {
                let address = config.listen;
                return Err(fatal(format!("listener {address} is open with another tls setting")));
            }
            let bound = listener.bound.get_or_try_init(|| self.bind(&listener, config)).await?;
            let address = bound.address;
            if listener.add(&config.path, endpoint.clone())? {
                self.0.runtime.spawn(endpoint.ferry().run());
                let path = config.path.clone();
                return Ok(Attachment { listener, address, path });
            }
        }
    }

    fn listener(&self, config: &SourceConfig) -> Arc<Listener> {
        let new = || Arc::new(Listener::new(config, self.0.expected.clone()));
        self.listeners().entry(config.listen).or_insert_with(new).clone()
    }

    fn forget(&self, listener: &Arc<Listener>) {
        self.listeners().retain(|_, other| !Arc::ptr_eq(other, listener));
    }

    fn listeners(&self) -> MutexGuard<'_, HashMap<SocketAddr, Arc<Listener>>> {
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn bind(&self, listener: &Arc<Listener>, config: &SourceConfig) -> Result<Bound, Error> {
        let address = config.listen;
        let tls = match &config.tls {
            None => None,
            Some(tls) => Some(Arc::new(tls::Server::load(tls).map_err(|error| {
                Error::with_source(ErrorKind::Fatal, format!("tls of listener {address}"), error)
            })?)),
        };
        let refused = |error: std::io::Error| {
            let context = format!("cannot listen on {address}");
            Error::with_source(ErrorKind::Disconnected, context, error)
        };
        let bound = self.0.runtime.spawn(TcpListener::bind(address)).await;
        let socket = bound.map_err(|error| refused(error.into()))?.map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        let (running, ended) = watch::channel(());
        let (connected, connections) = watch::channel(());
        let accept = Accept {
            listener: listener.clone(),
            tls,
            patience: Patience { head: config.header_timeout.get(), idle: IDLE },
            connections: 2 * config.max_requests as usize,
        };
        self.0.runtime.spawn(accept.run(socket, running, Arc::new(connected)));
        tracing::info!(listen = %address, tls = config.tls.is_some(), "listening");
        Ok(Bound { address, ended, connections })
    }
}

fn fatal(context: String) -> Error {
    Error::new(ErrorKind::Fatal, context)
}

/// The place of one source at its listener; dropping it gives the place up.
#[derive(Debug)]
pub(super) struct Attachment {
    listener: Arc<Listener>,
    /// Where the listener is bound.
    pub(super) address: SocketAddr,
    path: String,
}

impl Attachment {
    /// Gives the place up and, if it was the last, returns once the address is free again and, for
    /// at most `patience`, the last answers are on their way.
    pub(super) async fn detach(self, patience: Duration) {
        let listener = self.listener.clone();
        drop(self);
        if !listener.is_stopping() {
            return;
        }
        listener.ended().await;
        if let Some(bound) = listener.bound.get() {
            let closed = over(bound.connections.clone());
            let _ = tokio::time::timeout(patience, closed).await;
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.listener.remove(&self.path);
    }
}

#[derive(Debug)]
struct Bound {
    address: SocketAddr,
    /// Closed by the accepting task once it has let go of the address.
    ended: watch::Receiver<()>,
    /// Closed once every connection has ended too.
    connections: watch::Receiver<()>,
}

/// Returns once nobody holds the other end.
async fn over(mut ended: watch::Receiver<()>) {
    while ended.changed().await.is_ok() {}
}

/// One address.
#[derive(Debug)]
struct Listener {
    configured: SocketAddr,
    expected: Expected,
    tls: Option<ServerTlsConfig>,
    paths: RwLock<HashMap<String, Path>>,
    bound: OnceCell<Bound>,
    stop: watch::Sender<bool>,
}

#[derive(Debug)]
enum Path {
    Served(Arc<Endpoint>),
    GoneAt(Instant),
}

impl Listener {
    fn new(config: &SourceConfig, expected: Expected) -> Self {
        Self {
            configured: config.listen,
            expected,
            tls: config.tls.clone(),
            paths: RwLock::default(),
            bound: OnceCell::new(),
            stop: watch::Sender::new(false),
        }
    }

    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    async fn ended(&self) {
        if let Some(bound) = self.bound.get() {
            over(bound.ended.clone()).await;
        }
    }

    /// Adds a path, unless the listener has begun to stop meanwhile.
    fn add(&self, path: &str, endpoint: Arc<Endpoint>) -> Result<bool, Error> {
        let mut paths = self.paths.write().unwrap_or_else(PoisonError::into_inner);
        if self.is_stopping() {
            return Ok(false);
        }
        if let Some(Path::Served(other)) = paths.get(path) {
            let route = other.route();
            return Err(fatal(format!("path {path} is served for route {route} already")));
        }
        paths.insert(path.to_owned(), Path::Served(endpoint));
        Ok(true)
    }

    fn remove(&self, path: &str) {
        let mut paths = self.paths.write().unwrap_or_else(PoisonError::into_inner);
        paths.insert(path.to_owned(), Path::GoneAt(Instant::now()));
        if !paths.values().any(|path| matches!(path, Path::Served(_))) {
            self.stop.send_replace(true);
        }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match self.find(request.uri().path()) {
            Ok(endpoint) => endpoint.answer(request).await,
            Err(refusal) => refusal.response(),
        }
    }

    fn find(&self, path: &str) -> Result<Arc<Endpoint>, Refusal> {
        let paths = self.paths.read().unwrap_or_else(PoisonError::into_inner);
        match paths.get(path) {
            Some(Path::Served(endpoint)) => Ok(endpoint.clone()),
            Some(Path::GoneAt(at)) if at.elapsed() < REMEMBERED => {
                Err(Refusal::later("the route is being restarted", answer::SOON))
            }
            _ if self.expects(path) => Err(Refusal::later("the route is starting", answer::SOON)),
            _ => Err(Refusal::never(StatusCode::NOT_FOUND, "no such path")),
        }
    }

    fn expects(&self, path: &str) -> bool {
        let expected = self.expected.read().unwrap_or_else(PoisonError::into_inner);
        expected.contains(&(self.configured, path.to_owned()))
    }
}

/// The task that accepts connections.
struct Accept {
    listener: Arc<Listener>,
    tls: Option<Arc<tls::Server>>,
    patience: Patience,
    connections: usize,
}

impl Accept {
    /// Runs until the listener stops; `running` tells by its end that the address is free, and
    /// `connected` that no connection is left.
    async fn run(
        self,
        socket: TcpListener,
        running: watch::Sender<()>,
        connected: Arc<watch::Sender<()>>,
    ) {
        let mut stop = self.listener.stop.subscribe();
        if let Some(tls) = &self.tls {
            tokio::spawn(renew(tls.clone(), stop.clone()));
        }
        let protocol = Arc::new(connection::protocol());
        let permits = Arc::new(Semaphore::new(self.connections.min(Semaphore::MAX_PERMITS)));
        loop {
            let next = async {
                let permit = permits.clone().acquire_owned().await;
                (permit, socket.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                next = next => next,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(error = %error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let (listener, protocol) = (self.listener.clone(), protocol.clone());
            let (tls, patience) = (self.tls.clone(), self.patience);
            let held = (permit, connected.clone());
            tokio::spawn(async move {
                let _held = held;
                let stop = listener.stop.subscribe();
                let answer = |request| listener.clone().answer(request);
                let _ = stream.set_nodelay(true);
                let Some(tls) = tls else {
                    return connection::serve(&protocol, stream, patience, stop, answer).await;
                };
                if let Some(stream) = handshake(&tls, stream, patience).await {
                    connection::serve(&protocol, stream, patience, stop, answer).await;
                }
            });
        }
        // In this order: who waits for the end takes the address again.
        drop(socket);
        drop(running);
    }
}

async fn handshake(
    tls: &tls::Server,
    stream: TcpStream,
    patience: Patience,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    match tokio::time::timeout(patience.head, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(error = %error, "tls handshake failed");
            None
        }
        Err(_) => None,
    }
}

async fn renew(tls: Arc<tls::Server>, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(CERTIFICATE_CHECK) => {}
        }
        let tls = tls.clone();
        match tokio::task::spawn_blocking(move || tls.reload()).await {
            Ok(Ok(true)) => tracing::info!("certificate files were read again"),
            Ok(Err(error)) => tracing::warn!(
                error = %error,
                "certificate files changed and cannot be used; the old ones stay in use"
            ),
            Ok(Ok(false)) | Err(_) => {}
        }
    }
}
