//! Messages to header blocks and back.
//!
//! A NATS header has a name of visible ASCII and a value without line breaks. What does not fit, and what a message has
//! beside headers and body, goes under names of ours, which a source of hybridge takes back:
//!
//! - `hybridge-bin-NAME`: a header whose name or value does not fit; name percent-encoded, value in base64
//! - `hybridge-null-NAME`: a header with a null value
//! - `hybridge-key`: the key, where it is visible ASCII; `hybridge-bin-key`-like forms are for headers only, so another
//!   key is in `hybridge-key-base64`
//! - `hybridge-time`: when it was produced, in milliseconds
//! - `hybridge-tombstone`: there is no body, which is not the same as an empty one

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hybridge_core::{Headers, Message};
use hybridge_schemas::cloudevents::format::Content;
use hybridge_schemas::cloudevents::{Mode, nats as binding};
use hybridge_schemas::rfc3339;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

const FIRST_LINE: &[u8] = b"NATS/1.0\r\n";
const BIN: &str = "hybridge-bin-";
const NULL: &str = "hybridge-null-";
const KEY: &str = "hybridge-key";
const KEY_BASE64: &str = "hybridge-key-base64";
const TIME: &str = "hybridge-time";
const TOMBSTONE: &str = "hybridge-tombstone";
/// What a name may not have as it is; the percent sign, so that names are decoded without doubt.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b':').add(b'%');

/// A header block that is being written.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    /// Headers that are commands to the server and were left out.
    pub(super) stripped: usize,
}

impl Block {
    /// Forgets everything; the memory is used again.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(FIRST_LINE);
        self.stripped = 0;
    }

    /// Adds a header of ours, whose name and value fit.
    pub(super) fn push(&mut self, name: &str, value: &[u8]) {
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b": ");
        self.bytes.extend_from_slice(value);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Adds what a message has beside its body; not its key where that is `known` already.
    pub(super) fn message(&mut self, message: &Message, known: &[u8]) {
        if message.is_event() {
            binding::headers(message, |name, value| self.push(name, value));
        }
        if let Some(key) = message.key.as_ref().filter(|key| **key != known) {
            match is_value(key) {
                true => self.push(KEY, key),
                false => self.push(KEY_BASE64, STANDARD.encode(key).as_bytes()),
            }
        }
        if let Some(time) = message.time {
            self.push(TIME, time.to_string().as_bytes());
        }
        if message.payload.is_none() {
            self.push(TOMBSTONE, b"1");
        }
        if message.headers.is_empty() {
            return;
        }
        let is_event = message.is_event();
        message.headers.each(|name, value| self.foreign(name, value, is_event));
    }

    /// Adds a header of the message. What is a command to a NATS server is left out and counted: it would purge a
    /// stream, expire a message or have it refused.
    fn foreign(&mut self, name: &str, value: Option<&[u8]>, is_event: bool) {
        if is_command(name) {
            self.stripped += 1;
            return;
        }
        // The attributes of an event are written already, and what they say counts.
        let is_written = is_event && is_of_event(name);
        let fits = is_name(name) && !is_ours(name) && !is_written;
        match value {
            None => self.push(&format!("{NULL}{}", encode(name)), b""),
            Some(value) if fits && is_value(value) => self.push(name, value),
            Some(value) => {
                self.push(&format!("{BIN}{}", encode(name)), STANDARD.encode(value).as_bytes());
            }
        }
    }

    /// The whole block.
    pub(super) fn finish(&mut self) -> &[u8] {
        self.bytes.extend_from_slice(b"\r\n");
        &self.bytes
    }
}

/// Puts what a header block says into `message`, which has its body already.
pub(super) fn decode(block: &[u8], message: &mut Message) {
    let is_event = decode_event(block, message);
    let mut headers = Vec::with_capacity(block.len());
    for (name, value) in lines(block) {
        let Ok(name) = std::str::from_utf8(name) else {
            Headers::append(&mut headers, &String::from_utf8_lossy(name), Some(value));
            continue;
        };
        let is_taken = (is_event && is_of_event(name))
            || (is_ours(name) && take_back(name, value, message, &mut headers));
        if !is_taken {
            Headers::append(&mut headers, name, Some(value));
        }
    }
    message.headers = Headers::from_block(headers.into());
}

/// Takes the attributes of an event in binary mode; whether it is one. What only looks like one stays as it is, and
/// whoever wants events will say so.
fn decode_event(block: &[u8], message: &mut Message) -> bool {
    if !lines(block).any(|(name, _)| name.eq_ignore_ascii_case(b"ce-specversion")) {
        return false;
    }
    let pairs =
        || lines(block).filter_map(|(name, value)| Some((std::str::from_utf8(name).ok()?, value)));
    let content_type = pairs().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let content_type = content_type.and_then(|(_, value)| std::str::from_utf8(value).ok());
    // An event in the body is for whoever wants events.
    if !matches!(binding::content(content_type, true), Ok(Content::Binary)) {
        return false;
    }
    let Ok(attributes) = binding::decode(pairs(), Mode::Lenient) else { return false };
    message.time = attributes.text("time").and_then(rfc3339::millis).or(message.time);
    message.attributes = attributes;
    true
}

/// Whether a header is an attribute of an event.
fn is_of_event(name: &str) -> bool {
    starts(name, "ce-") || name.eq_ignore_ascii_case("content-type")
}

/// Takes back what a sink of hybridge wrote; `false` where it is not of its form.
fn take_back(name: &str, value: &[u8], message: &mut Message, headers: &mut Vec<u8>) -> bool {
    if let Some(name) = name.strip_prefix(NULL) {
        Headers::append(headers, &decode_name(name), None);
        return true;
    }
    if let Some(name) = name.strip_prefix(BIN) {
        let Ok(value) = STANDARD.decode(value) else { return false };
        Headers::append(headers, &decode_name(name), Some(&value));
        return true;
    }
    match name {
        KEY => message.key = Some(Bytes::copy_from_slice(value)),
        KEY_BASE64 => match STANDARD.decode(value) {
            Ok(key) => message.key = Some(key.into()),
            Err(_) => return false,
        },
        TIME => match std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()) {
            Some(time) => message.time = Some(time),
            None => return false,
        },
        TOMBSTONE => match message.payload.as_ref().is_none_or(Bytes::is_empty) {
            true => message.payload = None,
            false => return false,
        },
        _ => return false,
    }
    true
}

/// The names and values of a block; a line that is none is left out.
pub(super) fn lines(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = block;
    let line = move || {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = &rest[..end];
        rest = &rest[end + 2..];
        Some(line)
    };
    let pair = |line: &'_ [u8]| -> Option<(usize, usize)> {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let blank = line[colon + 1..].iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
        Some((colon, colon + 1 + blank.count()))
    };
    std::iter::from_fn(line).skip(1).filter_map(move |line: &[u8]| {
        let (name, value) = pair(line)?;
        Some((&line[..name], &line[value..]))
    })
}

/// Whether a server or a client of its key-value store acts on it.
fn is_command(name: &str) -> bool {
    starts(name, "nats-") || starts(name, "kv-")
}

fn is_ours(name: &str) -> bool {
    starts(name, BIN)
        || starts(name, NULL)
        || [KEY, KEY_BASE64, TIME, TOMBSTONE].iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

/// Whether a value arrives everywhere as it is: text on one line, with no blank at its ends that a client takes off.
fn is_value(value: &[u8]) -> bool {
    let is_text = std::str::from_utf8(value).is_ok_and(|text| !text.chars().any(char::is_control));
    let is_blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    is_text && !is_blank(value.first()) && !is_blank(value.last())
}

fn starts(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn encode(name: &str) -> String {
    utf8_percent_encode(name, ENCODED).to_string()
}

fn decode_name(name: &str) -> Cow<'_, str> {
    percent_decode_str(name).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use hybridge_core::{Header, Text, Value};
    use proptest::prelude::*;

    use super::*;

    fn round(message: &Message) -> (Message, usize) {
        let mut block = Block::default();
        block.clear();
        block.message(message, b"");
        let mut decoded = Message {
            payload: Some(message.payload.clone().unwrap_or_default()),
            ..Message::default()
        };
        decode(block.finish(), &mut decoded);
        (decoded, block.stripped)
    }

    #[test]
    fn commands_are_left_out_and_counted() {
        let mut message = Message::default();
        for name in ["Nats-Rollup", "nats-ttl", "KV-Operation", "Nats-Msg-Id", "nats", "x-nats-y"] {
            message.headers.push(name.into(), Some(Bytes::from_static(b"all")));
        }
        let (decoded, stripped) = round(&message);
        assert_eq!(stripped, 4);
        let names: Vec<Text> = decoded.headers.iter().map(|header| header.name).collect();
        assert_eq!(names, ["nats", "x-nats-y"]);
    }

    #[test]
    fn an_event_is_one_again() {
        let mut message =
            Message { payload: Some(Bytes::from_static(b"{}")), ..Message::default() };
        for (name, value) in [
            ("specversion", "1.0"),
            ("id", "ü 1"),
            ("source", "/s"),
            ("type", "t"),
            ("datacontenttype", "application/json"),
        ] {
            message.attributes.set(name.into(), Value::from(value));
        }
        message.headers.push("authorization".into(), Some(Bytes::from_static(b"kept")));
        message.headers.push("ce-id".into(), Some(Bytes::from_static(b"another")));
        let (decoded, _) = round(&message);
        assert_eq!(decoded.attributes.text("id"), Some("ü 1"));
        assert_eq!(decoded.attributes.len(), 5);
        assert_eq!(decoded.headers, message.headers);
    }

    #[test]
    fn what_others_write_is_kept() {
        let block =
            b"NATS/1.0\r\na:  b c \r\nno colon\r\nx\xff: \xfe\r\na:\r\nhybridge-bin-q: *\r\n\r\n";
        let mut message = Message { payload: Some(Bytes::new()), ..Message::default() };
        decode(block, &mut message);
        let all: Vec<(String, Bytes)> = message
            .headers
            .iter()
            .map(|header| (header.name.to_string(), header.value.unwrap()))
            .collect();
        let expected: [(&str, &[u8]); 4] =
            [("a", b"b c "), ("x\u{fffd}", b"\xfe"), ("a", b""), ("hybridge-bin-q", b"*")];
        assert_eq!(all.len(), expected.len());
        for ((name, value), (other, bytes)) in all.iter().zip(expected) {
            assert_eq!((name.as_str(), &value[..]), (other, bytes));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_comes_back(
            headers in prop::collection::vec(
                ("[ -~\u{e9}\r\n:]{1,8}|hybridge-(bin-|null-|key|time|tombstone)a?|(?i)content-type", prop::option::of(prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..12),
                    "[ -~]{0,12}".prop_map(String::into_bytes),
                ])),
                0..6,
            ),
            key in prop::option::of(prop::collection::vec(any::<u8>(), 0..9)),
            payload in prop::option::of(prop::collection::vec(any::<u8>(), 0..9)),
            time in prop::option::of(any::<i64>()),
        ) {
            let headers = headers.into_iter().map(|(name, value)| Header {
                name: name.as_str().into(),
                value: value.map(Bytes::from),
            });
            let message = Message {
                headers: headers.collect(),
                key: key.map(Bytes::from).filter(|key| !key.is_empty()),
                payload: payload.map(Bytes::from),
                time,
                ..Message::default()
            };
            let (decoded, _) = round(&message);
            prop_assert_eq!(&decoded.headers, &message.headers);
            prop_assert_eq!(&decoded.key, &message.key);
            prop_assert_eq!(&decoded.payload, &message.payload);
            prop_assert_eq!(decoded.time, message.time);
        }

        #[test]
        fn any_block_is_answered(junk in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut message = Message { payload: Some(Bytes::new()), ..Message::default() };
            decode(&junk, &mut message);
        }
    }
}
