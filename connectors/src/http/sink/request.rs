//! From messages to requests.

use std::time::SystemTime;

use http_body_util::Full;
use hybridge_config::connector::http::{HeadersConfig, Method, Mode, SinkConfig};
use hybridge_core::{Error, ErrorKind, Message, StableId};
use hybridge_schemas::cloudevents::format::Format;
use hybridge_schemas::cloudevents::http::{self as binding, is_forwarded};
use hybridge_schemas::cloudevents::webhook;
use hybridge_schemas::template::Template;
use hyper::body::Bytes;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use hyper::{HeaderMap, Request, Uri};

use super::client::Body;
use super::handshake::ORIGIN;
use crate::http::header_name;
use crate::http::signature::Signature;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What makes the requests of a sink.
pub(super) struct Requests {
    route: String,
    target: String,
    uri: Uri,
    shown: String,
    method: hyper::Method,
    mode: Mode,
    format: Format,
    /// The target consented to web hooks: each request has a body and its type.
    is_web_hook: bool,
    /// Headers of every request, credentials among them.
    fixed: HeaderMap,
    copied: Copied,
    set: Vec<(HeaderName, Template)>,
    signature: Option<Signature>,
    max_body: u64,
}

impl Requests {
    pub(super) fn new(config: &SinkConfig, route: &str, target: &str) -> Result<Self, Error> {
        let url = config.url.as_ref().ok_or_else(|| fatal("an http sink has no url"))?;
        let shown = url.to_string();
        let uri: Uri = url.expose().parse().map_err(|_| fatal(format!("{shown} is no URL")))?;
        let fixed = fixed_headers(config)?;
        let has_credentials = config.token.is_some() || !config.connection_headers.is_empty();
        if has_credentials && url.is_readable_on_the_way() {
            return Err(fatal(format!("credentials would be sent to {shown} in plain text")));
        }
        let set = config.headers.set.iter();
        let set = set.map(|(name, value)| Ok((header_name(name)?, Template::compile(value))));
        Ok(Self {
            route: route.to_owned(),
            target: target.to_owned(),
            uri,
            shown,
            method: match config.method {
                Method::Post => hyper::Method::POST,
                Method::Put => hyper::Method::PUT,
                Method::Patch => hyper::Method::PATCH,
            },
            mode: config.encoding,
            format: config.event_format.into(),
            is_web_hook: config.webhook.is_some(),
            fixed,
            copied: Copied::new(&config.headers),
            set: set.collect::<Result<_, Error>>()?,
            signature: config.hmac.as_ref().map(Signature::new).transpose()?,
            max_body: config.max_message.map_or(u64::MAX, |size| size.get()),
        })
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Headers of every request.
    pub(super) fn fixed(&self) -> &HeaderMap {
        &self.fixed
    }

    /// The URL without what may be secret in it, for errors.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The request for one message, in binary, structured or raw mode.
    pub(super) fn single(
        &self,
        message: &Message,
        now: SystemTime,
    ) -> Result<Request<Body>, Error> {
        let (encoded, body) = self.encode(message)?;
        let mut headers = self.fixed.clone();
        self.copied.copy(message, &mut headers)?;
        let is_typed = encoded.iter().any(|(name, _)| *name == "content-type");
        for (name, value) in encoded {
            insert(&mut headers, &name, value)?;
        }
        if !is_typed
            && !message.is_event()
            && let Some(value) = message.headers.get_ignore_case("content-type")
        {
            insert(&mut headers, CONTENT_TYPE.as_str(), value.clone())?;
        }
        for (name, template) in &self.set {
            insert(&mut headers, name.as_str(), template.render(message)?.into_bytes())?;
        }
        let id = StableId::new(&self.route, &self.target, message);
        insert(&mut headers, IDEMPOTENCY_KEY.as_str(), Bytes::from(id.to_string()))?;
        self.finish(headers, body, now)
    }

    /// One request for several events.
    pub(super) fn batch<'a>(
        &self,
        messages: impl Iterator<Item = &'a Message>,
        now: SystemTime,
    ) -> Result<Request<Body>, Error> {
        let (encoded, body) = binding::encode_batch(messages).map_err(not_an_event)?;
        let mut headers = self.fixed.clone();
        for (name, value) in encoded {
            insert(&mut headers, &name, value)?;
        }
        self.finish(headers, body, now)
    }

    fn encode(&self, message: &Message) -> Result<(binding::Headers, Bytes), Error> {
        // A request of a web hook has a body, so an event without data goes as a document.
        let has_body = message.payload.is_some() || !message.is_event();
        match self.mode {
            Mode::Binary if has_body && self.is_web_hook && message.is_event() => {
                webhook::request(message).map_err(not_an_event)
            }
            Mode::Binary if has_body => {
                let (headers, body) = binding::encode_binary(message);
                Ok((headers, body.unwrap_or_default()))
            }
            Mode::Binary | Mode::Structured | Mode::Batch => {
                binding::encode_structured(message, self.format).map_err(not_an_event)
            }
            Mode::Raw => {
                let content_type = message.attributes.text("datacontenttype");
                let content_type = content_type.map(|text| Bytes::copy_from_slice(text.as_bytes()));
                let headers = content_type.map(|value| ("content-type".into(), value));
                Ok((headers.into_iter().collect(), message.payload.clone().unwrap_or_default()))
            }
        }
    }

    fn finish(
        &self,
        mut headers: HeaderMap,
        body: Bytes,
        now: SystemTime,
    ) -> Result<Request<Body>, Error> {
        if body.len() as u64 > self.max_body {
            let (length, most) = (body.len(), self.max_body);
            return Err(Error::rejected(format!("a body of {length} bytes is over {most}")));
        }
        if let Some(signature) = &self.signature {
            signature.sign(&body, now, &mut headers);
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }
}

/// Which headers of a message are passed on.
struct Copied {
    all: bool,
    named: Vec<String>,
    dropped: Vec<String>,
}

impl Copied {
    fn new(config: &HeadersConfig) -> Self {
        let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self {
            all: config.copy.iter().any(|name| name == "*"),
            named: lower(&config.copy),
            dropped: lower(&config.drop),
        }
    }

    fn copy(&self, message: &Message, headers: &mut HeaderMap) -> Result<(), Error> {
        if !self.all && self.named.is_empty() {
            return Ok(());
        }
        for header in message.headers.iter() {
            let name = header.name.to_ascii_lowercase();
            if let Some(value) = header.value.as_ref().filter(|_| self.wants(&name)) {
                let (name, value) = pair(&name, value.clone())?;
                headers.append(name, value);
            }
        }
        Ok(())
    }

    /// Attributes and the content type are the encoding's to write, and credentials ours.
    fn wants(&self, name: &str) -> bool {
        let ours = name.starts_with("ce-") || name.starts_with("content-");
        (self.all || self.named.iter().any(|named| named == name))
            && !self.dropped.iter().any(|dropped| dropped == name)
            && !ours
            && is_forwarded(name)
    }
}

fn fixed_headers(config: &SinkConfig) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    let agent = concat!("hybridge/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    for (name, value) in &config.connection_headers {
        headers.insert(may_be_set(name)?, secret_value(name, value.expose())?);
    }
    if let Some(webhook) = &config.webhook {
        let origin = HeaderValue::from_str(&webhook.origin);
        let origin = origin.map_err(|_| fatal("webhook.origin is not a DNS name"))?;
        headers.insert(ORIGIN, origin);
    }
    if let Some(token) = &config.token {
        let value = secret_value("token", &format!("Bearer {}", token.expose()))?;
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// Headers that frame a body are the connection's: set by hand they would split requests.
fn may_be_set(name: &str) -> Result<HeaderName, Error> {
    const FRAMING: [HeaderName; 6] =
        [CONNECTION, CONTENT_LENGTH, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    let name = header_name(name)?;
    if FRAMING.contains(&name) { Err(fatal(format!("{name} cannot be set"))) } else { Ok(name) }
}

fn secret_value(name: &str, value: &str) -> Result<HeaderValue, Error> {
    let value = HeaderValue::from_str(value);
    let mut value =
        value.map_err(|_| fatal(format!("{name} has a value that no header can have")))?;
    value.set_sensitive(true);
    Ok(value)
}

fn insert(headers: &mut HeaderMap, name: &str, value: Bytes) -> Result<(), Error> {
    let (name, value) = pair(name, value)?;
    headers.insert(name, value);
    Ok(())
}

/// Line breaks and other control characters would let a message write headers of its own.
fn pair(name: &str, value: Bytes) -> Result<(HeaderName, HeaderValue), Error> {
    let unusable = || Error::rejected(format!("header {name:?} cannot be sent over HTTP"));
    let name = HeaderName::try_from(name).map_err(|_| unusable())?;
    let value = HeaderValue::from_maybe_shared(value).map_err(|_| unusable())?;
    Ok((name, value))
}

fn not_an_event(error: hybridge_schemas::cloudevents::NotAnEvent) -> Error {
    Error::with_source(ErrorKind::Rejected, "cannot be posted as a CloudEvent", error)
}

fn fatal(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Fatal, context)
}
