//! Suite `extensions`: the documented extensions and what an intermediary does with them.

use std::cmp::Ordering;
use std::num::NonZeroU32;

use bytes::Bytes;
use hybridge_core::{Applied, Header, Message, Value};
use hybridge_schemas::cloudevents::attribute::canonical;
use hybridge_schemas::cloudevents::extensions::classification::{self, Policy};
use hybridge_schemas::cloudevents::extensions::trace::TraceParent;
use hybridge_schemas::cloudevents::extensions::{
    Extension, Freedom, check as check_extension, correlation, dataref, freedom, is_expired,
    sampling, sequence,
};
use hybridge_schemas::cloudevents::format::Format;
use hybridge_schemas::cloudevents::{Mode, http, json, kafka, nats};
use hybridge_schemas::rfc3339;
use serde_json::{Value as Json, json};

use super::{Run, Verdict, check, event, known, named, same, step};

/// The tables by file name and by a part of the title.
const TABLES: [(&str, &str, Run); 2] = [
    ("extensions.json", "documented extensions", |_, case| by_op(case)),
    ("traceparent.json", "traceparent", |_, case| traceparent(case)),
];

pub(super) fn runner(file: &str, title: &str) -> Option<Run> {
    named(&TABLES, file, title)
}

fn traceparent(case: &Json) -> Verdict {
    known(case, &["traceparent", "valid"])?;
    let found = TraceParent::parse(case["traceparent"].as_str().expect("traceparent")).is_some();
    check(case["valid"] == found, || format!("valid: {found}"))
}

fn by_op(case: &Json) -> Verdict {
    match case["op"].as_str() {
        Some("validate") => validate(case),
        Some("sample") => sample(case),
        Some("order") => order(case),
        Some("expire") => expire(case),
        Some("intermediary") => intermediary(case),
        Some("derive") => derive(case),
        Some("forward") => forward(case),
        Some("forward_size") => forward_size(case),
        Some("parse_regulations") => {
            known(case, &["value", "expect"])?;
            let entries = classification::entries(case["value"].as_str().unwrap_or_default());
            same(&case["expect"], &json!(entries.collect::<Vec<_>>()))
        }
        Some("govern") => govern(case),
        Some("transform") => transform(case),
        Some("rebind") => rebind(case),
        other => Err(format!("unknown op {other:?}").into()),
    }
}

fn validate(case: &Json) -> Verdict {
    known(case, &["event", "valid"])?;
    let decoded = json::decode(&case["event"].to_string().into(), Mode::Lenient);
    let Ok(message) = decoded else {
        return check(case["valid"] == false, || format!("{decoded:?}"));
    };
    let faults = Extension::ALL.map(|extension| check_extension(&message.attributes, extension));
    let fault = faults.into_iter().find_map(Result::err);
    check(case["valid"] == fault.is_none(), || format!("{fault:?}"))?;
    // The step does the same.
    let applied = step::apply(json!({ "extensions": { "expired": "pass" } }), message);
    check(matches!(applied, Applied::One(_)) == fault.is_none(), || format!("{applied:?}"))
}

fn sample(case: &Json) -> Verdict {
    known(case, &["input", "keep_one_in", "expect", "either"])?;
    let mut attributes = event::flat(&case["input"]).attributes;
    let many = case["keep_one_in"].as_u64().and_then(|many| NonZeroU32::new(many as u32));
    sampling::kept_one_in(&mut attributes, many.expect("keep_one_in"))
        .map_err(|error| error.to_string())?;
    let rate = attributes.get("sampledrate");
    let wanted = match case.get("expect") {
        Some(expected) => expected["sampledrate"].as_i64(),
        None => Some(i64::from(i32::MAX)),
    };
    let found = match rate {
        Some(Value::Integer(rate)) => Some(i64::from(rate)),
        _ => None,
    };
    check(found == wanted, || format!("{found:?}"))
}

fn order(case: &Json) -> Verdict {
    known(case, &["a", "b", "a_after_b"])?;
    let of = |name: &str| event::flat(&case[name]).attributes;
    let order = sequence::compare(&of("a"), &of("b"));
    same(&case["a_after_b"], &json!(order.map(|order| order == Ordering::Greater)))
}

fn expire(case: &Json) -> Verdict {
    known(case, &["now", "event", "action"])?;
    let now = case["now"].as_str().and_then(rfc3339::millis).expect("now");
    let is_expired = is_expired(&event::flat(&case["event"]).attributes, now);
    let wanted = match case["action"].as_str() {
        Some("forward") => false,
        Some("may discard") => true,
        other => return Err(format!("unknown action {other:?}").into()),
    };
    check(is_expired == wanted, || format!("expired: {is_expired}"))
}

fn intermediary(case: &Json) -> Verdict {
    known(case, &["change", "allowed"])?;
    let change = case["change"].as_str().unwrap_or_default();
    let (verb, attribute) = change.split_once(' ').ok_or("no change")?;
    let verb = match verb {
        "modify" | "change" | "set" | "overwrite" | "replace" => "modify",
        "remove" | "delete" | "drop" => "remove",
        "add" => "add",
        _ => return Err(format!("unknown change {change:?}").into()),
    };
    let allowed = match (verb, freedom(attribute)) {
        ("add", Freedom::Add) => json!(true),
        (_, Freedom::Never | Freedom::Add) | ("remove", Freedom::Change) => json!(false),
        (_, Freedom::ShouldNot) => json!("should not"),
        (_, Freedom::Change | Freedom::Free) => json!(true),
    };
    same(&case["allowed"], &allowed)
}

fn derive(case: &Json) -> Verdict {
    known(case, &["cause", "expect"])?;
    let cause = event::flat(&case["cause"]).attributes;
    let mut derived = event::flat(&json!({ "id": "another" })).attributes;
    correlation::derive(&cause, &mut derived);
    derived.remove("id");
    let derived = Message { attributes: derived, ..Message::default() };
    event::compare(&derived, &json!({ "attributes": case["expect"] }))
}

/// An event through every format and out again: whatever it has it still has, and its trace is no matter of the hop's.
fn forward(case: &Json) -> Verdict {
    known(
        case,
        &["event", "expect", "expect_event", "incoming_protocol_trace", "outgoing_protocol_trace"],
    )?;
    // Whether a trace may begin in an event that has none is for the configuration to say.
    let is_open = case["event"].get("traceparent").is_none();
    match forwarded(case, true) {
        Err(_) if is_open => forwarded(case, false)?,
        verdict => verdict?,
    }
    let Some(wanted) = case.get("outgoing_protocol_trace") else { return Ok(()) };
    check(*wanted == "same trace-id as the incoming protocol header, new parent-id", || {
        format!("unknown {wanted}")
    })?;
    let incoming = case["incoming_protocol_trace"].as_str().and_then(TraceParent::parse);
    let incoming = incoming.ok_or("no incoming trace")?;
    let outgoing = TraceParent::parse(&incoming.child([7; 8]).to_string()).ok_or("no trace")?;
    check(
        outgoing.trace_id == incoming.trace_id && outgoing.parent_id != incoming.parent_id,
        || outgoing.to_string(),
    )
}

fn forwarded(case: &Json, trace: bool) -> Verdict {
    let message = event::flat(&case["event"]);
    let expected = case.get("expect_event").or_else(|| case.get("expect")).expect("an expectation");
    let incoming = case["incoming_protocol_trace"].as_str();
    let header = |text: &str| Header {
        name: "traceparent".into(),
        value: Some(Bytes::from(text.to_owned())),
    };
    for format in [Format::Json, Format::Avro, Format::Protobuf] {
        let bytes = format.encode(&message).map_err(|error| error.to_string())?;
        let mut again =
            format.decode(&bytes.into(), Mode::Strict).map_err(|error| error.to_string())?;
        again.headers = incoming.into_iter().map(header).collect();
        let options = json!({ "extensions": { "expired": "pass", "trace": trace } });
        let Applied::One(out) = step::apply(options, again) else {
            return Err("the step refused it".into());
        };
        for (name, value) in expected.as_object().into_iter().flatten() {
            let found = out.attributes.get(name);
            let found = found.as_ref().map(|value| canonical(value).into_owned());
            let expected = event::flat(&json!({ name: value })).attributes.get(name);
            let expected = expected.as_ref().map(|value| canonical(value).into_owned());
            check(found == expected, || format!("{name}: {found:?}"))?;
        }
    }
    Ok(())
}

fn forward_size(case: &Json) -> Verdict {
    known(case, &["size_bytes", "action"])?;
    // Beyond what an intermediary must forward it may: ours does.
    let action = case["action"].as_str().unwrap_or_default();
    check(action == "forward" || action.starts_with("may"), || format!("unknown {action}"))?;
    let head = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":""#;
    let size = case["size_bytes"].as_u64().expect("size_bytes") as usize;
    let text = format!("{head}{}\"}}", "x".repeat(size - head.len() - 2));
    check(text.len() == size, || text.len().to_string())?;
    let message = json::decode(&text.into(), Mode::Strict).map_err(|error| error.to_string())?;
    let again = json::encode(&message).map_err(|error| error.to_string())?;
    check(again.len() >= size, || again.len().to_string())
}

fn govern(case: &Json) -> Verdict {
    known(case, &["event", "policy_knows", "policy_regulations", "policy_categories", "action"])?;
    let list = |name: &str| -> Vec<String> {
        let all = case[name].as_array().into_iter().flatten();
        all.map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let policy = Policy {
        levels: list("policy_knows"),
        regulations: list("policy_regulations"),
        categories: case.get("policy_categories").map(|_| list("policy_categories")),
    };
    let action = match policy.check(&event::flat(&case["event"]).attributes) {
        Ok(()) => "forward",
        Err(_) => "reject and report",
    };
    same(&case["action"], &action.into())
}

fn transform(case: &Json) -> Verdict {
    known(case, &["step", "event", "stored", "expect", "action", "limit_bytes", "data"])?;
    let mut message = event::flat(&case["event"]);
    let stored = case["stored"].as_str().map(|text| Bytes::from(text.to_owned()));
    match case["step"].as_str().unwrap_or_default() {
        step if step.starts_with("claim check in") => {
            check(dataref::reference(&message).is_some(), || "no reference".into())?;
            let restored = dataref::restore(&mut message, stored.clone());
            if let Some(action) = case["action"].as_str() {
                let is_known = action.starts_with("dead-letter or retry");
                return check(is_known && restored.is_err(), || format!("{restored:?}"));
            }
            restored.map_err(|error| error.to_string())?;
        }
        step if step.starts_with("claim check out") => {
            let data = case["data"].as_str().or(case["stored"].as_str()).unwrap_or("data");
            message.payload = Some(Bytes::from(data.to_owned()));
            let taken = dataref::check_in(&mut message, "log:claims/1".into());
            check(taken.as_deref() == Some(data.as_bytes()), || format!("{taken:?}"))?;
        }
        other => return Err(format!("unknown step {other:?}").into()),
    }
    let expected = case["expect"].as_object().ok_or("no expectation")?;
    for (name, value) in expected {
        let found = match name.as_str() {
            "data_equals_stored" => json!(message.payload == stored),
            "data_absent" => json!(message.payload.is_none()),
            "data" => message
                .payload
                .as_deref()
                .map_or(Json::Null, |data| String::from_utf8_lossy(data).into_owned().into()),
            "has_dataref" | "dataref_present" => json!(message.attributes.contains("dataref")),
            "dataref_valid" => {
                json!(check_extension(&message.attributes, Extension::Dataref).is_ok())
            }
            other => return Err(format!("the key {other:?} is not known").into()),
        };
        same(value, &found)?;
    }
    Ok(())
}

/// An event into another binding: the extension is an attribute like others and no header of the protocol's own.
fn rebind(case: &Json) -> Verdict {
    known(case, &["event", "to", "expect_headers", "must_not"])?;
    let message = event::flat(&case["event"]);
    let mut headers: http::Headers = Vec::new();
    let mut put = |name: &str, value: &[u8]| {
        headers.push((name.into(), Bytes::copy_from_slice(value)));
    };
    match case["to"].as_str().unwrap_or_default() {
        "http-binary" => headers = http::encode_binary(&message).0,
        "kafka-binary" => kafka::attributes(&message, put),
        "nats-binary" => nats::headers(&message, &mut put),
        other => return Err(format!("unknown binding {other}").into()),
    }
    for (name, value) in case["expect_headers"].as_object().into_iter().flatten() {
        let found = headers.iter().find(|(other, _)| *other == name.as_str());
        let found = found.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        same(value, &json!(found))?;
    }
    let is_overwritten = headers.iter().any(|(name, _)| *name == "traceparent");
    check(!is_overwritten, || "the header traceparent is there".into())
}
