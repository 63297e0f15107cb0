//! From messages to a datum.

use hybridge_core::{Message, ValueRef};

use super::super::wire::put_varint;
use super::super::{NotAnEvent, data};

/// One event as a datum of the schema.
///
/// # Errors
/// The message has no attributes.
pub fn encode(message: &Message) -> Result<Vec<u8>, NotAnEvent> {
    if !message.is_event() {
        return Err(NotAnEvent);
    }
    let payload = message.payload.as_deref().unwrap_or_default();
    let mut out = Vec::with_capacity(payload.len() + message.attributes.size() + 32);
    put_long(&mut out, message.attributes.len() as i64);
    for (name, value) in message.attributes.iter_ref() {
        put(&mut out, name.as_bytes());
        put_value(&mut out, value);
    }
    put_long(&mut out, 0);
    let content_type = message.attributes.text("datacontenttype");
    match &message.payload {
        None => put_long(&mut out, 1),
        Some(payload) => {
            let is_text = !data::is_json(content_type) && data::is_text(content_type, payload);
            put_long(&mut out, if is_text { 6 } else { 0 });
            put(&mut out, payload);
        }
    }
    Ok(out)
}

fn put_value(out: &mut Vec<u8>, value: ValueRef<'_>) {
    match value {
        ValueRef::Boolean(on) => {
            put_long(out, 1);
            out.push(u8::from(on));
        }
        ValueRef::Integer(number) => {
            put_long(out, 2);
            put_long(out, i64::from(number));
        }
        ValueRef::Binary(bytes) => {
            put_long(out, 4);
            put(out, bytes);
        }
        ValueRef::String(text)
        | ValueRef::Uri(text)
        | ValueRef::UriRef(text)
        | ValueRef::Timestamp(text) => {
            put_long(out, 3);
            put(out, text.as_bytes());
        }
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

fn put_long(out: &mut Vec<u8>, number: i64) {
    put_varint(out, ((number << 1) ^ (number >> 63)) as u64);
}
