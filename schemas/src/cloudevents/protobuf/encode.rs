//! From messages to those of Protobuf.

use hybridge_core::{Message, ValueRef};

use super::super::wire::put_varint;
use super::super::{NotAnEvent, data};
use super::{SECONDS, TYPE_URL, is_protobuf, is_type_url};
use crate::rfc3339;

/// One event as a `CloudEvent`.
///
/// # Errors
/// The message has no attributes.
pub fn encode(message: &Message) -> Result<Vec<u8>, NotAnEvent> {
    if !message.is_event() {
        return Err(NotAnEvent);
    }
    let payload = message.payload.as_deref().unwrap_or_default();
    let mut out = Vec::with_capacity(payload.len() + message.attributes.size() * 2 + 64);
    let type_url = message.payload.as_ref().and_then(|_| type_url(message));
    let required = |name: &str| {
        ["id", "source", "specversion", "type"].iter().position(|other| *other == name)
    };
    let mut attribute = Vec::new();
    for (name, value) in message.attributes.iter_ref() {
        if let (Some(number), Some(text)) = (required(name), value.as_text()) {
            put(&mut out, number as u64 + 1, text.as_bytes());
            continue;
        }
        if name == TYPE_URL && type_url.is_some() {
            continue;
        }
        attribute.clear();
        put(&mut attribute, 1, name.as_bytes());
        put(&mut attribute, 2, &attribute_value(value));
        put(&mut out, 5, &attribute);
    }
    if message.payload.is_some() {
        put_data(&mut out, payload, message.attributes.text("datacontenttype"), type_url);
    }
    Ok(out)
}

/// Events as a `CloudEventBatch`, in order. An empty batch is valid.
///
/// # Errors
/// One of the messages has no attributes.
pub fn encode_batch<'a>(
    messages: impl IntoIterator<Item = &'a Message>,
) -> Result<Vec<u8>, NotAnEvent> {
    let mut out = Vec::new();
    for message in messages {
        put(&mut out, 1, &encode(message)?);
    }
    Ok(out)
}

/// The type of the message that the payload is, where the event says that it is one.
fn type_url(message: &Message) -> Option<&str> {
    let attributes = &message.attributes;
    if !is_protobuf(attributes.text("datacontenttype")?) {
        return None;
    }
    let type_url = attributes.text(TYPE_URL).or_else(|| attributes.text("dataschema"))?;
    is_type_url(type_url).then_some(type_url)
}

fn put_data(out: &mut Vec<u8>, payload: &[u8], content_type: Option<&str>, type_url: Option<&str>) {
    if let Some(type_url) = type_url {
        let mut any = Vec::with_capacity(payload.len() + type_url.len() + 12);
        put(&mut any, 1, type_url.as_bytes());
        put(&mut any, 2, payload);
        return put(out, 8, &any);
    }
    let is_text = data::is_text(content_type, payload);
    put(out, if is_text { 7 } else { 6 }, payload);
}

/// A `CloudEventAttributeValue`.
fn attribute_value(value: ValueRef<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        ValueRef::Boolean(on) => put_number(&mut out, 1, u64::from(on)),
        ValueRef::Integer(number) => put_number(&mut out, 2, i64::from(number) as u64),
        ValueRef::String(text) => put(&mut out, 3, text.as_bytes()),
        ValueRef::Binary(bytes) => put(&mut out, 4, bytes),
        ValueRef::Uri(text) => put(&mut out, 5, text.as_bytes()),
        ValueRef::UriRef(text) => put(&mut out, 6, text.as_bytes()),
        ValueRef::Timestamp(text) => match timestamp(text) {
            Some(timestamp) => put(&mut out, 7, &timestamp),
            None => put(&mut out, 3, text.as_bytes()),
        },
    }
    out
}

/// A `google.protobuf.Timestamp`; none of the year 0 and of leap seconds, which it cannot have.
fn timestamp(text: &str) -> Option<Vec<u8>> {
    let (seconds, nanos) = rfc3339::nanos(text)?;
    if !SECONDS.contains(&seconds) || text.get(17..19) == Some("60") {
        return None;
    }
    let mut out = Vec::new();
    if seconds != 0 {
        put_number(&mut out, 1, seconds as u64);
    }
    if nanos != 0 {
        put_number(&mut out, 2, u64::from(nanos));
    }
    Some(out)
}

fn put_number(out: &mut Vec<u8>, field: u64, number: u64) {
    put_varint(out, field << 3);
    put_varint(out, number);
}

fn put(out: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
