//! Events that we post.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClientTlsConfig, ConnectionConfig, HmacConfig};
use crate::{ByteSize, Duration, EventFormat, Secret, Template, Url};

/// Posts messages to an HTTP endpoint; 2xx confirms. Redirects are never followed. Every request carries an
/// `Idempotency-Key` from the stable id of its message.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "HttpSink")]
pub struct SinkConfig {
    /// The connection that gives URL and credentials. Either this or `url`.
    pub connection: Option<String>,
    /// Where to post to. Either this or `connection`.
    pub url: Option<Url>,
    /// What is appended to the path of the connection's URL; no query.
    pub path: Option<String>,
    /// The request method.
    pub method: Method,
    /// How messages are put into requests.
    pub encoding: Mode,
    /// The format of events that are sent with `encoding: structured`.
    pub event_format: EventFormat,
    /// Bearer token, sent as `Authorization: Bearer`. Default: the connection's.
    pub token: Option<Secret>,
    /// Signs every body.
    pub hmac: Option<HmacConfig>,
    /// Asks the target for its consent before anything is posted, by the WebHook handshake (OPTIONS), and keeps to the
    /// rate that it grants. Default: it is not asked.
    pub webhook: Option<WebhookConfig>,
    /// Headers of the requests.
    pub headers: HeadersConfig,
    /// Fixed headers that come from the connection; not written here.
    #[serde(skip)]
    pub connection_headers: BTreeMap<String, Secret>,
    /// How the server is checked and how we identify ourselves. Default: the connection's.
    pub tls: Option<ClientTlsConfig>,
    /// How long a request may take, from its first byte to the end of its answer.
    pub timeout: Duration,
    /// How long opening a connection may take. Default: the connection's, else 5s.
    pub connect_timeout: Option<Duration>,
    /// Most requests open at once.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_in_flight: u32,
    /// Largest body that is sent; a larger message is a permanent fault. Default: no limit.
    pub max_message: Option<ByteSize>,
    /// Most events in one request of `encoding: batch`.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_batch: u32,
    /// Longest wait that a `Retry-After` of the server is granted.
    pub retry_after_max: Duration,
    /// The receiver drops what it has seen already, by `Idempotency-Key`. A promise of the operator's, which
    /// `delivery: effectively_once` needs.
    pub deduplicates: bool,
}

impl SinkConfig {
    /// Posts to `url`, with the defaults for everything else.
    pub fn to(url: Url) -> Self {
        Self { url: Some(url), ..Self::default() }
    }

    /// Takes from its connection what it does not say itself.
    pub(crate) fn connect(&mut self, connection: &ConnectionConfig) {
        let url = connection.url.expose();
        self.url = Some(match &self.path {
            None => Url::new(url),
            Some(path) => Url::new(join(url, path)),
        });
        self.token = self.token.take().or_else(|| connection.token.clone());
        self.tls = self.tls.take().or_else(|| connection.tls.clone());
        self.connect_timeout = self.connect_timeout.or(connection.connect_timeout);
        self.connection_headers = connection.headers.clone();
    }
}

/// Appends a path to that of a URL; a query stays at the end.
fn join(url: &str, path: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (base, query) = url.split_at(end);
    format!("{}/{}{query}", base.trim_end_matches('/'), path.trim_start_matches('/'))
}

impl Default for SinkConfig {
    fn default() -> Self {
        Self {
            connection: None,
            url: None,
            path: None,
            method: Method::default(),
            encoding: Mode::default(),
            event_format: EventFormat::default(),
            token: None,
            hmac: None,
            webhook: None,
            headers: HeadersConfig::default(),
            connection_headers: BTreeMap::new(),
            tls: None,
            timeout: Duration::from_secs(30),
            connect_timeout: None,
            max_in_flight: 64,
            max_message: None,
            max_batch: 100,
            retry_after_max: Duration::from_secs(300),
            deduplicates: false,
        }
    }
}

/// What the WebHook handshake asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HttpWebhook")]
pub struct WebhookConfig {
    /// The DNS name that we send as (`WebHook-Request-Origin`); every request carries it.
    pub origin: String,
    /// Requests a minute to ask for (`WebHook-Request-Rate`). Default: the target says how many.
    #[schemars(range(min = 1))]
    pub rate: Option<u32>,
}

/// A request method that carries a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "HttpMethod")]
pub enum Method {
    /// `POST`
    #[default]
    #[serde(rename = "POST")]
    Post,
    /// `PUT`
    #[serde(rename = "PUT")]
    Put,
    /// `PATCH`
    #[serde(rename = "PATCH")]
    Patch,
}

/// How messages are put into requests. The first three are the content modes of the CloudEvents HTTP binding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "HttpMode")]
pub enum Mode {
    /// One event a request: attributes as `ce-` headers, data as the body.
    #[default]
    Binary,
    /// One event a request, as `application/cloudevents+json` or what `event_format` says.
    Structured,
    /// Many events a request, as `application/cloudevents-batch+json`.
    Batch,
    /// One message a request: the payload as the body, no attributes.
    Raw,
}

/// Which headers a request carries beside those of its mode.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HeadersConfig {
    /// Headers of the message to pass on; `*` passes all. Default: none.
    pub copy: Vec<String>,
    /// Headers not to pass on although `copy` names them.
    pub drop: Vec<String>,
    /// Headers to set.
    pub set: BTreeMap<String, Template>,
}
