//! Rules: which messages go to which targets.

use std::{
    fmt,
    hash::{DefaultHasher, Hasher},
    path::PathBuf,
    sync::Arc,
};

use schemars::JsonSchema;
use serde::de::{
    Deserialize, Deserializer, MapAccess, SeqAccess, Visitor,
    value::{MapAccessDeserializer, SeqAccessDeserializer},
};

use crate::When;

/// A rule. Every rule that holds applies: a message goes to the union of their targets, once to each.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, JsonSchema)]
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

/// The rules of a route.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(untagged)]
pub enum RulesConfig {
    /// Those that stand here.
    List(Vec<RuleConfig>),
    /// Those of a file.
    File(RuleSetConfig),
}

/// Rules in a file of their own.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSetConfig {
    /// A file with a list of rules, each written as in a routing-rule file: JSON, JSON lines or, by its ending, YAML; up to
    /// 64 MiB. A relative path starts at the folder of the file that says it. `${...}` is not replaced in it.
    pub file: PathBuf,
    /// What it holds; `None` until it is read, and once nobody needs it any more.
    #[serde(skip)]
    pub(crate) rules: Option<Arc<[RuleConfig]>>,
    /// Tells what it held from anything else that it may hold.
    #[serde(skip)]
    pub(crate) digest: Option<(usize, u64)>,
}

/// Whether they say the same, and not whether it is still there.
impl PartialEq for RuleSetConfig {
    fn eq(&self, other: &Self) -> bool {
        (&self.file, self.digest) == (&other.file, other.digest)
    }
}

impl RuleSetConfig {
    /// What was read of the file, and its text.
    pub(crate) fn read(&mut self, rules: Vec<RuleConfig>, text: &[u8]) {
        let mut hasher = DefaultHasher::new();
        hasher.write(text);
        self.digest = Some((text.len(), hasher.finish()));
        self.rules = Some(rules.into());
    }
}

impl RulesConfig {
    /// Lets go of the rules of a file, which take far more memory than what is compiled of them. It stays known whether
    /// another configuration has the same.
    pub fn forget(&mut self) {
        if let Self::File(set) = self {
            set.rules = None;
        }
    }

    /// Whether the rules are at hand: they are not before loading, nor once they were let go.
    pub fn is_at_hand(&self) -> bool {
        match self {
            Self::List(_) => true,
            Self::File(set) => set.rules.is_some(),
        }
    }

    /// The rules, in the order of the file; those of a file of their own after loading.
    pub fn as_slice(&self) -> &[RuleConfig] {
        match self {
            Self::List(rules) => rules,
            Self::File(set) => set.rules.as_deref().unwrap_or_default(),
        }
    }
}

/// By hand, since an untagged enum could not say where an error is.
impl<'de> Deserialize<'de> for RulesConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RulesVisitor)
    }
}

struct RulesVisitor;

impl<'de> Visitor<'de> for RulesVisitor {
    type Value = RulesConfig;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of rules or `{ file: ... }`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, rules: A) -> Result<RulesConfig, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(rules)).map(RulesConfig::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, file: A) -> Result<RulesConfig, A::Error> {
        RuleSetConfig::deserialize(MapAccessDeserializer::new(file)).map(RulesConfig::File)
    }
}
