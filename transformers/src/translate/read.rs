//! From messages to events: one reader for each envelope.
//!
//! A message may be an event already, or its payload may be an envelope with one or several. A
//! message of a queue may hold another envelope; it is opened too, up to [`DEEPEST`]. What is read
//! is shown to whoever asked, one event after the other, so that nothing is copied.

mod aws;
mod azure;
mod gcp;
mod queue;

use bytes::Bytes;
use hybridge_config::transform::translate::Cloud;
use hybridge_core::{Error, Message};
use hybridge_schemas::cloudevents::{Mode, json as events};
use hybridge_schemas::json::{self, Fault};

use super::event::Event;
use crate::headers;

/// How many envelopes may be one in the other.
const DEEPEST: u32 = 4;

/// What a payload turned out to be.
pub(super) enum Read {
    /// All its events were shown.
    Events,
    /// Something that a cloud sends by itself and that stands for no event: its name.
    Nothing(&'static str),
    /// No envelope that is known here.
    Unknown,
}

/// What is told of every event.
pub(super) type Show<'s> = &'s mut dyn FnMut(Event<'_>) -> Result<(), Error>;

/// Shows every event of a message of a cloud.
pub(super) fn message(from: Cloud, message: &Message, show: Show<'_>) -> Result<Read, Error> {
    if message.is_event() {
        let event = Event::of(message);
        if from == Cloud::Cloudevents || !is_wrapper(&event) {
            return show(event).map(|()| Read::Events);
        }
    }
    let Some(payload) = &message.payload else {
        return Err(Error::rejected("the message has no payload"));
    };
    if std::str::from_utf8(payload).is_err() {
        return Ok(Read::Unknown);
    }
    // What came with the envelope goes on with what was in it; a message of a queue has its own.
    let mut kept = message.headers.clone();
    headers::remove(&mut kept, "content-type");
    let show = &mut |mut event: Event<'_>| {
        if !event.is_queued {
            event.headers = kept.clone();
        }
        show(event)
    };
    match from {
        Cloud::Aws => aws::request(message, payload, show),
        Cloud::Azure => azure::payload(payload, 0, show),
        Cloud::Gcp => gcp::payload(payload, 0, show),
        Cloud::Cloudevents => cloudevents(payload, show),
    }
}

/// Whether an event is nothing but a plain message that an earlier step or source wrapped.
fn is_wrapper(event: &Event<'_>) -> bool {
    event.kind == "io.hybridge.message"
}

/// Whether a payload begins like a JSON object or array.
fn is_container(payload: &[u8]) -> bool {
    matches!(payload.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// A structured CloudEvent, or an array of them.
fn cloudevents(payload: &Bytes, show: Show<'_>) -> Result<Read, Error> {
    if payload.trim_ascii_start().first() == Some(&b'[') {
        return each(payload, &mut |element| {
            if !events::has_required(element) {
                return Ok(Read::Unknown);
            }
            structured(&payload.slice_ref(element), show).map(|()| Read::Events)
        });
    }
    if !events::has_required(payload) {
        return Ok(Read::Unknown);
    }
    structured(payload, show).map(|()| Read::Events)
}

/// One structured CloudEvent.
fn structured(text: &Bytes, show: Show<'_>) -> Result<(), Error> {
    let message = events::decode(text, Mode::Lenient)
        .map_err(|error| Error::rejected(format!("malformed CloudEvent: {error}")))?;
    show(Event::of(&message))
}

/// Opens what a message holds; says whether it was an envelope. What only begins like one, or has nothing in it, is what
/// somebody wrote.
fn opened(
    open: &mut dyn FnMut(Show<'_>) -> Result<Read, Error>,
    show: Show<'_>,
) -> Result<bool, Error> {
    let mut shown = false;
    let read = open(&mut |event| {
        shown = true;
        show(event)
    });
    match read {
        Ok(Read::Nothing(_)) => Ok(true),
        Ok(Read::Events) | Err(_) if !shown => Ok(false),
        Ok(Read::Events) => Ok(true),
        Ok(Read::Unknown) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads every element of an array; one that is unknown makes the array unknown.
fn each(text: &[u8], read: &mut dyn FnMut(&[u8]) -> Result<Read, Error>) -> Result<Read, Error> {
    let mut last = Read::Events;
    for element in json::elements(text) {
        match read(element.map_err(|fault| malformed(&fault))?)? {
            Read::Unknown => return Ok(Read::Unknown),
            read => last = read,
        }
    }
    Ok(last)
}

fn malformed(fault: &Fault) -> Error {
    Error::rejected(format!("the payload is {fault}"))
}

/// The text of a JSON string; none for other values.
fn text(raw: Option<&[u8]>) -> Option<std::borrow::Cow<'_, str>> {
    raw.filter(|raw| raw.first() == Some(&b'"')).and_then(|raw| json::unescape(raw).ok())
}
