//! Paths as EventBridge has them: the dot notation of JSONPath, with indices and wildcards.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

use crate::SyntaxError;

/// A path such as `$.detail.items[0].name`; equal paths have equal texts.
#[derive(Clone, PartialEq)]
pub struct JsonPath {
    text: String,
    steps: Vec<PathStep>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// A member of an object.
    Name(String),
    /// An element of a list, counted from 0.
    Index(usize),
    /// All members or elements: what the path leads to is a list then.
    All,
}

/// Bytes of a path, as at EventBridge.
const LONGEST: usize = 256;
/// Steps of a path.
const DEEPEST: usize = 64;
const HELP: &str = "write `$.detail.items[0].name`";

impl JsonPath {
    /// The steps, from the whole on.
    pub fn steps(&self) -> &[PathStep] {
        &self.steps
    }
}

impl FromStr for JsonPath {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let wrong = |at, message: &str| Err(SyntaxError::new(text, at, message, HELP));
        if text.len() > LONGEST {
            return wrong(0, "too long a path");
        }
        let Some(mut rest) = text.strip_prefix('$') else {
            return wrong(0, "a path begins with `$`");
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            if steps.len() == DEEPEST {
                return wrong(at, "too many steps");
            }
            let Some((step, after)) = step(rest) else { return wrong(at, "no step of a path") };
            steps.push(step);
            rest = after;
        }
        Ok(Self { text: text.to_owned(), steps })
    }
}

fn step(rest: &str) -> Option<(PathStep, &str)> {
    if let Some(rest) = rest.strip_prefix('.') {
        if let Some(after) = rest.strip_prefix('*') {
            return Some((PathStep::All, after));
        }
        let is_end = |c: char| matches!(c, '.' | '[' | ']' | '*' | '\'' | '"') || c.is_whitespace();
        let end = rest.find(is_end).unwrap_or(rest.len());
        let name = PathStep::Name(rest[..end].to_owned());
        return (end > 0).then_some((name, &rest[end..]));
    }
    let rest = rest.strip_prefix('[')?;
    for quote in ['\'', '"'] {
        if let Some(rest) = rest.strip_prefix(quote) {
            let (name, after) = rest.split_once(quote)?;
            let step = PathStep::Name(name.to_owned());
            return after.strip_prefix(']').map(|after| (step, after));
        }
    }
    let (index, after) = rest.split_once(']')?;
    match index {
        "*" => Some((PathStep::All, after)),
        _ if index.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((PathStep::Index(index.parse().ok()?), after))
        }
        _ => None,
    }
}

impl fmt::Debug for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl<'de> Deserialize<'de> for JsonPath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for JsonPath {
    fn schema_name() -> Cow<'static, str> {
        "JsonPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-json-path",
            "description": "A path such as `$.detail.items[0].name`.",
        })
    }
}
