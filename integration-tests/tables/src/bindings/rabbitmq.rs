//! Cases of RabbitMQ over AMQP 0-9-1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_core::{Message, Text, Value, ValueRef};
use hybridge_schemas::cloudevents::format::{Content, Format};
use hybridge_schemas::cloudevents::structured::{self, Decoded};
use hybridge_schemas::cloudevents::{DecodeError, Mode, rabbitmq};
use serde_json::{Value as Json, json};

use super::expect;
use crate::{Verdict, check, event, known};

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
    let payload = expect::bytes(message, ["body_text", "body_base64"]);
    let content_type = message["content_type"].as_str();
    match Content::of(content_type)? {
        Content::Binary => {
            let headers = message["headers"].as_object().into_iter().flatten();
            let pairs: Vec<(Text, Value)> = headers
                .filter_map(|(header, value)| {
                    let name = Text::from(rabbitmq::attribute_name(header)?);
                    Some(typed(value).map(|value| (name, value)))
                })
                .collect::<Result<_, _>>()?;
            if pairs.is_empty() {
                return Ok(None);
            }
            let attributes = rabbitmq::decode(pairs, content_type.map(Text::from), mode)?;
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

/// A value of a field table, with its type where it is no text.
fn typed(value: &Json) -> Result<Value, DecodeError> {
    if let Some(text) = value.as_str() {
        return Ok(Value::from(text));
    }
    let no_attribute = || DecodeError::Shape(format!("{value} is no attribute").into());
    let tagged = value.as_object().and_then(|object| object.iter().next());
    let (kind, value) = tagged.ok_or_else(no_attribute)?;
    Ok(match (kind.as_str(), value) {
        ("bool", Json::Bool(on)) => Value::Boolean(*on),
        (_, Json::Number(number)) => {
            let number = number.as_i64().and_then(|number| i32::try_from(number).ok());
            Value::Integer(number.ok_or_else(no_attribute)?)
        }
        ("base64" | "bytes_base64", text) => Value::Binary(event::base64(text)),
        (_, Json::String(text)) => Value::from(text.as_str()),
        _ => return Err(no_attribute()),
    })
}

fn encode(case: &Json) -> Verdict {
    known(
        case,
        &[
            "mode",
            "event",
            "expect_content_type",
            "expect_headers",
            "one_of_headers",
            "absent_headers",
            "expect_body",
        ],
    )?;
    let message = event::message(&case["event"]);
    let mut found = json!({});
    let (content_type, body) = match case["mode"].as_str() {
        Some("binary") => {
            for (name, value) in message.attributes.iter_ref() {
                if name == "datacontenttype" {
                    continue;
                }
                found[format!("{}{name}", rabbitmq::PREFIX)] = match value {
                    ValueRef::Boolean(on) => json!({ "bool": on }),
                    ValueRef::Integer(number) => json!({ "i32": number }),
                    ValueRef::Binary(bytes) => json!({ "base64": STANDARD.encode(bytes) }),
                    text => text.as_text().into(),
                };
            }
            let content_type = message.attributes.text("datacontenttype");
            (content_type.map(str::to_owned), message.payload.clone())
        }
        Some("structured") => {
            let encoded = structured::encode(&message, Format::Json);
            let (content_type, body) = encoded.map_err(|error| error.to_string())?;
            (Some(content_type.to_owned()), Some(body))
        }
        other => return Err(format!("unknown mode {other:?}").into()),
    };
    if let Some(expected) = case.get("expect_content_type") {
        let found = content_type.as_deref().map(expect::essence);
        check(found == expected.as_str().map(expect::essence), || {
            format!("content type {found:?}")
        })?;
    }
    let one_of = case["one_of_headers"].as_array().cloned();
    let one_of = one_of.or_else(|| case.get("expect_headers").map(|one| vec![one.clone()]));
    if let Some(one_of) = one_of {
        let has = |expected: &Json| {
            let mut pairs = expected.as_object().into_iter().flatten();
            pairs.all(|(name, value)| expect::is_value(&found[name], value))
        };
        check(one_of.iter().any(has), || format!("headers {found}"))?;
    }
    for name in case["absent_headers"].as_array().into_iter().flatten() {
        check(found.get(name.as_str().unwrap()).is_none(), || format!("{name} is there"))?;
    }
    expect::body_if_any(body.as_ref(), case.get("expect_body"))
}
