//! Requests that Pub/Sub pushes, and what other services say in them.
//!
//! The attributes tell what a message is: a CloudEvent in either mode, a notification of Cloud
//! Storage or of Secret Manager, or anything else, which is a message of a queue.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hybridge_core::{Error, Value};
use hybridge_schemas::cloudevents::attribute;
use hybridge_schemas::json::{self, Selection};

use super::super::queue::Queued;
use super::super::{DEEPEST, Read, Show, malformed, structured, text};
use crate::translate::event::{Data, Event};

type Attributes<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

pub(super) fn push(
    message: &[u8],
    subscription: Option<&[u8]>,
    depth: u32,
    show: Show<'_>,
) -> Result<Read, Error> {
    let paths = [
        "attributes",
        "data",
        "messageId",
        "message_id",
        "publishTime",
        "publish_time",
        "orderingKey",
    ];
    let mut found = [None; 7];
    Selection::new(paths.map(|path| [path]))
        .read(message, &mut found, |_, _| {})
        .map_err(|fault| malformed(&fault))?;
    let [attributes, data, id, id_too, time, time_too, key] = found;
    let attributes = match attributes {
        Some(raw) if raw.first() == Some(&b'{') => texts(raw)?,
        _ => Vec::new(),
    };
    let body = match text(data) {
        Some(data) => Some(Bytes::from(
            STANDARD
                .decode(&*data)
                .map_err(|_| Error::rejected("the data of the message is not base64"))?,
        )),
        None if data.is_some_and(|data| data != b"null") => {
            return Err(Error::rejected("the data of the message is not base64"));
        }
        None => None,
    };
    let id = text(id.or(id_too)).ok_or_else(|| Error::rejected("the message has no messageId"))?;
    let time = text(time.or(time_too));
    let subscription = text(subscription);
    let get = |name: &str| {
        let found = attributes.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| &**value)
    };
    if get("ce-id").is_some() && get("ce-type").is_some() {
        return binary(&attributes, body, show).map(|()| Read::Events);
    }
    let content_type = get("content-type").unwrap_or_default();
    if content_type.to_ascii_lowercase().starts_with("application/cloudevents+json")
        && let Some(body) = &body
    {
        return structured(body, show).map(|()| Read::Events);
    }
    if let (Some(kind), Some(bucket), Some(object)) =
        (get("eventType"), get("bucketId"), get("objectId"))
        && let Some(kind) = storage_type(kind)
    {
        let mut event = Event {
            source: format!("//storage.googleapis.com/projects/_/buckets/{bucket}").into(),
            kind: Cow::Borrowed(kind),
            subject: Some(format!("objects/{object}").into()),
            time: get("eventTime").map(Cow::Borrowed).or(time),
            tells_overwriting: true,
            ..json_event(id, body)
        };
        for (attribute, name) in [
            ("overwrittenByGeneration", "overwrittenbygeneration"),
            ("overwroteGeneration", "overwrotegeneration"),
        ] {
            if let Some(value) = get(attribute) {
                event.set_extension(name, value);
            }
        }
        return show(event).map(|()| Read::Events);
    }
    if let (Some(kind), Some(secret)) = (get("eventType"), get("secretId")) {
        let project = secret.split("/secrets/").next().unwrap_or_default();
        let subject = get("versionId").unwrap_or(secret);
        let subject = subject.strip_prefix(project).unwrap_or(subject).trim_start_matches('/');
        return show(Event {
            source: format!("//secretmanager.googleapis.com/{project}").into(),
            kind: format!("google.cloud.secretmanager.v1.{kind}").into(),
            subject: Some(Cow::Borrowed(subject)),
            time: get("timestamp").map(Cow::Borrowed).or(time),
            ..json_event(id, body)
        })
        .map(|()| Read::Events);
    }
    if let Some(kind) = body.as_deref().and_then(image_action) {
        let source = subscription.as_deref().unwrap_or_default();
        return show(Event {
            source: format!("//pubsub.googleapis.com/{source}").into(),
            kind: Cow::Borrowed(kind),
            time,
            ..json_event(id, body)
        })
        .map(|()| Read::Events);
    }
    // An envelope in a message is opened; other JSON is what somebody wrote.
    if depth < DEEPEST
        && let Some(body) = &body
        && is_envelope(body)
        && super::super::opened(&mut |show| super::payload(body, depth + 1, show), show)?
    {
        return Ok(Read::Events);
    }
    let source = subscription.as_deref().unwrap_or("unknown");
    let queued = Queued {
        id,
        source: Cow::Owned(format!("//pubsub.googleapis.com/{source}")),
        time,
        key: text(key).filter(|key| !key.is_empty()),
        topic: None,
        subject: None,
        headers: attributes
            .iter()
            .map(|(name, value)| (name.to_string(), Bytes::copy_from_slice(value.as_bytes())))
            .collect(),
        body: body.unwrap_or_default(),
    };
    show(queued.into_event()).map(|()| Read::Events)
}

fn texts(object: &[u8]) -> Result<Attributes<'_>, Error> {
    let mut texts = Vec::new();
    for member in json::members(object) {
        let (name, raw) = member.map_err(|fault| malformed(&fault))?;
        if let Some(value) = text(Some(raw)) {
            texts.push((name, value));
        }
    }
    Ok(texts)
}

fn json_event<'a>(id: Cow<'a, str>, body: Option<Bytes>) -> Event<'a> {
    Event {
        id,
        content_type: Some(Cow::Borrowed("application/json")),
        data: body.filter(|body| json::is_valid(body)).map_or(Data::None, Data::Own),
        ..Event::default()
    }
}

/// A CloudEvent whose attributes are those of the message, with `ce-` before each name.
fn binary(attributes: &Attributes<'_>, body: Option<Bytes>, show: Show<'_>) -> Result<(), Error> {
    let mut message = hybridge_core::Message { payload: body, ..Default::default() };
    let pair = |(name, value): &(Cow<'_, str>, Cow<'_, str>)| {
        let name = match name.strip_prefix("ce-") {
            Some(name) => name,
            None if name.eq_ignore_ascii_case("content-type") => "datacontenttype",
            None => return None,
        };
        let value: Value = attribute::typed(name, (&**value).into());
        Some((attribute::name(name), value))
    };
    message.attributes = attributes.iter().filter_map(pair).collect();
    show(Event::of(&message))
}

fn storage_type(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "OBJECT_FINALIZE" => "google.cloud.storage.object.v1.finalized",
        "OBJECT_DELETE" => "google.cloud.storage.object.v1.deleted",
        "OBJECT_ARCHIVE" => "google.cloud.storage.object.v1.archived",
        "OBJECT_METADATA_UPDATE" => "google.cloud.storage.object.v1.metadataUpdated",
        _ => return None,
    })
}

/// The type of a notification of Artifact Registry: an action, and a digest or a tag.
fn image_action(body: &[u8]) -> Option<&'static str> {
    let mut found = [None; 3];
    let mut others = 0;
    Selection::new([["action"], ["digest"], ["tag"]])
        .read(body, &mut found, |_, _| others += 1)
        .ok()?;
    let [action, digest, tag] = found;
    if others > 0 || digest.or(tag).is_none() {
        return None;
    }
    match action? {
        b"\"INSERT\"" => Some("google.cloud.artifactregistry.image.v1.INSERT"),
        b"\"DELETE\"" => Some("google.cloud.artifactregistry.image.v1.DELETE"),
        _ => None,
    }
}

fn is_envelope(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'{') && json::is_valid(body)
}
