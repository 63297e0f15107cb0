//! Conditions on messages, in one of the rule languages.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Cel, Cesql, Filter, Pattern};

/// A condition: a map with one key, its language.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// An event pattern as EventBridge has them, over the JSON form of the event: `{ type: [order.placed] }`.
    Pattern(Pattern),
    /// A CloudEvents SQL expression over the attributes: `"type = 'order.placed'"`. What is not true, or has an error,
    /// does not hold.
    Cesql(Cesql),
    /// A filter of the CloudEvents Subscriptions API over the attributes: `{ prefix: { type: "order." } }`.
    Filter(Filter),
    /// A CEL expression over the whole message: `"event.data.amount > 1000"`. What is not true, or has an error, does not
    /// hold.
    Cel(Cel),
}

impl When {
    /// The language, as it is written in the file.
    pub fn language(&self) -> &'static str {
        match self {
            Self::Pattern(_) => "pattern",
            Self::Cesql(_) => "cesql",
            Self::Filter(_) => "filter",
            Self::Cel(_) => "cel",
        }
    }
}
