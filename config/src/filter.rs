//! The filter dialects of the CloudEvents Subscriptions API 1.0, section 3.2.4.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, SeqAccess, Visitor},
};

use crate::Cesql;

/// A filter expression: a map with one key, its dialect. Only context attributes can be compared, each as its text; an
/// attribute that an event does not have is never equal to anything.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// All of these attributes have exactly these texts.
    Exact(#[serde(deserialize_with = "texts")] Texts),
    /// All of these attributes begin with these texts.
    Prefix(#[serde(deserialize_with = "texts")] Texts),
    /// All of these attributes end with these texts.
    Suffix(#[serde(deserialize_with = "texts")] Texts),
    /// All of these filters pass; at least one.
    All(#[serde(deserialize_with = "filters")] Vec<Filter>),
    /// One of these filters passes; at least one.
    Any(#[serde(deserialize_with = "filters")] Vec<Filter>),
    /// This filter does not pass.
    Not(Box<Filter>),
    /// This CloudEvents SQL expression is true, and was evaluated without an error.
    Sql(Cesql),
}

/// Names of attributes with what they are compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Texts(
    #[schemars(extend("minProperties" = 1, "propertyNames" = { "pattern": "^[a-z0-9]+$", "format": "hybridge-attribute" }))]
     BTreeMap<String, String>,
);

impl Texts {
    /// The pairs; at least one, and neither part is ever empty.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

/// The name may be one that no event has, as the specification has it; files are stricter.
fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Texts, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(from)?;
    if texts.is_empty() {
        return Err(D::Error::custom("no attribute to compare"));
    }
    for (name, text) in &texts {
        if name.is_empty() {
            return Err(D::Error::custom("an attribute without a name"));
        }
        if text.is_empty() {
            return Err(D::Error::custom(format!("{name}: an empty text to compare with")));
        }
    }
    Ok(Texts(texts))
}

fn filters<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Filter>, D::Error> {
    from.deserialize_seq(FiltersVisitor)
}

struct FiltersVisitor;

impl<'de> Visitor<'de> for FiltersVisitor {
    type Value = Vec<Filter>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list of filters")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Filter>, A::Error> {
        let mut filters = Vec::new();
        while let Some(filter) = list.next_element()? {
            filters.push(filter);
        }
        match filters.is_empty() {
            true => Err(A::Error::custom("no filter in the list")),
            false => Ok(filters),
        }
    }
}

/// Whether an event can have an attribute of this name; otherwise what is to be said of it.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.is_empty() || !name.bytes().all(is_lower) {
        return Err("the name of an attribute has lower-case letters and digits only");
    }
    if name == "data" { Err("data is no attribute: use a pattern or CEL") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Filter, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn dialects_stand_in_each_other() {
        let text = r#"{"all":[{"any":[{"exact":{"type":"a","subject":"b"}},{"suffix":{"id":"x"}}]},
            {"not":{"prefix":{"source":"/"}}},{"sql":"EXISTS time"}]}"#;
        let filter = read(text).unwrap();
        let Filter::All(all) = &filter else { panic!("{filter:?}") };
        let Filter::Any(any) = &all[0] else { panic!("{all:?}") };
        let Filter::Exact(texts) = &any[0] else { panic!("{any:?}") };
        assert_eq!(texts.iter().collect::<Vec<_>>(), [("subject", "b"), ("type", "a")]);
        let written = serde_json::to_string(&filter).unwrap();
        assert_eq!(read(&written).unwrap(), filter);
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for (text, reason) in [
            (r#"{"exact":{}}"#, "no attribute to compare"),
            (r#"{"exact":{"type":""}}"#, "an empty text"),
            (r#"{"prefix":{"":"x"}}"#, "without a name"),
            (r#"{"suffix":{"type":1}}"#, "expected a string"),
            (r#"{"exact":"x"}"#, "expected a map"),
            (r#"{"all":[]}"#, "no filter in the list"),
            (r#"{"any":{"exact":{"type":"a"}}}"#, "a list of filters"),
            (r#"{"not":[{"exact":{"type":"a"}}]}"#, "expected"),
            (r#"{"not":{}}"#, "expected"),
            (r#"{"regex":{"type":"a"}}"#, "unknown variant `regex`"),
            (r#"{"exact":{"type":"a"},"prefix":{"type":"a"}}"#, "expected"),
            (r#"{"sql":"a = "}"#, "no value at character 5"),
            (r#"{"sql":"NOPE(a)"}"#, "no function NOPE"),
            (r#"{"sql":""}"#, "no value"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
