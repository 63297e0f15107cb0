//! Suite `transforms`: input transformers of EventBridge, and the sizes of its entries.

use bytes::Bytes;
use hybridge_core::{Applied, Message};
use hybridge_schemas::eventbridge::Entry;
use serde_json::{Value as Json, json};

use super::{Difference, Run, Table, Verdict, event, same, step};

pub(super) fn runner(file: &str, title: &str) -> Option<Run> {
    let is = |name: &str, words: &str| file == name || title.contains(words);
    if is("eventbridge-input-transformer.json", "input transformer") {
        return Some(transformer);
    }
    is("putevents-size.json", "entry size").then_some(size as Run)
}

const TRANSFORMER_KEYS: [&str; 14] = [
    "id",
    "area",
    "name",
    "why",
    "note",
    "event",
    "input_paths",
    "template",
    "output",
    "either",
    "rule_arn",
    "rule_name",
    "quirk",
    "disputed",
];
const SIZE_KEYS: [&str; 9] =
    ["id", "area", "name", "why", "note", "entry", "size", "quirk", "disputed"];

fn transformer(_table: &Table, case: &Json) -> Verdict {
    event::only_keys(case, &TRANSFORMER_KEYS)?;
    let mut config = json!({ "input_template": case["template"] });
    for (key, name) in
        [("input_paths", "input_paths_map"), ("rule_arn", "rule_arn"), ("rule_name", "rule_name")]
    {
        if let Some(value) = case.get(key) {
            config[name] = value.clone();
        }
    }
    let got = transformed(&config, &case["event"]);
    let wanted = match case["either"].as_array() {
        Some(either) => either.clone(),
        None => vec![case["output"].clone()],
    };
    let is_wanted = |want: &Json| match (&got, want) {
        (Err(_), Json::String(text)) if text == "error" && case.get("either").is_some() => true,
        (Ok(text), Json::String(want)) => text == want,
        (Ok(text), want) => serde_json::from_str::<Json>(text).is_ok_and(|made| made == *want),
        (Err(_), _) => false,
    };
    match wanted.iter().any(is_wanted) {
        true => Ok(()),
        false => {
            let got = got.map_or_else(|error| json!({ "error": error }), Json::from);
            Err(Difference { want: wanted.into(), got })
        }
    }
}

fn transformed(config: &Json, event: &Json) -> Result<String, String> {
    let step = step::make(&json!({ "input_transformer": config }))?;
    let payload = Some(Bytes::from(event.to_string()));
    let message = Message { payload, ..Message::default() };
    match step::apply_made(&*step, message) {
        Applied::One(message) => {
            let payload = message.payload.expect("a payload").to_vec();
            String::from_utf8(payload).map_err(|error| error.to_string())
        }
        other => Err(format!("{other:?}")),
    }
}

fn size(_table: &Table, case: &Json) -> Verdict {
    event::only_keys(case, &SIZE_KEYS)?;
    let entry = &case["entry"];
    let known = ["Time", "Source", "DetailType", "Detail", "Resources"];
    event::only_keys(entry, &known)?;
    let text = |name: &str| entry[name].as_str();
    let resources = entry["Resources"].as_array().into_iter().flatten();
    let resources: Vec<&str> = resources.filter_map(Json::as_str).collect();
    let entry = Entry {
        has_time: entry.get("Time").is_some_and(|time| !time.is_null()),
        source: text("Source").unwrap_or_default(),
        detail_type: text("DetailType").unwrap_or_default(),
        detail: text("Detail"),
        resources: &resources,
    };
    same(&case["size"], &entry.size().into())
}
