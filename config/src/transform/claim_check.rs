//! `claim_check` and `restore`: large payloads left in the embedded log, and fetched again.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::ByteSize;

/// Leaves payloads that are large in a topic of the embedded log, and sends a reference instead: the attribute `dataref` of an
/// event, the header `dataref` of another message.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimCheckConfig {
    /// Payloads larger than this are left behind.
    pub over: ByteSize,
    /// The topic of the embedded log that they are left in. Its retention says for how long a reference can be followed.
    pub topic: String,
}

impl Default for ClaimCheckConfig {
    fn default() -> Self {
        Self { over: ByteSize::from_bytes(256 << 10), topic: "claims".to_owned() }
    }
}

/// Fetches what `claim_check` left in the embedded log of this instance, and takes the reference away.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RestoreConfig {
    /// What becomes of a message without a payload whose reference leads somewhere else.
    pub foreign: Foreign,
}

/// What becomes of references to other places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Foreign {
    /// It is a permanent fault of the message: nothing is sent on without what it is about.
    #[default]
    Reject,
    /// It goes on with its reference, for whoever can follow it.
    Pass,
}
