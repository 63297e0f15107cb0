//! What came of a test against what it expects.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hybridge_config::unit_test::{DeadLetterExpectation, OutcomeName, OutputConfig, TestConfig};
use serde_json::{Value, json};

use super::Report;
use super::ends::Taken;
use super::message::{event, headers, read, reason, shown};
use super::run::Ran;

/// Writes every difference into the report.
pub(super) fn compare(path: &Path, test: &TestConfig, ran: &Ran, update: bool, to: &mut Report) {
    let folder = path.parent().unwrap_or(Path::new(""));
    let found = &mut to.differences;
    outcomes(test, ran, found);
    if let Some(wanted) = &test.expect.targets {
        targets(wanted, ran, folder, found);
    }
    if let Some(wanted) = &test.expect.rules {
        rules(wanted, ran, found);
    }
    dead_letters(&test.expect.dead_letters, ran, folder, found);
    for (target, wanted) in &test.expect.attempts {
        let got = ran.attempts.get(target).copied().unwrap_or(0);
        if got != *wanted {
            found.push(format!("{target}: {got} attempts instead of {wanted}"));
        }
    }
    took(test, ran, found);
    if let Some(golden) = &test.expect.golden {
        let path = folder.join(golden);
        if update {
            match std::fs::write(&path, text(ran)) {
                Ok(()) => to.updated = Some(path.display().to_string()),
                Err(error) => found.push(format!("{}: {error}", path.display())),
            }
        } else {
            found.extend(golden_difference(&path, ran));
        }
    }
}

fn outcomes(test: &TestConfig, ran: &Ran, found: &mut Vec<String>) {
    for (index, got) in ran.outcomes.iter().enumerate() {
        let wanted = test.expect.outcomes.as_ref().map(|wanted| wanted[index]);
        let is_wanted = match wanted {
            Some(wanted) => wanted == *got,
            None => *got != OutcomeName::Held,
        };
        if is_wanted {
            continue;
        }
        let wanted = wanted.map_or_else(|| "an end".to_owned(), |wanted| name(&wanted));
        let why = ran.trouble.as_deref().filter(|_| *got == OutcomeName::Held);
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        found.push(format!("message {}: {} instead of {wanted}{why}", index + 1, name(got)));
    }
}

/// A name as it is written in the file.
fn name(outcome: &OutcomeName) -> String {
    json!(outcome).as_str().unwrap_or_default().to_owned()
}

fn targets(
    wanted: &BTreeMap<String, Vec<OutputConfig>>,
    ran: &Ran,
    folder: &Path,
    found: &mut Vec<String>,
) {
    for (target, outputs) in wanted {
        let got = ran.targets.get(target).map(Vec::as_slice).unwrap_or_default();
        if outputs.len() != got.len() {
            let messages: Vec<String> = got.iter().map(|taken| shown(taken).to_string()).collect();
            let messages = messages.join(", ");
            let (got, wanted) = (got.len(), outputs.len());
            found.push(format!("{target}: {got} messages instead of {wanted}: [{messages}]"));
            continue;
        }
        for (index, (output, got)) in outputs.iter().zip(got).enumerate() {
            let place = format!("{target}, message {}", index + 1);
            output_differences(&place, output, got, folder, found);
        }
    }
    for (target, got) in &ran.targets {
        if !wanted.contains_key(target) {
            let messages: Vec<String> = got.iter().map(|taken| shown(taken).to_string()).collect();
            let messages = messages.join(", ");
            found.push(format!("{target}: {} messages instead of none: [{messages}]", got.len()));
        }
    }
}

fn output_differences(
    place: &str,
    wanted: &OutputConfig,
    got: &Taken,
    folder: &Path,
    found: &mut Vec<String>,
) {
    let payload = got.message.payload.as_ref();
    let mut differs = |what: &str, wanted: &Value, got: &Value| {
        found.push(format!("{place}: {what} {got} instead of {wanted}"));
    };
    if let Some(event_wanted) = &wanted.event {
        let wanted_event = Value::Object(event_wanted.clone());
        let event = event(&got.message);
        if !holds(&wanted_event, &event, wanted.exactly) {
            differs("event", &wanted_event, &event);
        }
    }
    if let Some(json) = &wanted.json {
        let body = payload.and_then(|payload| serde_json::from_slice::<Value>(payload).ok());
        if !body.as_ref().is_some_and(|body| holds(json, body, wanted.exactly)) {
            differs("body", json, &body.unwrap_or_else(|| as_text(payload)));
        }
    }
    let bytes = match body_bytes(wanted, folder) {
        Ok(bytes) => bytes,
        Err(error) => return found.push(format!("{place}: {error}")),
    };
    if let Some(bytes) = bytes
        && payload != Some(&bytes)
    {
        differs("body", &as_text(Some(&bytes)), &as_text(payload));
    }
    if let Some(key) = &wanted.key
        && got.message.key.as_deref() != Some(key.as_bytes())
    {
        differs("key", &key.as_str().into(), &as_text(got.message.key.as_ref()));
    }
    let headers = headers(&got.message);
    for (name, value) in &wanted.headers {
        let there = headers.get(name).cloned().flatten();
        if there != *value {
            differs(&format!("header {name}"), &json!(value), &json!(there));
        }
    }
    for (name, value) in &wanted.to {
        let there = got.to.get(name);
        if there != Some(value) {
            differs(name, &json!(value), &json!(there));
        }
    }
}

fn body_bytes(wanted: &OutputConfig, folder: &Path) -> Result<Option<Bytes>, String> {
    if let Some(text) = &wanted.text {
        return Ok(Some(Bytes::from(text.clone())));
    }
    if let Some(text) = &wanted.base64 {
        let bytes = STANDARD.decode(text).map_err(|error| format!("base64: {error}"))?;
        return Ok(Some(Bytes::from(bytes)));
    }
    wanted.file.as_ref().map(|file| read(folder, file)).transpose()
}

fn as_text(bytes: Option<&Bytes>) -> Value {
    bytes.map_or(Value::Null, |bytes| String::from_utf8_lossy(bytes).into())
}

/// Whether everything that is wanted is there; `exactly`: and nothing else.
fn holds(wanted: &Value, got: &Value, exactly: bool) -> bool {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => {
            let all = wanted
                .iter()
                .all(|(name, value)| got.get(name).is_some_and(|got| holds(value, got, exactly)));
            all && (!exactly || wanted.len() == got.len())
        }
        (Value::Array(wanted), Value::Array(got)) => {
            wanted.len() == got.len()
                && wanted.iter().zip(got).all(|(wanted, got)| holds(wanted, got, exactly))
        }
        (Value::Number(wanted), Value::Number(got)) => {
            wanted == got || (wanted.as_f64() == got.as_f64() && (wanted.is_f64() || got.is_f64()))
        }
        (wanted, got) => wanted == got,
    }
}

fn rules(wanted: &[String], ran: &Ran, found: &mut Vec<String>) {
    for rule in wanted.iter().filter(|rule| !ran.rules.contains(*rule)) {
        found.push(format!("the rule `{rule}` did not match"));
    }
    for rule in ran.rules.iter().filter(|rule| !wanted.contains(rule)) {
        found.push(format!("the rule `{rule}` matched"));
    }
}

fn dead_letters(
    wanted: &[DeadLetterExpectation],
    ran: &Ran,
    folder: &Path,
    found: &mut Vec<String>,
) {
    if wanted.len() != ran.dead_letters.len() {
        let reasons = ran.dead_letters.iter().map(|letter| reason(&letter.message, "reason"));
        let reasons = reasons.collect::<Vec<_>>().join("; ");
        let (got, wanted) = (ran.dead_letters.len(), wanted.len());
        found.push(format!("{got} dead letters instead of {wanted}: [{reasons}]"));
        return;
    }
    for (index, (wanted, got)) in wanted.iter().zip(&ran.dead_letters).enumerate() {
        let place = format!("dead letter {}", index + 1);
        let said = |name| reason(&got.message, name);
        if let Some(text) = &wanted.reason
            && !said("reason").contains(text)
        {
            found.push(format!("{place}: reason {:?}, without {text:?}", said("reason")));
        }
        if let Some(stage) = &wanted.stage
            && said("stage") != *stage
        {
            found.push(format!("{place}: stage {:?} instead of {stage:?}", said("stage")));
        }
        if let Some(attempts) = wanted.attempts
            && said("attempts") != attempts.to_string()
        {
            found.push(format!("{place}: {} attempts instead of {attempts}", said("attempts")));
        }
        if let Some(message) = &wanted.message {
            output_differences(&place, message, got, folder, found);
        }
    }
}

fn took(test: &TestConfig, ran: &Ran, found: &mut Vec<String>) {
    let Some(wanted) = &test.expect.took else { return };
    if let Some(least) = wanted.at_least
        && ran.took < least.get()
    {
        found.push(format!("it took {:?}, less than {least}", ran.took));
    }
    if let Some(most) = wanted.at_most
        && ran.took > most.get()
    {
        found.push(format!("it took {:?}, more than {most}", ran.took));
    }
}

/// Everything that came out, as it stands in a golden file.
fn text(ran: &Ran) -> String {
    let letter = |letter: &Taken| {
        let said = |name| reason(&letter.message, name);
        json!({ "reason": said("reason"), "stage": said("stage"), "attempts": said("attempts"), "message": shown(letter) })
    };
    let targets: BTreeMap<&String, Vec<Value>> =
        ran.targets.iter().map(|(name, taken)| (name, taken.iter().map(shown).collect())).collect();
    let all = json!({
        "outcomes": ran.outcomes,
        "targets": targets,
        "dead_letters": ran.dead_letters.iter().map(letter).collect::<Vec<_>>(),
        "rules": ran.rules,
    });
    format!("{all:#}\n")
}

fn golden_difference(path: &Path, ran: &Ran) -> Option<String> {
    let update = "run `hybridge test --update` to write it";
    let golden = match std::fs::read_to_string(path) {
        Ok(golden) => golden,
        Err(error) => return Some(format!("{}: {error}; {update}", path.display())),
    };
    let got = text(ran);
    if golden == got {
        return None;
    }
    let mut lines = golden.lines().zip(got.lines()).enumerate();
    let first = lines.find(|(_, (wanted, got))| wanted != got);
    let what = match first {
        Some((line, (wanted, got))) => {
            format!("line {}: {} instead of {}", line + 1, got.trim(), wanted.trim())
        }
        None => format!("{} lines instead of {}", got.lines().count(), golden.lines().count()),
    };
    Some(format!("{}: {what}", path.display()))
}
