//! How events are written to a target.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a CloudEvent becomes a message of a broker. A message that is no event is written as it is in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Attributes beside the body, as the binding of the protocol says; data as the body.
    #[default]
    Binary,
    /// The whole event as the body, in the format that `event_format` says.
    Structured,
    /// Data as the body, and its content type; no attributes.
    Raw,
}

/// A format of CloudEvents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventFormat {
    /// `application/cloudevents+json`
    #[default]
    Json,
    /// `application/cloudevents+avro`
    Avro,
    /// `application/cloudevents+protobuf`
    Protobuf,
}
