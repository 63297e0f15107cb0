//! Cases of the AMQP 1.0 binding.

use hybridge_core::{Message, Text};
use hybridge_schemas::cloudevents::amqp::{self, Typed};
use hybridge_schemas::cloudevents::format::{Content, Format};
use hybridge_schemas::cloudevents::structured::{self, Decoded};
use hybridge_schemas::cloudevents::{DecodeError, Mode};
use serde_json::{Value as Json, json};

use super::expect;
use crate::{Verdict, check, event, known, same};

pub(crate) fn by_op(case: &Json) -> Verdict {
    match case["op"].as_str() {
        Some("detect") => {
            known(case, &["content_type", "mode"])?;
            let mode = expect::mode(Content::of(case["content_type"].as_str()));
            check(case["mode"] == mode, || mode.into())
        }
        Some("decode") => {
            known(case, &expect::DECODE)?;
            expect::decoded(case, |mode| decode(&case["message"], mode))
        }
        Some("encode") => encode(case),
        other => Err(format!("unknown op {other:?}").into()),
    }
}

fn decode(message: &Json, mode: Mode) -> Result<Option<Message>, DecodeError> {
    let payload = expect::bytes(message, ["data_text", "data_base64"]);
    let content_type = message["properties"]["content-type"].as_str();
    match Content::of(content_type)? {
        Content::Binary => {
            let mut pairs = Vec::new();
            for (property, tagged) in
                message["application_properties"].as_object().into_iter().flatten()
            {
                let Some(name) = amqp::attribute_name(property) else { continue };
                let value = match tag(tagged) {
                    ("string" | "symbol", text) => {
                        amqp::value(name, Typed::String(text.as_str().unwrap()))
                    }
                    ("boolean", on) => amqp::value(name, Typed::Boolean(on.as_bool().unwrap())),
                    ("timestamp_ms", millis) => {
                        amqp::value(name, Typed::Timestamp(millis.as_i64().unwrap()))
                    }
                    ("binary_base64", text) => {
                        amqp::value(name, Typed::Binary(&event::base64(text)))
                    }
                    (_, number) if number.is_i64() => {
                        amqp::value(name, Typed::Long(number.as_i64().unwrap()))
                    }
                    (other, _) => Err(DecodeError::Shape(format!("no type {other}").into())),
                };
                pairs.push((Text::from(name), value?));
            }
            if pairs.is_empty() {
                return Ok(None);
            }
            let attributes = amqp::decode(pairs, content_type.map(Text::from), mode)?;
            Ok(Some(Message { attributes, payload, ..Message::default() }))
        }
        content => {
            let message = Message { payload, ..Message::default() };
            match structured::decode(&message, content, mode)? {
                Decoded::Event(event) => Ok(Some(event)),
                Decoded::Batch(_) | Decoded::NotAnEvent => Ok(None),
            }
        }
    }
}

fn tag(tagged: &Json) -> (&str, &Json) {
    let (name, value) = tagged.as_object().and_then(|object| object.iter().next()).expect("a tag");
    (name, value)
}

fn encode(case: &Json) -> Verdict {
    known(
        case,
        &[
            "mode",
            "event",
            "expect_properties",
            "expect_application_properties",
            "absent_application_properties",
            "expect_data",
        ],
    )?;
    let message = event::message(&case["event"]);
    let mut properties = json!({});
    let mut found = json!({});
    let body = match case["mode"].as_str() {
        Some("binary") => {
            if let Some(content_type) = amqp::content_type(&message) {
                properties["content-type"] = content_type.into();
            }
            amqp::properties(&message, |name, typed| {
                found[format!("{}{name}", amqp::PREFIX)] = match typed {
                    Typed::Boolean(on) => json!({ "boolean": on }),
                    Typed::Long(number) => json!({ "long": number }),
                    Typed::String(text) => json!({ "string": text }),
                    Typed::Timestamp(millis) => json!({ "timestamp_ms": millis }),
                    Typed::Binary(bytes) => {
                        let text =
                            hybridge_core::Value::Binary(bytes::Bytes::copy_from_slice(bytes));
                        let text =
                            hybridge_schemas::cloudevents::attribute::canonical(&text).into_owned();
                        json!({ "binary_base64": text })
                    }
                };
            });
            message.payload.clone()
        }
        Some("structured") => {
            let encoded = structured::encode(&message, Format::Json);
            let (content_type, body) = encoded.map_err(|error| error.to_string())?;
            properties["content-type"] = content_type.into();
            Some(body)
        }
        other => return Err(format!("unknown mode {other:?}").into()),
    };
    for (name, value) in case["expect_properties"].as_object().into_iter().flatten() {
        let text = properties[name].as_str().unwrap_or_default();
        let wanted = value.as_str().unwrap_or_default();
        check(expect::essence(text) == expect::essence(wanted), || format!("{name}: {text}"))?;
    }
    if let Some(expected) = case.get("expect_application_properties") {
        properties_are(&found, expected)?;
    }
    for name in case["absent_application_properties"].as_array().into_iter().flatten() {
        check(found.get(name.as_str().unwrap()).is_none(), || format!("{name} is there"))?;
    }
    expect::body_if_any(body.as_ref(), case.get("expect_data"))
}

/// Each value in its AMQP type or as the canonical string, which the binding allows too.
fn properties_are(found: &Json, expected: &Json) -> Verdict {
    let names = |object: &Json| {
        let mut names: Vec<_> = object.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    same(&json!(names(expected)), &json!(names(found)))?;
    for (name, value) in expected.as_object().into_iter().flatten() {
        check(expect::is_value(&found[name], value), || format!("{name}: {}", found[name]))?;
    }
    Ok(())
}
