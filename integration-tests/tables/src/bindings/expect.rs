//! What cases of all bindings ask for in the same words.

use bytes::Bytes;
use hybridge_core::Message;
use hybridge_schemas::cloudevents::format::Content;
use hybridge_schemas::cloudevents::{DecodeError, Mode};
use serde_json::Value as Json;

use crate::{Verdict, check, event};

/// What cases of an op `decode` may have beside the message.
pub(super) const DECODE: [&str; 7] =
    ["message", "expect", "either_data", "reject", "or", "not_an_event_ok", "expect_if_accepted"];

/// The content mode by name. A format that nobody here knows is still a mode.
pub(super) fn mode(content: Result<Content, DecodeError>) -> &'static str {
    match content {
        Ok(Content::Binary) => "binary",
        Ok(Content::Structured(_)) => "structured",
        Ok(Content::Batch(_)) => "batch",
        Err(DecodeError::UnsupportedFormat(text)) => {
            match text.to_ascii_lowercase().starts_with("application/cloudevents-batch") {
                true => "batch",
                false => "structured",
            }
        }
        Err(_) => "",
    }
}

/// Whether what is decoded is what a case expects; `None` from `decode` is a message that is no event.
pub(super) fn decoded(
    case: &Json,
    decode: impl Fn(Mode) -> Result<Option<Message>, DecodeError>,
) -> Verdict {
    for mode in [Mode::Lenient, Mode::Strict] {
        let decoded = decode(mode);
        let is_rejected = match &decoded {
            Err(_) => true,
            Ok(None) => case["not_an_event_ok"] == true,
            Ok(Some(_)) => false,
        };
        if case["reject"] == true {
            let is_right = is_rejected || (case["level"] == "strict" && mode == Mode::Lenient);
            check(is_right, || format!("{mode:?} accepted it"))?;
            continue;
        }
        if is_rejected && (case["reject"] == "allowed" || case["or"] == "reject") {
            continue;
        }
        let Some(message) = decoded.map_err(|error| format!("{mode:?}: {error}"))? else {
            return Err(format!("{mode:?}: not an event").into());
        };
        if let Some(expected) = case.get("expect") {
            compare(&message, expected, &case["either_data"])?;
        }
        for (name, value) in case["expect_if_accepted"].as_object().into_iter().flatten() {
            let found = message.attributes.text(name);
            check(found == value.as_str(), || format!("{name}: {found:?}"))?;
        }
    }
    Ok(())
}

/// Compares with an event whose data may be one of several.
fn compare(message: &Message, expected: &Json, either: &Json) -> Verdict {
    let Some(either) = either.as_array() else { return event::compare(message, expected) };
    let mut last = Err("no data is right".into());
    for data in either {
        let mut expected = expected.clone();
        expected["data"] = data.clone();
        last = event::compare(message, &expected);
        if last.is_ok() {
            break;
        }
    }
    last
}

/// Compares a body with data of a table: JSON as values, everything else as bytes, null as no body.
pub(crate) fn body(found: Option<&Bytes>, expected: &Json) -> Verdict {
    let is_same = match expected.get("json") {
        Some(json) => found.is_some_and(|found| {
            serde_json::from_slice::<Json>(found).is_ok_and(|found| is_same(found, json))
        }),
        None => found == event::data(expected).as_ref(),
    };
    check(is_same, || format!("body {found:?}"))
}

/// The same where the protocol does not tell no body from an empty one, and a case need not name one.
pub(super) fn body_if_any(found: Option<&Bytes>, expected: Option<&Json>) -> Verdict {
    let Some(expected) = expected else { return Ok(()) };
    let is_nothing = |bytes: Option<&Bytes>| bytes.is_none_or(Bytes::is_empty);
    let is_empty = expected.get("json").is_none() && is_nothing(event::data(expected).as_ref());
    match is_empty && is_nothing(found) {
        true => Ok(()),
        false => body(found, expected),
    }
}

/// Whether a body says what a case has; an event may have the content type that its data imply.
pub(super) fn is_same(mut found: Json, expected: &Json) -> bool {
    let strip = |found: &mut Json, expected: &Json| {
        let is_event = found.get("specversion").is_some();
        if is_event
            && found["datacontenttype"] == "application/json"
            && expected.get("datacontenttype").is_none()
            && let Some(event) = found.as_object_mut()
        {
            event.remove("datacontenttype");
        }
    };
    strip(&mut found, expected);
    if let (Json::Array(found), Json::Array(expected)) = (&mut found, expected) {
        found.iter_mut().zip(expected).for_each(|(found, expected)| strip(found, expected));
    }
    event::is_same_json(&found, expected)
}

/// A value of a header or property as it is, or as the canonical string of it.
pub(super) fn is_value(found: &Json, expected: &Json) -> bool {
    let value = found.as_object().and_then(|tagged| tagged.values().next()).unwrap_or(found);
    let canonical = match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let expected_text = expected.get("string").unwrap_or(expected).as_str();
    found == expected || expected_text == Some(&canonical)
}

/// The text or base64 of a body in a message of a table; null and nothing are no body.
pub(crate) fn bytes(message: &Json, names: [&str; 2]) -> Option<Bytes> {
    let [text, base64] = names;
    if let Some(text) = message[text].as_str() {
        return Some(Bytes::copy_from_slice(text.as_bytes()));
    }
    message.get(base64).filter(|value| value.is_string()).map(event::base64)
}

/// The content type without its parameters.
pub(super) fn essence(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}
