//! RabbitMQ over AMQP 0-9-1, as Knative writes it down (`eventing-rabbitmq`, `cloudevents-protocol-spec/spec.md`).
//!
//! In binary mode attributes are headers with the prefix `ce-`, without any encoding; `datacontenttype` is the property
//! `content-type`. In structured mode that property begins with `application/cloudevents` and the event is the body.
//! What RabbitMQ made of a message of AMQP 1.0 has the prefixes of [`amqp`](super::amqp), which are read too.

use hybridge_core::{Attributes, Text, Value};

use super::binary::Binary;
use super::{DecodeError, Mode, amqp};

/// What names of attributes begin with when they are written.
pub const PREFIX: &str = "ce-";

/// The name of the attribute that a header stands for, in the case in which it was sent.
pub fn attribute_name(header: &str) -> Option<&str> {
    let prefixed = header.split_at_checked(PREFIX.len());
    match prefixed {
        Some((prefix, name)) if prefix.eq_ignore_ascii_case(PREFIX) => Some(name),
        _ => amqp::attribute_name(header),
    }
}

/// The attributes of an event in binary mode, out of the headers that stand for some and the content type. A text has the
/// type that its name gives it.
///
/// # Errors
/// They are not those of an event.
pub fn decode(
    headers: impl IntoIterator<Item = (Text, Value)>,
    content_type: Option<Text>,
    mode: Mode,
) -> Result<Attributes, DecodeError> {
    let mut binary = Binary::default();
    for (name, value) in headers {
        binary.push(&name.to_ascii_lowercase(), value)?;
    }
    binary.finish(content_type, mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_bindings_are_read_in_any_case() {
        for (header, name) in [("ce-id", "id"), ("CE-Id", "Id"), ("cloudEvents_id", "id")] {
            assert_eq!(attribute_name(header), Some(name));
        }
        for header in ["ce_id", "ce", "é-id", "x-ce-id"] {
            assert_eq!(attribute_name(header), None, "{header}");
        }
        let pairs = [("SpecVersion", "1.0"), ("ID", "1"), ("source", "/a"), ("type", "t")];
        let pairs = pairs.map(|(name, text)| (Text::from(name), Value::from(text)));
        assert_eq!(decode(pairs, None, Mode::Strict).unwrap().text("id"), Some("1"));
    }
}
