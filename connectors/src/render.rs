//! Templates of the routing-rule file, completed from a message.

use std::borrow::Cow;

use hybridge_config::{Field, OriginField, Segment, Step, Template};
use hybridge_core::{Error, Message};
use hybridge_schemas::cloudevents::attribute;
use serde_json::Value;

/// The text of `template` for `message`.
///
/// # Errors
/// A permanent fault of the message: it has no such field and the template has no default for it,
/// or the field is not text (bytes that are not UTF-8, data that is not JSON).
pub(crate) fn render(template: &Template, message: &Message) -> Result<String, Error> {
    let mut text = String::new();
    for segment in template.segments() {
        match segment {
            Segment::Literal(literal) => text.push_str(literal),
            Segment::Field { field, default } => match (value(field, message), default) {
                (Some(value), _) => text.push_str(&value),
                (None, Some(default)) => text.push_str(default),
                (None, None) => {
                    return Err(Error::rejected(format!("the message has no {field}")));
                }
            },
        }
    }
    Ok(text)
}

/// A field as text; `None` where the message has none or it has no text form.
fn value<'a>(field: &Field, message: &'a Message) -> Option<Cow<'a, str>> {
    match field {
        Field::Attribute(name) => message.attributes.get(name).map(attribute::canonical),
        Field::Header(name) => text(message.headers.get_ignore_case(name)?),
        Field::Key => text(message.key.as_ref()?),
        Field::Origin(field) => Some(origin(*field, message)),
        Field::Data(steps) if steps.is_empty() => text(message.payload.as_ref()?),
        Field::Data(steps) => {
            let data = serde_json::from_slice(message.payload.as_ref()?).ok()?;
            scalar(walk(&data, steps)?).map(Cow::Owned)
        }
    }
}

fn text(bytes: &[u8]) -> Option<Cow<'_, str>> {
    std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
}

fn origin(field: OriginField, message: &Message) -> Cow<'_, str> {
    let place = &message.origin.place;
    match field {
        OriginField::Connector => Cow::Borrowed(place.connector.as_str()),
        OriginField::Cluster => Cow::Borrowed(place.cluster.as_str()),
        OriginField::Topic => Cow::Borrowed(place.topic.as_str()),
        OriginField::Partition => Cow::Owned(place.partition.to_string()),
        OriginField::Offset => Cow::Owned(message.origin.offset.to_string()),
    }
}

fn walk<'a>(data: &'a Value, steps: &[Step]) -> Option<&'a Value> {
    steps.iter().try_fold(data, |value, step| match step {
        Step::Name(name) => value.as_object()?.get(name),
        Step::Index(index) => value.as_array()?.get(*index),
    })
}

/// A text is itself, not quoted; null is nothing.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn fields_defaults_and_what_is_missing() {
        let mut message = Message {
            key: Some(Bytes::from_static(b"k")),
            payload: Some(Bytes::from_static(br#"{"a":[{"b":"x"},7,null]}"#)),
            ..Message::default()
        };
        message.attributes.set("type".into(), "t".into());
        message.headers.push("H".into(), Some(Bytes::from_static(b"\xff")));
        let of = |text: &str| render(&text.parse().unwrap(), &message).map_err(|e| e.to_string());
        assert_eq!(of("{{ key }}/{{ event.type }}/{{ origin.offset }}"), Ok("k/t/0".into()));
        assert_eq!(of("{{ event.data.a[0].b }}{{ event.data.a[1] }}"), Ok("x7".into()));
        assert_eq!(of("{{ default(event.data.a[2], \"-\") }}"), Ok("-".into()));
        assert_eq!(of("{{ event.subject }}"), Err("the message has no event.subject".into()));
        assert!(of("{{ headers[\"h\"] }}").is_err());
    }
}
