//! The Kafka binding (`bindings/kafka-protocol-binding.md`), over the headers of a message so that it needs no Kafka
//! library.
//!
//! Binary mode only: `ce_` headers with values in UTF-8, without any encoding, and `content-type` for `datacontenttype`.

use hybridge_core::{Attributes, Header, Message, Text, Value};

use super::upgrade::{Encoding, upgrade};
use super::{DecodeError, Mode, attribute};
use crate::rfc3339;

const PREFIX: &str = "ce_";
const CONTENT_TYPE: &str = "content-type";

/// Shows the headers that say the attributes of an event: their names and values. None for what is no event.
pub fn attributes(message: &Message, mut show: impl FnMut(&str, &[u8])) {
    let mut header = String::new();
    for (name, value) in message.attributes.iter() {
        header.clear();
        if name == "datacontenttype" {
            header.push_str(CONTENT_TYPE);
        } else {
            header.push_str(PREFIX);
            header.push_str(&name);
        }
        show(&header, attribute::canonical(&value).as_bytes());
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

/// Makes an event of a message whose headers say that it is one; its body stays as it is.
///
/// # Errors
/// The attributes are none of an event: a permanent fault of the message.
pub fn decode(message: &Message, mode: Mode) -> Result<Message, DecodeError> {
    let mut pairs: Vec<(Text, Value)> = Vec::new();
    let mut headers = Vec::new();
    for header in message.headers.iter() {
        let Some(name) = attribute_of(&header.name) else {
            headers.push(header);
            continue;
        };
        let name = attribute::name(name);
        if pairs.len() == attribute::MOST {
            return Err(DecodeError::Shape("too many attributes".into()));
        }
        if pairs.iter().any(|(other, _)| *other == name) {
            return Err(DecodeError::attribute(&name, "is there twice"));
        }
        let Header { value, .. } = header;
        let Ok(text) = Text::from_utf8(value.unwrap_or_default()) else {
            return Err(DecodeError::attribute(&name, "is not UTF-8"));
        };
        let value = attribute::typed(&name, text);
        pairs.push((name, value));
    }
    let mut attributes: Attributes = pairs.into_iter().collect();
    if upgrade(&mut attributes)? == Encoding::Base64 {
        let reason = "does not say in Kafka whether the body is base64";
        return Err(DecodeError::attribute("datacontentencoding", reason));
    }
    attribute::check_all(&attributes, mode)?;
    let time = attributes.text("time").and_then(rfc3339::millis).or(message.time);
    let headers = headers.into_iter().collect();
    Ok(Message { attributes, headers, time, ..message.clone() })
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
        let event = decode(&message(&headers), Mode::Lenient).unwrap();
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
    fn half_an_event_is_a_fault() {
        let without_type = message(&[
            ("ce_specversion", Some(b"1.0")),
            ("ce_id", Some(b"1")),
            ("ce_source", Some(b"/a")),
        ]);
        assert!(decode(&without_type, Mode::Lenient).is_err());
        let twice = message(&[("ce_id", Some(b"1")), ("ce_id", Some(b"2"))]);
        assert!(decode(&twice, Mode::Lenient).is_err());
        assert!(decode(&message(&[("ce_id", Some(&[0xff]))]), Mode::Lenient).is_err());
    }
}
