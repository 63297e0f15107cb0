//! References to the fields of a message.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::parse;
use crate::SyntaxError;

/// A field of a message: `event.type`, `event.data.customer.name`, `headers["x"]`, `key`, `origin.topic`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// A context attribute or an extension of the event: `event.type`.
    Attribute(String),
    /// The payload, or what the steps lead to in it: `event.data.items[0].name`. No steps: all of it.
    Data(Vec<Step>),
    /// The first header of this name: `headers["x"]`.
    Header(String),
    /// The key of the message.
    Key,
    /// Where the message came from.
    Origin(OriginField),
}

/// One step into structured data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A member of an object.
    Name(String),
    /// An element of a list, counted from 0.
    Index(usize),
}

/// Where a message came from, in the words of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OriginField {
    /// The kind of source: `http`, `log`.
    Connector,
    /// The connection's name.
    Cluster,
    /// Topic, stream, queue or path.
    Topic,
    /// The number of the partition.
    Partition,
    /// The position in the partition.
    Offset,
}

impl OriginField {
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("connector", Self::Connector),
        ("cluster", Self::Cluster),
        ("topic", Self::Topic),
        ("partition", Self::Partition),
        ("offset", Self::Offset),
    ];
}

impl FromStr for Field {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        parse::field(text)
    }
}

/// Whether a name may stand after a dot, without brackets and quotes.
pub(super) fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    first && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn quoted(name: &str) -> String {
    format!("[\"{}\"]", name.replace('\\', "\\\\").replace('"', "\\\""))
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Attribute(name) => write!(f, "event.{name}"),
            Self::Header(name) => write!(f, "headers{}", quoted(name)),
            Self::Key => f.write_str("key"),
            Self::Origin(field) => {
                let name = OriginField::NAMES.iter().find(|(_, other)| other == field);
                write!(f, "origin.{}", name.map_or("", |(name, _)| name))
            }
            Self::Data(steps) => {
                f.write_str("event.data")?;
                for step in steps {
                    match step {
                        Step::Index(index) => write!(f, "[{index}]")?,
                        Step::Name(name) if is_plain(name) => write!(f, ".{name}")?,
                        Step::Name(name) => f.write_str(&quoted(name))?,
                    }
                }
                Ok(())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl JsonSchema for Field {
    fn schema_name() -> Cow<'static, str> {
        "Field".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-field",
            "description": "A field of a message: `event.type`, `event.data.customer.name`, `headers[\"x\"]`, `key`, `origin.topic`.",
        })
    }
}
