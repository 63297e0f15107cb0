//! Places where one of several things may stand: kinds, names, or either.

use serde_json::Value as Json;

use super::{Shape, expected, suggest};
use crate::yaml::{Node, Place, Value};

/// What a union allows, sorted by its form.
#[derive(Default)]
pub(super) struct Choices<'a> {
    /// Maps with one key, by that key.
    kinds: Vec<(&'a str, &'a Json)>,
    /// Fixed texts.
    names: Vec<&'a str>,
    /// Everything else.
    others: Vec<&'a Json>,
}

impl<'a> Shape<'a> {
    pub(super) fn union(&mut self, schema: &'a Json, node: &mut Node, owner: Place) {
        let choices = self.choices(schema).unwrap_or_default();
        if choices.kinds.is_empty() && choices.names.is_empty() {
            return self.any_of(&choices.others, node, owner);
        }
        match &mut node.value {
            Value::Map(entries) if !choices.kinds.is_empty() => match entries.as_mut_slice() {
                [entry] => {
                    let kind = choices.kinds.iter().find(|(kind, _)| *kind == entry.key);
                    if let Some((_, schema)) = kind {
                        return self.check(schema, &mut entry.node, entry.key_place);
                    }
                    let message = format!("unknown kind {}", suggest::quoted(&entry.key));
                    let place = entry.key_place;
                    let help = kinds_help(&entry.key, &choices);
                    self.refuse(place, message, help);
                }
                [] => self.refuse(node.place, "a map without its kind", choices.help()),
                [_, second, ..] => {
                    let message = "more than one key where one kind belongs";
                    let place = second.key_place;
                    self.refuse(place, message, choices.help());
                }
            },
            Value::Scalar(scalar) => {
                if choices.names.contains(&scalar.text.as_str()) {
                    self.shown.insert((node.place.file, node.place.start));
                    return;
                }
                self.shown.insert((node.place.file, node.place.start));
                let near = suggest::nearest(&scalar.text, &choices.names);
                let kind = choices.kinds.iter().any(|(kind, _)| *kind == scalar.text);
                let help = match near {
                    _ if scalar.written.is_some() => choices.help(),
                    _ if kind => format!("write `{{ {}: {{ ... }} }}`", scalar.text),
                    Some(near) => format!("did you mean `{near}`?"),
                    None => choices.help(),
                };
                let message = format!("unknown value {}", scalar.shown());
                self.refuse(node.place, message, help);
            }
            Value::List(_) if !choices.others.is_empty() => {
                self.any_of(&choices.others, node, owner);
            }
            _ => {
                let message = format!("{} where it does not belong", node.kind());
                self.refuse(node.place, message, choices.help());
            }
        }
    }

    /// What a union allows; `None` for a schema that is none.
    pub(super) fn choices(&self, schema: &'a Json) -> Option<Choices<'a>> {
        schema.get("anyOf").or(schema.get("oneOf"))?;
        let mut choices = Choices::default();
        self.collect(schema, &mut choices);
        Some(choices)
    }

    /// Sorts the alternatives of `schema`, those of alternatives that are unions themselves included.
    fn collect(&self, schema: &'a Json, choices: &mut Choices<'a>) {
        let alternatives = schema.get("anyOf").or(schema.get("oneOf")).and_then(Json::as_array);
        for alternative in alternatives.into_iter().flatten() {
            let alternative = self.resolve(alternative);
            if alternative.get("anyOf").or(alternative.get("oneOf")).is_some() {
                self.collect(alternative, choices);
            } else if let Some(name) = alternative.get("const").and_then(Json::as_str) {
                choices.names.push(name);
            } else if let Some(names) = alternative.get("enum").and_then(Json::as_array) {
                choices.names.extend(names.iter().filter_map(Json::as_str));
            } else if let Some(kind) = tagged(alternative) {
                choices.kinds.push(kind);
            } else if alternative.get("type").and_then(Json::as_str) != Some("null") {
                choices.others.push(alternative);
            }
        }
    }

    /// Takes the first alternative that fits; where none does, what is wrong with the first.
    fn any_of(&mut self, alternatives: &[&'a Json], node: &mut Node, owner: Place) {
        let (broken, before) = (self.broken, self.findings.len());
        for alternative in alternatives {
            self.check(alternative, node, owner);
            if self.findings.len() == before {
                return;
            }
            if alternatives.len() > 1 {
                self.findings.truncate(before);
                self.broken = broken;
            }
        }
        if let [first, _, ..] = alternatives {
            self.check(first, node, owner);
        }
    }
}

/// The key and the value's schema of a map that has one key and must have it.
fn tagged(schema: &Json) -> Option<(&str, &Json)> {
    let required = schema.get("required")?.as_array()?;
    let properties = schema.get("properties")?.as_object()?;
    let [key] = required.as_slice() else { return None };
    let key = key.as_str()?;
    if properties.len() != 1 {
        None
    } else {
        properties.get_key_value(key).map(|(k, v)| (k.as_str(), v))
    }
}

fn kinds_help(kind: &str, choices: &Choices) -> String {
    let kinds: Vec<&str> = choices.kinds.iter().map(|(kind, _)| *kind).collect();
    match suggest::nearest(kind, &kinds) {
        Some(near) => format!("did you mean `{near}`?"),
        None => choices.help(),
    }
}

impl Choices<'_> {
    fn help(&self) -> String {
        format!("write {}", self.expected())
    }

    /// What may stand here.
    pub(super) fn expected(&self) -> String {
        let mut help = Vec::new();
        if !self.names.is_empty() {
            let names: Vec<String> = self.names.iter().map(|name| format!("`{name}`")).collect();
            help.push(names.join(", "));
        }
        match self.kinds.as_slice() {
            [] => {}
            [(kind, _)] => help.push(format!("`{{ {kind}: ... }}`")),
            kinds => {
                let kinds: Vec<&str> = kinds.iter().map(|(kind, _)| *kind).collect();
                help.push(format!("a map with one of the keys {}", kinds.join(", ")));
            }
        }
        if let Some(other) = self.others.first() {
            help.push(expected(other).to_owned());
        }
        help.join(", or ")
    }
}
