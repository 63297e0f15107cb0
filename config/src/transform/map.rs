//! `map`: sets, renames and removes fields by reference.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Field, Template};

/// Changes fields of a message: first `rename`, then `set`, then `remove`. Every reference on the right is read from the
/// message as it was before this step.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MapConfig {
    /// From a field to its new name. A field that the message does not have is left out.
    #[schemars(extend("propertyNames" = { "type": "string", "format": "hybridge-field" }))]
    pub rename: BTreeMap<Field, Field>,
    /// Fields and their new values.
    #[schemars(extend("propertyNames" = { "type": "string", "format": "hybridge-field" }))]
    pub set: BTreeMap<Field, Value>,
    /// Fields to take away; one that the message does not have is left out.
    pub remove: Vec<Field>,
}

/// The new value of a field.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "MapValue")]
pub enum Value {
    /// A text, completed for every message. One reference and nothing else keeps the type of what it refers to.
    Template(Template),
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(serde_json::Number),
}
