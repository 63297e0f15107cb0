//! Values of fields: out of a place and into one.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_schemas::json;
use hybridge_schemas::uri::encode_form;

use super::pattern::{decode_form, digits};
use super::table::Holds;

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    /// A number or any other JSON value, as it is written.
    Json(Cow<'a, [u8]>),
    Bytes(Cow<'a, [u8]>),
}

impl Value<'_> {
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(raw) => match raw.first() {
                Some(b'-' | b'0'..=b'9') => std::str::from_utf8(raw).ok(),
                _ => None,
            },
            Self::Bytes(_) => None,
        }
    }
}

/// What is in a place of an event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Raw<'a> {
    /// A value of a JSON text.
    Json(&'a [u8]),
    /// An attribute.
    Text(&'a str),
    /// A payload.
    Bytes(&'a [u8]),
}

impl<'a> Raw<'a> {
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Json(raw) if raw.first() == Some(&b'"') => json::unescape(raw).ok(),
            Self::Json(_) | Self::Bytes(_) => None,
        }
    }

    fn number(self) -> Option<&'a [u8]> {
        match self {
            Self::Json(raw) if matches!(raw.first(), Some(b'-' | b'0'..=b'9')) => Some(raw),
            _ => None,
        }
    }
}

/// The field that a place holds, where it is one.
pub(super) fn field_of(holds: Holds) -> Option<&'static str> {
    match holds {
        Holds::Text(field)
        | Holds::Number(field)
        | Holds::NumberText(field)
        | Holds::Json(field)
        | Holds::Quoted(field)
        | Holds::FormUrl(field)
        | Holds::Base64(field)
        | Holds::Utf8(field)
        | Holds::Texts(field)
        | Holds::Sequence(field)
        | Holds::Words(field, _) => Some(field),
        Holds::Pattern(_)
        | Holds::Maybe(_)
        | Holds::Loose(_)
        | Holds::Derived(_)
        | Holds::Fixed(_)
        | Holds::Absent => None,
    }
}

/// The value that is in a place, and whether writing it again would give the same; none where the
/// place does not hold what it should.
pub(super) fn take<'a>(holds: Holds, raw: Raw<'a>) -> Option<(Value<'a>, bool)> {
    let text = || raw.text();
    let exact = |value| Some((value, true));
    if let Raw::Bytes(bytes) = raw {
        return exact(Value::Bytes(bytes.into()));
    }
    match holds {
        Holds::Text(_) => exact(Value::Text(text()?)),
        Holds::Number(_) => match raw.number() {
            Some(number) => exact(Value::Json(number.into())),
            None => Some((Value::Json(number_in(&text()?)?.into()), false)),
        },
        Holds::NumberText(_) => match raw.number() {
            Some(number) => Some((Value::Json(number.into()), false)),
            None => exact(Value::Json(number_in(&text()?)?.into())),
        },
        Holds::Json(_) | Holds::Texts(_) => match raw {
            Raw::Json(raw) => exact(Value::Json(raw.into())),
            _ => None,
        },
        Holds::Quoted(_) => {
            let text = text()?;
            let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            match bare {
                Some(bare) => Some((Value::Text(bare.to_owned().into()), false)),
                None => exact(Value::Text(text)),
            }
        }
        Holds::FormUrl(_) => {
            let text = text()?;
            let decoded = decode_form(&text)?.into_owned();
            let is_same = encode_form(&decoded) == text;
            Some((Value::Text(decoded.into()), is_same))
        }
        Holds::Base64(_) => exact(Value::Bytes(STANDARD.decode(&*text()?).ok()?.into())),
        Holds::Utf8(_) => match text()? {
            Cow::Borrowed(text) => exact(Value::Bytes(text.as_bytes().into())),
            Cow::Owned(text) => exact(Value::Bytes(text.into_bytes().into())),
        },
        Holds::Sequence(_) => {
            let digits = match raw.number() {
                Some(number) => std::str::from_utf8(number).ok()?.into(),
                None => text()?,
            };
            let is_one = digits.len() <= 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_one.then(|| (Value::Text(format!("{digits:0>20}").into()), true))
        }
        Holds::Words(_, words) => {
            let text = text()?;
            match words.iter().find(|(native, _)| *native == text) {
                Some((native, word)) => {
                    // Of several words for the same the first one is written.
                    let first = words.iter().find(|(_, other)| other == word);
                    let is_first = first.is_some_and(|(first, _)| first == native);
                    Some((Value::Text(Cow::Borrowed(word)), is_first))
                }
                None => exact(Value::Text(text)),
            }
        }
        Holds::Pattern(_)
        | Holds::Maybe(_)
        | Holds::Loose(_)
        | Holds::Derived(_)
        | Holds::Fixed(_)
        | Holds::Absent => None,
    }
}

/// The digits of a number in a text: what JSON would write.
fn number_in(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_whole = digits == "0"
        || (!digits.starts_with('0')
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit()));
    is_whole.then(|| text.as_bytes().to_vec())
}

/// A value as a place has it.
pub(super) enum Given<'v> {
    Text(Cow<'v, str>),
    Json(&'v [u8]),
    Bytes(&'v [u8]),
}

impl Given<'_> {
    /// Appends it as JSON.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => json::write_string(out, text),
            Self::Json(raw) => out.extend_from_slice(raw),
            Self::Bytes(bytes) => json::write_string(out, &STANDARD.encode(bytes)),
        }
    }

    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.into_owned()),
            Self::Json(raw) => Some(String::from_utf8_lossy(raw).into_owned()),
            Self::Bytes(_) => None,
        }
    }
}

/// What a place is to hold of a value; none where it cannot hold it.
pub(super) fn give<'v>(holds: Holds, value: &'v Value<'_>) -> Option<Given<'v>> {
    let text = || value.as_text().map(|text| Given::Text(Cow::Borrowed(text)));
    match holds {
        Holds::Text(_) | Holds::Quoted(_) => text(),
        Holds::Number(_) => match value {
            Value::Json(raw) => Some(Given::Json(raw)),
            Value::Text(text) => number_in(text).map(|_| Given::Json(text.as_bytes())),
            Value::Bytes(_) => None,
        },
        Holds::NumberText(_) => {
            let text = value.as_text()?;
            number_in(text).map(|_| Given::Text(Cow::Borrowed(text)))
        }
        Holds::Json(_) | Holds::Texts(_) => match value {
            Value::Json(raw) => Some(Given::Json(raw)),
            Value::Text(text) => Some(Given::Text(Cow::Borrowed(text))),
            Value::Bytes(_) => None,
        },
        Holds::FormUrl(_) => Some(Given::Text(encode_form(value.as_text()?))),
        Holds::Base64(_) => match value {
            Value::Bytes(bytes) => Some(Given::Bytes(bytes)),
            _ => None,
        },
        Holds::Utf8(_) => match value {
            Value::Bytes(bytes) => {
                std::str::from_utf8(bytes).ok().map(|text| Given::Text(Cow::Borrowed(text)))
            }
            _ => None,
        },
        Holds::Sequence(_) => Some(Given::Text(Cow::Borrowed(digits(value.as_text()?)?))),
        Holds::Words(_, words) => {
            let text = value.as_text()?;
            let native = words.iter().find(|(_, word)| *word == text);
            Some(Given::Text(
                native.map_or(Cow::Borrowed(text), |(native, _)| Cow::Borrowed(*native)),
            ))
        }
        Holds::Pattern(_)
        | Holds::Maybe(_)
        | Holds::Loose(_)
        | Holds::Derived(_)
        | Holds::Fixed(_)
        | Holds::Absent => None,
    }
}
