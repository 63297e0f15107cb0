//! Rules: which messages go to which targets.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::When;

/// A rule. Every rule that holds applies: a message goes to the union of their targets, once to each.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// What it is called in metrics, in unit tests and by `hybridge explain`; unique in its route.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// The messages that it is for.
    pub when: When,
    /// The names of the targets that they go to. Empty: to none by this rule.
    pub send_to: Vec<String>,
}
