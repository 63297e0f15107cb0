//! `filter`: which messages go on.

use std::fmt;

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use crate::When;

/// Lets messages through or takes them out; one that is taken out is settled as filtered. A condition that cannot be
/// evaluated for a message does not hold.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FilterConfig {
    /// A message goes on if one of these conditions holds.
    Keep(
        #[serde(deserialize_with = "conditions")]
        #[schemars(length(min = 1))]
        Vec<When>,
    ),
    /// A message is taken out if one of these conditions holds.
    Drop(
        #[serde(deserialize_with = "conditions")]
        #[schemars(length(min = 1))]
        Vec<When>,
    ),
}

fn conditions<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<When>, D::Error> {
    from.deserialize_seq(Conditions)
}

struct Conditions;

impl<'de> Visitor<'de> for Conditions {
    type Value = Vec<When>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of conditions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<When>, A::Error> {
        let mut conditions = Vec::new();
        while let Some(condition) = list.next_element()? {
            conditions.push(condition);
        }
        match conditions.is_empty() {
            true => Err(A::Error::custom("no condition in the list")),
            false => Ok(conditions),
        }
    }
}
