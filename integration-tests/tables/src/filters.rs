//! Suite `subscription-filters`: the filter dialects of the Subscriptions API, and its subscription objects.

use hybridge_config::{Filter, Subscription};
use hybridge_transformers::expression::Expression;
use serde_json::{Value as Json, json};

use super::{Run, Table, Verdict, check, event};

pub(super) fn runner(file: &str, title: &str) -> Option<Run> {
    let is_objects = file == "subscription-objects.json" || title == "Subscription objects";
    let is_filters = file == "filters.json" || title.contains("filter dialects");
    match (is_filters, is_objects) {
        (true, _) => Some(filters),
        (_, true) => Some(object),
        _ => None,
    }
}

const FILTER_KEYS: [&str; 11] = [
    "id", "area", "name", "why", "note", "filters", "event", "pass", "reject", "disputed", "quirk",
];
const OBJECT_KEYS: [&str; 9] =
    ["id", "area", "name", "why", "note", "subscription", "valid", "disputed", "quirk"];

fn filters(_table: &Table, case: &Json) -> Verdict {
    event::only_keys(case, &FILTER_KEYS)?;
    // None are as good as no list of them.
    let filters = Some(&case["filters"]).filter(|filters| !filters.is_null()).cloned();
    let filters = serde_json::from_value::<Vec<Filter>>(filters.unwrap_or_else(|| json!([])));
    let filters = match (filters, &case["reject"]) {
        (Ok(_), Json::Bool(true)) => return Err("it is accepted".into()),
        (Err(_), Json::Bool(true)) => return Ok(()),
        (Err(_), text) if text == "allowed" => return Ok(()),
        (Err(error), _) => return Err(error.to_string().into()),
        (Ok(filters), _) => filters,
    };
    let message = event::flat(&case["event"]);
    let passes = |filter: &Filter| Expression::filter(filter).evaluate(&message).unwrap_or(false);
    let passed = filters.iter().all(passes);
    check(case["pass"] == passed, || format!("passes: {passed}"))
}

fn object(_table: &Table, case: &Json) -> Verdict {
    event::only_keys(case, &OBJECT_KEYS)?;
    let read = Subscription::from_json(&case["subscription"].to_string());
    check(case["valid"] == read.is_ok(), || format!("{:?}", read.err()))
}
