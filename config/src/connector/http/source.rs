//! Events that are posted to us.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ByteSize, Duration, Rate, Secret, Template};

/// Listens for events: CloudEvents in binary, structured or batched mode, and plain bodies. A request is answered with
/// 2xx only when every required target has confirmed its events.
///
/// Sources with the same `listen` and different `path` share one listener; their `tls` must then be the same.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HttpSource")]
pub struct SourceConfig {
    /// Address and port to listen on: `127.0.0.1:8080`, `[::]:8080`. Port 0 takes any free one.
    #[schemars(with = "String", extend("format" = "hybridge-listen"))]
    pub listen: SocketAddr,
    /// Path that events are posted to.
    #[serde(default = "default_path")]
    pub path: String,
    /// Serves HTTPS; with `ca` clients must show a certificate.
    pub tls: Option<ServerTlsConfig>,
    /// Requests must carry `Authorization: Bearer` with this token.
    pub token: Option<Secret>,
    /// Requests must carry a signature of their body.
    pub hmac: Option<HmacConfig>,
    /// Largest body, and with it the largest event of a batch; anything larger is answered with 413.
    #[serde(default = "default_max_message")]
    pub max_message: ByteSize,
    /// Most events in one batched request; more are answered with 413.
    #[serde(default = "default_max_batch")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_batch: u32,
    /// How long a request waits for its delivery; then it is answered with 503 and Retry-After, and the sender repeats it.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// How long a client may take to send the head of a request, from its first byte to its last, and for the TLS
    /// handshake.
    #[serde(default = "default_header_timeout")]
    pub header_timeout: Duration,
    /// How long a client may take to send the body of a request; then it is answered with 408.
    #[serde(default = "default_body_timeout")]
    pub body_timeout: Duration,
    /// Most requests open at once; further ones are answered with 503 and Retry-After. Twice as many connections may be open.
    #[serde(default = "default_max_requests")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_requests: u32,
    /// What happens to a body that is no CloudEvent. Default: it is taken as it is, with its `content-type`.
    #[serde(default)]
    pub plain: PlainBodies,
    /// The key of each message, which order and partitions go by: `{{ event.subject }}`. Default: the CloudEvents
    /// extension `partitionkey`, else none.
    pub key: Option<Template>,
    /// Request headers that become headers of the message, beside `content-type`. Default: none.
    #[serde(default)]
    pub copy_headers: Vec<String>,
    /// Senders that the WebHook handshake allows (`OPTIONS` with `WebHook-Request-Origin`); `*` allows any. Default:
    /// none, so the handshake is answered with 405.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// The rate that the WebHook handshake grants (`WebHook-Allowed-Rate`). Default: no limit.
    pub allowed_rate: Option<Rate>,
}

/// TLS of a server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTlsConfig {
    /// PEM file of the certificate with its chain.
    pub cert: PathBuf,
    /// PEM file of the private key.
    pub key: PathBuf,
    /// PEM file of the authorities that sign client certificates; with it, a client without one is refused.
    pub ca: Option<PathBuf>,
}

/// A signature that the sender computes over the body.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HmacConfig {
    /// The secret that sender and receiver share.
    pub secret: Secret,
    /// The request header that holds the signature.
    #[serde(default = "default_signature_header")]
    pub header: String,
    /// The hash.
    #[serde(default)]
    pub algorithm: HmacAlgorithm,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// Text in front of the signature, such as `sha256=`.
    #[serde(default)]
    pub prefix: String,
    /// Signs the time of sending too, so that an old request cannot be replayed: the signature is then over
    /// `<timestamp>.<body>`. Default: the body alone.
    pub timestamp: Option<TimestampConfig>,
}

/// The time of sending, in seconds since 1970, in a header of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HttpTimestamp")]
pub struct TimestampConfig {
    /// The request header that holds it.
    #[serde(default = "default_timestamp_header")]
    pub header: String,
    /// How far it may be from the receiver's clock, to either side.
    #[serde(default = "default_tolerance")]
    pub tolerance: Duration,
}

/// The hash of a signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HmacAlgorithm {
    /// HMAC with SHA-256.
    #[default]
    Sha256,
    /// HMAC with SHA-512.
    Sha512,
}

/// How the bytes of a signature are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
}

/// What happens to a body that is no CloudEvent.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlainBodies {
    /// It is the payload of a message without attributes.
    #[default]
    Accept,
    /// It is refused with 415.
    Reject,
    /// It becomes the data of a new event.
    Wrap(WrapConfig),
}

/// The attributes of an event that is made from a plain body. The `id` is the request's `Idempotency-Key`, else new.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WrapConfig {
    /// The event's `source`, a URI reference. It may refer to `headers[...]` and `event.data`.
    pub source: Template,
    /// The event's `type`.
    #[serde(rename = "type")]
    pub event_type: Template,
    /// The event's `subject`. Default: none.
    pub subject: Option<Template>,
    /// Extension attributes.
    #[serde(default)]
    pub extensions: BTreeMap<String, Template>,
}

fn default_path() -> String {
    "/".to_owned()
}

fn default_max_message() -> ByteSize {
    ByteSize::from_mib(1)
}

fn default_max_batch() -> u32 {
    1_000
}

fn default_timeout() -> Duration {
    Duration::from_secs(30)
}

fn default_header_timeout() -> Duration {
    Duration::from_secs(10)
}

fn default_body_timeout() -> Duration {
    Duration::from_secs(30)
}

fn default_max_requests() -> u32 {
    1_024
}

fn default_signature_header() -> String {
    "x-signature".to_owned()
}

fn default_timestamp_header() -> String {
    "x-timestamp".to_owned()
}

fn default_tolerance() -> Duration {
    Duration::from_secs(300)
}
