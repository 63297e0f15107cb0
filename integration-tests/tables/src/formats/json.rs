//! Cases of the JSON format.

use bytes::Bytes;
use hybridge_core::Message;
use hybridge_schemas::cloudevents::{DecodeError, Mode, http, json};
use serde_json::Value as Json;

use crate::bindings::expect;
use crate::{Difference, Table, Verdict, check, event};

pub(crate) fn by_op(case: &Json) -> Verdict {
    match case["op"].as_str() {
        Some("decode") => decode(case),
        Some("decode_batch") => decode_batch(&input(case), case),
        Some("encode") => encode(case),
        Some("json_to_http_binary") => to_http_binary(case),
        other => Err(format!("unknown op {other:?}").into()),
    }
}

fn input(case: &Json) -> Bytes {
    Bytes::copy_from_slice(case["input_text"].as_str().expect("input_text").as_bytes())
}

fn decode(case: &Json) -> Verdict {
    let text = input(case);
    let is_strict_only = case["level"] == "strict";
    for mode in [Mode::Lenient, Mode::Strict] {
        let decoded = json::decode(&text, mode);
        if case["reject"] == true {
            let is_right = decoded.is_err() || (is_strict_only && mode == Mode::Lenient);
            check(is_right, || format!("{mode:?} accepted it"))?;
            continue;
        }
        let may_be_rejected = case["reject"] == "allowed" || case["or"] == "reject";
        match decoded {
            Err(_) if may_be_rejected => {}
            Err(error) => return Err(format!("{mode:?}: {error}").into()),
            Ok(message) if case.get("expect").is_some() => {
                event::compare(&message, &case["expect"])?
            }
            Ok(message) => is_honest(&message)?,
        }
    }
    Ok(())
}

/// What is accepted without an expectation must at least not be JSON under another label.
fn is_honest(message: &Message) -> Verdict {
    let again = json::encode(message).map_err(|error| error.to_string())?;
    json::decode(&Bytes::from(again), Mode::Lenient)
        .map(drop)
        .map_err(|error| error.to_string().into())
}

pub(crate) fn decode_batch(text: &Bytes, case: &Json) -> Verdict {
    let decoded: Result<Vec<Message>, DecodeError> =
        json::decode_batch(text, Mode::Lenient).and_then(|batch| batch.into_iter().collect());
    let ids = decoded.map(|batch| {
        let id = |message: &Message| message.attributes.text("id").unwrap().to_owned();
        batch.iter().map(id).collect::<Vec<_>>()
    });
    match (ids, case["reject"] == true) {
        (Err(_), true) => Ok(()),
        (Err(_), false) if case["reject"] == "allowed" => Ok(()),
        (Ok(ids), true) => Err(format!("accepted as {ids:?}").into()),
        (Err(error), false) => Err(error.to_string().into()),
        (Ok(ids), false) => {
            check(Json::from(ids.clone()) == case["expect_ids"], || format!("{ids:?}"))
        }
    }
}

fn encode(case: &Json) -> Verdict {
    let message = event::message(&case["event"]);
    let text = json::encode(&message).map_err(|error| error.to_string())?;
    let mut found: Json = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let is_implied = case["event"]["data"].get("json").is_some()
        && case["event"]["attributes"].get("datacontenttype").is_none();
    if is_implied {
        found.as_object_mut().unwrap().remove("datacontenttype");
    }
    check(event::is_same_json(&found, &case["expect_json"]), || found.to_string())?;
    for absent in case["absent"].as_array().into_iter().flatten() {
        let name = absent.as_str().unwrap();
        check(found.get(name).is_none(), || format!("{name} is there"))?;
    }
    Ok(())
}

fn to_http_binary(case: &Json) -> Verdict {
    let message = json::decode(&input(case), Mode::Strict).map_err(|error| error.to_string())?;
    let (headers, body) = http::encode_binary(&message);
    crate::bindings::http::compare_headers(&headers, case)?;
    if let Some(json) = case.get("expect_body_json") {
        return expect::body(body.as_ref(), &serde_json::json!({ "json": json }));
    }
    let expected = expect::bytes(case, ["expect_body_text", "expect_body_base64"]);
    let json = |bytes: &Bytes| serde_json::from_slice::<Json>(bytes).ok();
    let (body, expected) = (body.unwrap_or_default(), expected.unwrap_or_default());
    // JSON data are a value and not its text.
    let is_same = body == expected
        || json(&body).zip(json(&expected)).is_some_and(|(a, b)| event::is_same_json(&a, &b));
    check(is_same, || format!("body {body:?}"))
}

/// The table of events that the cases with a `testType` show, which stands beside them.
pub(crate) fn golden_events(table: &Table) -> Result<Json, Difference> {
    let text = table.read("golden.json")?;
    serde_json::from_slice(&text).map_err(|error| error.to_string().into())
}

/// Cases with a `testType` and the event or batch of the golden table that they show.
pub(crate) fn golden(case: &Json, golden: &Json) -> Verdict {
    let text = Bytes::from(serde_json::to_vec(&case["input"]).unwrap());
    let sample = case["sampleId"].as_str().unwrap_or_default();
    match case["testType"].as_str().unwrap_or_default() {
        "ValidSingleEvent" => {
            let message = json::decode(&text, Mode::Strict).map_err(|error| error.to_string())?;
            event::compare(&message, &golden["events"][sample])
        }
        "InvalidSingleEvent" => {
            check(json::decode(&text, Mode::Lenient).is_err(), || "accepted".into())
        }
        "ValidBatch" => {
            let batch = json::decode_batch(&text, Mode::Strict);
            let batch = batch.and_then(|batch| batch.into_iter().collect::<Result<Vec<_>, _>>());
            let batch = batch.map_err(|error| error.to_string())?;
            let names = golden["batches"][sample].as_array().expect("a golden batch");
            check(batch.len() == names.len(), || format!("{} events", batch.len()))?;
            for (message, name) in batch.iter().zip(names) {
                event::compare(message, &golden["events"][name.as_str().unwrap()])?;
            }
            Ok(())
        }
        "InvalidBatch" => {
            let batch = json::decode_batch(&text, Mode::Lenient);
            let is_rejected =
                batch.is_err() || batch.is_ok_and(|batch| batch.iter().any(Result::is_err));
            check(is_rejected, || "accepted".into())
        }
        other => Err(format!("unknown testType {other}").into()),
    }
}

/// Valid events are decoded, written and say the same; invalid ones are refused.
pub(crate) fn written_again(case: &Json) -> Verdict {
    let text = input(case);
    let decoded = json::decode(&text, Mode::Lenient);
    if case["valid"] == false {
        return check(decoded.is_err(), || "accepted".into());
    }
    let again = json::encode(&decoded.map_err(|error| error.to_string())?).unwrap();
    let found: Json = serde_json::from_slice(&again).map_err(|error| error.to_string())?;
    let expected = event::normal(&serde_json::from_slice(&text).unwrap());
    check(found == expected, || format!("{found} instead of {expected}"))
}
