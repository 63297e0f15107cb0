//! From messages to JSON text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_core::{Message, ValueRef};

use super::super::{NotAnEvent, attribute, data};
use crate::json::{is_valid, write_string};

/// One event as a JSON object.
pub fn encode(message: &Message) -> Result<Vec<u8>, NotAnEvent> {
    let mut out = Vec::with_capacity(capacity(message));
    write(message, &mut out)?;
    Ok(out)
}

/// Events as a JSON array, in order. An empty batch is valid.
pub fn encode_batch<'a>(
    messages: impl IntoIterator<Item = &'a Message>,
) -> Result<Vec<u8>, NotAnEvent> {
    let mut out = vec![b'['];
    for message in messages {
        if out.len() > 1 {
            out.push(b',');
        }
        write(message, &mut out)?;
    }
    out.push(b']');
    Ok(out)
}

/// Appends one event as a JSON object; appends nothing where the message is none.
///
/// The attributes come in their order, then the data: the payload itself where `datacontenttype` is
/// JSON and the payload is; a string where the payload is text of a type that is text; else
/// `data_base64`. Without a `datacontenttype` nothing is known of the bytes, so they are base64:
/// a JSON value there would tell the reader that they are JSON.
pub fn write(message: &Message, out: &mut Vec<u8>) -> Result<(), NotAnEvent> {
    if !message.is_event() {
        return Err(NotAnEvent);
    }
    for (index, (name, value)) in message.attributes.iter_ref().enumerate() {
        out.push(if index == 0 { b'{' } else { b',' });
        write_string(out, name);
        out.push(b':');
        match value {
            ValueRef::Boolean(_) | ValueRef::Integer(_) => {
                out.extend_from_slice(attribute::canonical_ref(value).as_bytes());
            }
            _ => write_string(out, &attribute::canonical_ref(value)),
        }
    }
    if let Some(payload) = &message.payload {
        write_data(payload, message.attributes.text("datacontenttype"), out);
    }
    out.push(b'}');
    Ok(())
}

fn write_data(payload: &[u8], content_type: Option<&str>, out: &mut Vec<u8>) {
    if data::is_json(content_type) {
        if is_valid(payload) {
            out.extend_from_slice(b",\"data\":");
            out.extend_from_slice(payload.trim_ascii());
            return;
        }
    } else if data::is_text(content_type, payload)
        // A string in a JSON content type would be a JSON string, which these bytes are not.
        && let Ok(text) = std::str::from_utf8(payload)
    {
        out.extend_from_slice(b",\"data\":");
        write_string(out, text);
        return;
    }
    out.extend_from_slice(b",\"data_base64\":\"");
    out.extend_from_slice(STANDARD.encode(payload).as_bytes());
    out.push(b'"');
}

fn capacity(message: &Message) -> usize {
    let payload = message.payload.as_ref().map_or(0, |payload| payload.len());
    payload + message.attributes.size() + message.attributes.len() * 6 + 32
}
