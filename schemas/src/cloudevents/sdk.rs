//! Events as the `Event` of the CloudEvents SDK, for programs that use hybridge as a library. No message passes through
//! here on its way: an `Event` is a tree, and knows less than a message does.
//!
//! Lost on the way to an `Event`: the offset of times, digits of JSON numbers that no 64 bits hold, the types of extensions
//! that are neither text, whole number nor boolean, and what a message has beside the event (key, headers, origin).

pub use cloudevents::Event;
use cloudevents::event::{AttributeValue, Data, ExtensionValue};
use cloudevents::{AttributesReader, EventBuilder, EventBuilderV10};
use hybridge_core::{Message, Text, Value, ValueRef};

use super::binary::Binary;
use super::parts::Parts;
use super::{DecodeError, Mode, attribute, data};
use crate::json::write_string;
use crate::rfc3339;

/// The event of a message.
///
/// # Errors
/// The message is no event, or has an attribute that an `Event` cannot have, such as a `dataschema` that is no absolute
/// URL.
pub fn to_event(message: &Message) -> Result<Event, DecodeError> {
    let mut builder = EventBuilderV10::new();
    for (name, value) in message.attributes.iter_ref() {
        let text = value.as_text().unwrap_or_default();
        builder = match name {
            "specversion" | "datacontenttype" | "dataschema" => builder,
            "id" => builder.id(text),
            "source" => builder.source(text),
            "type" => builder.ty(text),
            "subject" => builder.subject(text),
            "time" => builder.time(text),
            _ => builder.extension(name, extension(value)),
        };
    }
    let content_type = message.attributes.text("datacontenttype");
    let schema = message.attributes.text("dataschema");
    let payload = message.payload.as_deref().map(|payload| event_data(payload, content_type));
    builder = match (payload.clone(), content_type, schema) {
        (Some(data), Some(content_type), Some(schema)) => {
            builder.data_with_schema(content_type, schema, data)
        }
        (Some(data), Some(content_type), None) => builder.data(content_type, data),
        _ => builder,
    };
    let fault = |error: cloudevents::event::EventBuilderError| {
        DecodeError::Shape(format!("not an event of the SDK: {error}").into())
    };
    let mut event = builder.build().map_err(fault)?;
    if let (Some(data), None) = (payload, content_type) {
        event.set_data_unchecked(data);
    }
    Ok(event)
}

/// The message of an event. An event of version 0.3 becomes one of 1.0.
///
/// # Errors
/// The SDK checks little: a name or a value is not one that the specification allows.
pub fn from_event(event: &Event) -> Result<Message, DecodeError> {
    let mut binary = Binary::default();
    for (name, value) in event.iter() {
        Parts::check_name(name)?;
        binary.push(name, owned(name, value)?)?;
    }
    let is_json = event.datacontenttype().is_none() || data::is_json(event.datacontenttype());
    let payload = event.data().map(|data| match data {
        Data::Binary(bytes) => bytes.clone(),
        Data::String(text) if is_json => {
            let mut out = Vec::with_capacity(text.len() + 2);
            write_string(&mut out, text);
            out
        }
        Data::String(text) => text.clone().into_bytes(),
        Data::Json(json) => json.to_string().into_bytes(),
    });
    let is_implied = matches!(event.data(), Some(Data::Json(_) | Data::String(_)))
        && event.datacontenttype().is_none();
    let implied = is_implied.then(|| Text::from_static("application/json"));
    let attributes = binary.finish(implied, Mode::Lenient)?;
    let time = attributes.text("time").and_then(rfc3339::millis);
    Ok(Message { attributes, payload: payload.map(Into::into), time, ..Message::default() })
}

fn extension(value: ValueRef<'_>) -> ExtensionValue {
    match value {
        ValueRef::Boolean(on) => ExtensionValue::Boolean(on),
        ValueRef::Integer(number) => ExtensionValue::Integer(i64::from(number)),
        ValueRef::Binary(bytes) => {
            let value = Value::Binary(bytes::Bytes::copy_from_slice(bytes));
            ExtensionValue::String(attribute::canonical(&value).into_owned())
        }
        ValueRef::String(text)
        | ValueRef::Uri(text)
        | ValueRef::UriRef(text)
        | ValueRef::Timestamp(text) => ExtensionValue::String(text.to_owned()),
    }
}

fn event_data(payload: &[u8], content_type: Option<&str>) -> Data {
    if data::is_json(content_type)
        && let Ok(json) = serde_json::from_slice(payload)
    {
        return Data::Json(json);
    }
    match std::str::from_utf8(payload) {
        Ok(text) if !data::is_json(content_type) && data::is_text(content_type, payload) => {
            Data::String(text.to_owned())
        }
        _ => Data::Binary(payload.to_vec()),
    }
}

fn owned(name: &str, value: AttributeValue<'_>) -> Result<Value, DecodeError> {
    Ok(match value {
        AttributeValue::Boolean(on) => Value::Boolean(*on),
        AttributeValue::Integer(number) => {
            let fault = |_| DecodeError::attribute(name, "must be a whole number of 32 bits");
            Value::Integer(i32::try_from(*number).map_err(fault)?)
        }
        AttributeValue::Binary(bytes) => Value::Binary(bytes::Bytes::copy_from_slice(bytes)),
        AttributeValue::URI(url) => Value::Uri(url.as_str().into()),
        AttributeValue::URIRef(text) => Value::UriRef(text.as_str().into()),
        AttributeValue::Time(time) => {
            let text = rfc3339::format_nanos(time.timestamp(), time.timestamp_subsec_nanos());
            let fault = || DecodeError::attribute(name, "is no time of the years 0 to 9999");
            Value::Timestamp(text.ok_or_else(fault)?.into())
        }
        AttributeValue::String(text) => Value::from(text),
        AttributeValue::SpecVersion(version) => Value::from(version.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;

    fn message(text: &str) -> Message {
        json::decode(&bytes::Bytes::copy_from_slice(text.as_bytes()), Mode::Strict).unwrap()
    }

    #[test]
    fn an_event_of_the_sdk_is_the_same_event() {
        for data in [
            r#""datacontenttype":"application/json","dataschema":"https://a.example/s","data":{"n":[1,null]}"#,
            r#""datacontenttype":"text/plain","data":"hi""#,
            r#""datacontenttype":"image/png","data_base64":"AP8=""#,
            r#""data_base64":"AP8=""#,
            r#""subject":"x""#,
        ] {
            let text = format!(
                r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2018-04-05T17:31:00.5Z","n":5,"b":true,"x":"y",{data}}}"#
            );
            let message = message(&text);
            let event = to_event(&message).unwrap();
            assert_eq!((event.id(), event.ty()), ("1", "t"));
            let again = from_event(&event).unwrap();
            assert_eq!(again.payload, message.payload, "{data}");
            assert_eq!(again.time, message.time);
            for (name, value) in message.attributes.iter().filter(|(name, _)| *name != "time") {
                assert_eq!(again.attributes.get(&name), Some(value), "{name}");
            }
            assert_eq!(again.attributes.len(), message.attributes.len());
        }
    }

    #[test]
    fn what_the_sdk_lets_through_is_refused_here() {
        let sound = || EventBuilderV10::new().id("1").source("/s").ty("t");
        assert!(from_event(&sound().extension("n", 1 << 40).build().unwrap()).is_err());
        assert!(from_event(&sound().extension("Bad-Name", "x").build().unwrap()).is_err());
        assert!(from_event(&sound().id("").build().unwrap()).is_err());
        let mut relative =
            message(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1}"#);
        relative.attributes.set("dataschema".into(), Value::Uri("/relative".into()));
        assert!(to_event(&relative).is_err());
        assert!(to_event(&Message::default()).is_err());
    }

    #[test]
    fn data_without_a_type_is_json_where_it_is_a_value() {
        let mut event = EventBuilderV10::new().id("1").source("/s").ty("t").build().unwrap();
        event.set_data_unchecked("a\"b");
        let message = from_event(&event).unwrap();
        assert_eq!(message.payload.as_deref(), Some(&br#""a\"b""#[..]));
        assert_eq!(message.attributes.text("datacontenttype"), Some("application/json"));
    }
}
