//! Whether the tree has the shape that the types ask for.
//!
//! Serde stops at its first error. So the tree is compared with the JSON Schema that is generated from the same types, and
//! every difference is collected; deserialising comes after and has little left to say. This is no general validator: it
//! reads the schemas that schemars writes for this crate's types.

mod formats;
mod scalars;
pub(crate) mod suggest;
mod union;

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use crate::yaml::{Entry, Finding, Node, Place, Value};

/// Compares trees with the schema and collects what differs.
pub(crate) struct Shape<'a> {
    root: &'a Json,
    /// What is wrong.
    pub(crate) findings: Vec<Finding>,
    /// Whether something was wrong that could not be left out of the tree: it cannot be deserialised.
    pub(crate) broken: bool,
    /// Which scalars may be shown, by file and first byte: those that were checked and are not secret.
    pub(crate) shown: HashSet<(usize, usize)>,
    /// Which scalars are secret; wins over `shown`.
    pub(crate) secret: HashSet<(usize, usize)>,
}

impl<'a> Shape<'a> {
    pub(crate) fn new(root: &'a Json) -> Self {
        Self {
            root,
            findings: Vec::new(),
            broken: false,
            shown: HashSet::new(),
            secret: HashSet::new(),
        }
    }

    /// The schema of a key of the file's top level.
    pub(crate) fn section(&self, key: &str) -> Option<&'a Json> {
        self.root.get("properties")?.get(key)
    }

    /// The keys of the file's top level.
    pub(crate) fn sections(&self) -> Vec<&'a str> {
        names(self.root.get("properties").and_then(Json::as_object))
    }

    pub(crate) fn unknown_key(&mut self, key: &str, place: Place, known: &[&str]) {
        let message = format!("unknown key {}", suggest::quoted(key));
        self.findings.push(Finding::new(place, message, suggest::keys(key, known)));
    }

    /// Compares `node` with `schema`; `owner` is where a missing key is reported: the key that holds `node`.
    /// Unknown keys are reported and taken out of the tree.
    pub(crate) fn check(&mut self, schema: &'a Json, node: &mut Node, owner: Place) {
        let schema = self.resolve(schema);
        if let Value::Scalar(scalar) = &node.value {
            if scalar.unresolved {
                let format = schema.get("format").and_then(Json::as_str);
                if schema.get("type").is_some() && !format.is_some_and(formats::is_secret) {
                    self.shown.insert((node.place.file, node.place.start));
                }
                self.broken = true;
                return;
            }
            if scalar.is_null() && !is_free(schema) {
                let help = format!("write {}, or leave the key out", self.expected(schema));
                return self.refuse(owner, "a key without a value", help);
            }
        }
        if schema.get("anyOf").or(schema.get("oneOf")).is_some() {
            return self.union(schema, node, owner);
        }
        match schema.get("type").map(type_name) {
            Some("object") => self.object(schema, node, owner),
            Some("array") => self.array(schema, node),
            Some(_) => self.scalar(schema, node),
            None => {}
        }
    }

    /// Follows references to the schema itself.
    pub(crate) fn resolve(&self, mut schema: &'a Json) -> &'a Json {
        while let Some(name) = schema.get("$ref").and_then(Json::as_str) {
            let definition = name.strip_prefix('#').and_then(|path| self.root.pointer(path));
            let Some(definition) = definition else { break };
            schema = definition;
        }
        schema
    }

    fn refuse(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.broken = true;
        self.findings.push(Finding::new(place, message, help));
    }

    fn object(&mut self, schema: &'a Json, node: &mut Node, owner: Place) {
        let (kind, place) = (node.kind(), node.place);
        let Value::Map(entries) = &mut node.value else {
            let help = format!("write {}", self.expected(schema));
            return self.refuse(place, format!("{kind} where a map belongs"), help);
        };
        let properties = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties");
        let format = schema.pointer("/propertyNames/format").and_then(Json::as_str);
        entries.retain_mut(|entry| self.entry(entry, properties, others, format));
        let required = schema.get("required").and_then(Json::as_array);
        for key in required.into_iter().flatten().filter_map(Json::as_str) {
            if !entries.iter().any(|entry| entry.key == key) {
                let schema = properties.and_then(|properties| properties.get(key));
                let help = match schema {
                    Some(schema) => format!("write `{key}:` with {}", self.expected(schema)),
                    None => format!("write `{key}:`"),
                };
                self.refuse(owner, format!("the key `{key}` is missing"), help);
            }
        }
    }

    /// Compares one entry of a map; `false` takes it out.
    fn entry(
        &mut self,
        entry: &mut Entry,
        properties: Option<&'a Map<String, Json>>,
        others: Option<&'a Json>,
        format: Option<&str>,
    ) -> bool {
        let known = properties.and_then(|properties| properties.get(&entry.key));
        if let Some(schema) = known.or(others.filter(|others| others.is_object())) {
            if let Some((message, help)) = format.and_then(|f| formats::check(f, &entry.key)) {
                self.refuse(entry.key_place, format!("{message}, `{}`", entry.key), help);
            }
            self.check(schema, &mut entry.node, entry.key_place);
            return true;
        }
        if others == Some(&Json::Bool(false)) {
            self.unknown_key(&entry.key, entry.key_place, &names(properties));
            return false;
        }
        true
    }

    fn array(&mut self, schema: &'a Json, node: &mut Node) {
        let items_schema = schema.get("items").map(|items| self.resolve(items));
        let Value::List(items) = &mut node.value else {
            let secret = items_schema.and_then(|items| items.get("format")).and_then(Json::as_str);
            let Value::Scalar(scalar) = &node.value else {
                let message = format!("{} where a list belongs", node.kind());
                return self.refuse(node.place, message, "write one item a line after `- `");
            };
            if secret.is_some_and(formats::is_secret) {
                let message = format!("{} where a list belongs", scalar.kind());
                return self.refuse(node.place, message, "write a list: `[\"${TOKEN}\"]`");
            }
            let message = format!("{}, {}, where a list belongs", scalar.kind(), scalar.shown());
            self.shown.insert((node.place.file, node.place.start));
            let help = match &scalar.written {
                None => format!("write `[{}]`", scalar.shown().trim_matches('`')),
                Some(_) => "write a list: `[first, second]`".to_owned(),
            };
            return self.refuse(node.place, message, help);
        };
        let least = schema.get("minItems").and_then(Json::as_u64).unwrap_or(0);
        if (items.len() as u64) < least {
            let help = format!("write at least {least}");
            return self.refuse(node.place, "a list that is too short", help);
        }
        for item in items {
            let place = item.place;
            if let Some(schema) = items_schema {
                self.check(schema, item, place);
            }
        }
    }

    /// What belongs where `schema` stands, in words.
    fn expected(&self, schema: &'a Json) -> String {
        let schema = self.resolve(schema);
        match self.choices(schema) {
            Some(choices) => choices.expected(),
            None => expected(schema).to_owned(),
        }
    }
}

fn names(properties: Option<&Map<String, Json>>) -> Vec<&str> {
    properties.map(|properties| properties.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// The type of a schema; of `["string", "null"]`, which an optional text has, the first.
fn type_name(kind: &Json) -> &str {
    match kind {
        Json::Array(kinds) => kinds.first().and_then(Json::as_str).unwrap_or_default(),
        kind => kind.as_str().unwrap_or_default(),
    }
}

/// Whether a schema allows everything.
fn is_free(schema: &Json) -> bool {
    ["type", "anyOf", "oneOf", "const", "enum"].iter().all(|key| schema.get(key).is_none())
}

/// What belongs where `schema` stands, in words.
fn expected(schema: &Json) -> &'static str {
    let format = schema.get("format").and_then(Json::as_str).and_then(formats::example);
    if let Some(example) = format {
        return example;
    }
    match schema.get("type").map(type_name) {
        Some("object") => "a map: `{ key: value }`",
        Some("array") => "a list: `[first, second]`",
        Some("string") => "a text",
        Some("integer") => "a whole number",
        Some("number") => "a number",
        Some("boolean") => "`true` or `false`",
        _ => "a value",
    }
}
