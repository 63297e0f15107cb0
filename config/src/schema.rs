//! The JSON Schema of the language, for editors.

use schemars::generate::SchemaSettings;

use crate::Config;

/// The JSON Schema (2020-12) of one routing-rule file.
pub fn json_schema() -> serde_json::Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>().to_value()
}
