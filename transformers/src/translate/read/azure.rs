//! Envelopes of Azure: the schema of Event Grid, CloudEvents as Azure writes them, and what the
//! pull interface of namespaces answers.
//!
//! `dataVersion`, and `metadataVersion` where it is not 1, become extensions, so that the schema
//! of Event Grid can be written again. An empty subject is no subject.

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_core::Error;
use hybridge_schemas::cloudevents::json as events;
use hybridge_schemas::json;

use super::{DEEPEST, Read, Show, each, is_container, malformed, text};
use crate::translate::event::{Data, Event};

/// One object, or an array of them.
pub(super) fn payload(payload: &Bytes, depth: u32, show: Show<'_>) -> Result<Read, Error> {
    if !is_container(payload) || depth > DEEPEST {
        return Ok(Read::Unknown);
    }
    match payload.trim_ascii_start().first() {
        Some(b'[') => each(payload, &mut |element| {
            if element.first() != Some(&b'{') {
                return Ok(Read::Unknown);
            }
            object(element, payload, depth, show)
        }),
        _ => object(payload, payload, depth, show),
    }
}

#[derive(Default)]
struct Members<'a> {
    id: Option<&'a [u8]>,
    topic: Option<&'a [u8]>,
    subject: Option<&'a [u8]>,
    event_type: Option<&'a [u8]>,
    event_time: Option<&'a [u8]>,
    /// The type of a CloudEvent.
    kind: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
    data_version: Option<&'a [u8]>,
    metadata_version: Option<&'a [u8]>,
    spec_version: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

impl<'a> Members<'a> {
    fn read(text: &'a [u8]) -> Result<Self, Error> {
        let mut members = Self::default();
        for member in json::members(text) {
            let (name, raw) = member.map_err(|fault| malformed(&fault))?;
            let place = match &*name {
                "id" => &mut members.id,
                "topic" => &mut members.topic,
                "subject" => &mut members.subject,
                "eventType" => &mut members.event_type,
                "eventTime" => &mut members.event_time,
                "type" => &mut members.kind,
                "data" => &mut members.data,
                "specVersion" => &mut members.spec_version,
                "value" => &mut members.value,
                name if name.eq_ignore_ascii_case("dataVersion") => &mut members.data_version,
                name if name.eq_ignore_ascii_case("metadataVersion") => {
                    &mut members.metadata_version
                }
                _ => continue,
            };
            *place = Some(raw);
        }
        Ok(members)
    }
}

fn object(element: &[u8], whole: &Bytes, depth: u32, show: Show<'_>) -> Result<Read, Error> {
    let members = Members::read(element)?;
    if let (Some(kind), Some(time)) = (text(members.event_type), text(members.event_time)) {
        return event_grid(&members, kind, time, whole, show).map(|()| Read::Events);
    }
    if let Some(value) = members.value.filter(|value| value.first() == Some(&b'[')) {
        return each(value, &mut |element| received(element, whole, depth, show));
    }
    if events::has_required(element) {
        super::structured(&cleaned(element, whole)?, show)?;
        return Ok(Read::Events);
    }
    // The examples of the service say `specVersion` in some places.
    if text(members.spec_version).as_deref() == Some("1.0") {
        let renamed =
            json::rename(element, &[json::Step::Member("specVersion".into())], "specversion");
        let renamed = renamed.map_err(|error| Error::rejected(error.to_string()))?;
        let renamed = renamed.map_or_else(|| whole.slice_ref(element), Bytes::from);
        if events::has_required(&renamed) {
            super::structured(&cleaned(&renamed.clone(), &renamed)?, show)?;
            return Ok(Read::Events);
        }
    }
    Ok(Read::Unknown)
}

/// An event without its subject where that is empty.
fn cleaned(element: &[u8], whole: &Bytes) -> Result<Bytes, Error> {
    let path = [json::Step::Member("subject".into())];
    let is_empty = json::get(element, &path).ok().flatten() == Some(b"\"\"");
    if !is_empty {
        return Ok(whole.slice_ref(element));
    }
    let cleaned =
        json::remove(element, &path).map_err(|error| Error::rejected(error.to_string()))?;
    Ok(cleaned.map_or_else(|| whole.slice_ref(element), Bytes::from))
}

/// One of the answers of the pull interface: the event, and a lock that is not part of it.
fn received(element: &[u8], whole: &Bytes, depth: u32, show: Show<'_>) -> Result<Read, Error> {
    for member in json::members(element) {
        let (name, raw) = member.map_err(|fault| malformed(&fault))?;
        if name == "event" && depth < DEEPEST {
            return payload(&whole.slice_ref(raw), depth + 1, show);
        }
    }
    Ok(Read::Unknown)
}

fn event_grid(
    members: &Members<'_>,
    kind: Cow<'_, str>,
    time: Cow<'_, str>,
    whole: &Bytes,
    show: Show<'_>,
) -> Result<(), Error> {
    let missing = |what: &str| Error::rejected(format!("the event has no {what}"));
    // A whole CloudEvent in the data is one that had no other place in this schema.
    if let Some(data) = members.data
        && is_wrapped(data, members)?
    {
        return super::structured(&whole.slice_ref(data), show);
    }
    let mut event = Event {
        id: text(members.id).ok_or_else(|| missing("id"))?,
        source: text(members.topic).ok_or_else(|| missing("topic"))?,
        kind,
        subject: text(members.subject).filter(|subject| !subject.is_empty()),
        time: Some(time),
        content_type: members.data.map(|_| Cow::Borrowed("application/json")),
        ..Event::default()
    };
    if let Some(data) = members.data {
        event.data = Data::Slice(data, whole);
    }
    if let Some(version) = text(members.data_version) {
        event.set_extension("dataversion", &version);
    }
    if let Some(version) = text(members.metadata_version).filter(|version| version != "1") {
        event.set_extension("metadataversion", &version);
    }
    show(event)
}

/// Whether data are the event itself: one of the same id and type.
fn is_wrapped(data: &[u8], members: &Members<'_>) -> Result<bool, Error> {
    if data.first() != Some(&b'{') || !events::has_required(data) {
        return Ok(false);
    }
    let inner = Members::read(data)?;
    Ok(text(inner.id) == text(members.id) && text(inner.kind) == text(members.event_type))
}
