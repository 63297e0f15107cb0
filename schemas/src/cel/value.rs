//! The values of CEL.

use std::borrow::Cow;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_config::cel::Literal;
use jiff::{SignedDuration, Timestamp};

use super::fault::FaultKind;
use super::text::{double_text, duration_text};
use crate::json;

/// A value; borrowed from the message or the expression where it can be.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the types of the language")]
pub enum Value<'a> {
    Null,
    Boolean(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Timestamp(Timestamp),
    Duration(SignedDuration),
    /// A list that an expression made.
    List(Rc<Vec<Value<'a>>>),
    /// A map that an expression made.
    Map(Rc<Vec<(Value<'a>, Value<'a>)>>),
    /// An array or an object as it is written in the payload.
    Json(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn literal(literal: &'a Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Boolean(value) => Self::Boolean(*value),
            Literal::Int(number) => Self::Int(*number),
            Literal::Uint(number) => Self::Uint(*number),
            Literal::Double(number) => Self::Double(*number),
            Literal::String(text) => Self::String(Cow::Borrowed(text)),
            Literal::Bytes(bytes) => Self::Bytes(Cow::Borrowed(bytes)),
        }
    }

    /// A JSON value that was checked to be one. A whole number is an `int` where it fits, or a `uint`; others are doubles.
    pub(super) fn from_json(text: &'a [u8]) -> Result<Self, FaultKind> {
        Ok(match text {
            b"null" => Self::Null,
            b"true" => Self::Boolean(true),
            b"false" => Self::Boolean(false),
            [b'{' | b'[', ..] => Self::Json(text),
            [b'"', ..] => Self::String(json::unescape(text).map_err(|_| FaultKind::NoText)?),
            _ => {
                let number = std::str::from_utf8(text).map_err(|_| FaultKind::NoText)?;
                if let Ok(number) = number.parse() {
                    return Ok(Self::Int(number));
                }
                if let Ok(number) = number.parse() {
                    return Ok(Self::Uint(number));
                }
                Self::Double(number.parse().map_err(|_| FaultKind::Number)?)
            }
        })
    }

    /// Text where the bytes are text.
    pub(super) fn from_bytes(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::String(Cow::Borrowed(text)),
            Err(_) => Self::Bytes(Cow::Borrowed(bytes)),
        }
    }

    /// As text, as a template shows it: texts as they are, other values as JSON writes them, without quotes. `None` for
    /// null.
    pub fn to_text(&self) -> Result<Option<Cow<'_, str>>, FaultKind> {
        Ok(Some(match self {
            Self::Null => return Ok(None),
            Self::String(text) => Cow::Borrowed(text.as_ref()),
            Self::Bytes(bytes) => {
                Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| FaultKind::NoText)?)
            }
            Self::Timestamp(time) => Cow::Owned(time.to_string()),
            Self::Duration(duration) => Cow::Owned(duration_text(*duration)),
            Self::Json(text) => {
                Cow::Borrowed(std::str::from_utf8(text).map_err(|_| FaultKind::NoText)?)
            }
            _ => {
                let mut json = Vec::new();
                self.write_json(&mut json)?;
                Cow::Owned(String::from_utf8(json).map_err(|_| FaultKind::NoText)?)
            }
        }))
    }

    /// Appends the value as JSON: bytes as base64, times and durations as texts.
    pub fn write_json(&self, out: &mut Vec<u8>) -> Result<(), FaultKind> {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Boolean(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Uint(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Double(number) if number.is_finite() => {
                out.extend_from_slice(double_text(*number).as_bytes());
            }
            Self::Double(_) => return Err(FaultKind::NoJson),
            Self::String(text) => json::write_string(out, text),
            Self::Bytes(bytes) => json::write_string(out, &STANDARD.encode(bytes)),
            Self::Timestamp(time) => json::write_string(out, &time.to_string()),
            Self::Duration(duration) => json::write_string(out, &duration_text(*duration)),
            Self::Json(text) => out.extend_from_slice(text),
            Self::List(values) => {
                out.push(b'[');
                for (place, value) in values.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    value.write_json(out)?;
                }
                out.push(b']');
            }
            Self::Map(entries) => {
                out.push(b'{');
                for (place, (name, value)) in entries.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    let name = name.to_text()?.ok_or(FaultKind::NoJson)?;
                    json::write_string(out, &name);
                    out.push(b':');
                    value.write_json(out)?;
                }
                out.push(b'}');
            }
        }
        Ok(())
    }
}
