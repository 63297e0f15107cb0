//! Cases of the NATS binding.

use bytes::Bytes;
use hybridge_core::Message;
use hybridge_schemas::cloudevents::format::{Content, Format};
use hybridge_schemas::cloudevents::structured::{self, Decoded};
use hybridge_schemas::cloudevents::{DecodeError, Mode, nats};
use serde_json::Value as Json;

use super::expect;
use crate::{Verdict, check, event, known};

pub(crate) fn by_op(case: &Json) -> Verdict {
    match case["op"].as_str() {
        Some("detect") => detect(case),
        Some("decode") => {
            known(case, &[&expect::DECODE[..], &["server"]].concat())?;
            let server = case["message"]["server"].as_str().or(case["server"].as_str());
            expect::decoded(case, |mode| decode(&case["message"], server, mode))
        }
        Some("encode") => encode(case),
        other => Err(format!("unknown op {other:?}").into()),
    }
}

fn pairs(headers: &Json) -> Vec<(&str, &[u8])> {
    let pairs = headers.as_array().into_iter().flatten();
    pairs.map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap().as_bytes())).collect()
}

fn content(headers: &Json, server: Option<&str>) -> Result<Content, DecodeError> {
    let all = pairs(headers);
    let content_type = all.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let content_type = content_type.and_then(|(_, value)| std::str::from_utf8(value).ok());
    // Headers came with 2.2.
    let version = server.unwrap_or("2.2").split('.').map(|part| part.parse().unwrap_or(0));
    nats::content(content_type, version.collect::<Vec<u32>>().as_slice() >= [2, 2].as_slice())
}

fn detect(case: &Json) -> Verdict {
    known(case, &["headers", "server", "mode"])?;
    let mode = expect::mode(content(&case["headers"], case["server"].as_str()));
    let wanted = case["mode"].as_str().unwrap_or_default();
    check(wanted == mode || (wanted == "binary-or-not-an-event" && mode == "binary"), || {
        mode.into()
    })
}

fn decode(
    message: &Json,
    server: Option<&str>,
    mode: Mode,
) -> Result<Option<Message>, DecodeError> {
    let payload = expect::bytes(message, ["payload_text", "payload_base64"]);
    let headers = pairs(&message["headers"]);
    match content(&message["headers"], server)? {
        Content::Binary => {
            let is_event = headers.iter().any(|(name, _)| {
                nats::attribute_name(name)
                    .is_some_and(|name| name.eq_ignore_ascii_case("specversion"))
            });
            if !is_event {
                return Ok(None);
            }
            let attributes = nats::decode(headers, mode)?;
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
    known(
        case,
        &["server", "mode", "event", "expect_headers", "absent_headers", "expect_payload"],
    )?;
    let message = event::message(&case["event"]);
    let mut headers: Vec<(String, Bytes)> = Vec::new();
    let payload = match case["mode"].as_str() {
        Some("binary") => {
            nats::headers(&message, |name, value| {
                headers.push((name.to_owned(), Bytes::copy_from_slice(value)));
            });
            message.payload.clone()
        }
        Some("structured") => {
            let encoded = structured::encode(&message, Format::Json);
            let (content_type, body) = encoded.map_err(|error| error.to_string())?;
            headers.push(("Content-Type".to_owned(), Bytes::from_static(content_type.as_bytes())));
            Some(body)
        }
        other => return Err(format!("unknown mode {other:?}").into()),
    };
    let headers = headers.into_iter().map(|(name, value)| (name.into(), value)).collect();
    super::http::compare_headers(&headers, case)?;
    expect::body_if_any(payload.as_ref(), case.get("expect_payload"))
}
