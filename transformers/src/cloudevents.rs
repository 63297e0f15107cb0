//! `cloudevents`: whatever arrives becomes a CloudEvent.

mod wrap;

use async_trait::async_trait;
use bytes::Bytes;
use hybridge_config::transform::cloudevents::{CloudeventsConfig, PlainMessages};
use hybridge_core::{Applied, Error, Message, Text, Transformer, Value};
use hybridge_schemas::cloudevents::http::{ContentMode, content_mode};
use hybridge_schemas::cloudevents::{DecodeError, Mode, attribute, json, kafka};
use hybridge_schemas::media_type::MediaType;

use crate::headers;
use wrap::Wrap;

/// The step: decodes events that arrive as bytes and wraps what is none.
pub(crate) struct Step {
    /// What plain messages are wrapped in; `None` where they are refused.
    wrap: Option<Wrap>,
    mode: Mode,
}

impl Step {
    pub(crate) fn new(config: &CloudeventsConfig) -> Self {
        let mode = if config.strict { Mode::Strict } else { Mode::Lenient };
        let wrap = match config.plain {
            PlainMessages::Wrap => Some(Wrap::new(config, mode)),
            PlainMessages::Reject => None,
        };
        Self { wrap, mode }
    }

    fn normalise(&self, message: Message) -> Applied {
        if message.is_event() {
            return self.passed(message);
        }
        let decoded = match mode_of(&message) {
            ContentMode::Batch => return self.batch(message),
            ContentMode::Structured => self.structured(message),
            ContentMode::Binary if kafka::is_event(&message) => {
                kafka::decode(&message, self.mode).map_err(|error| malformed(&error))
            }
            ContentMode::Binary => self.wrapped(message),
        };
        match decoded {
            Ok(event) => Applied::One(event),
            Err(error) => Applied::Failed(error),
        }
    }

    /// An event that its source decoded has been checked there, but not to the letter.
    fn passed(&self, event: Message) -> Applied {
        if self.mode == Mode::Lenient {
            return Applied::One(event);
        }
        match attribute::check_all(&event.attributes, self.mode) {
            Ok(()) => Applied::One(event),
            Err(error) => Applied::Failed(malformed(&error)),
        }
    }

    fn structured(&self, message: Message) -> Result<Message, Error> {
        let payload = json_payload(&message)?;
        let event = json::decode(&payload, self.mode).map_err(|error| malformed(&error))?;
        Ok(as_event(&message, event))
    }

    /// One malformed event makes the whole message malformed: it is one delivery with one dead
    /// letter.
    fn batch(&self, message: Message) -> Applied {
        let decoded = json_payload(&message).and_then(|payload| {
            json::decode_batch(&payload, self.mode).map_err(|error| malformed(&error))
        });
        let elements = match decoded {
            Ok(elements) => elements,
            Err(error) => return Applied::Failed(error),
        };
        let mut events = Vec::with_capacity(elements.len());
        for (index, element) in elements.into_iter().enumerate() {
            match element {
                Ok(event) => events.push(as_event(&message, event)),
                Err(error) => {
                    let place = format!("element {index} of the batch");
                    let reason = format!("malformed CloudEvent: {place}: {error}");
                    return Applied::Failed(Error::rejected(reason));
                }
            }
        }
        Applied::Many(events)
    }

    fn wrapped(&self, message: Message) -> Result<Message, Error> {
        match &self.wrap {
            Some(wrap) => wrap.apply(message),
            None => {
                Err(Error::rejected("the message is no CloudEvent and plain messages are refused"))
            }
        }
    }
}

#[async_trait(?Send)]
impl Transformer for Step {
    fn name(&self) -> &'static str {
        "cloudevents"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        batch.into_iter().map(|message| self.normalise(message)).collect()
    }
}

fn content_type(message: &Message) -> Option<Text> {
    let value = message.headers.get_ignore_case("content-type")?;
    Text::from_utf8(value.slice_ref(value.trim_ascii())).ok()
}

/// How a message that is no event carries events. Sources without headers (a file of lines) cannot
/// say so: there a JSON object that has all required attributes is an event.
fn mode_of(message: &Message) -> ContentMode {
    let content_type = content_type(message);
    let content_type = content_type.as_deref();
    let mode = content_mode(content_type);
    let may_be_event = content_type.is_none_or(|text| {
        MediaType::parse(text).is_some_and(|media_type| media_type.is("application", "json"))
    });
    if mode == ContentMode::Binary
        && may_be_event
        && !kafka::is_event(message)
        && looks_structured(message)
    {
        return ContentMode::Structured;
    }
    mode
}

fn looks_structured(message: &Message) -> bool {
    let Some(payload) = &message.payload else { return false };
    if payload.trim_ascii_start().first() != Some(&b'{') {
        return false;
    }
    json::has_required(payload)
}

fn json_payload(message: &Message) -> Result<Bytes, Error> {
    let is_json =
        |media_type: MediaType<'_>| media_type.is_json() && !media_type.has_foreign_charset();
    let content_type = content_type(message);
    let content_type = content_type.as_deref();
    if content_type.is_some_and(|text| !MediaType::parse(text).is_some_and(is_json)) {
        let name: String = content_type.unwrap_or_default().chars().take(100).collect();
        return Err(malformed(&DecodeError::UnsupportedFormat(name)));
    }
    match &message.payload {
        Some(payload) => Ok(payload.clone()),
        None => Err(Error::rejected("malformed CloudEvent: the message has no payload")),
    }
}

fn malformed(error: &DecodeError) -> Error {
    Error::rejected(format!("malformed CloudEvent: {error}"))
}

/// The event with what else the message had: its key, its headers but the content type, its origin.
/// Without a key of its own it has that of the `partitionkey` extension.
fn as_event(message: &Message, event: Message) -> Message {
    let partition_key = || match event.attributes.get("partitionkey") {
        Some(Value::String(key)) => Some(key.into_bytes()),
        _ => None,
    };
    let mut headers = message.headers.clone();
    headers::remove(&mut headers, "content-type");
    Message {
        key: message.key.clone().or_else(partition_key),
        headers,
        origin: message.origin.clone(),
        time: message.time.or(event.time),
        ..event
    }
}

#[cfg(test)]
mod tests;
