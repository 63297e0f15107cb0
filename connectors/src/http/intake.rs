//! From the head and body of a request to messages.

mod wrap;

use bytes::Bytes;
use hybridge_config::connector::http::{PlainBodies, SourceConfig};
use hybridge_core::{Error, Message, Text, Value};
use hybridge_schemas::cloudevents::DecodeError;
use hybridge_schemas::cloudevents::http::{self as binding, Decoded, is_forwarded};
use hybridge_schemas::cloudevents::webhook::Received;
use hybridge_schemas::template::Template;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{HeaderMap, StatusCode};

use self::wrap::Wrap;
use super::answer::{Entry, Refusal, code};

/// How a source reads requests.
pub(super) struct Intake {
    plain: Plain,
    key: Option<Template>,
    /// Headers of the request that become headers of the message, in lower case.
    copied: Vec<String>,
    /// Headers that templates refer to.
    referred: Vec<String>,
    max_batch: usize,
}

enum Plain {
    Accept,
    Reject,
    Wrap(Wrap),
}

/// What a request holds.
#[derive(Debug)]
pub(super) enum Taken {
    /// One message.
    One(Message),
    /// The events of a batch, in order; for one that is faulty, its answer.
    Batch(Vec<Result<Message, Entry>>),
}

impl Intake {
    pub(super) fn new(config: &SourceConfig) -> Result<Self, Error> {
        let plain = match &config.plain {
            PlainBodies::Accept => Plain::Accept,
            PlainBodies::Reject => Plain::Reject,
            PlainBodies::Wrap(wrap) => Plain::Wrap(Wrap::new(wrap)?),
        };
        let key = config.key.as_ref().map(Template::compile);
        let mut referred: Vec<String> = key.iter().flat_map(headers_of).collect();
        if let Plain::Wrap(wrap) = &plain {
            referred.extend(wrap.templates().flat_map(headers_of));
        }
        let copied = config.copy_headers.iter().map(|name| name.to_ascii_lowercase());
        Ok(Self {
            plain,
            key,
            copied: copied.filter(|name| is_forwarded(name)).collect(),
            referred,
            max_batch: config.max_batch as usize,
        })
    }

    /// Decodes a request. What is refused here can never be taken as it is.
    pub(super) fn take(&self, headers: &HeaderMap, body: Bytes) -> Result<Taken, Refusal> {
        if self.is_packed(headers) {
            let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Refusal::never(code, "no content-encoding is understood"));
        }
        let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
        let wanted = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .filter(|(name, _)| self.is_wanted(name));
        match binding::decode(content_type, wanted, body).map_err(refusal)? {
            Decoded::Event(event) => Ok(Taken::One(self.finish(event)?)),
            Decoded::NotAnEvent(message) => {
                let message = match &self.plain {
                    Plain::Accept => message,
                    Plain::Wrap(wrap) => wrap.apply(headers, message).map_err(unprocessable)?,
                    Plain::Reject => {
                        let code = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                        return Err(Refusal::never(code, "only CloudEvents are taken"));
                    }
                };
                Ok(Taken::One(self.finish(message)?))
            }
            Decoded::Batch(events) => self.batch(events),
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        let is_listed = |names: &[String]| names.iter().any(|other| other == name);
        name.starts_with("ce-") || is_listed(&self.copied) || is_listed(&self.referred)
    }

    /// A compressed body is a payload that nobody could tell from another, unless the header that
    /// says so goes along.
    fn is_packed(&self, headers: &HeaderMap) -> bool {
        let encoding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes());
        let is_plain = encoding.is_none_or(|name| name.eq_ignore_ascii_case(b"identity"));
        !is_plain && !self.copied.iter().any(|name| name == CONTENT_ENCODING.as_str())
    }

    fn batch(&self, events: Vec<Result<Message, DecodeError>>) -> Result<Taken, Refusal> {
        if events.len() > self.max_batch {
            let reason = format!("the batch has more than {} events", self.max_batch);
            return Err(Refusal::never(StatusCode::PAYLOAD_TOO_LARGE, reason));
        }
        let taken = events.into_iter().enumerate().map(|(index, event)| {
            let event = event.map_err(refusal).and_then(|event| self.finish(event));
            event.map_err(|refusal| refusal.entry(index))
        });
        Ok(Taken::Batch(taken.collect()))
    }

    /// Sets the key, and leaves the headers that only templates wanted.
    fn finish(&self, mut message: Message) -> Result<Message, Refusal> {
        message.key = match &self.key {
            Some(key) => Some(key.render(&message).map_err(unprocessable)?.into_bytes()),
            None => {
                let key = message.attributes.get("partitionkey").and_then(Value::into_text);
                key.map(Text::into_bytes)
            }
        };
        for name in self.referred.iter().filter(|name| !self.copied.contains(name)) {
            message.headers.remove(name);
        }
        Ok(message)
    }
}

fn headers_of(template: &Template) -> impl Iterator<Item = String> + '_ {
    template.headers().map(|name| name.to_ascii_lowercase())
}

fn refusal(error: DecodeError) -> Refusal {
    let code = match error {
        DecodeError::UnsupportedFormat(_) => code(Received::Unsupported),
        _ => code(Received::Malformed),
    };
    Refusal::never(code, error.to_string())
}

fn unprocessable(error: Error) -> Refusal {
    Refusal::never(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
}
