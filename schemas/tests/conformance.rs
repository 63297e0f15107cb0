//! Tables of cases for the CloudEvents formats and bindings.
//!
//! With `HYBRIDGE_CONFORMANCE` set to a folder of tables, those are run, and a missing one is a
//! failure; without it, the smaller tables under `tests/cases`. A table is
//! `{ "cases": [ { "id", "op", ... } ] }`. An event in it is `{ "attributes", "data" }`, with data
//! `null` for none, `{ "json" }`, `{ "text" }` or `{ "base64" }`.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "conformance/event.rs"]
mod event;
#[path = "conformance/http.rs"]
mod http;
#[path = "conformance/json.rs"]
mod json;
#[path = "conformance/webhook.rs"]
mod webhook;

use std::path::PathBuf;

use serde_json::Value as Json;

/// What a case came to: nothing to say, or how it differs.
type Verdict = Result<(), String>;

/// A table by its path in the folder of tables, and the name of ours.
fn table(theirs: &str, ours: &str) -> Json {
    let path = match std::env::var_os("HYBRIDGE_CONFORMANCE") {
        Some(folder) => PathBuf::from(folder).join(theirs),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(ours),
    };
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs every case of a table and fails with all that differ.
fn run(theirs: &str, ours: &str, verdict: impl Fn(&Json) -> Verdict) {
    let table = table(theirs, ours);
    let cases = table["cases"].as_array().expect("a table has cases");
    assert!(!cases.is_empty(), "{theirs} has no case");
    let mut failures = Vec::new();
    for case in cases {
        let id = case["id"].as_str().expect("a case has an id");
        let is_disputed = ["disputed", "value_disputed", "quirk"]
            .iter()
            .any(|mark| case.get(mark).is_some_and(|mark| *mark != Json::Bool(false)));
        if let Err(difference) = verdict(case)
            && !is_disputed
        {
            failures.push(format!("{id}: {difference}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

fn check(holds: bool, difference: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(difference()) }
}

#[test]
fn json_format() {
    run("cloudevents-format/json-spec.json", "json-format.json", json::by_op);
}

#[test]
fn json_golden_events() {
    let golden = table("cloudevents-format/golden.json", "golden.json");
    run("cloudevents-format/json-conformance.json", "json-golden.json", |case| {
        json::golden(case, &golden)
    });
}

#[test]
fn json_written_again() {
    run("cloudevents-format/json-sdk-java.json", "json-written-again.json", json::written_again);
}

#[test]
fn media_types() {
    run("cloudevents-format/media-types.json", "media-types.json", http::media_type);
}

#[test]
fn header_values() {
    run("bindings/header-values.json", "header-values.json", http::header_value);
}

#[test]
fn http_binding() {
    run("bindings/http.json", "http.json", http::by_op);
}

#[test]
fn web_hooks() {
    run("bindings/webhook.json", "webhook.json", webhook::by_op);
}
