//! From JSON text to messages; data and attributes are slices of the text where nothing is escaped.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hybridge_core::{Attributes, Message, Text, Value};

use super::super::parts::{Parts, Raw};
use super::super::upgrade::Encoding;
use super::super::{DecodeError, Mode, attribute};
use crate::json::{Fault, Scanner, unescape};
use crate::media_type::MediaType;
use crate::rfc3339;

/// Events that one batch may have: an element of three bytes costs a message's worth of memory.
pub const MOST_EVENTS: usize = 65_536;

/// Decodes one event.
///
/// Where data is JSON and the text has no `datacontenttype`, the implied `application/json` is set.
/// `data: null` is the JSON value null; where the content type is not JSON it is no data. A member
/// that is there twice, and both `data` and `data_base64`, are errors in either mode.
pub fn decode(text: &Bytes, mode: Mode) -> Result<Message, DecodeError> {
    check_utf8(text)?;
    let mut scanner = Scanner::new(text);
    let event = Event::read(&mut scanner)?;
    scanner.end()?;
    Ok(event.into_message(text, mode)?.0)
}

/// Decodes a batch: one answer for each element, in order.
///
/// An error for the whole batch where it is not an array of objects, or has events of several
/// versions; an event that is wrong in itself does not touch the others.
pub fn decode_batch(
    text: &Bytes,
    mode: Mode,
) -> Result<Vec<Result<Message, DecodeError>>, DecodeError> {
    check_utf8(text)?;
    let mut scanner = Scanner::new(text);
    let mut events = Vec::new();
    let mut versions: Option<Cow<'_, str>> = None;
    let mut more = scanner.enter(b'[', b']').map_err(|_| shape("a batch must be a JSON array"))?;
    while more {
        if events.len() == MOST_EVENTS {
            return Err(shape("too many events in one batch"));
        }
        if scanner.peek() != Some(b'{') {
            scanner.value()?;
            return Err(shape("every element of a batch must be an object"));
        }
        let start = scanner.at();
        let event = match Event::read(&mut scanner) {
            Ok(event) => event.into_message(text, mode),
            // Not JSON: nothing after it can be trusted.
            Err(DecodeError::Json(fault)) => return Err(fault.into()),
            Err(error) => {
                scanner.go_to(start);
                scanner.value()?;
                Err(error)
            }
        };
        if let Ok((_, version)) = &event {
            if versions.as_ref().is_some_and(|other| other != version) {
                return Err(shape("all events of a batch must have the same specversion"));
            }
            versions = Some(version.clone());
        }
        events.push(event.map(|(message, _)| message));
        more = scanner.more(b']')?;
    }
    scanner.end()?;
    Ok(events)
}

/// Whether `text` is a JSON object that has each required attribute as a string: it then is an
/// event, sound or not, whatever else says so or does not.
pub fn has_required(text: &[u8]) -> bool {
    count_required(text).is_ok_and(|count| count == 4)
}

fn count_required(text: &[u8]) -> Result<usize, Fault> {
    let mut found = [false; 4];
    let mut scanner = Scanner::new(text);
    let mut more = scanner.enter(b'{', b'}')?;
    while more {
        let name = scanner.name()?;
        let value = scanner.value()?;
        let required = match name {
            b"\"specversion\"" => 0,
            b"\"id\"" => 1,
            b"\"source\"" => 2,
            b"\"type\"" => 3,
            _ => 4,
        };
        if let Some(found) = found.get_mut(required) {
            *found |= value.first() == Some(&b'"');
        }
        more = scanner.more(b'}')?;
    }
    scanner.end()?;
    Ok(found.iter().filter(|found| **found).count())
}

fn check_utf8(text: &[u8]) -> Result<(), DecodeError> {
    match std::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(Fault { what: "not UTF-8", at: error.valid_up_to() }.into()),
    }
}

fn shape(what: &'static str) -> DecodeError {
    DecodeError::Shape(Cow::Borrowed(what))
}

/// The members of an event, data still as JSON.
struct Event<'a> {
    attributes: Parts<'a>,
    data: Option<&'a [u8]>,
    data_base64: Option<&'a [u8]>,
}

impl<'a> Event<'a> {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, DecodeError> {
        if scanner.peek() != Some(b'{') {
            scanner.value()?;
            return Err(shape("an event must be a JSON object"));
        }
        let mut event = Self { attributes: Parts::new(), data: None, data_base64: None };
        let mut more = scanner.enter(b'{', b'}')?;
        while more {
            let name = unescape(scanner.name()?)?;
            let value = scanner.value()?;
            event.member(name, value)?;
            more = scanner.more(b'}')?;
        }
        Ok(event)
    }

    fn member(&mut self, name: Cow<'a, str>, raw: &'a [u8]) -> Result<(), DecodeError> {
        let slot = match &*name {
            "data" => &mut self.data,
            "data_base64" => &mut self.data_base64,
            _ => return self.attribute(name, raw),
        };
        if slot.replace(raw).is_some() {
            return Err(DecodeError::Data("is there twice"));
        }
        Ok(())
    }

    fn attribute(&mut self, name: Cow<'a, str>, raw: &'a [u8]) -> Result<(), DecodeError> {
        Parts::check_name(&name)?;
        // Section 2.2 of the format: null means that the attribute is not set.
        if raw == b"null" {
            return Ok(());
        }
        let value = match raw {
            [b'"', ..] => Raw::Text(unescape(raw)?),
            b"true" => Raw::Boolean(true),
            b"false" => Raw::Boolean(false),
            [b'{' | b'[', ..] => {
                let reason = "must be a string, a number or a boolean";
                return Err(DecodeError::attribute(&name, reason));
            }
            _ => Raw::Integer(integer(&name, raw)?),
        };
        self.attributes.push(name, value)
    }

    /// The message, and the version that the text had.
    fn into_message(
        self,
        text: &Bytes,
        mode: Mode,
    ) -> Result<(Message, Cow<'a, str>), DecodeError> {
        let (mut attributes, encoding) = self.attributes.check(mode)?;
        let payload = match (self.data, self.data_base64.filter(|raw| *raw != b"null")) {
            (Some(_), Some(_)) => return Err(DecodeError::Data("beside data_base64")),
            (None, None) => None,
            (None, Some(raw)) => Some(base64(raw)?),
            (Some(raw), None) if encoding == Encoding::Base64 => Some(base64(raw)?),
            (Some(raw), None) => data(raw, &mut attributes, text)?,
        };
        let time = attributes.text("time").and_then(rfc3339::millis);
        let version = self.attributes.into_version();
        Ok((Message { attributes, payload, time, ..Message::default() }, version))
    }
}

fn data(
    raw: &[u8],
    attributes: &mut Attributes,
    text: &Bytes,
) -> Result<Option<Bytes>, DecodeError> {
    let Some(content_type) = attributes.text("datacontenttype") else {
        // It would be one more when the event is written again.
        if attributes.len() == attribute::MOST {
            return Err(shape("too many attributes"));
        }
        let implied = Value::String(Text::from_static("application/json"));
        attributes.set(attribute::name("datacontenttype"), implied);
        return Ok(Some(text.slice_ref(raw)));
    };
    if MediaType::parse(content_type).is_some_and(|media_type| media_type.is_json()) {
        return Ok(Some(text.slice_ref(raw)));
    }
    match raw {
        [b'"', ..] => Ok(Some(string(raw, text)?.into_bytes())),
        b"null" => Ok(None),
        _ => Err(DecodeError::Data("must be a string where datacontenttype is not JSON")),
    }
}

/// The text of a JSON string, as a slice of the whole text where nothing is escaped.
fn string(raw: &[u8], text: &Bytes) -> Result<Text, DecodeError> {
    match unescape(raw)? {
        Cow::Borrowed(plain) => Text::from_utf8(text.slice_ref(plain.as_bytes()))
            .map_err(|_| DecodeError::Data("must be UTF-8")),
        Cow::Owned(owned) => Ok(Text::from(owned)),
    }
}

fn base64(raw: &[u8]) -> Result<Bytes, DecodeError> {
    if raw.first() != Some(&b'"') {
        return Err(DecodeError::Data("must be a string with base64"));
    }
    let text = unescape(raw)?;
    let bytes = STANDARD.decode(text.as_ref());
    bytes.map(Bytes::from).map_err(|_| DecodeError::Data("must be base64"))
}

/// A JSON number as an Integer: digits only, and within 32 bits.
fn integer(name: &str, raw: &[u8]) -> Result<i32, DecodeError> {
    let text = std::str::from_utf8(raw).unwrap_or_default();
    if let Ok(number) = text.parse::<i32>() {
        return Ok(number);
    }
    Err(DecodeError::attribute(name, "must be a whole number of 32 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_that_is_implied_counts_as_an_attribute() {
        let event = |extensions: usize| {
            let extensions: String = (0..extensions).map(|n| format!(r#""e{n}":1,"#)).collect();
            let rest = r#""specversion":"1.0","id":"1","source":"/s","type":"t","data":1"#;
            decode(&Bytes::from(format!("{{{extensions}{rest}}}")), Mode::Lenient)
        };
        assert_eq!(event(attribute::MOST - 5).unwrap().attributes.len(), attribute::MOST);
        assert!(event(attribute::MOST - 4).is_err());
    }

    #[test]
    fn two_events_behind_each_other_are_none() {
        let event = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
        assert!(has_required(event.as_bytes()));
        assert!(!has_required(format!("{event}\n{event}").as_bytes()));
    }
}
