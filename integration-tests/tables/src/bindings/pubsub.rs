//! Cases of Google Pub/Sub.

use hybridge_core::Message;
use hybridge_schemas::cloudevents::format::{Content, Format};
use hybridge_schemas::cloudevents::structured::{self, Decoded};
use hybridge_schemas::cloudevents::{DecodeError, Mode, pubsub};
use serde_json::{Value as Json, json};

use super::expect;
use crate::{Verdict, check, event, known, same};

pub(crate) fn by_op(case: &Json) -> Verdict {
    match case["op"].as_str() {
        Some("detect") => {
            known(case, &["content_type_attribute", "mode"])?;
            let mode = expect::mode(Content::of(case["content_type_attribute"].as_str()));
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
    let pairs = || {
        let pairs = message["attributes"].as_object().into_iter().flatten();
        pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
    };
    let content_type = message["attributes"][pubsub::CONTENT_TYPE].as_str();
    match Content::of(content_type)? {
        Content::Binary if pairs().all(|(name, _)| name != "ce-specversion") => Ok(None),
        Content::Binary => {
            let attributes = pubsub::decode(pairs(), mode)?;
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

fn encode(case: &Json) -> Verdict {
    known(case, &["mode", "event", "expect_attributes", "absent_attributes", "expect_data"])?;
    let message = event::message(&case["event"]);
    let (found, data) = match case["mode"].as_str() {
        Some("binary") => {
            let attributes = pubsub::attributes(&message).ok_or("the attributes do not fit")?;
            let found: serde_json::Map<_, _> =
                attributes.into_iter().map(|(name, value)| (name, value.into())).collect();
            (found, message.payload.clone())
        }
        Some("structured") => {
            let encoded = structured::encode(&message, Format::Json);
            let (content_type, body) = encoded.map_err(|error| error.to_string())?;
            let found = json!({ pubsub::CONTENT_TYPE: content_type });
            (found.as_object().unwrap().clone(), Some(body))
        }
        other => return Err(format!("unknown mode {other:?}").into()),
    };
    let mut expected = case["expect_attributes"].clone();
    if case["mode"] == "structured"
        && let Some(content_type) = expected[pubsub::CONTENT_TYPE].as_str()
    {
        expected[pubsub::CONTENT_TYPE] = expect::essence(content_type).into();
    }
    same(&expected, &Json::Object(found.clone()))?;
    for name in case["absent_attributes"].as_array().into_iter().flatten() {
        check(!found.contains_key(name.as_str().unwrap()), || format!("{name} is there"))?;
    }
    expect::body_if_any(data.as_ref(), case.get("expect_data"))
}
