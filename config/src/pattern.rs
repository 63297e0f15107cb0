//! Event patterns: which events a rule is for, in the language of Amazon EventBridge.
//!
//! A pattern is an object whose members name fields of an event; each field has a list of tests, of which one must
//! hold. It is read from JSON text ([`FromStr`]; an error has its line and column) or as a part of a routing-rule file
//! ([`Deserialize`]). What it says is kept as alternatives, one for each way through its `$or`: an event matches the
//! pattern when it matches all conditions of one alternative.

mod address;
mod build;
mod error;
mod json;
mod node;
mod number;
mod show;
mod test;
mod wildcard;

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

pub use address::{Cidr, address};
pub use error::{PatternError, Position};
pub use number::Number;
pub use test::{AnythingBut, Bound, Range, Test};
pub use wildcard::Wildcard;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

/// How deep objects may be nested in a pattern.
pub const DEEPEST: usize = 64;

/// The most alternatives that the `$or` of one pattern may make.
pub const MOST_ALTERNATIVES: usize = 1000;

/// The most fields that one alternative may name.
pub const MOST_FIELDS: usize = 256;

/// The most tests that a pattern may hold, those of a shared field counted for each alternative.
pub const MOST_TESTS: usize = 100_000;

/// The longest text that a test may compare with, in bytes.
pub const LONGEST_TEXT: usize = 16 * 1024;

/// The most `*` in one wildcard.
pub const MOST_STARS: usize = 64;

/// The longest path of a field, in bytes.
pub const LONGEST_PATH: usize = 1024;

/// Which events a rule is for.
#[derive(Clone, PartialEq)]
pub struct Pattern {
    alternatives: Vec<Alternative>,
}

/// Conditions that must all hold, no two of them for the same field, in the order of their paths (as UTF-16).
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// The conditions; never none.
    pub conditions: Vec<Condition>,
}

/// What is asked of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The names on the way to the field, joined with dots. A dot in a name is not told from one between names.
    pub path: Arc<str>,
    /// The tests, of which one must hold; never none.
    pub tests: Arc<[Test]>,
}

impl Pattern {
    /// The ways to match, of which one is enough; never none.
    pub fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }

    /// A pattern of these ways to match, whose conditions are put in order; `None` without a way, or for one without
    /// conditions or with two for one field.
    pub fn from_alternatives(mut alternatives: Vec<Alternative>) -> Option<Self> {
        for alternative in &mut alternatives {
            let conditions = &mut alternative.conditions;
            build::sort(conditions);
            let is_twice = conditions.windows(2).any(|pair| pair[0].path == pair[1].path);
            if conditions.is_empty() || is_twice {
                return None;
            }
        }
        (!alternatives.is_empty()).then_some(Self { alternatives })
    }

    /// Reads a pattern from JSON text.
    ///
    /// # Errors
    /// Says what is wrong, at which field, and at which line and column of the text.
    pub fn from_json(text: &[u8]) -> Result<Self, PatternError> {
        let node = json::parse(text)?;
        build::pattern(&node).map_err(|error| error.in_text(text))
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::from_json(text.as_bytes())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let node = node::Node::deserialize(from)?;
        build::pattern(&node).map_err(D::Error::custom)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "minProperties": 1,
            "format": "hybridge-pattern",
            "description": "An event pattern as in Amazon EventBridge: `{ type: [order], data: { amount: [ { numeric: [\">\", 1000] } ] } }`.",
        })
    }
}

#[cfg(test)]
mod tests;
