//! Casts between the types: specification, section 3.7.

use std::borrow::Cow;
use std::io::Write;

use hybridge_config::cesql::Type;

use super::Value;

impl<'a> Value<'a> {
    /// The zero value of a type.
    pub(super) fn zero(kind: Type) -> Self {
        match kind {
            Type::Boolean => Self::Boolean(false),
            Type::Integer => Self::Integer(0),
            Type::String => Self::String(Cow::Borrowed("")),
        }
    }

    /// `None` where the cast fails.
    pub(super) fn to_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::Integer(number) => Some(*number != 0),
            Self::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Self::String(_) => None,
        }
    }

    /// `None` where the cast fails.
    pub(super) fn to_integer(&self) -> Option<i32> {
        match self {
            Self::Boolean(value) => Some(i32::from(*value)),
            Self::Integer(number) => Some(*number),
            Self::String(text) => text.parse().ok(),
        }
    }

    pub(super) fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Boolean(true) => Cow::Borrowed("true"),
            Self::Boolean(false) => Cow::Borrowed("false"),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::String(text) => text,
        }
    }

    /// Whether its text is `text`; without an allocation.
    pub(super) fn has_text(&self, text: &str) -> bool {
        match self {
            Self::Boolean(value) => text == if *value { "true" } else { "false" },
            Self::String(own) => own == text,
            Self::Integer(number) => {
                let mut digits = [0; 11];
                let mut rest = digits.as_mut_slice();
                let fits = write!(rest, "{number}").is_ok();
                let left = rest.len();
                fits && digits[..digits.len() - left] == *text.as_bytes()
            }
        }
    }
}
