//! Suite `cloud-samples`: events of clouds as their services and tools write them.

mod kinds;

use hybridge_core::{Applied, Message};
use serde_json::{Value as Json, json};

use crate::step;
use crate::{Difference, Run, Table, Verdict, check, event, same};

pub(super) fn runner(file: &str, title: &str) -> Option<Run> {
    let run: Run = match file {
        "manifest.json" => kinds::sample,
        "aws/eventbridge-roundtrip.json" => event_bridge,
        "azure/eventgrid-to-cloudevents.json" => event_grid,
        "gcp/legacy-to-cloudevents.json" => legacy,
        "gcp/mapping-rules.json" => rules,
        _ if title.starts_with("EventBridge envelope") => event_bridge,
        _ if title.starts_with("Event Grid schema") => event_grid,
        _ if title.starts_with("Google Cloud Functions legacy") => legacy,
        _ if title.starts_with("Google event mapping") => rules,
        _ => return None,
    };
    Some(run)
}

fn is_known(case: &Json, known: &[&str]) -> Verdict {
    let always = ["id", "area", "why", "note", "level", "disputed", "quirk"];
    let mut names = case.as_object().into_iter().flatten().map(|(name, _)| &**name);
    let unknown = names.find(|name| !known.contains(name) && !always.contains(name));
    check(unknown.is_none(), || format!("nothing looks at {unknown:?}"))
}

/// The events that a payload is for a cloud, as CloudEvents.
fn read(from: &str, payload: Vec<u8>) -> Result<Vec<Message>, Difference> {
    events(step::apply(to_cloudevents(from), step::message(payload, Vec::new())))
}

fn to_cloudevents(from: &str) -> Json {
    json!({ "translate": { "from": from, "to": "cloudevents" } })
}

fn events(applied: Applied) -> Result<Vec<Message>, Difference> {
    let events = match applied {
        Applied::One(event) => vec![event],
        Applied::Many(events) => events,
        other => return Err(format!("{other:?}").into()),
    };
    for event in &events {
        step::is_sound(event)?;
    }
    Ok(events)
}

fn one(from: &str, payload: Vec<u8>) -> Result<Message, Difference> {
    let mut events = read(from, payload)?;
    check(events.len() == 1, || format!("{} events", events.len()))?;
    Ok(events.remove(0))
}

fn parsed(text: &[u8]) -> Result<Json, Difference> {
    serde_json::from_slice(text).map_err(|error| error.to_string().into())
}

fn data(event: &Message) -> Result<Json, Difference> {
    parsed(event.payload.as_deref().ok_or("no data")?)
}

/// There and back: nothing that EventBridge says may be lost on the way.
fn event_bridge(table: &Table, case: &Json) -> Verdict {
    is_known(case, &["input", "preserve", "data_deep_equal"])?;
    let text = table.read(case["input"].as_str().ok_or("no input")?)?;
    let sample = parsed(&text)?;
    let event = one("aws", text)?;
    for name in ["id", "time"] {
        event::attribute(&event, name, &sample[name])?;
    }
    if let Some(member) = case["data_deep_equal"].as_str() {
        same(&sample[member], &data(&event)?)?;
    }
    let source = event.attributes.text("source").unwrap_or_default();
    for name in ["account", "region"] {
        let part = sample[name].as_str().unwrap_or_default();
        check(source.contains(part), || format!("{source} does not say the {name}"))?;
    }
    let back = json!({ "translate": {
        "from": "cloudevents", "to": "aws", "aws": { "account": "000000000000", "region": "none" },
    } });
    let written = match step::apply(back, event) {
        Applied::One(written) => data(&written)?,
        other => return Err(format!("{other:?}").into()),
    };
    for (name, want) in case["preserve"].as_object().into_iter().flatten() {
        same(want, &written[name])?;
    }
    same(&sample["detail"], &written["detail"])?;
    same(&sample["resources"], &written["resources"])
}

fn event_grid(table: &Table, case: &Json) -> Verdict {
    is_known(
        case,
        &[
            "input",
            "official_cloudevents",
            "official_data_differs",
            "expect_attributes",
            "expect_data",
            "expect_events",
            "expect",
        ],
    )?;
    let text = table.read(case["input"].as_str().ok_or("no input")?)?;
    if let Some(expect) = case["expect"].as_str() {
        check(expect.starts_with("unmapped"), || format!("nothing looks at {expect:?}"))?;
        return check(read("azure", text).is_err(), || "mapped".into());
    }
    let sample = parsed(&text)?;
    let events = read("azure", text)?;
    if let Some(wanted) = case["expect_events"].as_array() {
        check(events.len() == wanted.len(), || format!("{} events", events.len()))?;
        for (event, wanted) in events.iter().zip(wanted) {
            attributes(event, &wanted["attributes"], &wanted["absent"])?;
            event::compare_data(event, &wanted["data"])?;
        }
        return Ok(());
    }
    check(events.len() == 1, || format!("{} events", events.len()))?;
    attributes(&events[0], &case["expect_attributes"], &Json::Null)?;
    let element = if sample.is_array() { &sample[0] } else { &sample };
    if case.get("expect_data").is_some() {
        same(&element["data"], &data(&events[0])?)?;
    }
    if let Some(file) = case["official_cloudevents"].as_str() {
        let official = one("azure", table.read(file)?)?;
        for (name, value) in official.attributes.iter() {
            let want = hybridge_schemas::cloudevents::attribute::canonical(&value).into_owned();
            event::attribute(&events[0], &name, &want.into())?;
        }
        if case["official_data_differs"] != true {
            same(&data(&official)?, &data(&events[0])?)?;
        }
    }
    Ok(())
}

fn attributes(event: &Message, wanted: &Json, absent: &Json) -> Verdict {
    for (name, want) in wanted.as_object().into_iter().flatten() {
        event::attribute(event, name, want)?;
    }
    for name in absent.as_array().into_iter().flatten() {
        let found = event.attributes.get(name.as_str().unwrap());
        check(found.is_none(), || format!("{name} is {found:?}"))?;
    }
    Ok(())
}

/// The way back to the legacy form is optional and not taken.
fn legacy(table: &Table, case: &Json) -> Verdict {
    is_known(case, &["legacy_to_cloudevent", "cloudevent_to_legacy"])?;
    let Some(files) = case.get("legacy_to_cloudevent") else { return Ok(()) };
    let event = one("gcp", table.read(files["input"].as_str().ok_or("no input")?)?)?;
    let mut expected = parsed(&table.read(files["expect"].as_str().ok_or("no expect")?)?)?;
    let expected = expected.as_object_mut().ok_or("no event")?;
    let wanted = expected.remove("data").unwrap_or_default();
    event::compare(&event, &json!({ "attributes": expected, "data": { "json": wanted } }))
}

fn rules(_: &Table, case: &Json) -> Verdict {
    is_known(
        case,
        &[
            "input",
            "expect_attributes",
            "expect_data",
            "expect",
            "absent",
            "absent_attributes",
            "reject",
        ],
    )?;
    let event = one("gcp", serde_json::to_vec(&case["input"]).unwrap());
    if case["reject"] == true {
        return check(event.is_err(), || "accepted".into());
    }
    let event = event?;
    attributes(&event, &case["expect_attributes"], &case["absent"])?;
    attributes(&event, &Json::Null, &case["absent_attributes"])?;
    if let Some(wanted) = case.get("expect_data") {
        same(wanted, &data(&event)?)?;
    }
    for (name, want) in case["expect"].as_object().into_iter().flatten() {
        match name.as_str() {
            "data_text" => {
                let found = event.payload.as_deref().map(String::from_utf8_lossy);
                same(want, &json!(found))?;
            }
            "data" if want.is_null() => {
                check(event.payload.is_none(), || "there are data".into())?;
            }
            "data" | "data_json" => same(want, &data(&event)?)?,
            "attributes" => {
                for (name, want) in want.as_object().into_iter().flatten() {
                    let value = event.headers.get(name).unwrap_or_default();
                    same(want, &json!(String::from_utf8_lossy(&value)))?;
                }
            }
            "orderingKey" | "ordering_key" => event::attribute(&event, "partitionkey", want)?,
            "id" | "time" | "source" | "type" | "subject" => event::attribute(&event, name, want)?,
            other => return Err(format!("nothing looks at {other:?}").into()),
        }
    }
    Ok(())
}
