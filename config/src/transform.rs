//! The steps between source and targets: one file per kind.

pub mod adapter;
pub mod claim_check;
pub mod cloudevents;
pub mod extensions;
pub mod filter;
pub mod input_transformer;
pub mod map;
pub mod split;
pub mod translate;
pub mod wrap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::Field;

/// A step that changes messages: a map with one key, its kind.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransformConfig {
    /// Makes CloudEvents of the events of a product.
    Adapter(adapter::AdapterConfig),
    /// Leaves large payloads in the embedded log and sends a reference instead.
    ClaimCheck(claim_check::ClaimCheckConfig),
    /// Fetches what `claim_check` left.
    Restore(claim_check::RestoreConfig),
    /// Makes a CloudEvent of whatever arrives.
    Cloudevents(cloudevents::CloudeventsConfig),
    /// Does what the documented extensions of CloudEvents ask for.
    Extensions(extensions::ExtensionsConfig),
    /// Lets messages through or takes them out.
    Filter(filter::FilterConfig),
    /// Makes the data from a template, as targets of Amazon EventBridge have it.
    InputTransformer(input_transformer::InputTransformerConfig),
    /// Sets, renames and removes fields.
    Map(map::MapConfig),
    /// Translates events of one cloud to those of another.
    Translate(Box<translate::TranslateConfig>),
    /// Makes many messages of one with a list.
    Split(split::SplitConfig),
    /// Takes the data out of an envelope.
    Unwrap(wrap::UnwrapConfig),
    /// Puts the data into an envelope.
    Wrap(wrap::WrapConfig),
}

impl TransformConfig {
    /// The kind, as it is written in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Adapter(_) => "adapter",
            Self::ClaimCheck(_) => "claim_check",
            Self::Restore(_) => "restore",
            Self::Cloudevents(_) => "cloudevents",
            Self::Extensions(_) => "extensions",
            Self::Filter(_) => "filter",
            Self::InputTransformer(_) => "input_transformer",
            Self::Map(_) => "map",
            Self::Translate(_) => "translate",
            Self::Split(_) => "split",
            Self::Unwrap(_) => "unwrap",
            Self::Wrap(_) => "wrap",
        }
    }

    /// Whether it can give a message another key.
    pub fn changes_key(&self) -> bool {
        match self {
            Self::Map(map) => {
                let renamed = map.rename.iter().flat_map(|(from, to)| [from, to]);
                renamed.chain(map.set.keys()).chain(&map.remove).any(|field| *field == Field::Key)
            }
            _ => false,
        }
    }
}
