//! Scalars: what was written, and what it is once a type is wanted.

use crate::shape::suggest::quoted;

/// A text that may still become a number or a boolean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    /// The text, with `${...}` replaced.
    pub(crate) text: String,
    /// In quotes or a block: a text whatever it looks like.
    pub(crate) quoted: bool,
    /// The text before `${...}` was replaced, where there was one. What replaced it may be secret.
    pub(crate) written: Option<String>,
    /// A `${...}` in it could not be replaced: what it is meant to be is not known.
    pub(crate) unresolved: bool,
}

/// What an unquoted text means where any type may stand (YAML 1.2, core schema, without its octal, hexadecimal, infinite
/// and undefined numbers).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plain<'a> {
    Null,
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

impl Scalar {
    pub(crate) fn new(text: String, quoted: bool) -> Self {
        Self { text, quoted, written: None, unresolved: false }
    }

    /// Whether the file says nothing here.
    pub(crate) fn is_null(&self) -> bool {
        let open = !self.quoted && self.written.is_none();
        open && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.text.as_str() {
            _ if self.is_text() => None,
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    pub(crate) fn unsigned(&self) -> Option<u64> {
        let digits = !self.text.is_empty() && self.text.bytes().all(|b| b.is_ascii_digit());
        if self.is_text() || !digits { None } else { self.text.parse().ok() }
    }

    pub(crate) fn signed(&self) -> Option<i64> {
        let digits = self.text.strip_prefix('-').unwrap_or(&self.text);
        let digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if self.is_text() || !digits { None } else { self.text.parse().ok() }
    }

    pub(crate) fn float(&self) -> Option<f64> {
        let number = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
        if self.is_text() || !self.text.bytes().all(number) {
            return None;
        }
        self.text.parse().ok().filter(|float: &f64| float.is_finite())
    }

    /// What this is where any type may stand.
    pub(crate) fn plain(&self) -> Plain<'_> {
        if self.is_null() {
            return Plain::Null;
        }
        let boolean = self.boolean().map(Plain::Boolean);
        let number = || self.unsigned().map(Plain::Unsigned).or(self.signed().map(Plain::Signed));
        let float = || self.float().map(Plain::Float);
        boolean.or_else(number).or_else(float).unwrap_or(Plain::Text(&self.text))
    }

    /// The value as it may be shown: never what replaced a `${...}`.
    pub(crate) fn shown(&self) -> String {
        quoted(self.written.as_ref().unwrap_or(&self.text))
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self.plain() {
            Plain::Null => "nothing",
            Plain::Boolean(_) => "a boolean",
            Plain::Unsigned(_) | Plain::Signed(_) | Plain::Float(_) => "a number",
            Plain::Text(_) => "a text",
        }
    }

    /// Quotes make a text of what was written, but `"${PORT}"` is typed by what replaced it.
    fn is_text(&self) -> bool {
        self.quoted && self.written.is_none()
    }
}
