//! Asking an authorization server for a token (RFC 6749, section 4.4).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hybridge_config::connector::kafka::{ClientAuth, ClientCredentialsConfig};
use hybridge_core::ErrorKind;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rdkafka::client::OAuthToken;
use serde::Deserialize;

use super::{NoToken, UNKNOWN_LIFETIME, claims, now};
use crate::tls;

const TIMEOUT: Duration = Duration::from_secs(5);
/// No answer of a token endpoint is larger.
const LARGEST: usize = 256 << 10;
/// How much of what the server says about a refusal is shown.
const SHOWN: usize = 200;
/// A server that asks for more patience than this is asked again all the same.
const MOST_PATIENCE: Duration = Duration::from_secs(60);
/// What stands for itself in `application/x-www-form-urlencoded` and everywhere else.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A failure, and how long the server asked us to wait.
type Failure = (NoToken, Option<Duration>);

/// Where tokens are asked for, and as whom.
pub(super) struct Endpoint {
    config: ClientCredentialsConfig,
    principal: Option<String>,
}

/// What a server answers when it gives a token.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<Seconds>,
}

/// Some servers write the number as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

/// What a server answers when it gives none.
#[derive(Deserialize, Default)]
struct Refused {
    error: Option<String>,
    error_description: Option<String>,
}

impl Endpoint {
    pub(super) fn new(config: ClientCredentialsConfig, principal: Option<String>) -> Self {
        Self { config, principal }
    }

    /// How long one request may take.
    pub(super) fn timeout(&self) -> Duration {
        self.config.timeout.map_or(TIMEOUT, |timeout| timeout.get())
    }

    /// No answer within the time limit.
    pub(super) fn late(&self) -> NoToken {
        self.unreachable(format_args!("no answer within {:?}", self.timeout()))
    }

    /// Asks once. Never redirected, never cached; certificates are read anew.
    pub(super) async fn ask(&self) -> Result<OAuthToken, Failure> {
        match tokio::time::timeout(self.timeout(), self.exchange()).await {
            Ok(result) => result,
            Err(_) => Err((self.late(), None)),
        }
    }

    async fn exchange(&self) -> Result<OAuthToken, Failure> {
        let url = &self.config.token_url;
        let is_tls = url.expose().starts_with("https:");
        let settings = self.config.tls.clone().unwrap_or_default();
        let connector = tls::connector(is_tls.then_some(&settings), self.timeout());
        let connector = connector.map_err(|error| {
            let what = format!("cannot ask {url} for a token: tls: {}", chain(&*error));
            (NoToken::new(ErrorKind::Unauthorized, what), None)
        })?;
        let client: Client<_, Full<Bytes>> =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        let answer = client.request(self.request()?).await;
        let answer = answer.map_err(|error| (self.unreachable(chain(&error)), None))?;
        let (status, patience) = (answer.status(), patience(&answer));
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| (self.unreachable(chain(&*error)), None))?.to_bytes();
        match status {
            StatusCode::OK => self.granted(&body).map_err(|failure| (failure, None)),
            _ => Err((self.refused(status, &body), patience)),
        }
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, Failure> {
        let config = &self.config;
        let mut form = vec![("grant_type", "client_credentials")];
        if let Some(scope) = &config.scope {
            form.push(("scope", scope));
        }
        for (name, value) in &config.parameters {
            form.push((name, value.expose()));
        }
        let (id, secret) = (config.client_id.as_str(), config.client_secret.expose());
        let basic = match config.auth {
            ClientAuth::Basic => Some(format!("{}:{}", encode(id), encode(secret))),
            ClientAuth::Body => {
                form.extend([("client_id", id), ("client_secret", secret)]);
                None
            }
        };
        let form = form.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        let body: Vec<String> = form.collect();
        let mut request = Request::post(config.token_url.expose())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        if let Some(basic) = basic {
            let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(basic)));
            if let Ok(mut value) = value {
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
        }
        request.body(Full::from(body.join("&"))).map_err(|_| {
            let what = format!("{} is not a URL that can be asked", config.token_url);
            (NoToken::new(ErrorKind::Unauthorized, what), None)
        })
    }

    fn granted(&self, body: &[u8]) -> Result<OAuthToken, NoToken> {
        let url = &self.config.token_url;
        // What was read must not be shown: it may be a token after all.
        let granted: Granted = serde_json::from_slice(body).map_err(|_| {
            let what = format!("{url} answers, but with no token: is it a token endpoint?");
            NoToken::new(ErrorKind::Transient, what)
        })?;
        let token = granted.access_token;
        let claims = claims(&token).unwrap_or_default();
        let now = now();
        let seconds = match granted.expires_in {
            Some(Seconds::Number(seconds)) => Some(seconds),
            Some(Seconds::Text(text)) => text.parse().ok(),
            None => None,
        };
        let lifetime_ms = match (seconds, claims.exp) {
            (Some(seconds), _) => now.saturating_add((seconds * 1_000.0) as i64),
            (None, Some(at)) => (at * 1_000.0) as i64,
            (None, None) => now + UNKNOWN_LIFETIME,
        };
        if lifetime_ms <= now {
            let what = format!("the token that {url} gives has expired already: compare clocks");
            return Err(NoToken::new(ErrorKind::Transient, what));
        }
        let principal = self.principal.clone().or(claims.sub);
        let principal_name = principal.unwrap_or_else(|| self.config.client_id.clone());
        Ok(OAuthToken { token, principal_name, lifetime_ms })
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> NoToken {
        let (url, id) = (&self.config.token_url, &self.config.client_id);
        let said: Refused = serde_json::from_slice(body).unwrap_or_default();
        let said: Vec<String> =
            [said.error, said.error_description].into_iter().flatten().collect();
        let said = self.clean(&said.join(", "));
        let said = if said.is_empty() { String::new() } else { format!(" ({said})") };
        let status = status.as_u16();
        let (kind, what) = match status {
            400 | 401 | 403 => (
                ErrorKind::Unauthorized,
                format!(
                    "{url} refuses the client `{id}` with {status}{said}: check `client_credentials` of the connection"
                ),
            ),
            300..400 => (
                ErrorKind::Unauthorized,
                format!(
                    "{url} leads elsewhere with {status}, which is not followed: write that URL"
                ),
            ),
            404 | 405 => (
                ErrorKind::Unauthorized,
                format!("{url} is no token endpoint, it answers {status}: check `token_url`"),
            ),
            _ => {
                (ErrorKind::Disconnected, format!("no token from {url}: it answers {status}{said}"))
            }
        };
        NoToken::new(kind, what)
    }

    fn unreachable(&self, why: impl std::fmt::Display) -> NoToken {
        let what = format!("no token from {}: {why}", self.config.token_url);
        NoToken::new(ErrorKind::Disconnected, what)
    }

    /// What a server says, without control characters, not at length, and without our secret, should it repeat it.
    fn clean(&self, said: &str) -> String {
        let secret = self.config.client_secret.expose();
        let said =
            if secret.is_empty() { said.to_owned() } else { said.replace(secret, "[secret]") };
        said.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string()
}

/// How long a server asks us to wait.
fn patience<T>(answer: &Response<T>) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MOST_PATIENCE))
}

/// An error and its causes: the first alone says little.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
