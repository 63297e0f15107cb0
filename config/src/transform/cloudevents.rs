//! `cloudevents`: whatever arrives becomes a CloudEvent.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Template;

/// Makes a CloudEvent of whatever arrives: binary and structured events are recognised and pass with every
/// attribute kept, and anything else is wrapped. The attributes given here are for what is wrapped only.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CloudeventsConfig {
    /// `source` of an event made from a plain message. Default: a URI reference of where it came from.
    pub source: Option<Template>,
    /// `type` of an event made from a plain message. Default: `io.hybridge.message`.
    #[serde(rename = "type")]
    pub event_type: Option<Template>,
    /// `subject` of an event made from a plain message. Default: none.
    pub subject: Option<Template>,
    /// `id` of an event made from a plain message. Default: the stable id of the message, the same at every attempt.
    pub id: Option<Template>,
    /// `datacontenttype` of an event made from a plain message. Default: the message's `content-type` header, else
    /// `application/json` where the payload is JSON and `application/octet-stream` where it is not.
    pub content_type: Option<String>,
    /// Extension attributes of an event made from a plain message.
    pub extensions: BTreeMap<String, Template>,
    /// What to do with a message that is no CloudEvent. Default: `wrap`.
    pub plain: PlainMessages,
}

/// What becomes of a message that is no CloudEvent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlainMessages {
    /// It becomes the data of a new event.
    #[default]
    Wrap,
    /// It is a permanent fault: a dead letter.
    Reject,
}
