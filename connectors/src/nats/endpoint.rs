//! Where the servers are, and how a connection to one of them is opened.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use hybridge_config::connector::nats::ConnectionConfig;
use hybridge_core::{Error, ErrorKind};
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::connection::{Connection, Transport};
use super::login;
use super::wire::{self, Frame};
use crate::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const PORT: u16 = 4222;

/// A NATS system for one source or sink: opens connections to whichever of its servers answers.
#[derive(Debug)]
pub(super) struct Endpoint {
    config: Arc<ConnectionConfig>,
    /// What the servers log us under.
    name: String,
    /// Servers that others told of, as `host:port`.
    learned: RefCell<Vec<String>>,
}

/// What a server says about itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Info {
    pub(super) server_id: String,
    pub(super) version: String,
    pub(super) max_payload: usize,
    pub(super) tls_required: bool,
    pub(super) tls_available: bool,
    pub(super) nonce: String,
    pub(super) connect_urls: Vec<String>,
    pub(super) headers: bool,
    #[serde(rename = "ldm")]
    pub(super) lame_duck: bool,
}

/// `host:port`, and whether the address itself asks for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    host: String,
    port: u16,
    is_tls: bool,
}

impl Endpoint {
    /// Opens nothing.
    ///
    /// # Errors
    /// Without a connection in the configuration, or with an address that is none.
    pub(super) fn new(config: Option<&Arc<ConnectionConfig>>, route: &str) -> Result<Self, Error> {
        let fatal = |what: String| Error::new(ErrorKind::Fatal, what);
        let config = config.ok_or_else(|| fatal("a nats endpoint has no connection".to_owned()))?;
        for server in &config.servers {
            address(server)
                .ok_or_else(|| fatal(format!("{server:?} is no address of a server")))?;
        }
        let name = format!("hybridge {route}");
        Ok(Self { config: config.clone(), name, learned: RefCell::default() })
    }

    /// How long opening a connection may take.
    pub(super) fn timeout(&self) -> Duration {
        self.config.connect_timeout.map_or(CONNECT_TIMEOUT, |time| time.get())
    }

    /// A connection to the first server that takes us; each has the time that the connection's
    /// `connect_timeout` gives.
    pub(super) async fn open(&self) -> Result<Connection, Error> {
        let mut addresses: Vec<Address> =
            self.config.servers.iter().filter_map(|server| address(server)).collect();
        let is_tls = addresses.iter().any(|address| address.is_tls);
        let learned = self.learned.borrow().clone();
        let learned = learned.iter().filter_map(|server| address(server));
        addresses.extend(learned.map(|address| Address { is_tls, ..address }));
        let first = fastrand::usize(..addresses.len().max(1));
        let count = addresses.len();
        addresses.rotate_left(first.min(count));
        let mut worst: Option<Error> = None;
        for address in &addresses {
            let opened = tokio::time::timeout(self.timeout(), self.open_one(address)).await;
            let error = match opened {
                Ok(Ok(connection)) => {
                    self.learn(&connection.info.connect_urls);
                    return Ok(connection);
                }
                Ok(Err(error)) => error,
                Err(_) => disconnected(format!("{} did not answer in time", address.shown())),
            };
            // That we are refused says more than that another server is away.
            let is_known =
                worst.as_ref().is_some_and(|worst| worst.kind() == ErrorKind::Unauthorized);
            if !is_known {
                worst = Some(error);
            }
        }
        Err(worst.unwrap_or_else(|| disconnected("no servers".to_owned())))
    }

    async fn open_one(&self, address: &Address) -> Result<Connection, Error> {
        let shown = address.shown();
        let failed = |error: std::io::Error| {
            let context = format!("cannot connect to {shown}");
            Error::with_source(ErrorKind::Disconnected, context, error)
        };
        let host = address.host.trim_start_matches('[').trim_end_matches(']');
        let mut tcp = TcpStream::connect((host, address.port)).await.map_err(failed)?;
        tcp.set_nodelay(true).map_err(failed)?;
        let mut input = BytesMut::with_capacity(4096);
        let info = greeting(&mut tcp, &mut input, &shown).await?;
        let wants_tls = self.config.tls.is_some() || address.is_tls;
        let mut transport = Transport::Plain(tcp);
        if wants_tls || info.tls_required {
            if !info.tls_required && !info.tls_available {
                return Err(disconnected(format!("{shown} offers no TLS")));
            }
            transport = self.encrypt(transport, host, &shown).await?;
            input.clear();
        }
        let is_tls = matches!(transport, Transport::Tls(_));
        if !is_tls && !is_local(&transport) && self.would_be_read() {
            let what = format!("credentials would be sent to {shown} in plain text: write `tls`");
            return Err(Error::new(ErrorKind::Unauthorized, what));
        }
        let login = login::connect(&self.config, &self.name, is_tls, &info.nonce)?;
        transport.write_all(login.as_bytes()).await.map_err(failed)?;
        transport.write_all(b"PING\r\n").await.map_err(failed)?;
        transport.flush().await.map_err(failed)?;
        let mut connection = Connection::new(transport, input, info, shown.clone());
        connection.answered().await?;
        Ok(connection)
    }

    async fn encrypt(
        &self,
        transport: Transport,
        host: &str,
        shown: &str,
    ) -> Result<Transport, Error> {
        let Transport::Plain(tcp) = transport else { return Ok(transport) };
        let config = self.config.tls.clone().unwrap_or_default();
        let name = config.server_name.clone().unwrap_or_else(|| host.to_owned());
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            let context = format!("no TLS with {shown} (check `tls` of the connection)");
            Error::with_source(ErrorKind::Unauthorized, context, error)
        };
        let settings = tokio::task::spawn_blocking(move || tls::client(&config)).await;
        let settings = settings.map_err(|error| failed(error.into()))?;
        let settings = settings.map_err(|error| failed(error.into()))?;
        let name = ServerName::try_from(name).map_err(|error| failed(error.into()))?;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(settings));
        let stream = connector.connect(name, tcp).await.map_err(|error| {
            if tls::is_refusal(&error) {
                return failed(error.into());
            }
            let context = format!("no TLS with {shown}");
            Error::with_source(ErrorKind::Disconnected, context, error)
        })?;
        Ok(Transport::Tls(Box::new(stream)))
    }

    /// Whether what we log in with can be read on the way: nkeys and credentials only sign.
    fn would_be_read(&self) -> bool {
        self.config.password.is_some() || self.config.token.is_some()
    }

    fn learn(&self, urls: &[String]) {
        const MOST: usize = 64;
        let mut learned = self.learned.borrow_mut();
        learned.clear();
        let known: Vec<Address> =
            self.config.servers.iter().filter_map(|server| address(server)).collect();
        for url in urls.iter().take(MOST) {
            let is_new = address(url).is_some_and(|new| {
                !known.iter().any(|known| (&known.host, known.port) == (&new.host, new.port))
            });
            if is_new {
                learned.push(url.clone());
            }
        }
    }
}

/// The first line of a server, before any TLS.
async fn greeting(tcp: &mut TcpStream, input: &mut BytesMut, shown: &str) -> Result<Info, Error> {
    use tokio::io::AsyncReadExt;
    loop {
        match wire::parse(input) {
            Ok(Some(Frame::Info(json))) => return info(&json, shown),
            Ok(Some(Frame::Error(text))) => return Err(refused(&text, shown)),
            Ok(Some(_)) | Err(_) => {
                return Err(disconnected(format!("{shown} is no NATS server")));
            }
            Ok(None) => {}
        }
        match tcp.read_buf(input).await {
            Ok(0) => return Err(disconnected(format!("{shown} closed the connection"))),
            Ok(_) => {}
            Err(error) => {
                let context = format!("cannot connect to {shown}");
                return Err(Error::with_source(ErrorKind::Disconnected, context, error));
            }
        }
    }
}

/// What a server says about itself.
pub(super) fn info(json: &[u8], shown: &str) -> Result<Info, Error> {
    serde_json::from_slice(json).map_err(|error| {
        let context = format!("{shown} says nothing readable about itself");
        Error::with_source(ErrorKind::Disconnected, context, error)
    })
}

/// What `-ERR` means for the connection.
pub(super) fn refused(text: &str, shown: &str) -> Error {
    let lower = text.to_ascii_lowercase();
    let (kind, help) = if is_violation(text) {
        let help = " (check what the user of the connection may publish and subscribe to)";
        (ErrorKind::Unauthorized, help)
    } else if lower.contains("authoriz") || lower.contains("authentication") {
        (ErrorKind::Unauthorized, " (check the credentials of the connection)")
    } else {
        (ErrorKind::Disconnected, "")
    };
    Error::new(kind, format!("{shown} says: {text}{help}"))
}

const VIOLATION: &str = "Permissions Violation";

/// Whether `-ERR` says that the user may not use a subject.
pub(super) fn is_violation(text: &str) -> bool {
    text.get(..VIOLATION.len()).is_some_and(|start| start.eq_ignore_ascii_case(VIOLATION))
}

/// The subject that a message was refused for: `Permissions Violation for Publish to "x"`.
pub(super) fn denied(text: &str) -> Option<&str> {
    let what = text.get(VIOLATION.len()..).filter(|_| is_violation(text))?;
    what.strip_prefix(" for Publish to \"")?.strip_suffix('"')
}

pub(super) fn disconnected(context: String) -> Error {
    Error::new(ErrorKind::Disconnected, context)
}

fn is_local(transport: &Transport) -> bool {
    transport.tcp().peer_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback())
}

/// `nats://host:port`, `tls://host`, `host:port`, `[::1]:4222`.
fn address(text: &str) -> Option<Address> {
    let (is_tls, rest) = match text.split_once("://") {
        Some(("tls", rest)) => (true, rest),
        Some(("nats", rest)) => (false, rest),
        Some(_) => return None,
        None => (false, text),
    };
    let rest = rest.trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (rest, PORT),
    };
    let is_named = !host.is_empty() && !host.contains(['@', '/', ' ']);
    is_named.then(|| Address { host: host.to_owned(), port, is_tls })
}

impl Address {
    fn shown(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let of = |text| address(text).map(|address| (address.shown(), address.is_tls));
        assert_eq!(of("nats://a.b:1"), Some(("a.b:1".into(), false)));
        assert_eq!(of("tls://a/"), Some(("a:4222".into(), true)));
        assert_eq!(of("[::1]:7"), Some(("[::1]:7".into(), false)));
        assert_eq!(of("[::1]"), Some(("[::1]:4222".into(), false)));
        for wrong in ["http://a", "a:b", "", "nats://u:p@h:1", ":4222"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
