//! The AMQP 1.0 binding (`bindings/amqp-protocol-binding.md`) over names and values, so that it needs no AMQP library.
//!
//! In binary mode attributes are application properties with a prefix, whose values have the types of AMQP or are the
//! canonical strings; `datacontenttype` is the content type. In structured mode the content type begins with
//! `application/cloudevents` and the event is the body. There is no batch. RabbitMQ hands the application properties of
//! AMQP 1.0 on as headers of AMQP 0-9-1, so what is read here may come that way too.

use hybridge_core::{Attributes, Message, Text, Value, ValueRef};

use super::binary::Binary;
use super::{DecodeError, Mode, attribute};
use crate::rfc3339;

/// What names of attributes begin with when they are written: the underscore is what the binding prefers, for the sake of
/// JMS clients.
pub const PREFIX: &str = "cloudEvents_";

/// A value with its AMQP type, as far as attributes have one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Typed<'a> {
    /// `boolean`
    Boolean(bool),
    /// `long`, and whatever whole number comes.
    Long(i64),
    /// `string`, `symbol`
    String(&'a str),
    /// `binary`
    Binary(&'a [u8]),
    /// `timestamp`: milliseconds since 1970.
    Timestamp(i64),
}

/// The name of the attribute that a property stands for; both prefixes of the binding are read.
pub fn attribute_name(property: &str) -> Option<&str> {
    property.strip_prefix(PREFIX).or_else(|| property.strip_prefix("cloudEvents:"))
}

/// The value of the attribute `name` that a property has.
///
/// # Errors
/// A number that is no Integer of CloudEvents, or a time that has no text.
pub fn value(name: &str, typed: Typed<'_>) -> Result<Value, DecodeError> {
    Ok(match typed {
        Typed::Boolean(on) => Value::Boolean(on),
        Typed::Long(number) => Value::Integer(
            i32::try_from(number)
                .map_err(|_| DecodeError::attribute(name, "must be a whole number of 32 bits"))?,
        ),
        Typed::String(text) => Value::from(text),
        Typed::Binary(bytes) => Value::Binary(bytes::Bytes::copy_from_slice(bytes)),
        Typed::Timestamp(millis) => {
            let nanos = millis.rem_euclid(1000) as u32 * 1_000_000;
            let text = rfc3339::format_nanos(millis.div_euclid(1000), nanos);
            let fault = || DecodeError::attribute(name, "is no time of the years 0 to 9999");
            Value::Timestamp(text.ok_or_else(fault)?.into())
        }
    })
}

/// The AMQP type of a value. A time that milliseconds cannot say is its canonical string, which the binding allows, so
/// that nothing of it is lost.
pub fn typed(value: ValueRef<'_>) -> Typed<'_> {
    match value {
        ValueRef::Boolean(on) => Typed::Boolean(on),
        ValueRef::Integer(number) => Typed::Long(i64::from(number)),
        ValueRef::Binary(bytes) => Typed::Binary(bytes),
        ValueRef::String(text) | ValueRef::Uri(text) | ValueRef::UriRef(text) => {
            Typed::String(text)
        }
        ValueRef::Timestamp(text) => {
            let millis = rfc3339::millis(text).filter(|millis| {
                rfc3339::format_nanos(
                    millis.div_euclid(1000),
                    millis.rem_euclid(1000) as u32 * 1_000_000,
                )
                .is_some_and(|again| again == text)
            });
            millis.map_or(Typed::String(text), Typed::Timestamp)
        }
    }
}

/// The attributes of an event in binary mode, out of the properties that stand for some and the content type. A text has
/// the type that its name gives it.
///
/// # Errors
/// They are not those of an event.
pub fn decode(
    properties: impl IntoIterator<Item = (Text, Value)>,
    content_type: Option<Text>,
    mode: Mode,
) -> Result<Attributes, DecodeError> {
    let mut binary = Binary::default();
    for (name, value) in properties {
        binary.push(&name, value)?;
    }
    binary.finish(content_type, mode)
}

/// Shows the application properties of an event in binary mode, their names without the prefix; `datacontenttype` is not
/// among them.
pub fn properties(message: &Message, mut show: impl FnMut(&str, Typed<'_>)) {
    for (name, value) in message.attributes.iter_ref() {
        if name != "datacontenttype" {
            show(name, typed(value));
        }
    }
}

/// The content type of an event in binary mode.
pub fn content_type(message: &Message) -> Option<&str> {
    message.attributes.text("datacontenttype")
}

/// Whether a property may stand for an attribute: it has a prefix, and behind it a name.
pub fn is_attribute(property: &str) -> bool {
    attribute_name(property).is_some_and(attribute::is_name)
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
        let decode = |pairs: Vec<_>, content_type| decode(pairs, content_type, Mode::Lenient);
        let event = decode(core().collect(), Some("text/plain".into())).unwrap();
        assert_eq!(event.get("source"), Some(Value::UriRef("/a".into())));
        assert_eq!(event.text("datacontenttype"), Some("text/plain"));
        assert!(decode(core().skip(1).collect(), None).is_err());
        assert!(decode(core().chain([pair("time", "noon")]).collect(), None).is_err());
        assert!(decode(core().chain([pair("id", "2")]).collect(), None).is_err(), "twice");
    }

    #[test]
    fn times_are_native_where_nothing_is_lost() {
        for (text, native) in [
            ("2018-04-05T03:16:24Z", Typed::Timestamp(1_522_898_184_000)),
            ("2018-04-05T03:16:24.120Z", Typed::Timestamp(1_522_898_184_120)),
            ("2018-04-05T03:16:24+02:00", Typed::String("2018-04-05T03:16:24+02:00")),
            ("2018-04-05T03:16:24.1234Z", Typed::String("2018-04-05T03:16:24.1234Z")),
        ] {
            assert_eq!(typed(ValueRef::Timestamp(text)), native);
            if let Typed::Timestamp(_) = native {
                assert_eq!(value("time", native).unwrap(), Value::Timestamp(text.into()));
            }
        }
        assert!(value("time", Typed::Timestamp(i64::MIN)).is_err());
        assert!(value("n", Typed::Long(1 << 31)).is_err());
    }
}
