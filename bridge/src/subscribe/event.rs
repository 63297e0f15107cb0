//! A record of the log as the event that a consumer sees.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_connectors::log::{Record, Topic};
use hybridge_core::{Attributes, Message, Text, Value};
use hybridge_schemas::cloudevents;

use crate::serve::Refusal;
use crate::serve::query::Query;

/// How the data of an event is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Data {
    /// As the JSON format says: JSON as JSON, text as text, other bytes in base64.
    #[default]
    Plain,
    /// Always in base64: every byte as it came in, white space around and within JSON included.
    Base64,
}

impl Data {
    /// `data=json|base64`.
    pub(super) fn of(query: &Query) -> Result<Self, Refusal> {
        match query.get("data") {
            None | Some("json") => Ok(Self::Plain),
            Some("base64") => Ok(Self::Base64),
            Some(other) => Err(Refusal::bad(format!("data={other}: json or base64 is wanted"))),
        }
    }
}

/// The message as an event: itself if it is one, else wrapped into one that names its place in the
/// log.
pub(super) fn event(topic: &Topic, partition: u32, record: Record) -> Message {
    let mut message = record.message;
    if message.is_event() {
        return message;
    }
    let mut attributes = Attributes::new();
    let set = |attributes: &mut Attributes, name: &'static str, value| {
        attributes.set(Text::from_static(name), value);
    };
    set(&mut attributes, "specversion", cloudevents::SPECVERSION.into());
    set(&mut attributes, "id", format!("{partition}:{}", record.offset).as_str().into());
    let source = format!("/topics/{}/{}", topic.name(), topic.incarnation());
    set(&mut attributes, "source", Value::UriRef(source.into()));
    set(&mut attributes, "type", "io.hybridge.message".into());
    if let Some(time) = time(message.time.unwrap_or(record.appended)) {
        set(&mut attributes, "time", Value::Timestamp(time.into()));
    }
    if let Some(kind) = message.headers.get_ignore_case("content-type").and_then(text) {
        set(&mut attributes, "datacontenttype", Value::String(kind));
    }
    if let Some(key) = message.key.clone().and_then(text) {
        set(&mut attributes, "partitionkey", Value::String(key));
    }
    message.attributes = attributes;
    message
}

/// Appends an event as a JSON object.
pub(super) fn write(mut message: Message, data: Data, out: &mut Vec<u8>) {
    let payload = match data {
        Data::Plain => None,
        Data::Base64 => message.payload.take(),
    };
    if let Err(error) = cloudevents::json::write(&message, out) {
        // Every message was made an event before; without one there would be a hole in the JSON.
        tracing::error!(%error, "an event was not written");
        out.extend_from_slice(b"null");
        return;
    }
    if let Some(payload) = payload {
        out.pop();
        out.extend_from_slice(b",\"data_base64\":\"");
        out.extend_from_slice(STANDARD.encode(payload).as_bytes());
        out.extend_from_slice(b"\"}");
    }
}

/// RFC 3339, from milliseconds since 1970-01-01T00:00:00Z.
fn time(millis: i64) -> Option<String> {
    jiff::Timestamp::from_millisecond(millis).ok().map(|time| time.to_string())
}

/// What may stand in an attribute: text without control characters, and not empty.
fn text(bytes: bytes::Bytes) -> Option<Text> {
    let text = Text::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}
