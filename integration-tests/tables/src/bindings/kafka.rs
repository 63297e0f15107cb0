//! Cases of the Kafka binding.

use bytes::Bytes;
use hybridge_core::{Header, Message};
use hybridge_schemas::cloudevents::format::{Content, Format};
use hybridge_schemas::cloudevents::kafka;
use hybridge_schemas::cloudevents::structured::{self, Decoded};
use serde_json::Value as Json;

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
            let message = record(&case["message"]);
            expect::decoded(case, |mode| {
                kafka::decode(&message, mode).map(|decoded| match decoded {
                    Decoded::Event(event) => Some(event),
                    Decoded::Batch(_) | Decoded::NotAnEvent => None,
                })
            })
        }
        Some("encode") => encode(case),
        Some("bridge") => {
            known(case, &["source_key", "event", "expect_key"])?;
            let mut message = event::message(&case["event"]);
            message.key = case["source_key"].as_str().map(|key| Bytes::from(key.to_owned()));
            key(&message, None, case)
        }
        other => Err(format!("unknown op {other:?}").into()),
    }
}

fn record(message: &Json) -> Message {
    let headers = message["headers"].as_array().into_iter().flatten().map(|pair| Header {
        name: pair[0].as_str().unwrap().into(),
        value: match &pair[1] {
            Json::Null => None,
            Json::String(text) => Some(Bytes::from(text.clone())),
            other => Some(event::base64(&other["base64"])),
        },
    });
    Message {
        key: message["key"].as_str().map(|key| Bytes::from(key.to_owned())),
        payload: expect::bytes(message, ["value_text", "value_base64"]),
        headers: headers.collect(),
        ..Message::default()
    }
}

fn encode(case: &Json) -> Verdict {
    known(
        case,
        &[
            "mode",
            "event",
            "expect_headers",
            "expect_value",
            "absent_headers",
            "expect_key",
            "key_mapper",
        ],
    )?;
    let message = event::message(&case["event"]);
    let mut headers = Vec::new();
    let value = match case["mode"].as_str() {
        Some("binary") => {
            kafka::attributes(&message, |name, value| {
                headers.push((name.to_owned(), String::from_utf8(value.to_vec()).unwrap()));
            });
            message.payload.clone()
        }
        Some("structured") => {
            let encoded = structured::encode(&message, Format::Json);
            let (content_type, body) = encoded.map_err(|error| error.to_string())?;
            headers.push(("content-type".to_owned(), content_type.to_owned()));
            Some(body)
        }
        other => return Err(format!("unknown mode {other:?}").into()),
    };
    let mut expected: Vec<(String, String)> = case["expect_headers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned()))
        .collect();
    let found = headers.clone();
    headers.sort();
    expected.sort();
    check(headers == expected, || format!("headers {found:?}"))?;
    for name in case["absent_headers"].as_array().into_iter().flatten() {
        let is_there = found.iter().any(|(other, _)| name == other.as_str());
        check(!is_there, || format!("{name} is there"))?;
    }
    if let Some(expected) = case.get("expect_value") {
        expect::body(value.as_ref(), expected)?;
    }
    if case.get("expect_key").is_some() {
        let mapper = match case["key_mapper"].as_str() {
            None => None,
            Some("partitionkey") => Some("partitionkey"),
            Some(other) => return Err(format!("unknown key mapper {other}").into()),
        };
        key(&message, mapper, case)?;
    }
    Ok(())
}

/// The key of the record: that of the message, or, where the target asks for it, an attribute.
fn key(message: &Message, mapper: Option<&str>, case: &Json) -> Verdict {
    let mapped = mapper.and_then(|name| Some(message.attributes.text(name)?.as_bytes()));
    let key = mapped.or(message.key.as_deref());
    let found = key.map(|key| String::from_utf8(key.to_vec()).unwrap());
    check(case["expect_key"] == Json::from(found.clone()), || format!("key {found:?}"))?;
    // The attribute is still sent, and the key made none.
    let had = message.attributes.contains("partitionkey");
    let mut has = false;
    kafka::attributes(message, |name, _| has |= name == "ce_partitionkey");
    check(had == has, || "partitionkey".into())
}
