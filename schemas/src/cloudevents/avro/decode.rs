//! From a datum to a message; attributes and data are slices of it where they can be.

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::{Attributes, Message, Text, Value};

use super::super::parts::{Parts, Raw};
use super::super::upgrade::Encoding;
use super::super::wire::{Reader, text};
use super::super::{DecodeError, Mode, attribute};
use super::json;
use crate::json::write_string;
use crate::media_type::MediaType;
use crate::rfc3339;

/// Decodes one event.
///
/// # Errors
/// The bytes are no datum of the schema, with nothing behind it, or the attributes are none of an event.
pub fn decode(datum: &Bytes, mode: Mode) -> Result<Message, DecodeError> {
    let mut reader = Reader(datum);
    let mut parts = Parts::new();
    entries(&mut reader, |name, reader| {
        Parts::check_name(name)?;
        match value(name, reader)? {
            Some(value) => parts.push(Cow::Borrowed(name), value),
            None => Ok(()),
        }
    })?;
    let (mut attributes, encoding) = parts.check(mode)?;
    if encoding == Encoding::Base64 {
        let reason = "does not say in Avro whether the data is base64";
        return Err(DecodeError::attribute("datacontentencoding", reason));
    }
    let payload = data(&mut reader, datum, &mut attributes)?;
    if !reader.is_empty() {
        return Err(shape("bytes after the event"));
    }
    let time = attributes.text("time").and_then(rfc3339::millis);
    Ok(Message { attributes, payload, time, ..Message::default() })
}

/// The value of an attribute; `None` for null, which is an attribute that is not set.
fn value<'a>(name: &str, reader: &mut Reader<'a>) -> Result<Option<Raw<'a>>, DecodeError> {
    Ok(Some(match long(reader)? {
        0 => return Ok(None),
        1 => Raw::Boolean(boolean(reader)?),
        2 => Raw::Integer(int(name, reader)?),
        3 => Raw::Text(Cow::Borrowed(string(reader)?)),
        4 => Raw::Binary(bytes(reader)?),
        _ => return Err(DecodeError::attribute(name, "is of no type of the schema")),
    }))
}

fn data(
    reader: &mut Reader<'_>,
    datum: &Bytes,
    attributes: &mut Attributes,
) -> Result<Option<Bytes>, DecodeError> {
    let branch = long(reader)?;
    match branch {
        0 => return Ok(Some(datum.slice_ref(bytes(reader)?))),
        1 => return Ok(None),
        _ => {}
    }
    let is_json = is_json(attributes);
    if branch == 6 && !is_json {
        return Ok(Some(datum.slice_ref(string(reader)?.as_bytes())));
    }
    if !is_json {
        return Err(DecodeError::Data("must be a string where datacontenttype is not JSON"));
    }
    let mut out = Vec::new();
    match branch {
        2 => json::boolean(boolean(reader)?, &mut out),
        3 => json::object_of_data(reader, &mut out)?,
        4 => json::array(reader, 0, &mut out)?,
        5 => json::double(reader, &mut out)?,
        6 => write_string(&mut out, string(reader)?),
        _ => return Err(DecodeError::Data("is of no type of the schema")),
    }
    if !attributes.contains("datacontenttype") {
        let implied = Value::String(Text::from_static("application/json"));
        attributes.set(attribute::name("datacontenttype"), implied);
    }
    Ok(Some(out.into()))
}

/// Whether the data is JSON, which it also is where its type is not given.
fn is_json(attributes: &Attributes) -> bool {
    let content_type = attributes.text("datacontenttype");
    content_type.is_none_or(|text| MediaType::parse(text).is_some_and(|kind| kind.is_json()))
}

/// Shows the entries of a map: each name, and the reader that stands before its value.
pub(super) fn entries<'a>(
    reader: &mut Reader<'a>,
    mut show: impl FnMut(&'a str, &mut Reader<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    items(reader, |reader| {
        let name = string(reader)?;
        show(name, reader)
    })
}

/// Shows the reader before each item of the blocks of a map or an array. An item has at least one byte, so a count that
/// is a lie ends with the bytes.
pub(super) fn items<'a>(
    reader: &mut Reader<'a>,
    mut show: impl FnMut(&mut Reader<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    loop {
        let count = long(reader)?;
        if count == 0 {
            return Ok(());
        }
        if count < 0 {
            // The bytes of the block follow, for readers that pass over it.
            long(reader)?;
        }
        for _ in 0..count.unsigned_abs() {
            show(reader)?;
        }
    }
}

/// A whole number in zigzag.
pub(super) fn long(reader: &mut Reader<'_>) -> Result<i64, DecodeError> {
    let number = reader.varint()?;
    Ok((number >> 1) as i64 ^ -((number & 1) as i64))
}

pub(super) fn boolean(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(shape("a boolean that is neither true nor false")),
    }
}

pub(super) fn string<'a>(reader: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    text(bytes(reader)?)
}

fn bytes<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let len = u64::try_from(long(reader)?).map_err(|_| shape("a length below 0"))?;
    reader.take(len)
}

fn int(name: &str, reader: &mut Reader<'_>) -> Result<i32, DecodeError> {
    let number = long(reader)?;
    let fault = |_| DecodeError::attribute(name, "must be a whole number of 32 bits");
    i32::try_from(number).map_err(fault)
}

pub(super) fn shape(what: &'static str) -> DecodeError {
    DecodeError::Shape(Cow::Borrowed(what))
}
