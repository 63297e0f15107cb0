//! `wrap` and `unwrap`: the data in an envelope, and out of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::cloudevents::media_type;
use super::{map, split};
use crate::Field;

/// Puts the data into a new JSON object, which is the data from there on; what it is beside the data is completed from
/// the message as it was. The content type becomes `application/json`.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
pub struct WrapConfig {
    /// The member of the object that holds what was the data.
    pub member: String,
    /// How it is written there.
    #[serde(default)]
    pub encoding: Wrapped,
    /// Further members and their values, in the order of their names.
    #[serde(default)]
    pub beside: BTreeMap<String, map::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    member: String,
    #[serde(default)]
    encoding: Wrapped,
    #[serde(default)]
    beside: BTreeMap<String, map::Value>,
}

/// No two members have one name.
impl<'de> Deserialize<'de> for WrapConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let AsWritten { member, encoding, beside } = AsWritten::deserialize(from)?;
        if beside.contains_key(&member) {
            return Err(D::Error::custom(format!("{member:?} holds the data already")));
        }
        Ok(Self { member, encoding, beside })
    }
}

/// How data stands in an envelope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wrapped {
    /// JSON as it is, other text as a JSON string. Bytes that are no text are a permanent fault.
    #[default]
    Json,
    /// Always as a JSON string. Bytes that are no text are a permanent fault.
    Text,
    /// In base64, as a JSON string.
    Base64,
}

/// Makes a part of the data the data; the rest is gone. A message that does not have it is a permanent fault.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnwrapConfig {
    /// Which part.
    #[serde(deserialize_with = "split::data")]
    #[schemars(extend("format" = "hybridge-data"))]
    pub from: Field,
    /// How it is written there.
    #[serde(default)]
    pub encoding: Unwrapped,
    /// The content type from there on. Default: `application/json` where what comes out is JSON, else `text/plain`, or
    /// `application/octet-stream` out of base64.
    #[serde(default, deserialize_with = "media_type")]
    #[schemars(extend("format" = "hybridge-media-type"))]
    pub content_type: Option<String>,
}

/// How data is taken out of an envelope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unwrapped {
    /// As it is written: a string stays a JSON string.
    Json,
    /// A string out of its quotes, other values as they are written: JSON that stands in a string becomes JSON.
    #[default]
    Text,
    /// A string in base64.
    Base64,
}
