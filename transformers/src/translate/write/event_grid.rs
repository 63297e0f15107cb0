//! The schema of Event Grid: an array with one event.

use std::time::{SystemTime, UNIX_EPOCH};

use hybridge_core::{Error, Message};
use hybridge_schemas::cloudevents::attribute;
use hybridge_schemas::{json, rfc3339};

use super::{holds_object, marked, member, plain, structured};
use crate::translate::event::{Event, VERSIONS};
use crate::translate::options::Options;

fn now() -> Option<String> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    rfc3339::format(i64::try_from(since_1970.as_millis()).ok()?)
}

/// An event of Azure as what it is; any other whole, as the data of one.
pub(super) fn write(
    event: Event<'_>,
    message: &Message,
    options: &Options,
) -> Result<Message, Error> {
    let is_marked = event.marks.each().next().is_some()
        || event.extensions.iter().any(|(name, _)| !VERSIONS.contains(&&**name));
    let is_own = event.kind.starts_with("Microsoft.") && (holds_object(&event) || !is_marked);
    let own = |name: &str| event.extensions.iter().find(|(other, _)| other == name);
    let text = |name: &str| own(name).map(|(_, value)| attribute::canonical(value).into_owned());
    let time = event.time.as_deref().map(str::to_owned);
    let time = time.or_else(|| message.time.and_then(rfc3339::format));
    // The form needs one: that of its writing, where the event has none.
    let time = time.or_else(now).unwrap_or_default();
    let topic = if is_own { &*event.source } else { options.topic() };
    let mut payload = Vec::with_capacity(1024);
    payload.extend_from_slice(b"[{\"id\":");
    json::write_string(&mut payload, &event.id);
    member(&mut payload, "topic", topic);
    member(&mut payload, "subject", event.subject.as_deref().unwrap_or_default());
    member(&mut payload, "eventType", &event.kind);
    member(&mut payload, "eventTime", &time);
    let version = text("dataversion");
    member(&mut payload, "dataVersion", version.as_deref().unwrap_or(options.data_version()));
    let version = text("metadataversion");
    member(&mut payload, "metadataVersion", version.as_deref().unwrap_or("1"));
    payload.extend_from_slice(b",\"data\":");
    let shell =
        Event { time: event.time.clone(), headers: event.headers.clone(), ..Event::default() };
    match (is_own, event.json()) {
        (true, Some(data)) if holds_object(&event) => {
            marked(&mut payload, data, &event, |name| VERSIONS.contains(&name));
        }
        (true, data) => payload.extend_from_slice(data.unwrap_or(b"null")),
        (false, _) => payload.extend_from_slice(&structured(event, message)?),
    }
    payload.extend_from_slice(b"}]");
    Ok(plain(payload, &shell, message))
}
