//! Events of a table as messages, and messages compared with them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hybridge_core::{Message, Value};
use hybridge_schemas::cloudevents::attribute;
use hybridge_schemas::media_type::MediaType;
use hybridge_schemas::rfc3339;
use serde_json::{Value as Json, json};

use crate::{Verdict, check};

/// The event of a table as a message. JSON data without `datacontenttype` gets the one that it
/// implies: that is how a message says that its bytes are JSON.
pub(crate) fn message(event: &Json) -> Message {
    let mut message = Message::default();
    for (name, value) in event["attributes"].as_object().expect("attributes") {
        let value = match value {
            Json::Bool(value) => Value::Boolean(*value),
            Json::Number(number) => {
                Value::Integer(i32::try_from(number.as_i64().unwrap()).unwrap())
            }
            Json::String(text) => attribute::typed(name, text.as_str().into()),
            other => Value::Binary(base64(&other["base64"])),
        };
        message.attributes.set(attribute::name(name), value);
    }
    message.payload = data(&event["data"]);
    if event["data"].get("json").is_some() && message.attributes.get("datacontenttype").is_none() {
        message.attributes.set("datacontenttype".into(), Value::from("application/json"));
    }
    message
}

/// An event whose attributes are the members of one object, and whose data stand among them as in the JSON format.
pub(crate) fn flat(event: &Json) -> Message {
    let mut attributes = event.as_object().expect("an event").clone();
    attributes.retain(|_, value| !value.is_null());
    let base64 = attributes.remove("data_base64");
    let data = match attributes.remove("data") {
        Some(Json::String(text)) => json!({ "text": text }),
        Some(data) if ["json", "text", "base64"].iter().any(|kind| data.get(kind).is_some()) => {
            data
        }
        Some(data) => json!({ "json": data }),
        None => base64.map_or(Json::Null, |base64| json!({ "base64": base64 })),
    };
    message(&json!({ "attributes": attributes, "data": data }))
}

/// A case that says more than its runner knows of must not pass.
pub(crate) fn only_keys(case: &Json, known: &[&str]) -> Verdict {
    let keys = case.as_object().expect("a case").keys();
    match keys.into_iter().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("nothing here knows what {key:?} means").into()),
        None => Ok(()),
    }
}

pub(crate) fn data(data: &Json) -> Option<Bytes> {
    if let Some(any) = data.get("proto_any") {
        return Some(base64(&any["value_base64"]));
    }
    if let Some(json) = data.get("json") {
        return Some(Bytes::from(serde_json::to_vec(json).unwrap()));
    }
    if let Some(text) = data.get("text") {
        return Some(Bytes::copy_from_slice(text.as_str().unwrap().as_bytes()));
    }
    data.get("base64").map(base64)
}

pub(crate) fn base64(text: &Json) -> Bytes {
    Bytes::from(STANDARD.decode(text.as_str().unwrap()).unwrap())
}

/// Compares a decoded message with the event that a table expects. A message of Protobuf in the data brings its type and
/// that it is one along as attributes.
pub(crate) fn compare(message: &Message, expected: &Json) -> Verdict {
    let wanted = expected["attributes"].as_object().expect("attributes");
    for (name, value) in wanted {
        let found = message.attributes.get(name).ok_or(format!("{name} is missing"))?;
        check(is_same(&found, value), || format!("{name}: {found:?} instead of {value}"))?;
    }
    for (name, value) in message.attributes.iter() {
        let is_implied = name == "datacontenttype"
            && expected["data"].get("json").is_some()
            && value.as_text().is_some_and(|text| *text == "application/json");
        let any = &expected["data"]["proto_any"];
        let is_of_any = any.is_object()
            && match name.as_str() {
                "datacontenttype" => attribute::canonical(&value) == "application/protobuf",
                "dataschema" | "prototypeurl" => any["type_url"] == *attribute::canonical(&value),
                _ => false,
            };
        let is_known = wanted.contains_key(name.as_str()) || is_implied || is_of_any;
        check(is_known, || format!("{name} is not expected"))?;
    }
    compare_data(message, &expected["data"])
}

pub(crate) fn compare_data(message: &Message, expected: &Json) -> Verdict {
    let found = message.payload.as_deref();
    let is_same = match expected.get("json") {
        Some(json) => found.is_some_and(|found| {
            serde_json::from_slice::<Json>(found).is_ok_and(|found| is_same_json(&found, json))
        }),
        None => found == data(expected).as_deref(),
    };
    check(is_same, || {
        format!("data {:?} instead of {expected}", found.map(String::from_utf8_lossy))
    })
}

/// Whether two JSON values say the same: numbers by what they are worth, `1` and `1.0` alike.
pub(crate) fn is_same_json(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same_json(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| is_same_json(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Compares one attribute, a timestamp as an instant.
pub(crate) fn attribute(message: &Message, name: &str, want: &Json) -> Verdict {
    let found = message.attributes.get(name).ok_or(format!("{name} is missing"))?;
    check(is_same(&found, want), || format!("{name}: {found:?} instead of {want}"))
}

/// Equal as a value, as an instant, or as canonical strings where the type was not known.
fn is_same(found: &Value, expected: &Json) -> bool {
    let canonical = attribute::canonical(found);
    match (found, expected) {
        (Value::Timestamp(text), Json::String(expected)) => {
            let instant = rfc3339::nanos(text);
            instant.is_some() && instant == rfc3339::nanos(expected)
        }
        (Value::Boolean(_) | Value::Integer(_), Json::String(_)) => false,
        (_, Json::String(text)) => canonical == *text,
        (_, Json::Bool(value)) => canonical == value.to_string(),
        (_, Json::Number(number)) => canonical == number.to_string(),
        (_, other) => other["base64"].as_str().is_some_and(|text| canonical == text),
    }
}

/// An event in the JSON format as one that says the same: no null members, version 0.3 as 1.0, and
/// data of a type that is text or JSON in `data`, since a message has the bytes and not the member.
pub(crate) fn normal(event: &Json) -> Json {
    let mut event = event.as_object().expect("an object").clone();
    event.retain(|_, value| !value.is_null());
    if event["specversion"] == "0.3" {
        event["specversion"] = "1.0".into();
        if let Some(schema) = event.remove("schemaurl") {
            event.insert("dataschema".into(), schema);
        }
        if event.remove("datacontentencoding").is_some() {
            let data = event.remove("data").expect("encoded data");
            event.insert("data_base64".into(), data);
        }
    }
    let content_type = event.get("datacontenttype").and_then(Json::as_str).unwrap_or_default();
    let media_type = MediaType::parse(content_type);
    let is_json = media_type.is_some_and(|media_type| media_type.is_json());
    let is_text = media_type.is_some_and(|media_type| media_type.is_text());
    if (is_json || is_text)
        && let Some(encoded) = event.remove("data_base64")
    {
        let bytes = base64(&encoded);
        let data = match is_json {
            true => serde_json::from_slice(&bytes).unwrap(),
            false => String::from_utf8(bytes.to_vec()).unwrap().into(),
        };
        event.insert("data".into(), data);
    }
    event.into()
}
