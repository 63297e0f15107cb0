//! Context attributes: names, types and what their values must be (sections "Context Attributes"
//! and "Type System").

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_core::{Attributes, Text, Value, ValueRef};

use super::{DecodeError, Mode, SPECVERSION};
use crate::media_type::MediaType;
use crate::{rfc3339, uri};

/// Attributes that one event may have. The specification has no limit; a remote sender needs one.
pub const MOST: usize = 1024;

/// The attributes of the core specification, which have types of their own.
const CORE: [&str; 8] =
    ["specversion", "id", "source", "type", "datacontenttype", "dataschema", "subject", "time"];

/// Whether `name` may be the name of an attribute: lower-case letters and digits, and not `data`,
/// which formats use.
pub fn is_name(name: &str) -> bool {
    let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !name.is_empty() && name != "data" && name.bytes().all(is_lower)
}

/// Whether it is an attribute of the core specification, and not an extension.
pub fn is_core(name: &str) -> bool {
    CORE.contains(&name)
}

/// A name as [`Text`]; the names of the core specification do not allocate.
pub fn name(name: &str) -> Text {
    match CORE.iter().find(|core| **core == name) {
        Some(core) => Text::from_static(core),
        None => Text::from(name),
    }
}

/// The value of the attribute `name` that is written as `text`, with the type that the core
/// specification gives it; an extension is a string. Not checked.
pub fn typed(name: &str, text: Text) -> Value {
    match name {
        "source" => Value::UriRef(text),
        "dataschema" => Value::Uri(text),
        "time" => Value::Timestamp(text),
        _ => Value::String(text),
    }
}

/// The same for a value that borrows its text.
pub(crate) fn typed_ref<'a>(name: &str, text: &'a str) -> ValueRef<'a> {
    match name {
        "source" => ValueRef::UriRef(text),
        "dataschema" => ValueRef::Uri(text),
        "time" => ValueRef::Timestamp(text),
        _ => ValueRef::String(text),
    }
}

/// The canonical string of a value (section "Type System"), borrowed where it is text already.
pub fn canonical(value: &Value) -> Cow<'_, str> {
    canonical_ref(value.as_ref())
}

/// The same of a value that borrows its text.
pub fn canonical_ref(value: ValueRef<'_>) -> Cow<'_, str> {
    match value {
        ValueRef::Boolean(true) => Cow::Borrowed("true"),
        ValueRef::Boolean(false) => Cow::Borrowed("false"),
        ValueRef::Integer(number) => Cow::Owned(number.to_string()),
        ValueRef::Binary(bytes) => Cow::Owned(STANDARD.encode(bytes)),
        ValueRef::String(text)
        | ValueRef::Uri(text)
        | ValueRef::UriRef(text)
        | ValueRef::Timestamp(text) => Cow::Borrowed(text),
    }
}

/// Checks one attribute.
pub fn check(name: &str, value: &Value, mode: Mode) -> Result<(), DecodeError> {
    check_ref(name, value.as_ref(), mode)
}

fn check_ref(name: &str, value: ValueRef<'_>, mode: Mode) -> Result<(), DecodeError> {
    if !is_name(name) {
        return Err(DecodeError::attribute(name, "a name has lower-case letters and digits only"));
    }
    match fault(name, value, mode) {
        Some(reason) => Err(DecodeError::attribute(name, reason)),
        None => Ok(()),
    }
}

/// Checks all attributes of an event: that the required ones are there and that each is sound.
pub fn check_all(attributes: &Attributes, mode: Mode) -> Result<(), DecodeError> {
    const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];
    let mut found = [false; 4];
    let mut fault = None;
    for (name, value) in attributes.iter_ref() {
        if let Some(at) = REQUIRED.iter().position(|required| *required == name) {
            found[at] = true;
        }
        if fault.is_none() {
            fault = check_ref(name, value, mode).err();
        }
    }
    // What is missing is told first.
    match found.iter().position(|found| !found) {
        Some(at) => Err(DecodeError::Missing(REQUIRED[at])),
        None => fault.map_or(Ok(()), Err),
    }
}

fn fault(name: &str, value: ValueRef<'_>, mode: Mode) -> Option<&'static str> {
    if !is_core(name) {
        return extension_fault(value, mode);
    }
    let Some(text) = value.as_text() else { return Some("must be a string") };
    if text.is_empty() {
        return Some("must not be empty");
    }
    let is_strict = mode == Mode::Strict;
    match name {
        "specversion" if text != SPECVERSION => Some("must be 1.0"),
        "time" if rfc3339::millis(text).is_none() => Some("must be an RFC 3339 timestamp"),
        "datacontenttype" if MediaType::parse(text).is_none() => Some("must be a media type"),
        "source" if is_strict && !uri::is_reference(text) => Some("must be a URI reference"),
        "dataschema" if is_strict && !uri::is_uri(text) => Some("must be an absolute URI"),
        _ => text_fault(text, mode),
    }
}

fn extension_fault(value: ValueRef<'_>, mode: Mode) -> Option<&'static str> {
    let is_strict = mode == Mode::Strict;
    match value {
        ValueRef::Timestamp(text) if rfc3339::millis(text).is_none() => {
            Some("must be an RFC 3339 timestamp")
        }
        ValueRef::Uri(text) if is_strict && !uri::is_uri(text) => Some("must be an absolute URI"),
        ValueRef::UriRef(text) if is_strict && !uri::is_reference(text) => {
            Some("must be a URI reference")
        }
        value => value.as_text().and_then(|text| text_fault(text, mode)),
    }
}

/// Section "Type System", String: no control characters and no code points that are not characters.
fn text_fault(text: &str, mode: Mode) -> Option<&'static str> {
    let is_forbidden = |c: char| {
        let code = u32::from(c);
        c.is_control() || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
    };
    let is_wrong = mode == Mode::Strict && text.chars().any(is_forbidden);
    is_wrong.then_some("must not have control characters or noncharacters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_strict_refuses() {
        for (name, text) in
            [("source", "a b"), ("dataschema", "/relative"), ("ext", "a\nb"), ("id", "\u{fffe}")]
        {
            let value = typed(name, text.into());
            assert_eq!(check(name, &value, Mode::Lenient), Ok(()), "{name}");
            assert!(check(name, &value, Mode::Strict).is_err(), "{name}");
        }
    }

    #[test]
    fn an_error_shows_a_bounded_name_and_no_value() {
        let error = check(&"\n".repeat(10_000), &Value::from("secret"), Mode::Lenient).unwrap_err();
        let text = error.to_string();
        assert!(text.len() < 200 && !text.contains('\n') && !text.contains("secret"), "{text}");
    }
}
