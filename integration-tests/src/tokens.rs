//! An authorization server: it gives unsigned tokens to one client, and fails as it is told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hybridge_connectors::tls;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::authority::Identity;

/// The one client that it knows, and its secret.
pub const CLIENT: (&str, &str) = ("bridge one", "a-s3cret:of/ours%");

/// How it answers from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Gives tokens that are good for so long and for this scope.
    Give(Duration, &'static str),
    /// Answers with this status.
    Fail(u16),
    /// Leads elsewhere.
    Redirect,
    /// Reads and never answers.
    Hang,
}

/// A running server.
pub struct Tokens {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    mode: Mutex<Mode>,
    secret: Mutex<String>,
    given: AtomicU64,
    asked: AtomicU64,
    /// The body of the last request.
    last: Mutex<String>,
}

impl Tokens {
    /// Listens on a free port, in plain text or with a certificate.
    pub async fn start(mode: Mode, identity: Option<&Identity>) -> Result<Self> {
        let listener = TcpListener::bind(crate::ports::free()?).await?;
        let address = listener.local_addr()?;
        let server = match identity {
            None => None,
            Some(Identity { cert, key }) => {
                let config = serde_json::from_value(json!({ "cert": cert, "key": key }))?;
                Some(Arc::new(tls::Server::load(&config)?))
            }
        };
        let state = Arc::new(State {
            mode: Mutex::new(mode),
            secret: Mutex::new(CLIENT.1.to_owned()),
            given: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            last: Mutex::default(),
        });
        let task = tokio::spawn(accept(listener, server, state.clone()));
        Ok(Self { address, state, task })
    }

    /// Answers this way from now on.
    pub fn set(&self, mode: Mode) {
        *lock(&self.state.mode) = mode;
    }

    /// Takes only this secret from now on.
    pub fn want(&self, secret: &str) {
        *lock(&self.state.secret) = secret.to_owned();
    }

    /// How many tokens were given.
    pub fn given(&self) -> u64 {
        self.state.given.load(Ordering::Relaxed)
    }

    /// How many requests came.
    pub fn asked(&self) -> u64 {
        self.state.asked.load(Ordering::Relaxed)
    }

    /// The body of the last request.
    pub fn last(&self) -> String {
        lock(&self.state.last).clone()
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: Option<Arc<tls::Server>>, state: Arc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(encrypted(stream, server.clone(), state.clone()));
    }
}

async fn encrypted(stream: TcpStream, server: Option<Arc<tls::Server>>, state: Arc<State>) {
    match server {
        None => serve(stream, state).await,
        Some(server) => {
            if let Ok(stream) = server.acceptor().accept(stream).await {
                serve(stream, state).await;
            }
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<State>) {
    let answering = service_fn(move |request| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(answer(request, &state).await.unwrap_or_default()) }
    });
    let connection = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let _ = connection.serve_connection(TokioIo::new(stream), answering).await;
}

async fn answer(request: Request<Incoming>, state: &State) -> Result<Response<Full<Bytes>>> {
    state.asked.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let body = String::from_utf8(body.collect().await?.to_bytes().to_vec())?;
    *lock(&state.last) = body.clone();
    let mode = lock(&state.mode).clone();
    let (life, scope) = match mode {
        Mode::Give(life, scope) => (life, scope),
        Mode::Fail(status) => return answered(status, json!({ "error": "server_error" })),
        Mode::Redirect => {
            let answer = Response::builder().status(307).header(LOCATION, "http://127.0.0.1:1/");
            return Ok(answer.body(Full::default())?);
        }
        Mode::Hang => std::future::pending().await,
    };
    let shown = head.headers.get(AUTHORIZATION).context("no login")?.to_str()?;
    let shown = shown.strip_prefix("Basic ").context("no basic login")?;
    // RFC 6749, section 2.3.1: both are encoded as in a form.
    let secret = lock(&state.secret).clone();
    let encode = |text: &str| {
        text.bytes()
            .map(|byte| match byte {
                b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
                byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect::<String>()
    };
    let expected = format!("{}:{}", encode(CLIENT.0), encode(&secret));
    if STANDARD.decode(shown)? != expected.as_bytes() {
        // As careless as a server can be: it repeats what it was shown.
        let what = format!("unknown client or wrong secret {}", CLIENT.1);
        let refusal = json!({ "error": "invalid_client", "error_description": what });
        return answered(401, refusal);
    }
    if !body.contains("grant_type=client_credentials") {
        return answered(400, json!({ "error": "unsupported_grant_type" }));
    }
    state.given.fetch_add(1, Ordering::Relaxed);
    let given = json!({
        "access_token": token(life, scope),
        "token_type": "Bearer",
        "expires_in": life.as_secs(),
    });
    answered(200, given)
}

fn answered(status: u16, body: serde_json::Value) -> Result<Response<Full<Bytes>>> {
    let answer = Response::builder().status(status).header(CONTENT_TYPE, "application/json");
    Ok(answer.body(body.to_string().into())?)
}

/// An unsigned token, which a broker takes that is configured for tests.
pub fn token(life: Duration, scope: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let claims = json!({
        "sub": "ada", "iat": now.saturating_sub(20), "exp": now + life.as_secs(), "scope": scope,
    });
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.", encode(r#"{"alg":"none"}"#.to_owned()), encode(claims.to_string()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
