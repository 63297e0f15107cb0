//! The tables of options in `docs/connectors/`, written from the types.
//!
//! A page has a place for each of them, between `<!-- options: PART -->` and `<!-- end -->`; a part is `connection`, `source`
//! or `sink` of the connector that the page is named after, or `topics` of the embedded log.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use serde_json::{Map, Value};

use super::of_types;

const BEGIN: &str = "<!-- options: ";
const END: &str = "<!-- end -->";
const HEAD: &str = "| option | type | default | meaning |\n|---|---|---|---|\n";

/// One line of a table.
struct Line {
    option: String,
    kind: String,
    default: String,
    meaning: String,
}

#[test]
fn every_option_is_in_the_page_of_its_connector() {
    let is_written = std::env::var_os("HYBRIDGE_WRITE_DOCS").is_some();
    for (page, parts) in parts() {
        let path =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/connectors/{page}.md"));
        let text = fs::read_to_string(&path).unwrap();
        let generated = replace(&text, &parts, &page);
        if is_written {
            fs::write(&path, generated).unwrap();
        } else {
            assert!(
                text == generated,
                "docs/connectors/{page}.md is not what the types say; HYBRIDGE_WRITE_DOCS=1 writes it"
            );
        }
    }
}

/// What each page must have a table of: the parts and their types.
fn parts() -> BTreeMap<String, BTreeMap<&'static str, &'static str>> {
    let mut parts: BTreeMap<String, BTreeMap<&str, &str>> = BTreeMap::new();
    for (part, union) in
        [("connection", "ConnectionConfig"), ("source", "SourceConfig"), ("sink", "SinkConfig")]
    {
        for (kind, of_kind) in choices(definition(union)).into_iter().flat_map(properties) {
            parts.entry(kind.clone()).or_default().insert(part, name(of_kind).unwrap());
        }
    }
    parts.entry("log".to_owned()).or_default().insert("topics", "TopicConfig");
    parts
}

/// The page with its tables as the types have them now.
fn replace(page: &str, parts: &BTreeMap<&str, &str>, name: &str) -> String {
    let mut missing: Vec<&str> = parts.keys().copied().collect();
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (part, old) = after.split_once(" -->\n").unwrap();
        let (_, after) = old.split_once(END).unwrap();
        missing.retain(|known| *known != part);
        let mut lines = Vec::new();
        options(&mut lines, "", definition(parts[part]));
        let _ = write!(text, "{before}{BEGIN}{part} -->\n{HEAD}");
        for Line { option, kind, default, meaning } in lines {
            let _ = writeln!(text, "| `{option}` | {kind} | {default} | {meaning} |");
        }
        text.push_str(END);
        rest = after;
    }
    assert!(missing.is_empty(), "docs/connectors/{name}.md has no table of {missing:?}");
    text + rest
}

fn definition(name: &str) -> &'static Value {
    &of_types()["$defs"][name]
}

/// The name of the type that a schema refers to.
fn name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn resolve(schema: &'static Value) -> &'static Value {
    name(schema).map_or(schema, |name| resolve(definition(name)))
}

/// What a value may be one of.
fn choices(schema: &'static Value) -> Vec<&'static Value> {
    let list = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    list.into_iter().flatten().filter(|choice| choice["type"] != "null").collect()
}

fn properties(schema: &'static Value) -> impl Iterator<Item = (&'static String, &'static Value)> {
    schema["properties"].as_object().into_iter().flat_map(Map::iter)
}

/// The schema of a value that is there.
fn some(schema: &'static Value) -> &'static Value {
    match choices(schema).as_slice() {
        [one] => resolve(one),
        _ => resolve(schema),
    }
}

/// The options of a struct: those that must be written first, and those of a map below the map.
fn options(lines: &mut Vec<Line>, prefix: &str, schema: &'static Value) {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let first = required.iter().map(|name| (*name, &schema["properties"][*name]));
    let others = properties(schema).map(|(name, property)| (name.as_str(), property));
    let others = others.filter(|(name, _)| !required.contains(name));
    for (name, property) in first.chain(others) {
        let option = format!("{prefix}{name}");
        let value = some(property);
        let text = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        let (mut meaning, said) = without_default(&text);
        let one = if value["type"] == "array" { resolve(&value["items"]) } else { value };
        for choice in choices(one).into_iter().filter(|_| !is_free(one)) {
            let text = choice["description"].as_str().unwrap_or_default().replace('\n', " ");
            let _ = write!(meaning, "<br>{}: {text}", written(choice));
        }
        let names = property["propertyNames"]["enum"].as_array().into_iter().flatten();
        let names: Vec<String> = names.map(shown).collect();
        if !names.is_empty() {
            let _ = write!(meaning, "<br>Names: {}.", names.join(", "));
        }
        let is_required = required.contains(&name);
        let default = match said {
            Some(said) if said.starts_with(|c: char| c.is_ascii_digit()) && !said.contains(' ') => {
                format!("`{said}`")
            }
            Some(said) => said,
            None => default(property, value, is_required),
        };
        lines.push(Line {
            kind: kind(value),
            default: escape(&default),
            meaning: escape(&meaning),
            option,
        });
        let option = format!("{prefix}{name}");
        if value["type"] == "array" {
            options(lines, &format!("{option}[]."), resolve(&value["items"]));
        }
        options(lines, &format!("{option}."), value);
        for (name, below) in choices(value).into_iter().flat_map(properties) {
            options(lines, &format!("{option}.{name}."), some(below));
        }
    }
}

/// A description without the sentence that says the default, and that.
fn without_default(text: &str) -> (String, Option<String>) {
    let Some((before, after)) = text.split_once("Default: ") else {
        return (text.to_owned(), None);
    };
    let (default, after) = after.split_once(". ").unwrap_or((after.trim_end_matches('.'), ""));
    (format!("{before}{after}").trim().to_owned(), Some(default.to_owned()))
}

fn default(property: &Value, value: &'static Value, is_required: bool) -> String {
    match &property["default"] {
        _ if is_required => "required".to_owned(),
        _ if properties(value).next().is_some() && !is_optional(property) => "as below".to_owned(),
        Value::Null => "none".to_owned(),
        Value::Object(members) if members.is_empty() => "none".to_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        other => shown(other),
    }
}

/// Whether a value may be left out for good.
fn is_optional(property: &Value) -> bool {
    let choices = property["anyOf"].as_array().into_iter().flatten();
    choices.into_iter().any(|choice| choice["type"] == "null")
}

fn shown(value: &Value) -> String {
    format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

/// How a choice is written in the file.
fn written(choice: &'static Value) -> String {
    let below = properties(choice).next();
    match below {
        Some((name, below)) => format!("`{{ {name}: ... }}` ({})", kind(some(below))),
        None => shown(&choice["const"]),
    }
}

/// Whether a value is of one of several types, none of which has a name in the file.
fn is_free(value: &'static Value) -> bool {
    choices(value)
        .iter()
        .all(|choice| choice["const"].is_null() && properties(choice).next().is_none())
}

/// What is written there, in words.
fn kind(value: &'static Value) -> String {
    let of_choices = choices(value);
    if !of_choices.is_empty() {
        return match is_free(value) {
            true => of_choices.into_iter().map(kind).collect::<Vec<_>>().join(", "),
            false => "one of".to_owned(),
        };
    }
    let format = value["format"].as_str().unwrap_or_default();
    let range = || match (value["minimum"].as_u64(), value["maximum"].as_u64()) {
        (Some(least), Some(most)) => format!("number, {least} to {most}"),
        (Some(least), None) if least > 0 => format!("number, {least} or more"),
        _ => "number".to_owned(),
    };
    match value["type"].as_str().or_else(|| value["type"][0].as_str()) {
        Some("array") => format!("list: {}", kind(resolve(&value["items"]))),
        Some("object") => match value["additionalProperties"].is_object() {
            true => format!("map: {}", kind(resolve(&value["additionalProperties"]))),
            false => "map".to_owned(),
        },
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("integer" | "number") => range(),
        Some("string") => match format.strip_prefix("hybridge-") {
            Some("bytes") => "size",
            Some("duration") => "time",
            Some("listen") => "address",
            Some("url") => "URL",
            Some("amqp-uri") => "URI",
            Some(other) => other,
            None => "text",
        }
        .to_owned(),
        _ => "any value".to_owned(),
    }
}

fn escape(cell: &str) -> String {
    cell.replace('|', "\\|")
}
