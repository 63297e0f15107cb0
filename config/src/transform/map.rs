//! `map`: sets, renames and removes fields by reference.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use crate::{Field, Template};

/// Changes fields of a message: first `rename`, then `set`, then `remove`. Templates are completed from the message as it
/// was before this step. Where a message comes from (`origin`) cannot be changed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MapConfig {
    /// From a field to its new name, which loses what it had. A field that the message does not have is left out. No
    /// field may be both renamed and the new name of another.
    #[serde(deserialize_with = "rename")]
    #[schemars(extend("propertyNames" = { "type": "string", "format": "hybridge-removable" }))]
    pub rename: BTreeMap<Field, Field>,
    /// Fields and their new values. A member of `event.data` that is not there is added with the objects on the way to
    /// it; an element of a list must be there.
    #[serde(deserialize_with = "set")]
    #[schemars(extend("propertyNames" = { "type": "string", "format": "hybridge-settable" }))]
    pub set: BTreeMap<Field, Value>,
    /// Fields to take away; one that the message does not have is left out. The attributes that every event has cannot
    /// be taken away.
    #[serde(deserialize_with = "remove")]
    #[schemars(extend("items" = { "type": "string", "format": "hybridge-removable" }))]
    pub remove: Vec<Field>,
}

/// The new value of a field.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(untagged, rename = "MapValue")]
pub enum Value {
    /// A text, completed for every message. One reference and nothing else keeps the type of what it refers to.
    Template(Template),
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(serde_json::Number),
}

/// By hand, so that an error in a template is told as what it is.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a text, a number, true or false")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        match serde_json::Number::from_f64(value) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(E::custom("a number that JSON cannot write")),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        value.parse().map(Value::Template).map_err(E::custom)
    }
}

fn rename<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Field, Field>, D::Error> {
    let renames = BTreeMap::<Field, Field>::deserialize(from)?;
    for (old, new) in &renames {
        check_removable(old).map_err(|what| D::Error::custom(format!("{old} {what}")))?;
        check_settable(new).map_err(|what| D::Error::custom(format!("{new} {what}")))?;
        if renames.contains_key(new) {
            let what = "is renamed and also the new name of a field; make two steps of it";
            return Err(D::Error::custom(format!("{new} {what}")));
        }
    }
    Ok(renames)
}

fn set<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Field, Value>, D::Error> {
    let set = BTreeMap::<Field, Value>::deserialize(from)?;
    for field in set.keys() {
        check_settable(field).map_err(|what| D::Error::custom(format!("{field} {what}")))?;
    }
    Ok(set)
}

fn remove<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Field>, D::Error> {
    let remove = Vec::<Field>::deserialize(from)?;
    for field in &remove {
        check_removable(field).map_err(|what| D::Error::custom(format!("{field} {what}")))?;
    }
    Ok(remove)
}

/// Whether a field may get a value; otherwise what is to be said of it.
pub(crate) fn check_settable(field: &Field) -> Result<(), &'static str> {
    match field {
        Field::Origin(_) => Err("cannot be changed"),
        Field::Attribute(name) if name == "specversion" => Err("cannot be changed"),
        _ => Ok(()),
    }
}

/// Whether a field may be taken away; otherwise what is to be said of it.
pub(crate) fn check_removable(field: &Field) -> Result<(), &'static str> {
    check_settable(field)?;
    match field {
        Field::Attribute(name) if ["id", "source", "type"].contains(&name.as_str()) => {
            Err("cannot be taken away: every event has one")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<MapConfig, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn what_no_message_could_bear_is_refused() {
        for (text, reason) in [
            (r#"{ "remove": ["event.id"] }"#, "every event has one"),
            (r#"{ "remove": ["origin.topic"] }"#, "cannot be changed"),
            (r#"{ "rename": { "event.type": "event.kind" } }"#, "every event has one"),
            (r#"{ "set": { "event.specversion": "2" } }"#, "cannot be changed"),
            (r#"{ "set": { "key": "{{ evnt.id }}" } }"#, "unknown field at character 4"),
            (r#"{ "set": { "key": [1] } }"#, "a text, a number, true or false"),
            (r#"{ "rename": { "key": "event.a", "event.a": "event.b" } }"#, "make two steps"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let sound = r#"{ "rename": { "event.a": "event.data.b" }, "remove": ["key"],
            "set": { "event.id": "{{ key }}", "event.a": -1, "event.b": true, "event.c": "1", "key": 1.5 } }"#;
        let config = read(sound).unwrap();
        let kinds = config.set.values().map(|value| format!("{value:?}")).collect::<Vec<_>>();
        let expected = [
            "Number(Number(-1))",
            "Boolean(true)",
            "Template(\"1\")",
            "Template(\"{{ key }}\")",
            "Number(Number(1.5))",
        ];
        assert_eq!(kinds, expected);
    }
}
