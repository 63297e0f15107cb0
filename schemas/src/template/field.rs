//! One field of a message, as a template or a step refers to it.

use std::borrow::Cow;

use bytes::Bytes;
use hybridge_config::{Field as Reference, OriginField, Step as ConfigStep};
use hybridge_core::{Error, Message, Text, Value};

use crate::cloudevents::attribute;
use crate::json::{self, Step};

/// A field reference, ready to be looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// A context attribute.
    Attribute(Text),
    /// The payload, or what a path leads to in it.
    Data(Vec<Step>),
    /// A header.
    Header(Text),
    /// The key.
    Key,
    /// Where the message came from.
    Origin(OriginField),
}

/// What a field of a message holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'a> {
    /// An attribute with its type.
    Attribute(Value),
    /// Bytes of which nothing is known: a header, the key, the whole payload.
    Bytes(Bytes),
    /// A value inside the payload, as JSON text: a slice of it.
    Json(&'a [u8], &'a Bytes),
    /// A coordinate of the origin.
    Text(Text),
}

impl Field {
    /// Compiles what the routing-rule file says.
    pub fn compile(reference: &Reference) -> Self {
        let step = |step: &ConfigStep| match step {
            ConfigStep::Name(name) => Step::Member(name.as_str().into()),
            ConfigStep::Index(index) => Step::Index(*index),
        };
        match reference {
            Reference::Attribute(name) => Self::Attribute(attribute::name(name)),
            Reference::Data(steps) => Self::Data(steps.iter().map(step).collect()),
            Reference::Header(name) => Self::Header(name.as_str().into()),
            Reference::Key => Self::Key,
            Reference::Origin(origin) => Self::Origin(*origin),
        }
    }

    /// What the message has there; `None` where it has nothing. A header is found without regard to
    /// case where none has exactly the name. A payload that is not JSON has nothing in it.
    pub fn find<'a>(&self, message: &'a Message) -> Option<Found<'a>> {
        match self {
            Self::Attribute(name) => message.attributes.get(name).map(Found::Attribute),
            Self::Key => message.key.clone().map(Found::Bytes),
            Self::Header(name) => {
                let headers = &message.headers;
                headers.get(name).or_else(|| headers.get_ignore_case(name)).map(Found::Bytes)
            }
            Self::Data(path) => {
                let payload = message.payload.as_ref()?;
                if path.is_empty() {
                    return Some(Found::Bytes(payload.clone()));
                }
                let value = json::get(payload, path).ok().flatten()?;
                Some(Found::Json(value, payload))
            }
            Self::Origin(field) => Some(Found::Text(origin(message, *field))),
        }
    }

    /// What the message has there as text: a JSON string out of its quotes, `null` as nothing,
    /// other JSON values as they are written. An error where it is bytes that are no text.
    pub fn text(&self, message: &Message) -> Result<Option<Text>, Error> {
        let Some(found) = self.find(message) else { return Ok(None) };
        let text = match found {
            Found::Text(text) => Some(text),
            Found::Json(b"null", _) => return Ok(None),
            Found::Json(value, payload) => json_text(value, payload),
            Found::Bytes(bytes) => Text::from_utf8(bytes).ok(),
            Found::Attribute(value) => Some(match value.as_text() {
                Some(text) => text.clone(),
                None => Text::from(attribute::canonical(&value).into_owned()),
            }),
        };
        match text {
            Some(text) => Ok(Some(text)),
            None => Err(Error::rejected(format!("{} is not text", self.reference()))),
        }
    }

    /// The permanent fault of a message that does not have this field.
    pub fn missing(&self) -> Error {
        Error::rejected(format!("the message has no {}", self.reference()))
    }

    /// The reference as it is written in the routing-rule file.
    pub fn reference(&self) -> Reference {
        let step = |step: &Step| match step {
            Step::Member(name) => ConfigStep::Name(name.to_string()),
            Step::Index(index) => ConfigStep::Index(*index),
        };
        match self {
            Self::Attribute(name) => Reference::Attribute(name.to_string()),
            Self::Data(path) => Reference::Data(path.iter().map(step).collect()),
            Self::Header(name) => Reference::Header(name.to_string()),
            Self::Key => Reference::Key,
            Self::Origin(origin) => Reference::Origin(*origin),
        }
    }
}

fn json_text(value: &[u8], payload: &Bytes) -> Option<Text> {
    if value.first() != Some(&b'"') {
        return Text::from_utf8(payload.slice_ref(value)).ok();
    }
    match json::unescape(value).ok()? {
        Cow::Borrowed(text) => Text::from_utf8(payload.slice_ref(text.as_bytes())).ok(),
        Cow::Owned(text) => Some(Text::from(text)),
    }
}

fn origin(message: &Message, field: OriginField) -> Text {
    let place = &message.origin.place;
    match field {
        OriginField::Connector => place.connector.clone(),
        OriginField::Cluster => place.cluster.clone(),
        OriginField::Topic => place.topic.clone(),
        OriginField::Partition => Text::from(place.partition.to_string()),
        OriginField::Offset => Text::from(message.origin.offset.to_string()),
    }
}
