//! From events to messages: one writer for each envelope.
//!
//! A form that has no extensions gets the marks, and the extensions that it does not know, in a
//! member `hybridge` of its data. An event of no family goes into such a form whole: the data are
//! the event in the JSON format of CloudEvents.

mod event_bridge;
mod event_grid;
mod notification;

use bytes::Bytes;
use hybridge_config::transform::translate::Cloud;
use hybridge_core::{Error, Message, Text};
use hybridge_schemas::cloudevents::json as events;
use hybridge_schemas::json;
use hybridge_schemas::rfc3339;

use super::event::Event;
use super::options::Options;
use super::plan::MARK;
use super::table::Form;
use crate::headers;

/// The message for an event that is in the form of its target, or that has no family and is in
/// whatever form it came.
pub(super) fn message(
    mut event: Event<'_>,
    message: &Message,
    options: &Options,
) -> Result<Message, Error> {
    // What passed whole and is at home again is what it was.
    if event.marks.id.is_none() && event.marks.origin.as_deref() == Some(options.to_name()) {
        event.marks.origin = None;
    }
    match options.to() {
        Cloud::Aws
            if options.form() == Some(Form::S3Notification) && notification::is_one(&event) =>
        {
            notification::write(&event, message)
        }
        Cloud::Aws => event_bridge::write(event, message, options),
        Cloud::Azure if options.is_event_grid() => event_grid::write(event, message, options),
        Cloud::Azure | Cloud::Gcp | Cloud::Cloudevents => event.into_message(message),
    }
}

/// A plain message with JSON as its payload.
fn plain(payload: Vec<u8>, event: &Event<'_>, message: &Message) -> Message {
    let mut headers = event.headers.clone();
    headers::remove(&mut headers, "content-type");
    let json = Bytes::from_static(b"application/json");
    headers.push(Text::from_static("content-type"), Some(json));
    let time = event.time.as_deref().and_then(rfc3339::millis);
    Message {
        payload: Some(payload.into()),
        attributes: hybridge_core::Attributes::new(),
        key: message.key.clone(),
        headers,
        origin: message.origin.clone(),
        time: message.time.or(time),
    }
}

/// The whole event as JSON.
fn structured(event: Event<'_>, message: &Message) -> Result<Vec<u8>, Error> {
    let event = event.into_message(message)?;
    events::encode(&event).map_err(|_| Error::rejected("no event comes of it"))
}

/// Appends a member `"name":"text"`, with a comma before it.
fn member(out: &mut Vec<u8>, name: &str, text: &str) {
    out.push(b',');
    json::write_string(out, name);
    out.push(b':');
    json::write_string(out, text);
}

/// Appends an object with the marks and the extensions of the event added to it.
fn marked(out: &mut Vec<u8>, object: &[u8], event: &Event<'_>, is_known: impl Fn(&str) -> bool) {
    let mut mark = Vec::new();
    for (name, value) in event.marks.each() {
        member(&mut mark, name.trim_start_matches("hybridge"), value);
    }
    for (name, value) in &event.extensions {
        if !is_known(name) {
            let value = hybridge_schemas::cloudevents::attribute::canonical(value);
            member(&mut mark, name, &value);
        }
    }
    let object = object.trim_ascii();
    if mark.is_empty() {
        out.extend_from_slice(object);
        return;
    }
    let inner = object.strip_suffix(b"}").unwrap_or(b"{");
    out.extend_from_slice(inner);
    if inner.trim_ascii().len() > 1 {
        out.push(b',');
    }
    json::write_string(out, MARK);
    out.extend_from_slice(b":{");
    out.extend_from_slice(&mark[1..]);
    out.extend_from_slice(b"}}");
}

/// Whether the data are an object that a mark can be added to.
fn holds_object(event: &Event<'_>) -> bool {
    event.json().is_some_and(|data| data.trim_ascii().first() == Some(&b'{'))
}
