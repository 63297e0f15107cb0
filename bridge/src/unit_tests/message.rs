//! Messages of a test file, and messages as JSON for people and golden files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hybridge_config::unit_test::InputConfig;
use hybridge_core::{DEAD_LETTER_PREFIX, HOPS, Header, Message, Origin, Place, Text};
use hybridge_schemas::cloudevents::{Mode, json, kafka};
use hybridge_schemas::rfc3339;
use serde_json::{Map, Value, json as object};

use super::ends::Taken;

/// The message that a source of this kind makes of `input`, at `offset`. Files are looked up in `folder`.
///
/// # Errors
/// The event, the base64 or the time is none, or the file cannot be read.
pub(super) fn given(
    input: &InputConfig,
    kind: &str,
    offset: usize,
    folder: &Path,
) -> Result<Message, String> {
    let mut message = match &input.event {
        Some(event) => of_event(event, kind)?,
        None => Message { payload: body(input, folder)?, ..Message::default() },
    };
    if let Some(key) = &input.key {
        message.key = Some(Bytes::from(key.clone()));
    }
    for (name, value) in &input.headers {
        message.headers.push(name.as_str().into(), Some(Bytes::from(value.clone())));
    }
    if let Some(time) = &input.time {
        let time = rfc3339::millis(time).ok_or(format!("{time:?} is no RFC 3339 time"))?;
        message.time = Some(time);
    }
    let place = Place {
        connector: Text::from(kind),
        cluster: Text::from_static("test"),
        topic: Text::from(input.topic.as_deref().unwrap_or("input")),
        partition: input.partition,
        ..Place::default()
    };
    message.origin = Origin { place: Arc::new(place), offset: offset as u64, child: 0 };
    Ok(message)
}

fn of_event(event: &Map<String, Value>, kind: &str) -> Result<Message, String> {
    let mut event = event.clone();
    event.entry("specversion").or_insert_with(|| "1.0".into());
    let text = Bytes::from(Value::Object(event).to_string());
    let decoded = json::decode(&text, Mode::Lenient).map_err(|error| format!("event: {error}"))?;
    if kind != "kafka" {
        return Ok(decoded);
    }
    // Records have their attributes in headers until the step `cloudevents` reads them.
    let mut headers: Vec<Header> = Vec::new();
    kafka::attributes(&decoded, |name, value| {
        let value = Some(Bytes::copy_from_slice(value));
        headers.push(Header { name: Text::from(name), value });
    });
    let headers = headers.into_iter().collect();
    Ok(Message { attributes: Default::default(), headers, ..decoded })
}

fn body(input: &InputConfig, folder: &Path) -> Result<Option<Bytes>, String> {
    if let Some(value) = &input.json {
        return Ok(Some(Bytes::from(value.to_string())));
    }
    if let Some(text) = &input.text {
        return Ok(Some(Bytes::from(text.clone())));
    }
    if let Some(text) = &input.base64 {
        let bytes = STANDARD.decode(text).map_err(|error| format!("base64: {error}"))?;
        return Ok(Some(Bytes::from(bytes)));
    }
    input.file.as_ref().map(|file| read(folder, file)).transpose()
}

/// A file that a test names.
pub(super) fn read(folder: &Path, file: &Path) -> Result<Bytes, String> {
    let path = folder.join(file);
    std::fs::read(&path).map(Bytes::from).map_err(|error| format!("{}: {error}", path.display()))
}

/// A message with everything that a test may ask about; what differs from run to run is left out.
pub(super) fn shown(taken: &Taken) -> Value {
    let Taken { message, to } = taken;
    let mut members = Map::new();
    if !to.is_empty() {
        members.insert("to".into(), object!(to));
    }
    if let Some(key) = &message.key {
        members.insert("key".into(), String::from_utf8_lossy(key).into());
    }
    let headers = headers(message);
    if !headers.is_empty() {
        members.insert("headers".into(), object!(headers));
    }
    if message.is_event() {
        members.insert("event".into(), event(message));
        return members.into();
    }
    if let Some(payload) = &message.payload {
        let (name, value) = payload_of(payload);
        members.insert(name.into(), value);
    }
    members.into()
}

/// An event as an object; null where it cannot be written.
pub(super) fn event(message: &Message) -> Value {
    let written = json::encode(message).ok();
    written.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or(Value::Null)
}

fn payload_of(payload: &Bytes) -> (&'static str, Value) {
    if let Ok(value) = serde_json::from_slice::<Value>(payload)
        && (value.is_object() || value.is_array())
    {
        return ("json", value);
    }
    match std::str::from_utf8(payload) {
        Ok(text) => ("text", text.into()),
        Err(_) => ("base64", STANDARD.encode(payload).into()),
    }
}

/// The headers by name, the last of each, without those that hybridge adds by itself.
pub(super) fn headers(message: &Message) -> BTreeMap<String, Option<String>> {
    let own = |name: &str| name == HOPS || name.starts_with(DEAD_LETTER_PREFIX);
    let shown = |header: Header| {
        let value = header.value.map(|value| String::from_utf8_lossy(&value).into_owned());
        (header.name.to_string(), value)
    };
    message.headers.iter().filter(|header| !own(&header.name)).map(shown).collect()
}

/// A header that says why a message is a dead letter.
pub(super) fn reason(letter: &Message, name: &str) -> String {
    let value = letter.headers.get(&format!("{DEAD_LETTER_PREFIX}{name}")).unwrap_or_default();
    String::from_utf8_lossy(&value).into_owned()
}
