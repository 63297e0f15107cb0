//! One connection to a broker, and what its errors mean.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hybridge_config::connector::amqp::{Auth, ConnectionConfig};
use hybridge_core::{Error, ErrorKind};
use lapin::auth::AuthProvider;
use lapin::protocol::AMQPErrorKind;
use lapin::tcp::{AsyncTcpStream, RustlsConnector};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties};

use crate::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const HEARTBEAT: Duration = Duration::from_secs(20);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The codes of AMQP 0-9-1 (section 1.1 of the specification) that mean something here.
pub(super) const ACCESS_REFUSED: u16 = 403;
pub(super) const NOT_FOUND: u16 = 404;
pub(super) const RESOURCE_LOCKED: u16 = 405;
pub(super) const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// A connection.
pub(super) struct Client {
    connection: Connection,
    socket: Socket,
    shown: String,
}

/// The socket under a connection, to end it whatever the client library still wants to send.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<Option<OwnedFd>>>);

impl Socket {
    fn set(&self, socket: OwnedFd) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
    }

    fn shut(&self) {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(socket) = socket {
            // Whether it is still open or not, it is afterwards not.
            let _ = TcpStream::from(socket).shutdown(Shutdown::Both);
        }
    }
}

/// SASL EXTERNAL: who we are is said by the certificate.
struct External;

impl AuthProvider for External {}

impl Client {
    /// Connects and logs in; `purpose` is the name that the broker shows for the connection.
    pub(super) async fn connect(config: &ConnectionConfig, purpose: &str) -> Result<Self, Error> {
        let shown = config.uri.to_string();
        let mut uri: AMQPUri = config.uri.expose().parse().map_err(|_| {
            Error::new(ErrorKind::Fatal, format!("{shown} is not an AMQP URI that can be read"))
        })?;
        let heartbeat = config.heartbeat.map_or(HEARTBEAT, |heartbeat| heartbeat.get());
        uri.query.heartbeat = Some(u16::try_from(heartbeat.as_secs()).unwrap_or(u16::MAX).max(1));
        let connector = connector(config, &uri, &shown).await?;
        let limit = config.connect_timeout.map_or(CONNECT_TIMEOUT, |limit| limit.get());
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("hybridge {purpose}").into())
            .with_client_property("product".into(), "hybridge".into())
            .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into());
        let properties = match config.auth {
            Auth::Plain => properties,
            Auth::External => properties.with_auth_provider(External),
        };
        let runtime = lapin::runtime::default_runtime()
            .map_err(|error| Error::with_source(ErrorKind::Fatal, "no runtime for AMQP", error))?;
        let socket = Socket::default();
        let (shared, reactor) = (socket.clone(), runtime.clone());
        let open = async move |uri: AMQPUri, _| {
            let host = uri.authority.host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let opening = async {
                let found = tokio::net::lookup_host((host, uri.authority.port)).await?;
                let addresses: Vec<SocketAddr> = found.collect();
                let stream = AsyncTcpStream::connect(&reactor, addresses).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    let tcp = plain.get_ref();
                    tcp.set_nodelay(true)?;
                    shared.set(tcp.as_fd().try_clone_to_owned()?);
                }
                match &connector {
                    None => Ok(stream),
                    Some((connector, name)) => stream.into_rustls(connector, name).await,
                }
            };
            let late = || std::io::Error::from(std::io::ErrorKind::TimedOut);
            Ok(tokio::time::timeout(limit, opening).await.map_err(|_| late())??)
        };
        let connecting = Connection::connector(uri, runtime, open, properties);
        match tokio::time::timeout(limit * 2, connecting).await {
            Ok(Ok(connection)) => Ok(Self { connection, socket, shown }),
            Ok(Err(error)) => {
                let advice = advice(&error);
                Err(failed(&format!("cannot connect to {shown}{advice}"), error))
            }
            Err(_) => {
                socket.shut();
                let context = format!("cannot connect to {shown}: no answer in time");
                Err(Error::new(ErrorKind::Disconnected, context))
            }
        }
    }

    /// A new channel.
    pub(super) async fn channel(&self) -> Result<Channel, Error> {
        let opening = async {
            let opened = self.connection.create_channel().await;
            opened
                .map_err(|error| failed(&format!("cannot open a channel at {}", self.shown), error))
        };
        self.in_time(opening).await
    }

    /// What `asking` gives; a broker that does not answer in time has lost the connection.
    pub(super) async fn in_time<T>(
        &self,
        asking: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(ANSWER_TIMEOUT, asking).await {
            Ok(answer) => answer,
            Err(_) => {
                self.abort();
                let what = format!("{} does not answer", self.shown);
                Err(Error::new(ErrorKind::Disconnected, what))
            }
        }
    }

    /// Where it leads, without credentials.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The connection itself.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Ends it at once: nothing that the library still holds is sent.
    pub(super) fn abort(&self) {
        self.socket.shut();
    }

    /// Ends it in order, or at once if the broker does not answer.
    pub(super) async fn close(&self) {
        let closing = self.connection.close(200, "OK".into());
        let closed = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
        if !matches!(closed, Ok(Ok(()))) {
            self.abort();
        }
    }
}

/// What makes TLS connections, and the name that the broker's certificate must have.
async fn connector(
    config: &ConnectionConfig,
    uri: &AMQPUri,
    shown: &str,
) -> Result<Option<(RustlsConnector, String)>, Error> {
    if uri.scheme == AMQPScheme::AMQP {
        return Ok(None);
    }
    let settings = config.tls.clone().unwrap_or_default();
    let name = settings.server_name.clone().unwrap_or_else(|| uri.authority.host.clone());
    // The files are read at each connection: certificates are renewed.
    let read = tokio::task::spawn_blocking(move || tls::client(&settings)).await;
    let unusable = |error: Box<dyn std::error::Error + Send + Sync>| {
        let context = format!("no TLS with {shown} (check `tls` of the connection)");
        Error::with_source(ErrorKind::Unauthorized, context, error)
    };
    let client =
        read.map_err(|error| unusable(error.into()))?.map_err(|error| unusable(error.into()))?;
    Ok(Some((RustlsConnector::from(client), name)))
}

/// The code that the broker gave, where it is the broker who refused.
pub(super) fn code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        lapin::ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// Whether the broker ended only the channel and the connection goes on.
pub(super) fn is_of_channel(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(error)
        if matches!(error.kind(), AMQPErrorKind::Soft(_)))
}

/// What an error of the client library means; `context` says what was being done.
pub(super) fn failed(context: &str, error: lapin::Error) -> Error {
    let kind = match code(&error) {
        Some(ACCESS_REFUSED | NOT_ALLOWED) => ErrorKind::Unauthorized,
        Some(NOT_FOUND | RESOURCE_LOCKED | PRECONDITION_FAILED) => ErrorKind::Transient,
        Some(_) | None if is_certificate(&error) => ErrorKind::Unauthorized,
        Some(_) | None => ErrorKind::Disconnected,
    };
    let help = match is_permission(&error) {
        true => " (check what the user of the connection may configure, write and read)",
        false => "",
    };
    Error::with_source(kind, format!("{context}{help}"), Shown(error))
}

/// Whether the user may not do this: a login, and a consumer that is not alone, are refused with the same code.
pub(super) fn is_permission(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(error)
        if error.get_id() == ACCESS_REFUSED && error.get_message().as_str().contains("refused for user"))
}

fn is_certificate(error: &lapin::Error) -> bool {
    let lapin::ErrorKind::IOError(error) = error.kind() else { return false };
    tls::is_refusal(error)
}

/// What to do where the broker does not let us in.
fn advice(error: &lapin::Error) -> &'static str {
    match code(error) {
        Some(ACCESS_REFUSED) => " (check the credentials of the connection)",
        Some(NOT_ALLOWED) => " (check the virtual host in `uri`, and that the user may use it)",
        _ if is_certificate(error) => " (check `tls` of the connection)",
        _ => "",
    }
}

/// An error of the client library, shown once: its source repeats it.
#[derive(Debug)]
pub(super) struct Shown(pub(super) lapin::Error);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.kind() {
            lapin::ErrorKind::IOError(error) => error.fmt(f),
            lapin::ErrorKind::ProtocolError(error) => error.get_message().fmt(f),
            _ => self.0.fmt(f),
        }
    }
}

impl std::error::Error for Shown {}
