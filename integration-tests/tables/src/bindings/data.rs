//! Files of the conformance project that are no tables: features in Gherkin, which tell of messages and what is parsed
//! out of them, and documents of YAML, which are events. Each scenario and each event is a case.

use std::iter::Peekable;

use bytes::Bytes;
use hybridge_core::{Header, Message};
use hybridge_schemas::cloudevents::format::Format;
use hybridge_schemas::cloudevents::http::{self, Decoded as Request};
use hybridge_schemas::cloudevents::structured::Decoded;
use hybridge_schemas::cloudevents::{Mode, kafka};
use serde_json::{Map, Value as Json, json};

use crate::{Run, Verdict, check, event};

/// The cases of a file, and what runs them; `None` for a file of another kind.
pub(crate) fn table(file: &str, text: &str) -> Option<(Json, Run)> {
    let (stem, kind) = file.rsplit_once('.')?;
    let stem = stem.rsplit('/').next().unwrap_or(stem);
    let (cases, run): (Vec<Json>, Run) = match kind {
        "feature" => (scenarios(stem, text), |_, case| parsed(case)),
        "yaml" | "yml" => (documents(stem, text), |_, case| carried(case)),
        _ => return None,
    };
    Some((json!({ "cases": cases }), run))
}

/// The scenarios of a feature: the steps of each, with the names in `<>` replaced by each row of its examples.
fn scenarios(stem: &str, text: &str) -> Vec<Json> {
    let mut cases = Vec::new();
    let parts = text.split("Scenario").skip(1);
    for (number, part) in parts.enumerate() {
        let (steps, examples) = part.split_once("Examples:").unwrap_or((part, ""));
        let rows: Vec<Vec<&str>> = examples.lines().filter_map(cells).collect();
        let id = |row: usize| format!("{stem}-{}-{}", number + 1, row + 1);
        let Some((names, rows)) = rows.split_first() else {
            cases.push(json!({ "id": id(0), "steps": steps }));
            continue;
        };
        for (index, row) in rows.iter().enumerate() {
            let pairs = names.iter().zip(row);
            let steps = pairs.fold(steps.to_owned(), |steps, (name, value)| {
                steps.replace(&format!("<{name}>"), value)
            });
            cases.push(json!({ "id": id(index), "steps": steps }));
        }
    }
    cases
}

/// The cells of a row of a table; `None` for another line.
fn cells(line: &str) -> Option<Vec<&str>> {
    let line = line.trim().strip_prefix('|')?;
    let line = line.rsplit_once('|').map_or(line, |(line, _)| line);
    Some(line.split('|').map(str::trim).collect())
}

/// A step with what stands below it.
struct Step {
    text: String,
    doc: String,
    rows: Vec<(String, String)>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = text.lines().skip(1);
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        let Some(step) = steps.last_mut().filter(|_| !is_step(trimmed)) else {
            if is_step(trimmed) {
                let text = trimmed.split_once(' ').map_or("", |(_, text)| text);
                let text = text.trim_end_matches(':').to_owned();
                steps.push(Step { text, doc: String::new(), rows: Vec::new() });
            }
            continue;
        };
        if trimmed.starts_with("\"\"\"") {
            let margin = line.len() - line.trim_start().len();
            let doc = lines.by_ref().take_while(|line| !line.trim().starts_with("\"\"\""));
            let doc = doc.map(|line| line.get(margin..).unwrap_or(line.trim_start()));
            step.doc = doc.collect::<Vec<_>>().join("\n");
        } else if let Some(row) = cells(line).filter(|row| row.len() == 2 && row[0] != "key") {
            step.rows.push((row[0].to_owned(), row[1].to_owned()));
        }
    }
    steps
}

fn is_step(line: &str) -> bool {
    ["Given ", "When ", "Then ", "And "].iter().any(|word| line.starts_with(word))
}

/// Plays one scenario.
fn parsed(case: &Json) -> Verdict {
    let (mut request, mut record) = (String::new(), Message::default());
    let (mut found, mut is_checked) = (None, false);
    for step in steps(case["steps"].as_str().unwrap_or_default()) {
        match step.text.as_str() {
            "an HTTP request" => request = step.doc,
            "a Kafka message with payload" => record.payload = Some(Bytes::from(step.doc)),
            "Kafka headers" => {
                let header = |(name, value): (String, String)| Header {
                    name: name.into(),
                    value: Some(value.into()),
                };
                record.headers = step.rows.into_iter().map(header).collect();
            }
            "parsed as HTTP request" => found = Some(of_request(&request)?),
            "parsed as Kafka message" => match kafka::decode(&record, Mode::Strict) {
                Ok(Decoded::Event(event)) => found = Some(event),
                other => return Err(format!("{other:?}").into()),
            },
            "the attributes are" => {
                let found = found.as_ref().ok_or("nothing was parsed")?;
                is_checked = true;
                let names: Map<String, Json> =
                    step.rows.into_iter().map(|(name, value)| (name, value.into())).collect();
                let expected = json!({ "attributes": names, "data": Json::Null });
                let without_data = Message { payload: None, ..found.clone() };
                event::compare(&without_data, &expected)?;
            }
            "the data is equal to the following JSON" => {
                let found = found.as_ref().ok_or("nothing was parsed")?;
                let data: Json =
                    serde_json::from_str(&step.doc).map_err(|error| error.to_string())?;
                event::compare_data(found, &json!({ "json": data }))?;
            }
            other => return Err(format!("unknown step {other:?}").into()),
        }
    }
    check(is_checked, || "nothing was compared".into())
}

fn of_request(request: &str) -> Result<Message, String> {
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let headers: Vec<(&str, &[u8])> = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim().as_bytes()))
        .collect();
    let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let content_type = content_type.map(|(_, value)| *value);
    let body = Bytes::copy_from_slice(body.as_bytes());
    match http::decode_with(Mode::Strict, content_type, headers, body) {
        Ok(Request::Event(event)) => Ok(event),
        other => Err(format!("{other:?}")),
    }
}

/// The documents of a file of events: a map of attributes with extensions in a map of their own, and the data as a block of
/// text. Version 0.3 as 1.0, which is what a message has.
fn documents(stem: &str, text: &str) -> Vec<Json> {
    let mut cases = Vec::new();
    for (number, document) in text.split("\n---").enumerate() {
        let mut attributes = Map::new();
        let mut data = Json::Null;
        let mut section = "";
        let mut lines = document.lines().peekable();
        while let Some(line) = lines.next() {
            let Some((name, value)) = line.split_once(':') else { continue };
            let depth = margin(line);
            let (name, value) = (name.trim(), value.trim());
            if depth == 0 {
                section = name;
            }
            let value = match value {
                "|" => block(&mut lines, depth),
                value => value.trim_matches('"').to_owned(),
            };
            match section {
                "Data" => data = json!({ "text": value }),
                "ContextAttributes" if !value.is_empty() => {
                    let name = if name == "schemaurl" { "dataschema" } else { name };
                    let value = if name == "specversion" { "1.0" } else { &*value };
                    attributes.insert(name.to_owned(), value.into());
                }
                _ => {}
            }
        }
        if !attributes.is_empty() {
            let id = format!("{stem}-{}", number + 1);
            cases.push(json!({ "id": id, "attributes": attributes, "data": data }));
        }
    }
    cases
}

fn margin(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines further in than `depth`, without their margin.
fn block<'t>(lines: &mut Peekable<impl Iterator<Item = &'t str>>, depth: usize) -> String {
    let mut text = Vec::new();
    while let Some(line) = lines.next_if(|line| line.trim().is_empty() || margin(line) > depth) {
        text.push(line);
    }
    let start = text.first().map_or(0, |line| margin(line));
    let lines: Vec<&str> = text.iter().map(|line| line.get(start..).unwrap_or_default()).collect();
    format!("{}\n", lines.join("\n").trim_end_matches('\n'))
}

/// An event through every format and the binary modes of HTTP and Kafka: it is the same when it comes out.
fn carried(case: &Json) -> Verdict {
    let message = event::message(case);
    let is_json = case["attributes"]["datacontenttype"]
        .as_str()
        .is_some_and(|content_type| content_type.contains("json"));
    let expected = match case["data"]["text"].as_str() {
        Some(text) if is_json => {
            let data: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
            json!({ "attributes": case["attributes"], "data": { "json": data } })
        }
        _ => case.clone(),
    };
    for format in [Format::Json, Format::Avro, Format::Protobuf] {
        let bytes = format.encode(&message).map_err(|error| error.to_string())?;
        let again =
            format.decode(&bytes.into(), Mode::Lenient).map_err(|error| error.to_string())?;
        event::compare(&again, &expected)?;
    }
    let (headers, body) = http::encode_binary(&message);
    let pairs = || headers.iter().map(|(name, value)| (name.as_str(), value.as_ref()));
    let content_type = pairs().find(|(name, _)| *name == "content-type").map(|(_, value)| value);
    match http::decode_with(Mode::Lenient, content_type, pairs(), body.unwrap_or_default()) {
        Ok(Request::Event(again)) => event::compare(&again, &expected)?,
        other => return Err(format!("{other:?}").into()),
    }
    let mut headers = Vec::new();
    kafka::attributes(&message, |name, value| {
        let value = Some(Bytes::copy_from_slice(value));
        headers.push(Header { name: name.into(), value });
    });
    let record = Message {
        payload: message.payload.clone(),
        headers: headers.into_iter().collect(),
        ..Message::default()
    };
    match kafka::decode(&record, Mode::Lenient) {
        Ok(Decoded::Event(again)) => event::compare(&again, &expected),
        other => Err(format!("{other:?}").into()),
    }
}
