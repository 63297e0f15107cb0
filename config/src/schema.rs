//! The JSON Schema of the language.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::Config;

/// The schema that the types give, which loading compares files with after `${...}` was replaced.
pub(crate) fn of_types() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>().to_value()
    });
    &SCHEMA
}

/// The JSON Schema (2020-12) of one routing-rule file, as it is written: where a number, a boolean or a quantity belongs, a
/// text with `${...}` in it may stand.
pub fn json_schema() -> Value {
    let mut schema = of_types().clone();
    allow_references(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("required".to_owned(), json!(["hybridge"]));
    }
    schema
}

/// Lets `${...}` stand for every scalar that is more than a text.
fn allow_references(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(allow_references),
        Value::Object(members) => {
            // A reference fits each of several names.
            if let Some(choices) = members.remove("oneOf") {
                members.insert("anyOf".to_owned(), choices);
            }
            members.values_mut().for_each(allow_references);
            let kind = members.get("type").and_then(Value::as_str);
            let scalar = matches!(kind, Some("integer" | "number" | "boolean"));
            let is_text = |key| members.get(key).is_some_and(Value::is_string);
            if scalar || is_text("pattern") || is_text("const") {
                let description = members.remove("description");
                let default = members.remove("default");
                let strict = Value::Object(std::mem::take(members));
                let reference = json!({ "type": "string", "pattern": r"\$\{" });
                members.insert("anyOf".to_owned(), json!([strict, reference]));
                members.extend(description.map(|text| ("description".to_owned(), text)));
                members.extend(default.map(|value| ("default".to_owned(), value)));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
