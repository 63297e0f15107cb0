//! Inputs to begin with, out of tables of cases.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

/// The longest seed; what is longer teaches little and costs time.
const LONGEST: usize = 8192;

/// What the files below a folder hold: each file, of JSON each text, object and list in it, of other text what is quoted.
/// Bytes that are written in base64 come as such too, headers with a body as a request, and a pattern or an expression
/// with an event as both.
///
/// # Errors
/// A file cannot be read.
pub fn seeds(folder: &Path) -> io::Result<BTreeSet<Vec<u8>>> {
    let mut seeds = BTreeSet::new();
    collect(folder, &mut seeds)?;
    seeds.retain(|seed| !seed.is_empty() && seed.len() <= LONGEST);
    Ok(seeds)
}

fn collect(folder: &Path, seeds: &mut BTreeSet<Vec<u8>>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, seeds)?;
            continue;
        }
        let text = std::fs::read(&path)?;
        if let Ok(json) = serde_json::from_slice(&text) {
            values(&json, seeds);
        } else if let Ok(text) = std::str::from_utf8(&text) {
            quoted(text, seeds);
        }
        seeds.insert(text);
    }
    Ok(())
}

/// What stands between quotes or backticks in a line: in files of rules and in the pages about them, expressions.
fn quoted(text: &str, seeds: &mut BTreeSet<Vec<u8>>) {
    for line in text.lines() {
        for quote in ['"', '`'] {
            seeds.extend(line.split(quote).skip(1).step_by(2).map(|part| part.as_bytes().to_vec()));
        }
    }
}

fn values(json: &Json, seeds: &mut BTreeSet<Vec<u8>>) {
    match json {
        Json::String(text) => {
            seeds.insert(text.clone().into_bytes());
        }
        Json::Array(items) => {
            seeds.insert(json.to_string().into_bytes());
            items.iter().for_each(|item| values(item, seeds));
        }
        Json::Object(members) => {
            seeds.insert(json.to_string().into_bytes());
            for (name, value) in members {
                if let Some(text) = value.as_str().filter(|_| name.ends_with("base64")) {
                    seeds.extend(STANDARD.decode(text));
                }
                values(value, seeds);
            }
            seeds.extend(request(json));
            seeds.extend(condition(json));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// Headers, an empty line and the body.
fn request(case: &Json) -> Option<Vec<u8>> {
    let one = |names: &[&str]| names.iter().find_map(|name| case.get(name));
    let headers = one(&["headers", "application_properties", "user_properties", "attributes"])?;
    let pairs: Vec<(&str, &Json)> = match headers {
        Json::Object(members) => members.iter().map(|(name, value)| (&**name, value)).collect(),
        Json::Array(pairs) => {
            pairs.iter().filter_map(|pair| Some((pair[0].as_str()?, &pair[1]))).collect()
        }
        _ => return None,
    };
    let mut seed = String::new();
    let content_type = case.get("content_type").or(case["properties"].get("content-type"));
    let content_type = content_type.map(|value| ("content-type", value));
    for (name, value) in content_type.into_iter().chain(pairs) {
        let value = value.as_object().and_then(|tagged| tagged.values().next()).unwrap_or(value);
        seed.push_str(&format!("{name}: {}\n", text(value)));
    }
    seed.push('\n');
    let body = one(&["body_text", "payload_text", "value_text", "data_text", "payload", "data"]);
    seed.push_str(&body.map(text).unwrap_or_default());
    Some(seed.into_bytes())
}

/// A line with a pattern or an expression, and an event.
fn condition(case: &Json) -> Option<Vec<u8>> {
    let names = ["pattern", "expression", "filters"];
    let (name, asked) = names.iter().find_map(|name| Some((name, case.get(name)?)))?;
    let asked = asked.as_array().map_or(asked, |filters| filters.first().unwrap_or(asked));
    let mut event = case.get("event").or(case.get("eventOverrides"))?.clone();
    if let (Some(event), "expression" | "filters") = (event.as_object_mut(), *name) {
        for required in ["specversion", "id", "source", "type"] {
            event.entry(required).or_insert_with(|| "1.0".into());
        }
    }
    Some(format!("{}\n{}", text(asked).replace('\n', " "), text(&event)).into_bytes())
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
