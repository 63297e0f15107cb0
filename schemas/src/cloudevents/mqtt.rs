//! The MQTT binding (`bindings/mqtt-protocol-binding.md`) over names and values, so that it needs no MQTT library.
//!
//! In binary mode, which MQTT 5 has, attributes are user properties of the same names, without any encoding;
//! `datacontenttype` is the `Content Type`. In structured mode that begins with `application/cloudevents`. A message of
//! MQTT 3.1.1 has neither and is in the JSON format.

use hybridge_core::{Attributes, Message, Text, Value};

use super::binary::Binary;
use super::format::{Content, Format};
use super::{DecodeError, Mode, attribute};

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1: no properties.
    V3,
    /// 5.0
    V5,
}

/// How a message carries events.
///
/// # Errors
/// The content type names a format that is not known.
pub fn content(version: Version, content_type: Option<&str>) -> Result<Content, DecodeError> {
    match version {
        Version::V3 => Ok(Content::Structured(Format::Json)),
        Version::V5 => Content::of(content_type),
    }
}

/// Whether the user properties say that the message is an event in binary mode: they have all that is required.
pub fn is_event<'a>(properties: impl IntoIterator<Item = &'a str>) -> bool {
    let mut found = [false; 4];
    for name in properties {
        let required = ["specversion", "id", "source", "type"];
        if let Some(index) = required.iter().position(|required| *required == name) {
            found[index] = true;
        }
    }
    found == [true; 4]
}

/// The attributes of an event in binary mode, out of its user properties and the content type. A property whose name
/// cannot be that of an attribute is none.
///
/// # Errors
/// They are not those of an event.
pub fn decode<'a>(
    properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    content_type: Option<&str>,
    mode: Mode,
) -> Result<Attributes, DecodeError> {
    let mut binary = Binary::default();
    for (name, text) in properties {
        if attribute::is_name(name) {
            binary.push(name, Value::from(text))?;
        }
    }
    binary.finish(content_type.map(Text::from), mode)
}

/// Shows the user properties of an event in binary mode; `datacontenttype` is not among them.
pub fn properties(message: &Message, mut show: impl FnMut(&str, &str)) {
    for (name, value) in message.attributes.iter_ref() {
        if name != "datacontenttype" {
            show(name, &attribute::canonical_ref(value));
        }
    }
}
