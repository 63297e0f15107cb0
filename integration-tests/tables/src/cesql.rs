//! Suite `cesql`: expressions of CloudEvents SQL and what they make of an event.

use hybridge_config::Cesql;
use hybridge_transformers::expression::cesql::{Compiled, ErrorKind, Value};
use serde_json::{Map, Value as Json, json};

use super::{Difference, Run, Table, Verdict, event};

pub(super) fn runner(_file: &str, _title: &str) -> Option<Run> {
    Some(case)
}

const KEYS: [&str; 13] = [
    "id",
    "area",
    "name",
    "why",
    "note",
    "expression",
    "event",
    "eventOverrides",
    "result",
    "error",
    "disputed",
    "value_disputed",
    "quirk",
];

fn case(_table: &Table, case: &Json) -> Verdict {
    event::only_keys(case, &KEYS)?;
    let want = json!({ "result": case.get("result"), "error": case.get("error") });
    let got = |got: Json| Difference { want: want.clone(), got };
    let text = case["expression"].as_str().ok_or("no expression")?;
    let cesql: Cesql = match text.parse() {
        Ok(cesql) if case["error"] == "parse" => {
            return Err(got(format!("{cesql} is read").into()));
        }
        Ok(cesql) => cesql,
        Err(_) if case["error"] == "parse" => return Ok(()),
        Err(error) => return Err(got(error.to_string().into())),
    };
    let message = event::flat(&whole_event(case));
    let compiled = Compiled::new(&cesql);
    let outcome = compiled.evaluate(&message);
    let value = match &outcome.value {
        Value::Boolean(value) => Json::from(*value),
        Value::Integer(number) => Json::from(*number),
        Value::String(text) => Json::from(text.as_ref()),
    };
    let errors: Vec<&str> = outcome.errors.iter().map(|error| name(error.kind)).collect();
    let is_value = case.get("result").is_none_or(|result| *result == value);
    let is_error = match case["error"].as_str() {
        Some(error) => errors.contains(&error),
        None => errors.is_empty(),
    };
    match is_value && is_error {
        true => Ok(()),
        false => Err(got(json!({ "result": value, "errors": errors }))),
    }
}

fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Math => "math",
        ErrorKind::Cast => "cast",
        ErrorKind::MissingAttribute => "missingAttribute",
        ErrorKind::MissingFunction => "missingFunction",
        ErrorKind::FunctionEvaluation => "functionEvaluation",
    }
}

/// The event of the case, or any valid one with the attributes that the case sets.
fn whole_event(case: &Json) -> Json {
    if let Some(event) = case.get("event") {
        return event.clone();
    }
    let mut event: Map<String, Json> = serde_json::from_value(json!({
        "specversion": "1.0", "id": "base-id", "type": "base.type", "source": "http://base/source",
    }))
    .expect("an object");
    for (name, value) in case["eventOverrides"].as_object().into_iter().flatten() {
        event.insert(name.clone(), value.clone());
    }
    event.into()
}
