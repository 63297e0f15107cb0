//! Events whose attributes are in the body, in messages of any broker: what a content type says that the body is.

use bytes::Bytes;
use hybridge_core::{Attributes, Headers, Message, Text, Value};

use super::format::{Content, Format};
use super::{DecodeError, Mode};

/// What a message carries.
#[derive(Debug)]
pub enum Decoded {
    /// One event.
    Event(Message),
    /// A batch: one answer for each element, in order; possibly none.
    Batch(Vec<Result<Message, DecodeError>>),
    /// No event.
    NotAnEvent,
}

/// The content type among the headers of a message; `None` also where it is no text.
pub fn content_type(message: &Message) -> Option<Text> {
    let value = message.headers.get_ignore_case("content-type")?;
    Text::from_utf8(value.slice_ref(value.trim_ascii())).ok()
}

/// Whether the data of an event are events themselves, as `datacontenttype` has it. Binary mode has that type beside the
/// data, where it says that the data are all there is: such an event is written in structured mode.
pub fn has_events_as_data(message: &Message) -> bool {
    let content_type = message.attributes.text("datacontenttype");
    !matches!(Content::of(content_type), Ok(Content::Binary))
}

/// The events in the body of `message`, which `content` says to be there.
///
/// An event keeps what the message has beside: its key, its origin, and its headers but those that say again what is in
/// the body. Without a key of its own it has that of the `partitionkey` extension.
///
/// # Errors
/// The message has no body, or one that is no event: a permanent fault.
pub fn decode(message: &Message, content: Content, mode: Mode) -> Result<Decoded, DecodeError> {
    let body = || message.payload.as_ref().ok_or(DecodeError::Data("the message has no body"));
    Ok(match content {
        Content::Binary => Decoded::NotAnEvent,
        Content::Structured(format) => {
            Decoded::Event(beside(message, format.decode(body()?, mode)?))
        }
        Content::Batch(format) => {
            let batch = format.decode_batch(body()?, mode)?;
            let beside = |event: Result<Message, _>| event.map(|event| beside(message, event));
            Decoded::Batch(batch.into_iter().map(beside).collect())
        }
    })
}

/// An event as a body, and its content type.
///
/// # Errors
/// The message has no attributes.
pub fn encode(
    message: &Message,
    format: Format,
) -> Result<(&'static str, Bytes), super::NotAnEvent> {
    Ok((format.media_type(), format.encode(message)?.into()))
}

/// The key of a message that is decoded to an event with these attributes.
pub(super) fn key(message: &Message, attributes: &Attributes) -> Option<Bytes> {
    let partition_key = || match attributes.get("partitionkey") {
        Some(Value::String(key)) => Some(key.into_bytes()),
        _ => None,
    };
    message.key.clone().or_else(partition_key)
}

fn beside(message: &Message, event: Message) -> Message {
    Message {
        key: key(message, &event.attributes),
        headers: others(&message.headers, &event.attributes),
        origin: message.origin.clone(),
        time: message.time.or(event.time),
        ..event
    }
}

/// The headers that say nothing of the event: neither its content type nor an attribute, which may be there once more.
fn others(headers: &Headers, attributes: &Attributes) -> Headers {
    let mut is_needed = false;
    headers.each(|name, _| is_needed |= says(name, attributes));
    if !is_needed {
        return headers.clone();
    }
    headers.iter().filter(|header| !says(&header.name, attributes)).collect()
}

pub(super) fn says(header: &str, attributes: &Attributes) -> bool {
    if header.eq_ignore_ascii_case("content-type") {
        return true;
    }
    let prefixes = ["ce-", "ce_", "cloudEvents_", "cloudEvents:"];
    let name = prefixes.iter().find_map(|prefix| {
        let (start, name) = header.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some(name)
    });
    name.is_some_and(|name| attributes.contains(&name.to_ascii_lowercase()))
}
