//! `stdio`: standard input and standard output.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ByteSize;

/// Reads standard input to its end. What was read but not delivered is lost with the process: there is no position to
/// go back to.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "StdioSource")]
pub struct SourceConfig {
    /// How the input is cut into messages.
    pub format: Format,
    /// Longest line; a longer one is a permanent fault.
    pub max_message: ByteSize,
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self { format: Format::default(), max_message: ByteSize::from_mib(1) }
    }
}

/// Writes to standard output, one message a line.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "StdioSink")]
pub struct SinkConfig {
    /// How messages are written.
    pub format: Format,
}

/// How messages and lines correspond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "StdioFormat")]
pub enum Format {
    /// One JSON value a line; CloudEvents in their JSON format.
    #[default]
    JsonLines,
    /// One payload a line, any bytes but the newline.
    Lines,
}
