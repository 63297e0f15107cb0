//! `cloudevents`: whatever arrives becomes a CloudEvent.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};

use crate::Template;

/// Makes a CloudEvent of whatever arrives. Events pass as they are; a payload in the JSON format of CloudEvents, one
/// event or a batch, is decoded; anything else is wrapped. The attributes given here are for what is wrapped only.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CloudeventsConfig {
    /// `source` of an event made from a plain message. Default: a URI reference of where it came from.
    pub source: Option<Template>,
    /// `type` of an event made from a plain message. Default: `io.hybridge.message`.
    #[serde(rename = "type")]
    pub event_type: Option<Template>,
    /// `subject` of an event made from a plain message. Default: none.
    pub subject: Option<Template>,
    /// `id` of an event made from a plain message. Default: the stable id of the message, the same at every attempt.
    pub id: Option<Template>,
    /// `datacontenttype` of an event made from a plain message. Default: the message's `content-type` header, else
    /// `application/json` where the payload is JSON and `application/octet-stream` where it is not.
    #[serde(deserialize_with = "media_type")]
    #[schemars(extend("format" = "hybridge-media-type"))]
    pub content_type: Option<String>,
    /// Extension attributes of an event made from a plain message; names have lower-case letters and digits only.
    #[serde(deserialize_with = "extensions")]
    #[schemars(extend("propertyNames" = { "pattern": "^[a-z0-9]+$", "format": "hybridge-extension" }))]
    pub extensions: BTreeMap<String, Template>,
    /// What to do with a message that is no CloudEvent. Default: `wrap`.
    pub plain: PlainMessages,
    /// Whether every event must meet the specification to the letter: sources that are URI references, texts without
    /// control characters. Default: no, what can be carried on unchanged passes.
    pub strict: bool,
}

/// What becomes of a message that is no CloudEvent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlainMessages {
    /// It becomes the data of a new event.
    #[default]
    Wrap,
    /// It is a permanent fault: a dead letter.
    Reject,
}

/// Attributes that are not extensions: they have keys of their own or are not to be chosen.
const CORE: [&str; 9] = [
    "data",
    "specversion",
    "id",
    "source",
    "type",
    "datacontenttype",
    "dataschema",
    "subject",
    "time",
];

fn extensions<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Template>, D::Error> {
    let extensions = BTreeMap::<String, Template>::deserialize(from)?;
    for name in extensions.keys() {
        check_extension(name).map_err(|what| D::Error::custom(format!("{name:?}: {what}")))?;
    }
    Ok(extensions)
}

/// Whether a name is one of an extension attribute; otherwise what is to be said of it.
pub(crate) fn check_extension(name: &str) -> Result<(), &'static str> {
    let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if CORE.contains(&name) {
        return Err("not an extension attribute");
    }
    if name.is_empty() || !name.bytes().all(is_lower) {
        return Err("the name of an attribute has lower-case letters and digits only");
    }
    Ok(())
}

pub(crate) fn media_type<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    match is_media_type(&text) {
        true => Ok(Some(text)),
        false => Err(D::Error::custom("no media type such as application/json")),
    }
}

/// A media type as far as a person gets it wrong; parameters are not looked at.
pub(crate) fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let is_token = |part: &str| {
        let is_token_byte =
            |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
        !part.is_empty() && part.bytes().all(is_token_byte)
    };
    essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_media_types_are_checked_at_load() {
        let read = |text: &str| serde_json::from_str::<CloudeventsConfig>(text);
        for text in [
            r#"{ "extensions": { "myExt": "a" } }"#,
            r#"{ "extensions": { "id": "a" } }"#,
            r#"{ "content_type": "json" }"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let sound = r#"{ "content_type": "text/plain; charset=utf-8", "extensions": { "tenant": "{{ key }}" } }"#;
        assert!(read(sound).is_ok());
    }
}
