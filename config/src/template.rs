//! Message templates: text with `{{ field }}` in it.
//!
//! Between the braces stands one reference to a field of the message, or `default(field, "text")` for a field that
//! may be missing: these are looked up. Anything else is an expression of CEL. `{{{{` is a literal `{{`. A template is
//! parsed when the file is loaded, so a syntax error is a problem of the file; a missing field is a permanent fault of
//! the message that misses it.

mod field;
mod parse;

use std::{borrow::Cow, fmt, str::FromStr};

pub use field::{Field, OriginField, Step};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{Cel, SyntaxError};

/// A text that is completed for every message; equal templates have equal texts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Template {
    text: String,
    segments: Vec<Segment>,
}

/// A part of a template, in the order in which it is rendered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Text that stands in every result.
    Literal(String),
    /// The value of a field.
    Field {
        /// Which field.
        field: Field,
        /// What stands for it where the message has none; without it such a message is a permanent fault.
        default: Option<String>,
    },
    /// The value of an expression that is more than a reference.
    Cel(Cel),
}

impl Template {
    /// A text without references, which must hold no `{{`.
    pub(crate) fn literally(text: &str) -> Self {
        Self { text: text.to_owned(), segments: vec![Segment::Literal(text.to_owned())] }
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the text consists of; empty for an empty text, and never two literals in a row.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The result, where it is the same for every message.
    pub fn literal(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [] => Some(""),
            [Segment::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The field and its default, where the template is one reference and nothing else: its value keeps its type.
    pub fn field(&self) -> Option<(&Field, Option<&str>)> {
        match self.segments.as_slice() {
            [Segment::Field { field, default }] => Some((field, default.as_deref())),
            _ => None,
        }
    }
}

impl FromStr for Template {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self { text: text.to_owned(), segments: parse::template(text)? })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl JsonSchema for Template {
    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-template",
            "description": "Text with `{{ expression }}` in it, such as `orders.{{ event.type }}`; `{{{{` is a literal `{{`.",
        })
    }
}

#[cfg(test)]
mod tests;
