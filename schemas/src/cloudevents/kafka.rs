//! The Kafka binding (`bindings/kafka-protocol-binding.md`), over the headers of a message so that it needs no Kafka
//! library.
//!
//! In binary mode there are `ce_` headers with values in UTF-8, without any encoding, and `content-type` for
//! `datacontenttype`; an event without data is a record without a value, which in a compacted topic is a tombstone. In
//! structured mode the record always has a value. There is no batch, but one that comes is read.

use hybridge_core::Message;

use super::binary::Binary;
use super::format::Content;
use super::structured::{self, Decoded};
use super::{DecodeError, Mode, attribute};
use crate::rfc3339;

const PREFIX: &str = "ce_";
const CONTENT_TYPE: &str = "content-type";

/// Shows the headers that say the attributes of an event: their names and values. None for what is no event.
pub fn attributes(message: &Message, mut show: impl FnMut(&str, &[u8])) {
    let mut header = String::with_capacity(32);
    for (name, value) in message.attributes.iter_ref() {
        header.clear();
        if name == "datacontenttype" {
            header.push_str(CONTENT_TYPE);
        } else {
            header.push_str(PREFIX);
            header.push_str(name);
        }
        show(&header, attribute::canonical_ref(value).as_bytes());
    }
}

/// Whether a header of this name says an attribute.
pub fn is_attribute(name: &str) -> bool {
    name.starts_with(PREFIX) || name.eq_ignore_ascii_case(CONTENT_TYPE)
}

/// Whether the headers say that the message is an event in binary mode.
pub fn is_event(message: &Message) -> bool {
    message.headers.get("ce_specversion").is_some()
}

/// What a record carries, in any mode.
///
/// # Errors
/// It says that it is an event and is none: a permanent fault of the message.
pub fn decode(message: &Message, mode: Mode) -> Result<Decoded, DecodeError> {
    let content_type = structured::content_type(message);
    match Content::of(content_type.as_deref())? {
        Content::Binary if is_event(message) => Ok(Decoded::Event(decode_binary(message, mode)?)),
        content => structured::decode(message, content, mode),
    }
}

/// Makes an event of a message whose headers say that it is one in binary mode; its body stays as it is.
///
/// # Errors
/// The attributes are none of an event: a permanent fault of the message.
pub fn decode_binary(message: &Message, mode: Mode) -> Result<Message, DecodeError> {
    let mut binary = Binary::default();
    let mut headers = Vec::new();
    for header in message.headers.iter() {
        match attribute_of(&header.name) {
            Some(name) => binary.push_bytes(name, header.value.unwrap_or_default())?,
            None => headers.push(header),
        }
    }
    let attributes = binary.finish(None, mode)?;
    let time = attributes.text("time").and_then(rfc3339::millis).or(message.time);
    let headers = headers.into_iter().collect();
    let key = structured::key(message, &attributes);
    Ok(Message { attributes, headers, time, key, ..message.clone() })
}

fn attribute_of(header: &str) -> Option<&str> {
    if header.eq_ignore_ascii_case(CONTENT_TYPE) {
        return Some("datacontenttype");
    }
    header.strip_prefix(PREFIX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hybridge_core::{Header, Text};

    use super::*;

    fn message(headers: &[(&str, Option<&[u8]>)]) -> Message {
        let headers = headers.iter().map(|(name, value)| Header {
            name: (*name).into(),
            value: value.map(Bytes::copy_from_slice),
        });
        Message { headers: headers.collect(), payload: Some("{}".into()), ..Message::default() }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let headers: [(&str, Option<&[u8]>); 8] = [
            ("ce_specversion", Some(b"1.0")),
            ("ce_id", Some(b"1")),
            ("ce_source", Some(b"/a b")),
            ("ce_type", Some("ä".as_bytes())),
            ("ce_time", Some(b"2026-05-01T00:00:00.5Z")),
            ("content-type", Some(b"application/json")),
            ("other", Some(&[0xff])),
            ("null", None),
        ];
        let event = decode_binary(&message(&headers), Mode::Lenient).unwrap();
        assert!(is_event(&message(&headers)) && !is_event(&message(&headers[1..])));
        assert_eq!(event.headers.len(), 2);
        assert_eq!(event.attributes.text("datacontenttype"), Some("application/json"));
        let mut again = Vec::new();
        attributes(&event, |name, value| again.push((name.to_owned(), value.to_vec())));
        let expected: Vec<(String, Vec<u8>)> = headers[..6]
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.unwrap_or_default().to_vec()))
            .collect();
        assert_eq!(again, expected);
    }

    #[test]
    fn a_structured_record_keeps_what_is_beside_the_event() {
        let body = r#"{"specversion":"1.0","id":"1","source":"/a","type":"t","partitionkey":"p"}"#;
        let mut record = message(&[
            ("Content-Type", Some(b"application/cloudevents+json; charset=UTF-8")),
            ("ce_id", Some(b"another")),
            ("ce_mine", Some(b"kept")),
        ]);
        record.payload = Some(body.into());
        let Ok(Decoded::Event(event)) = decode(&record, Mode::Strict) else { panic!("no event") };
        assert_eq!(event.attributes.text("id"), Some("1"));
        let names: Vec<Text> = event.headers.iter().map(|header| header.name).collect();
        assert_eq!(names, ["ce_mine"]);
        assert_eq!(event.key.as_deref(), Some(&b"p"[..]));
        record.payload = None;
        assert!(decode(&record, Mode::Lenient).is_err(), "a tombstone is no structured event");
    }

    #[test]
    fn half_an_event_is_a_fault() {
        let without_type = message(&[
            ("ce_specversion", Some(b"1.0")),
            ("ce_id", Some(b"1")),
            ("ce_source", Some(b"/a")),
        ]);
        assert!(decode_binary(&without_type, Mode::Lenient).is_err());
        assert!(decode(&without_type, Mode::Lenient).is_err());
        let without_id = message(&[("ce_specversion", Some(b"1.0")), ("ce_type", Some(b"t"))]);
        assert!(decode(&without_id, Mode::Lenient).is_err(), "nor is it a plain message");
        let twice = message(&[("ce_id", Some(b"1")), ("ce_id", Some(b"2"))]);
        assert!(decode_binary(&twice, Mode::Lenient).is_err());
        assert!(decode_binary(&message(&[("ce_id", Some(&[0xff]))]), Mode::Lenient).is_err());
    }
}
