//! The steps between source and targets: one file per kind.

pub mod adapter;
pub mod cloudevents;
pub mod map;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Field;

/// A step that changes messages: a map with one key, its kind.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransformConfig {
    /// Makes CloudEvents of the events of a product.
    Adapter(adapter::AdapterConfig),
    /// Makes a CloudEvent of whatever arrives.
    Cloudevents(cloudevents::CloudeventsConfig),
    /// Sets, renames and removes fields.
    Map(map::MapConfig),
}

impl TransformConfig {
    /// The kind, as it is written in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Adapter(_) => "adapter",
            Self::Cloudevents(_) => "cloudevents",
            Self::Map(_) => "map",
        }
    }

    /// Whether it can give a message another key.
    pub fn changes_key(&self) -> bool {
        match self {
            Self::Map(map) => {
                let renamed = map.rename.iter().flat_map(|(from, to)| [from, to]);
                renamed.chain(map.set.keys()).chain(&map.remove).any(|field| *field == Field::Key)
            }
            Self::Adapter(_) | Self::Cloudevents(_) => false,
        }
    }
}
