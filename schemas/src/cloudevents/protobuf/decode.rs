//! From a message of Protobuf to one of ours; attributes and data are slices of it where they can be.

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::{Attributes, Message, Text, Value};

use super::super::json::MOST_EVENTS;
use super::super::parts::{Parts, Raw};
use super::super::upgrade::Encoding;
use super::super::wire::{Reader, text};
use super::super::{DecodeError, Mode, attribute};
use super::{SECONDS, TYPE_URL, is_protobuf};
use crate::{rfc3339, uri};

/// How deep groups, which nobody writes any more, may be nested in a field that is passed over.
const DEEPEST: u32 = 32;

/// Decodes one event.
///
/// A field that is not in the schema is passed over. In strict mode an attribute of the core specification has the type
/// that it has there; otherwise any text is one.
///
/// # Errors
/// The bytes are no such message, or the attributes are none of an event.
pub fn decode(bytes: &Bytes, mode: Mode) -> Result<Message, DecodeError> {
    event(bytes, bytes, mode)
}

/// Decodes a batch: one answer for each element, in order.
///
/// # Errors
/// The bytes are no such message, or the events have several versions.
pub fn decode_batch(
    bytes: &Bytes,
    mode: Mode,
) -> Result<Vec<Result<Message, DecodeError>>, DecodeError> {
    let mut events = Vec::new();
    let mut version: Option<&[u8]> = None;
    fields(bytes, |number, field| {
        let (1, Field::Bytes(element)) = (number, field) else { return unless_known(number, 1) };
        if events.len() == MOST_EVENTS {
            return Err(shape("too many events in one batch"));
        }
        let event = event(element, bytes, mode);
        if event.is_ok() {
            let this = spec_version(element)?;
            if version.as_ref().is_some_and(|other| *other != this) {
                return Err(shape("all events of a batch must have the same specversion"));
            }
            version = Some(this);
        }
        events.push(event);
        Ok(())
    })?;
    Ok(events)
}

fn event(message: &[u8], whole: &Bytes, mode: Mode) -> Result<Message, DecodeError> {
    let mut required = [None; 4];
    let mut parts = Parts::new();
    let mut data = Data::None;
    fields(message, |number, field| {
        match (number, field) {
            (1..=4, Field::Bytes(bytes)) => required[number as usize - 1] = Some(text(bytes)?),
            (5, Field::Bytes(entry)) => attribute_entry(entry, mode, &mut parts)?,
            (6, Field::Bytes(bytes)) => data = Data::Bytes(bytes),
            (7, Field::Bytes(bytes)) => data = Data::Bytes(text(bytes)?.as_bytes()),
            (8, Field::Bytes(any)) => data = any_data(any)?,
            _ => unless_known(number, 8)?,
        }
        Ok(())
    })?;
    for (name, value) in ["id", "source", "specversion", "type"].into_iter().zip(required) {
        if let Some(value) = value {
            parts.push(Cow::Borrowed(name), Raw::Text(Cow::Borrowed(value)))?;
        }
    }
    // The format asks for the type of the data there, which need not be a URI.
    let schema = match &data {
        Data::Any { type_url, .. } if parts.take_text("dataschema", type_url) => Some(*type_url),
        _ => None,
    };
    let (mut attributes, encoding) = parts.check(mode)?;
    if let Some(type_url) = schema {
        attributes.set(attribute::name("dataschema"), Value::Uri(type_url.into()));
    }
    if encoding == Encoding::Base64 {
        let reason = "does not say in Protobuf whether the data is base64";
        return Err(DecodeError::attribute("datacontentencoding", reason));
    }
    let payload = data.into_payload(whole, &mut attributes, mode)?;
    let time = attributes.text("time").and_then(rfc3339::millis);
    Ok(Message { attributes, payload, time, ..Message::default() })
}

/// The version that an event says.
fn spec_version(event: &[u8]) -> Result<&[u8], DecodeError> {
    let mut version = &event[..0];
    fields(event, |number, field| {
        if let (3, Field::Bytes(bytes)) = (number, field) {
            version = bytes;
        }
        Ok(())
    })?;
    Ok(version)
}

/// The data of an event, borrowed.
enum Data<'a> {
    None,
    Bytes(&'a [u8]),
    Any { type_url: &'a str, message: &'a [u8] },
}

impl Data<'_> {
    fn into_payload(
        self,
        whole: &Bytes,
        attributes: &mut Attributes,
        mode: Mode,
    ) -> Result<Option<Bytes>, DecodeError> {
        let (type_url, message) = match self {
            Self::None => return Ok(None),
            Self::Bytes(bytes) => return Ok(Some(whole.slice_ref(bytes))),
            Self::Any { type_url, message } => (type_url, message),
        };
        match attributes.text("datacontenttype") {
            None => {
                let content_type = Value::String(Text::from_static("application/protobuf"));
                attributes.set(attribute::name("datacontenttype"), content_type);
            }
            Some(content_type) if is_protobuf(content_type) => {}
            Some(_) => return Err(DecodeError::Data("is a message, and datacontenttype is not")),
        }
        match attributes.text("dataschema") {
            Some(schema) if schema == type_url => {}
            _ if type_url.is_empty() => {}
            None if uri::is_uri(type_url) => {
                attributes.set(attribute::name("dataschema"), Value::Uri(type_url.into()));
            }
            _ => {
                let value = Value::from(type_url);
                attribute::check(TYPE_URL, &value, mode)?;
                attributes.set(Text::from_static(TYPE_URL), value);
            }
        }
        Ok(Some(whole.slice_ref(message)))
    }
}

fn any_data(any: &[u8]) -> Result<Data<'_>, DecodeError> {
    let (mut type_url, mut message) = ("", &any[..0]);
    fields(any, |number, field| {
        match (number, field) {
            (1, Field::Bytes(bytes)) => type_url = text(bytes)?,
            (2, Field::Bytes(bytes)) => message = bytes,
            _ => unless_known(number, 2)?,
        }
        Ok(())
    })?;
    Ok(Data::Any { type_url, message })
}

/// An entry of the map of attributes.
fn attribute_entry<'a>(
    entry: &'a [u8],
    mode: Mode,
    parts: &mut Parts<'a>,
) -> Result<(), DecodeError> {
    let (mut name, mut value) = ("", None);
    fields(entry, |number, field| {
        match (number, field) {
            (1, Field::Bytes(bytes)) => name = text(bytes)?,
            (2, Field::Bytes(bytes)) => value = Some(bytes),
            _ => unless_known(number, 2)?,
        }
        Ok(())
    })?;
    Parts::check_name(name)?;
    let value = value.map(attribute_value).transpose()?.flatten();
    let Some(value) = value else {
        return Err(DecodeError::attribute(name, "has no value"));
    };
    let is_exact = match (name, &value) {
        ("time", Raw::Timestamp(_)) | ("dataschema", Raw::Uri(_) | Raw::Text(_)) => true,
        ("time" | "dataschema", _) => false,
        ("datacontenttype" | "subject", value) => matches!(value, Raw::Text(_)),
        _ => return parts.push(Cow::Borrowed(name), value),
    };
    if !is_exact && mode == Mode::Strict {
        return Err(DecodeError::attribute(name, "is not of its type"));
    }
    let value = match value {
        Raw::Uri(text) | Raw::UriRef(text) => Raw::Text(Cow::Borrowed(text)),
        Raw::Timestamp(text) => Raw::Text(text),
        other => other,
    };
    parts.push(Cow::Borrowed(name), value)
}

/// The value of an attribute: the last of its fields counts.
fn attribute_value(bytes: &[u8]) -> Result<Option<Raw<'_>>, DecodeError> {
    let mut value = None;
    fields(bytes, |number, field| {
        value = Some(match (number, field) {
            (1, Field::Number(number)) => Raw::Boolean(number != 0),
            (2, Field::Number(number)) => {
                let fault = |_| shape("an Integer of more than 32 bits");
                Raw::Integer(i32::try_from(number as i64).map_err(fault)?)
            }
            (3, Field::Bytes(bytes)) => Raw::Text(Cow::Borrowed(text(bytes)?)),
            (4, Field::Bytes(bytes)) => Raw::Binary(bytes),
            (5, Field::Bytes(bytes)) => Raw::Uri(text(bytes)?),
            (6, Field::Bytes(bytes)) => Raw::UriRef(text(bytes)?),
            (7, Field::Bytes(bytes)) => Raw::Timestamp(Cow::Owned(timestamp(bytes)?)),
            _ => return unless_known(number, 7),
        });
        Ok(())
    })?;
    Ok(value)
}

fn timestamp(bytes: &[u8]) -> Result<String, DecodeError> {
    let (mut seconds, mut nanos) = (0, 0);
    fields(bytes, |number, field| {
        match (number, field) {
            (1, Field::Number(number)) => seconds = number as i64,
            (2, Field::Number(number)) => nanos = number as i64,
            _ => unless_known(number, 2)?,
        }
        Ok(())
    })?;
    let text = u32::try_from(nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000 && SECONDS.contains(&seconds))
        .and_then(|nanos| rfc3339::format_nanos(seconds, nanos));
    text.ok_or_else(|| shape("a timestamp outside of the years 1 to 9999"))
}

/// What a field holds.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a kind that the schema does not have.
    Other,
}

/// Shows the fields of a message with their numbers.
fn fields<'a>(
    message: &'a [u8],
    mut show: impl FnMut(u64, Field<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut reader = Reader(message);
    while !reader.is_empty() {
        let (number, kind) = tag(&mut reader)?;
        let field = match kind {
            0 => Field::Number(reader.varint()?),
            2 => {
                let len = reader.varint()?;
                Field::Bytes(reader.take(len)?)
            }
            _ => {
                skip(&mut reader, kind, number, DEEPEST)?;
                Field::Other
            }
        };
        show(number, field)?;
    }
    Ok(())
}

fn tag(reader: &mut Reader<'_>) -> Result<(u64, u64), DecodeError> {
    let tag = reader.varint()?;
    let (number, kind) = (tag >> 3, tag & 7);
    if !(1..1 << 29).contains(&number) {
        return Err(shape("a field without a number"));
    }
    Ok((number, kind))
}

/// Passes over a field that nothing is known of.
fn skip(reader: &mut Reader<'_>, kind: u64, number: u64, depth: u32) -> Result<(), DecodeError> {
    match kind {
        0 => reader.varint().map(drop),
        1 => reader.take(8).map(drop),
        2 => {
            let len = reader.varint()?;
            reader.take(len).map(drop)
        }
        3 if depth == 0 => Err(shape("groups nested too deep")),
        3 => loop {
            let (inner, kind) = tag(reader)?;
            if kind == 4 {
                let is_end = inner == number;
                return if is_end { Ok(()) } else { Err(shape("the end of another group")) };
            }
            skip(reader, kind, inner, depth - 1)?;
        },
        5 => reader.take(4).map(drop),
        _ => Err(shape("a field of an unknown kind")),
    }
}

/// A field that the schema has is of another kind than it says there.
fn unless_known(number: u64, last: u64) -> Result<(), DecodeError> {
    if number > last { Ok(()) } else { Err(shape("a field of another kind than in the schema")) }
}

fn shape(what: &'static str) -> DecodeError {
    DecodeError::Shape(Cow::Borrowed(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_message_as_data_is_a_sound_text_in_strict_mode() {
        let of_type = |type_url: &[u8]| {
            let any = [&[0x0a, type_url.len() as u8], type_url].concat();
            let event = b"\x0a\x011\x12\x02/s\x1a\x031.0\x22\x01t";
            Bytes::from([&event[..], &[0x42, any.len() as u8], &any].concat())
        };
        assert!(decode(&of_type(b"a b"), Mode::Strict).is_ok());
        assert!(decode(&of_type(b"a\0b"), Mode::Strict).is_err());
        assert!(decode(&of_type(b"a\0b"), Mode::Lenient).is_ok());
    }
}
