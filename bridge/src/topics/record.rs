//! A record as JSON, every byte of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_connectors::log::Record;
use hybridge_core::Value;
use serde::{Deserialize, Serialize};

/// One record of a topic.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RecordView {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    /// When it was appended, RFC 3339.
    pub(crate) appended: String,
    pub(crate) key: Option<Bin>,
    /// The context attributes; none when it is not a CloudEvent.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub(crate) attributes: serde_json::Map<String, serde_json::Value>,
    /// Names and values, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) headers: Vec<(String, Option<Bin>)>,
    pub(crate) payload: Option<Bin>,
}

/// Bytes: a JSON string where they are text, else `{"base64": "..."}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Bin {
    Text(String),
    Bytes { base64: String },
}

impl Bin {
    fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes { base64: STANDARD.encode(bytes) },
        }
    }
}

impl RecordView {
    pub(crate) fn new(partition: u32, record: Record) -> Self {
        let message = record.message;
        let appended = jiff::Timestamp::from_millisecond(record.appended).unwrap_or_default();
        let bin = |bytes: &Option<bytes::Bytes>| bytes.as_deref().map(Bin::new);
        Self {
            partition,
            offset: record.offset,
            appended: appended.to_string(),
            key: bin(&message.key),
            attributes: message
                .attributes
                .iter()
                .map(|(name, value)| (name.to_string(), attribute(&value)))
                .collect(),
            headers: message
                .headers
                .iter()
                .map(|header| (header.name.to_string(), bin(&header.value)))
                .collect(),
            payload: bin(&message.payload),
        }
    }
}

fn attribute(value: &Value) -> serde_json::Value {
    match value {
        Value::Boolean(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Binary(bytes) => STANDARD.encode(bytes).into(),
        Value::String(text) | Value::Uri(text) | Value::UriRef(text) | Value::Timestamp(text) => {
            text.as_str().into()
        }
    }
}
