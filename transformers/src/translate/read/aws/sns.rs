//! Messages of SNS: as requests, with and without an envelope, and as records.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hybridge_core::{Error, Message};
use hybridge_schemas::json::{self, Selection};

use super::super::queue::Queued;
use super::super::{Read, Show, malformed, text};
use super::nested;
use crate::translate::event::{Data, Event};

/// Whether SNS delivers without an envelope.
pub(super) fn is_raw(message: &Message) -> bool {
    let is_raw = message.headers.get_ignore_case("x-amz-sns-rawdelivery");
    is_raw.is_some_and(|is_raw| is_raw.as_ref() == b"true")
}

pub(super) fn raw(message: &Message, payload: &Bytes, show: Show<'_>) -> Result<(), Error> {
    let header = |name: &str| {
        let value = message.headers.get_ignore_case(name)?;
        String::from_utf8(value.to_vec()).ok()
    };
    let missing = |name: &str| Error::rejected(format!("the header {name} is missing"));
    let id = header("x-amz-sns-message-id").ok_or_else(|| missing("x-amz-sns-message-id"))?;
    let topic = header("x-amz-sns-topic-arn").ok_or_else(|| missing("x-amz-sns-topic-arn"))?;
    if nested(payload, 0, show)? {
        return Ok(());
    }
    let queued = Queued {
        id: id.into(),
        topic: topic.rsplit(':').next().map(|name| Cow::Owned(name.to_owned())),
        source: topic.into(),
        time: None,
        key: None,
        subject: None,
        headers: Vec::new(),
        body: payload.clone(),
    };
    show(queued.into_event())
}

/// The object of a message. Confirmations, which a person or a connector has to answer, become
/// events of their own with the whole object as their data.
pub(super) fn object(
    object: &[u8],
    whole: &Bytes,
    subscription: Option<Cow<'_, str>>,
    depth: u32,
    show: Show<'_>,
) -> Result<Read, Error> {
    let paths =
        ["Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "MessageAttributes"];
    let mut found = [None; 7];
    Selection::new(paths.map(|path| [path]))
        .read(object, &mut found, |_, _| {})
        .map_err(|fault| malformed(&fault))?;
    let [kind, id, topic, subject, message, time, attributes] = found;
    let missing = |name: &str| Error::rejected(format!("the message has no {name}"));
    let id = text(id).ok_or_else(|| missing("MessageId"))?;
    let topic = text(topic).ok_or_else(|| missing("TopicArn"))?;
    let kind = text(kind).ok_or_else(|| missing("Type"))?;
    if kind != "Notification" {
        return show(Event {
            id,
            source: topic,
            kind: Cow::Owned(format!("com.amazonaws.sns.{kind}")),
            time: text(time),
            content_type: Some(Cow::Borrowed("application/json")),
            data: Data::Slice(object, whole),
            ..Event::default()
        })
        .map(|()| Read::Events);
    }
    let body = text(message).ok_or_else(|| missing("Message"))?.into_owned();
    let body = Bytes::from(body);
    if nested(&body, depth, show)? {
        return Ok(Read::Events);
    }
    let name = topic.rsplit(':').next().map(|name| Cow::Owned(name.to_owned()));
    let _ = subscription;
    let queued = Queued {
        id,
        topic: name,
        source: topic,
        time: text(time),
        key: None,
        subject: text(subject),
        headers: headers(attributes, "Type", "Value", "Value")?,
        body,
    };
    show(queued.into_event()).map(|()| Read::Events)
}

/// The attributes of a message, which are objects with a type and a value.
pub(super) fn headers(
    attributes: Option<&[u8]>,
    type_name: &str,
    text_name: &str,
    binary_name: &str,
) -> Result<Vec<(String, Bytes)>, Error> {
    let mut headers = Vec::new();
    let Some(attributes) = attributes.filter(|raw| raw.first() == Some(&b'{')) else {
        return Ok(headers);
    };
    for member in json::members(attributes) {
        let (name, raw) = member.map_err(|fault| malformed(&fault))?;
        let mut found = [None; 3];
        Selection::new([[type_name], [text_name], [binary_name]])
            .read(raw, &mut found, |_, _| {})
            .map_err(|fault| malformed(&fault))?;
        let [kind, value, binary] = found.map(text);
        // With one name for both, only the last place is filled.
        let value = if text_name == binary_name { binary.clone() } else { value };
        let is_binary = kind.is_some_and(|kind| kind.starts_with("Binary"));
        let value = match (is_binary, value, binary) {
            (false, Some(value), _) => Bytes::from(value.into_owned()),
            (true, _, Some(value)) => match STANDARD.decode(&*value) {
                Ok(bytes) => bytes.into(),
                Err(_) => Bytes::from(value.into_owned()),
            },
            _ => continue,
        };
        headers.push((name.into_owned(), value));
    }
    Ok(headers)
}
