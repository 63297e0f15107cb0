//! Dead letters as JSON objects: why, and the message with everything that it had.
//!
//! `{"dead_letter": {"reason": ..., "kind": ..., "stage": ..., "route": ..., "origin": ...,
//! "attempts": 1, "time": ...}, "key": ..., "headers": [{"name": ..., "value": ...}], ...}` and the
//! content: `event` in the JSON format of CloudEvents, `data` where the body is JSON, `text` where
//! it is other text, `data_base64` where it is neither. Keys and values of headers that are no text
//! are `key_base64` and `value_base64`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hybridge_core::{DEAD_LETTER_PREFIX, Header, Message};
use hybridge_schemas::cloudevents;
use hybridge_schemas::json::{is_valid, write_string};

/// Whether it is a dead letter: it has headers that say why.
pub(crate) fn is_letter(message: &Message) -> bool {
    message.headers.iter().any(|header| header.name.starts_with(DEAD_LETTER_PREFIX))
}

/// Appends the object. Any message can be written.
pub(crate) fn write(message: &Message, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"dead_letter\":{");
    let mut is_first = true;
    for header in message.headers.iter() {
        let Some(name) = header.name.strip_prefix(DEAD_LETTER_PREFIX) else { continue };
        if !std::mem::replace(&mut is_first, false) {
            out.push(b',');
        }
        write_string(out, name);
        out.push(b':');
        fact(name, header.value.as_deref().unwrap_or_default(), out);
    }
    out.push(b'}');
    if let Some(key) = &message.key {
        out.push(b',');
        text_or_base64("key", key, out);
    }
    headers(message, out);
    content(message, out);
    out.push(b'}');
}

/// Numbers as numbers, everything else as text.
fn fact(name: &str, value: &[u8], out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(value);
    let is_number = matches!(name, "attempts" | "time") && text.parse::<u64>().is_ok();
    if is_number { out.extend_from_slice(text.as_bytes()) } else { write_string(out, &text) }
}

fn headers(message: &Message, out: &mut Vec<u8>) {
    let is_own = |header: &Header| !header.name.starts_with(DEAD_LETTER_PREFIX);
    let mut own = message.headers.iter().filter(is_own).peekable();
    if own.peek().is_none() {
        return;
    }
    out.extend_from_slice(b",\"headers\":[");
    while let Some(Header { name, value }) = own.next() {
        out.extend_from_slice(b"{\"name\":");
        write_string(out, &name);
        out.push(b',');
        match value {
            Some(value) => text_or_base64("value", &value, out),
            None => out.extend_from_slice(b"\"value\":null"),
        }
        out.extend_from_slice(if own.peek().is_some() { b"}," } else { b"}" });
    }
    out.push(b']');
}

fn content(message: &Message, out: &mut Vec<u8>) {
    if message.is_event() {
        out.extend_from_slice(b",\"event\":");
        if cloudevents::json::write(message, out).is_err() {
            out.extend_from_slice(b"null");
        }
        return;
    }
    let Some(body) = &message.payload else { return };
    out.push(b',');
    if is_valid(body) {
        out.extend_from_slice(b"\"data\":");
        out.extend_from_slice(body.trim_ascii());
    } else if std::str::from_utf8(body).is_ok() {
        text_or_base64("text", body, out);
    } else {
        text_or_base64("data", body, out);
    }
}

/// A member of this name, or of this name and `_base64`.
fn text_or_base64(name: &str, bytes: &Bytes, out: &mut Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            write_string(out, name);
            out.push(b':');
            write_string(out, text);
        }
        Err(_) => {
            write_string(out, &format!("{name}_base64"));
            out.push(b':');
            write_string(out, &STANDARD.encode(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use hybridge_core::testing::message;
    use serde_json::{Value, json};

    use super::super::LineFormat;
    use super::*;

    fn letter(mut message: Message) -> Message {
        for (name, value) in [("reason", "no \"good\""), ("attempts", "3")] {
            let name = format!("{DEAD_LETTER_PREFIX}{name}");
            message.headers.push(name.into(), Some(Bytes::from_static(value.as_bytes())));
        }
        message
    }

    fn line(format: LineFormat, message: &Message) -> Value {
        let mut out = Vec::new();
        format.encode(message, &mut out).unwrap();
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn any_message_is_one_line_with_everything_it_had() {
        let why = json!({ "reason": "no \"good\"", "attempts": 3 });
        let tombstone = Message { payload: None, ..message("k", "") };
        let binary = Message { payload: Some(Bytes::from_static(b"\xff\n")), ..Message::default() };
        let mut headers = message("", "{\n\"a\": 1}");
        headers.headers.push("x".into(), None);
        headers.headers.push("y".into(), Some(Bytes::from_static(b"\xff")));
        let mut event = message("", "1");
        event.attributes.set("specversion".into(), "1.0".into());
        event.attributes.set("datacontenttype".into(), "application/json".into());
        for (message, expected) in [
            (tombstone, json!({ "dead_letter": why, "key": "k" })),
            (binary, json!({ "dead_letter": why, "data_base64": "/wo=" })),
            (message("", "no\njson"), json!({ "dead_letter": why, "text": "no\njson" })),
            (
                headers,
                json!({
                    "dead_letter": why,
                    "headers": [{ "name": "x", "value": null }, { "name": "y", "value_base64": "/w==" }],
                    "data": { "a": 1 },
                }),
            ),
            (
                event,
                json!({
                    "dead_letter": why,
                    "event": { "specversion": "1.0", "datacontenttype": "application/json", "data": 1 },
                }),
            ),
        ] {
            let letter = letter(message);
            assert_eq!(line(LineFormat::Json, &letter), expected);
            assert_eq!(line(LineFormat::Raw, &letter), expected);
        }
    }
}
