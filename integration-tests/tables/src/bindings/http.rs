//! Cases of the HTTP binding, of header values and of media types.

use bytes::Bytes;
use hybridge_core::{Message, Text};
use hybridge_schemas::cloudevents::format::{Content, Format};
use hybridge_schemas::cloudevents::http::{self, Decoded, value};
use hybridge_schemas::cloudevents::{DecodeError, Mode, json};
use hybridge_schemas::media_type::MediaType;
use serde_json::Value as Json;

use super::expect;
use crate::{Verdict, check, event, known};

/// What cases that write events may have.
const ENCODE: [&str; 6] =
    ["mode", "event", "events", "expect_headers", "absent_headers", "expect_body"];

pub(crate) fn by_op(case: &Json) -> Verdict {
    match case["op"].as_str() {
        Some("detect") => detect(case),
        Some("decode") => decode(case),
        Some("decode_batch") => decode_batch(case),
        Some("encode") if case["mode"] == "binary" => encode_binary(case),
        Some("encode") => {
            let encoded = http::encode_structured(&event::message(&case["event"]), Format::Json);
            encoded_body(case, encoded.map_err(|error| error.to_string())?)
        }
        Some("encode_batch") => {
            let events = case["events"].as_array().unwrap();
            let events: Vec<Message> = events.iter().map(event::message).collect();
            encoded_body(case, http::encode_batch(&events).map_err(|error| error.to_string())?)
        }
        other => Err(format!("unknown op {other:?}").into()),
    }
}

fn detect(case: &Json) -> Verdict {
    known(case, &["content_type", "mode"])?;
    let mode = expect::mode(Content::of(case["content_type"].as_str()));
    check(case["mode"] == mode, || mode.into())
}

fn request(case: &Json, mode: Mode) -> Result<Decoded, DecodeError> {
    let message = &case["message"];
    let pairs = message["headers"].as_array().expect("headers").iter();
    let value = |value: &Json| match value.as_str() {
        Some(text) => Bytes::copy_from_slice(text.as_bytes()),
        None => event::base64(&value["base64"]),
    };
    let headers: Vec<(&str, Bytes)> =
        pairs.map(|pair| (pair[0].as_str().unwrap(), value(&pair[1]))).collect();
    let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let body = expect::bytes(message, ["body_text", "body_base64"]).unwrap_or_default();
    let pairs = headers.iter().map(|(name, value)| (*name, &**value));
    http::decode_with(mode, content_type.map(|(_, value)| &**value), pairs, body)
}

fn decode(case: &Json) -> Verdict {
    known(case, &expect::DECODE)?;
    expect::decoded(case, |mode| match request(case, mode)? {
        Decoded::Event(message) => Ok(Some(message)),
        Decoded::NotAnEvent(_) => Ok(None),
        Decoded::Batch(batch) => {
            let all = batch.into_iter().collect::<Result<Vec<_>, _>>()?;
            Err(DecodeError::Shape(format!("{} events", all.len()).into()))
        }
    })
}

fn decode_batch(case: &Json) -> Verdict {
    known(case, &["message", "expect_ids", "reject"])?;
    let decoded = request(case, Mode::Strict);
    let may_be_rejected = case["reject"] == true || case["reject"] == "allowed";
    let Ok(Decoded::Batch(batch)) = decoded else {
        return check(may_be_rejected, || format!("{decoded:?}"));
    };
    let batch: Result<Vec<Message>, DecodeError> = batch.into_iter().collect();
    match batch {
        Err(error) => check(may_be_rejected, || error.to_string()),
        Ok(batch) if case["reject"] == true => Err(format!("{} events", batch.len()).into()),
        Ok(_) if case.get("expect_ids").is_none() => Ok(()),
        Ok(batch) => {
            let ids: Vec<_> = batch.iter().map(|message| message.attributes.text("id")).collect();
            check(Json::from(ids.clone()) == case["expect_ids"], || format!("{ids:?}"))
        }
    }
}

fn encode_binary(case: &Json) -> Verdict {
    known(case, &ENCODE)?;
    let (headers, body) = http::encode_binary(&event::message(&case["event"]));
    compare_headers(&headers, case)?;
    expect::body_if_any(body.as_ref(), case.get("expect_body"))
}

fn encoded_body(case: &Json, (headers, body): (http::Headers, Bytes)) -> Verdict {
    known(case, &ENCODE)?;
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
    let found = String::from_utf8_lossy(&headers[0].1);
    let expected = case["expect_headers"]["content-type"].as_str().unwrap();
    check(essence(&found) == essence(expected), || format!("content-type {found}"))?;
    let found: Json = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    let is_same = expect::is_same(found.clone(), &case["expect_body"]["json"]);
    check(is_same, || found.to_string())?;
    let again = match found.is_array() {
        true => json::decode_batch(&body, Mode::Strict).map(drop),
        false => json::decode(&body, Mode::Strict).map(drop),
    };
    again.map_err(|error| error.to_string().into())
}

/// Header names have no case; what the case does not name is free, but for attributes.
pub(crate) fn compare_headers(headers: &http::Headers, case: &Json) -> Verdict {
    let get = |name: &str| {
        let found = headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    let expected = case["expect_headers"].as_object().expect("expect_headers");
    for (name, value) in expected {
        let found = get(name);
        check(found.as_deref() == value.as_str(), || format!("{name}: {found:?}"))?;
    }
    for name in case["absent_headers"].as_array().into_iter().flatten() {
        let found = get(name.as_str().unwrap());
        check(found.is_none(), || format!("{name} is there"))?;
    }
    let extra = headers
        .iter()
        .find(|(name, _)| name.starts_with("ce-") && !expected.contains_key(name.as_str()));
    check(extra.is_none(), || format!("{extra:?} is not expected"))
}

pub(crate) fn header_value(case: &Json) -> Verdict {
    known(case, &["header", "value", "reject", "either"])?;
    let header = case["header"].as_str().expect("header");
    if case["area"] == "encode" {
        let encoded = value::encode(&Text::from(case["value"].as_str().unwrap()));
        return check(encoded == header, || format!("{encoded:?}"));
    }
    for mode in [Mode::Lenient, Mode::Strict] {
        let decoded = value::decode(header.as_bytes(), mode);
        let found = decoded.as_deref();
        let is_right = match case.get("value") {
            Some(value) => found == value.as_str(),
            None if case["reject"] == true => found.is_none(),
            None => found.is_none_or(|text| text == header),
        };
        check(is_right, || format!("{mode:?}: {found:?}"))?;
    }
    Ok(())
}

pub(crate) fn media_type(case: &Json) -> Verdict {
    known(case, &["value", "valid", "a", "b", "equal"])?;
    let parse = |name: &str| case[name].as_str().and_then(MediaType::parse);
    if let Some(valid) = case.get("valid") {
        let found = parse("value").is_some();
        return check(*valid == found, || format!("valid: {found}"));
    }
    let (Some(a), Some(b)) = (parse("a"), parse("b")) else { return Err("not parsed".into()) };
    check(case["equal"] == (a == b), || format!("equal: {}", a == b))
}
