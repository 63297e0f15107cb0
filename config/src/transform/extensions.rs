//! `extensions`: what the documented extensions of CloudEvents ask of an intermediary.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Does what the documented extensions of CloudEvents ask of an intermediary: checks their attributes, drops events that
/// are past their time, samples, refuses what is classified as nobody here may handle. Messages that are no events pass.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExtensionsConfig {
    /// The extensions whose attributes are checked, where an event has any of them; an attribute that is not as its
    /// extension says is a permanent fault. Default: all.
    pub check: Vec<Extension>,
    /// What becomes of an event at or past its `expirytime`. Default: `drop`.
    pub expired: Expired,
    /// Keeps one event of so many, told by `source` and `id`, and multiplies its `sampledrate`. Default: keeps all.
    #[schemars(range(min = 1))]
    pub sample: Option<NonZeroU32>,
    /// What is known of data classification; an event that says anything else is a permanent fault. Default: not looked at.
    pub classification: Option<ClassificationConfig>,
    /// Gives an event without `traceparent` that of the protocol's header, where there is a sound one. Default: no.
    pub trace: bool,
}

impl Default for ExtensionsConfig {
    fn default() -> Self {
        Self {
            check: Extension::ALL.to_vec(),
            expired: Expired::default(),
            sample: None,
            classification: None,
            trace: false,
        }
    }
}

/// A documented extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CloudEventsExtension")]
pub enum Extension {
    /// `authtype`, `authid`, `authclaims`
    Authcontext,
    /// `bamtxid` and others
    Bam,
    /// `correlationid`, `causationid`
    Correlation,
    /// `dataclassification`, `dataregulation`, `datacategory`
    DataClassification,
    /// `dataref`
    Dataref,
    /// `deprecated` and others
    Deprecation,
    /// `traceparent`, `tracestate`
    DistributedTracing,
    /// `expirytime`
    Expirytime,
    /// `opcuastatus` and others
    Opcua,
    /// `partitionkey`
    Partitioning,
    /// `recordedtime`
    Recordedtime,
    /// `sampledrate`
    Sampledrate,
    /// `sequence`
    Sequence,
    /// `severitynumber`, `severitytext`
    Severity,
}

impl Extension {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Authcontext,
        Self::Bam,
        Self::Correlation,
        Self::DataClassification,
        Self::Dataref,
        Self::Deprecation,
        Self::DistributedTracing,
        Self::Expirytime,
        Self::Opcua,
        Self::Partitioning,
        Self::Recordedtime,
        Self::Sampledrate,
        Self::Sequence,
        Self::Severity,
    ];
}

/// What becomes of an event that is past its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ExpiredEvents")]
pub enum Expired {
    /// It ends here, with the outcome `expired`.
    #[default]
    Drop,
    /// It goes on.
    Pass,
}

/// What is known of data classification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "DataClassification")]
pub struct ClassificationConfig {
    /// Values of `dataclassification` that may be handled here: `[public, internal]`.
    pub levels: Vec<String>,
    /// Entries of `dataregulation` that are met here: `[GDPR]`.
    pub regulations: Vec<String>,
    /// Values of `datacategory` that may be handled here. Default: any.
    pub categories: Option<Vec<String>>,
}
