//! One change to one field.

use bytes::Bytes;
use hybridge_core::{Error, Header, Headers, Message, Text, Value};
use hybridge_schemas::cloudevents::{Mode, attribute};
use hybridge_schemas::json::{self, EditError, Step};
use hybridge_schemas::media_type::MediaType;
use hybridge_schemas::template::Field;

use super::content::Content;
use crate::headers::{self, spelled};

/// Sets a field; one that is not there is added.
pub(super) fn put(message: &mut Message, field: &Field, content: &Content) -> Result<(), Error> {
    let refused = |what: &str| Error::rejected(format!("{}: {what}", field.reference()));
    match field {
        Field::Attribute(name) => {
            let value = content.to_attribute().map_err(refused)?;
            put_attribute(message, name, value)?;
        }
        Field::Key => message.key = Some(content.to_bytes().map_err(refused)?),
        Field::Header(name) => {
            let value = Some(content.to_bytes().map_err(refused)?);
            message.headers.set(spelled(&message.headers, name), value);
        }
        Field::Data(path) if path.is_empty() => {
            let payload = match holds_json(message) {
                true => Bytes::from(content.to_json().map_err(refused)?.into_owned()),
                false => content.to_bytes().map_err(refused)?,
            };
            message.payload = Some(payload);
        }
        Field::Data(path) => {
            let value = content.to_json().map_err(refused)?;
            let empty = Bytes::from_static(b"{}");
            let payload = match &message.payload {
                Some(payload) => payload,
                None if holds_json(message) => &empty,
                None => return Err(refused("the message has no data")),
            };
            let changed = json::set(payload, path, &value);
            message.payload = Some(changed.map_err(|error| unchanged(field, &error))?.into());
        }
        Field::Origin(_) => return Err(refused("cannot be changed")),
    }
    Ok(())
}

/// Takes a field away, wherever it is there twice; nothing where it is not there.
pub(super) fn take(message: &mut Message, field: &Field) -> Result<(), Error> {
    match field {
        Field::Attribute(name) => drop(message.attributes.remove(name)),
        Field::Key => message.key = None,
        Field::Header(name) => headers::remove(&mut message.headers, name),
        Field::Data(path) if path.is_empty() => message.payload = None,
        Field::Data(path) => {
            let Some(payload) = &message.payload else { return Ok(()) };
            let changed = json::remove(payload, path).map_err(|error| unchanged(field, &error))?;
            if let Some(changed) = changed {
                message.payload = Some(changed.into());
            }
        }
        Field::Origin(_) => {}
    }
    Ok(())
}

/// Gives what one field holds to another; in its place where both are members of one object or both
/// are headers.
pub(super) fn rename(message: &mut Message, from: &Field, to: &Field) -> Result<(), Error> {
    let Some(content) = Content::found(from, message) else { return Ok(()) };
    match (from, to) {
        (Field::Data(old), Field::Data(new)) if are_siblings(old, new) => {
            take(message, to)?;
            rename_member(message, from, old, new)
        }
        (Field::Header(old), Field::Header(new)) => {
            let old = spelled(&message.headers, old);
            message.headers = renamed_headers(&message.headers, &old, new);
            Ok(())
        }
        _ => {
            take(message, from)?;
            put(message, to, &content)
        }
    }
}

fn put_attribute(message: &mut Message, name: &Text, value: Value) -> Result<(), Error> {
    if !message.is_event() {
        let what = "the message is no CloudEvent; a cloudevents step before this one makes it one";
        return Err(Error::rejected(format!("event.{}: {what}", name.as_str())));
    }
    let value = match attribute::canonical(&value) {
        text if attribute::is_core(name) => attribute::typed(name, Text::from(text.into_owned())),
        _ => value,
    };
    attribute::check(name, &value, Mode::Lenient)
        .map_err(|error| Error::rejected(error.to_string()))?;
    message.attributes.set(name.clone(), value);
    Ok(())
}

/// Whether the whole payload is to be JSON, as the content type says.
fn holds_json(message: &Message) -> bool {
    let is_json = |text: &str| MediaType::parse(text).is_some_and(|kind| kind.is_json());
    match message.attributes.text("datacontenttype") {
        Some(text) => is_json(text),
        None => {
            let header = message.headers.get_ignore_case("content-type");
            header.and_then(|value| Text::from_utf8(value).ok()).is_some_and(|text| is_json(&text))
        }
    }
}

fn renamed_headers(headers: &Headers, old: &Text, new: &Text) -> Headers {
    let kept = headers.iter().filter(|header| header.name == *old || header.name != *new);
    let renamed = kept.map(|header| match header.name == *old {
        true => Header { name: new.clone(), value: header.value },
        false => header,
    });
    renamed.collect()
}

fn are_siblings(old: &[Step], new: &[Step]) -> bool {
    match (old.split_last(), new.split_last()) {
        (Some((Step::Member(_), parents)), Some((Step::Member(_), others))) => parents == others,
        _ => false,
    }
}

fn rename_member(
    message: &mut Message,
    field: &Field,
    old: &[Step],
    new: &[Step],
) -> Result<(), Error> {
    let (Some(payload), Some(Step::Member(name))) = (&message.payload, new.last()) else {
        return Ok(());
    };
    let changed = json::rename(payload, old, name).map_err(|error| unchanged(field, &error))?;
    if let Some(changed) = changed {
        message.payload = Some(changed.into());
    }
    Ok(())
}

fn unchanged(field: &Field, error: &EditError) -> Error {
    Error::rejected(format!("{}: {error}", field.reference()))
}
