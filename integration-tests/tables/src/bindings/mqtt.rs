//! Cases of the MQTT binding.

use hybridge_core::Message;
use hybridge_schemas::cloudevents::format::{Content, Format};
use hybridge_schemas::cloudevents::mqtt::{self, Version};
use hybridge_schemas::cloudevents::structured::{self, Decoded};
use hybridge_schemas::cloudevents::{DecodeError, Mode};
use serde_json::Value as Json;

use super::expect;
use crate::{Verdict, check, event, known};

pub(crate) fn by_op(case: &Json) -> Verdict {
    let version = match case["version"].as_str() {
        Some("5.0" | "5") | None => Version::V5,
        Some("3.1.1" | "3.1") => Version::V3,
        other => return Err(format!("unknown version {other:?}").into()),
    };
    match case["op"].as_str() {
        Some("detect") => {
            known(case, &["version", "content_type", "mode"])?;
            let mode = expect::mode(mqtt::content(version, case["content_type"].as_str()));
            check(case["mode"] == mode, || mode.into())
        }
        Some("decode") => {
            known(case, &[&expect::DECODE[..], &["version"]].concat())?;
            expect::decoded(case, |mode| decode(version, &case["message"], mode))
        }
        Some("encode") => encode(version, case),
        other => Err(format!("unknown op {other:?}").into()),
    }
}

fn pairs(properties: &Json) -> Vec<(&str, &str)> {
    let pairs = properties.as_array().into_iter().flatten();
    pairs.map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect()
}

fn decode(version: Version, message: &Json, mode: Mode) -> Result<Option<Message>, DecodeError> {
    let payload = expect::bytes(message, ["payload_text", "payload_base64"]);
    let content_type = message["content_type"].as_str();
    match mqtt::content(version, content_type)? {
        Content::Binary => {
            let properties = pairs(&message["user_properties"]);
            if !mqtt::is_event(properties.iter().map(|(name, _)| *name)) {
                return Ok(None);
            }
            let attributes = mqtt::decode(properties, content_type, mode)?;
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

fn encode(version: Version, case: &Json) -> Verdict {
    known(
        case,
        &[
            "version",
            "mode",
            "event",
            "expect_content_type",
            "expect_user_properties",
            "expect_payload",
        ],
    )?;
    let message = event::message(&case["event"]);
    let mut properties = Vec::new();
    let (content_type, payload) = match case["mode"].as_str() {
        Some("binary") if version == Version::V5 => {
            mqtt::properties(&message, |name, value| {
                properties.push((name.to_owned(), value.to_owned()));
            });
            let content_type = message.attributes.text("datacontenttype");
            (content_type.map(str::to_owned), message.payload.clone())
        }
        Some("binary" | "structured") => {
            let encoded = structured::encode(&message, Format::Json);
            let (content_type, body) = encoded.map_err(|error| error.to_string())?;
            let content_type = (version == Version::V5).then(|| content_type.to_owned());
            (content_type, Some(body))
        }
        other => return Err(format!("unknown mode {other:?}").into()),
    };
    let found = content_type.as_deref().map(expect::essence);
    let expected = case["expect_content_type"].as_str().map(expect::essence);
    check(found == expected, || format!("content type {found:?}"))?;
    if let Some(expected) = case.get("expect_user_properties") {
        let mut expected = pairs(expected);
        expected.retain(|(name, _)| *name != "datacontenttype");
        let mut found: Vec<_> =
            properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        expected.sort_unstable();
        found.sort_unstable();
        check(found == expected, || format!("user properties {found:?}"))?;
    }
    expect::body_if_any(payload.as_ref(), case.get("expect_payload"))
}
