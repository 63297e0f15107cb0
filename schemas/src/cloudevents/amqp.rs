//! The AMQP binding (`bindings/amqp-protocol-binding.md`) over names and values, so that it needs no AMQP library.
//!
//! In binary mode attributes are application properties with a prefix, which in AMQP 0-9-1 are headers; `datacontenttype`
//! is the content type. In structured mode the content type begins with `application/cloudevents` and the event is the body.

use hybridge_core::{Attributes, Text, Value};

use super::upgrade::{Encoding, upgrade};
use super::{DecodeError, Mode, attribute};

/// What names of attributes begin with when they are written: the underscore is what the binding prefers, for the sake of
/// JMS clients.
pub const PREFIX: &str = "cloudEvents_";

/// The name of the attribute that a property stands for; both prefixes of the binding are read.
pub fn attribute_name(property: &str) -> Option<&str> {
    property.strip_prefix(PREFIX).or_else(|| property.strip_prefix("cloudEvents:"))
}

/// The attributes of an event in binary mode, out of the properties that stand for some and the content type, letting
/// through what can be carried on unchanged.
///
/// # Errors
/// They are not those of an event.
pub fn decode(
    properties: impl IntoIterator<Item = (Text, Value)>,
    content_type: Option<Text>,
) -> Result<Attributes, DecodeError> {
    let mut attributes = Attributes::new();
    for (name, value) in properties {
        let value = match value {
            Value::String(text) => attribute::typed(&name, text),
            other => other,
        };
        attributes.set(attribute::name(&name), value);
    }
    if let Some(content_type) = content_type {
        attributes.set(attribute::name("datacontenttype"), Value::String(content_type));
    }
    if upgrade(&mut attributes)? == Encoding::Base64 {
        let reason = "does not say in AMQP whether the body is base64";
        return Err(DecodeError::attribute("datacontentencoding", reason));
    }
    attribute::check_all(&attributes, Mode::Lenient)?;
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_prefixes_are_read() {
        assert_eq!(attribute_name("cloudEvents_id"), Some("id"));
        assert_eq!(attribute_name("cloudEvents:id"), Some("id"));
        assert_eq!(attribute_name("ce-id"), None);
    }

    #[test]
    fn what_is_no_event_is_told() {
        let pair = |name: &str, text: &str| (Text::from(name), Value::from(text));
        let core = [("specversion", "1.0"), ("id", "1"), ("source", "/a"), ("type", "t")];
        let core = || core.iter().map(|(name, text)| pair(name, text));
        let event = decode(core(), Some("text/plain".into())).unwrap();
        assert_eq!(event.get("source"), Some(Value::UriRef("/a".into())));
        assert_eq!(event.text("datacontenttype"), Some("text/plain"));
        assert!(decode(core().skip(1), None).is_err());
        assert!(decode(core().chain([pair("time", "noon")]), None).is_err());
    }
}
