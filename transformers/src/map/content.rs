//! A value on its way from one field to another, with the type that it has.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hybridge_core::{Error, Message, Text, Value};
use hybridge_schemas::cel::{self, Cel};
use hybridge_schemas::cloudevents::attribute;
use hybridge_schemas::json;
use hybridge_schemas::template::{Field, Found, Template};

/// A value that belongs to no field yet.
pub(crate) enum Content {
    /// A context attribute.
    Attribute(Value),
    /// JSON text.
    Json(Bytes),
    /// Bytes of which nothing is known: a header, the key, a payload that is not JSON.
    Bytes(Bytes),
}

impl Content {
    /// A boolean or a number, as it is written.
    pub(crate) fn literal(json: String) -> Self {
        Self::Json(Bytes::from(json))
    }

    /// What a template gives: one reference and nothing else keeps the type of what it refers to.
    pub(crate) fn of(template: &Template, message: &Message) -> Result<Self, Error> {
        if let Some(cel) = template.as_cel() {
            return Self::of_cel(cel, message);
        }
        let Some((field, default)) = template.as_field() else {
            return Ok(Self::Attribute(Value::String(template.render(message)?)));
        };
        match (Self::found(field, message), default) {
            (Some(content), Some(default)) if content.is_null() => Ok(Self::text(default)),
            (Some(content), _) => Ok(content),
            (None, Some(default)) => Ok(Self::text(default)),
            (None, None) => Err(field.missing()),
        }
    }

    fn of_cel(cel: &Cel, message: &Message) -> Result<Self, Error> {
        let value = cel.evaluate(message).map_err(|fault| Error::rejected(fault.to_string()))?;
        match value {
            cel::Value::String(text) => Ok(Self::Attribute(Value::String(text.as_ref().into()))),
            cel::Value::Bytes(bytes) => Ok(Self::Bytes(Bytes::copy_from_slice(&bytes))),
            value => {
                let mut json = Vec::new();
                let written = value.write_json(&mut json);
                written
                    .map_err(|_| Error::rejected("cel: the result cannot be written as JSON"))?;
                Ok(Self::Json(json.into()))
            }
        }
    }

    /// What a field holds; `None` where the message does not have it.
    pub(crate) fn found(field: &Field, message: &Message) -> Option<Self> {
        Some(match field.find(message)? {
            Found::Attribute(value) => Self::Attribute(value),
            Found::Json(value, payload) => Self::Json(payload.slice_ref(value)),
            Found::Bytes(bytes) if matches!(field, Field::Data(_)) && json::is_valid(&bytes) => {
                Self::Json(bytes.slice_ref(bytes.trim_ascii()))
            }
            Found::Bytes(bytes) => Self::Bytes(bytes),
            Found::Text(text) => Self::Attribute(Value::String(text)),
        })
    }

    fn text(text: &Text) -> Self {
        Self::Attribute(Value::String(text.clone()))
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Json(value) if value.as_ref() == b"null")
    }

    /// As the value of an attribute; an error says why it cannot be one.
    pub(crate) fn to_attribute(&self) -> Result<Value, &'static str> {
        match self {
            Self::Attribute(value) => Ok(value.clone()),
            Self::Bytes(bytes) => text_of(bytes).map(Value::String),
            Self::Json(value) => match value.as_ref() {
                b"true" => Ok(Value::Boolean(true)),
                b"false" => Ok(Value::Boolean(false)),
                b"null" => Err("null cannot be an attribute"),
                [b'{' | b'[', ..] => Err("an object or a list cannot be an attribute"),
                [b'"', ..] => json_string(value).map(Value::String),
                _ => {
                    let number = text_of(value)?;
                    Ok(number.parse().map_or(Value::String(number), Value::Integer))
                }
            },
        }
    }

    /// As a JSON value: a text, a header or a key becomes a JSON string.
    pub(crate) fn to_json(&self) -> Result<Cow<'_, [u8]>, &'static str> {
        match self {
            Self::Json(value) => Ok(Cow::Borrowed(value)),
            Self::Bytes(bytes) => Ok(Cow::Owned(quoted(&text_of(bytes)?))),
            Self::Attribute(value) => Ok(Cow::Owned(match value {
                Value::Boolean(value) => value.to_string().into_bytes(),
                Value::Integer(number) => number.to_string().into_bytes(),
                Value::Binary(bytes) => quoted(&STANDARD.encode(bytes)),
                Value::String(text)
                | Value::Uri(text)
                | Value::UriRef(text)
                | Value::Timestamp(text) => quoted(text),
            })),
        }
    }

    /// As bytes: text as it is, a JSON string out of its quotes, other JSON values as written.
    pub(crate) fn to_bytes(&self) -> Result<Bytes, &'static str> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Json(value) if value.first() == Some(&b'"') => {
                json_string(value).map(Text::into_bytes)
            }
            Self::Json(value) => Ok(value.clone()),
            Self::Attribute(Value::Binary(bytes)) => Ok(bytes.clone()),
            Self::Attribute(value) => match value.as_text() {
                Some(text) => Ok(text.as_bytes().clone()),
                None => Ok(Bytes::from(attribute::canonical(value).into_owned())),
            },
        }
    }
}

fn text_of(bytes: &Bytes) -> Result<Text, &'static str> {
    Text::from_utf8(bytes.clone()).map_err(|_| "is not text")
}

fn json_string(value: &Bytes) -> Result<Text, &'static str> {
    match json::unescape(value) {
        Ok(Cow::Borrowed(text)) => text_of(&value.slice_ref(text.as_bytes())),
        Ok(Cow::Owned(text)) => Ok(Text::from(text)),
        Err(_) => Err("is not text"),
    }
}

fn quoted(text: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(text.len() + 2);
    json::write_string(&mut json, text);
    json
}
