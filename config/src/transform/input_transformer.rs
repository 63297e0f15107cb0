//! `input_transformer`: the data made from a template, as targets of Amazon EventBridge have it.

mod path;
mod template;

use std::collections::BTreeMap;

pub use path::{JsonPath, PathStep};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};
pub use template::{InputTemplate, Part, Reserved, Variable};

/// Replaces the data by a part of the event (`input_path`) or by a template filled with parts of it (`input_template`).
/// Paths begin at the event in its JSON format, with the data as `$.data`; at the payload where a message is no event.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
pub struct InputTransformerConfig {
    /// The part that becomes the data; not together with a template.
    pub input_path: Option<JsonPath>,
    /// Names of parts, for the template.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 100, "propertyNames" = { "pattern": "^[A-Za-z0-9_-]+$", "format": "hybridge-variable" }))]
    pub input_paths_map: BTreeMap<String, JsonPath>,
    /// The template: JSON, or text, with `<name>` where a part belongs. In JSON, a part stands as the value that it is,
    /// or in a string as its text. A part that is not there is left out.
    pub input_template: Option<InputTemplate>,
    /// What stands for `<aws.events.rule-name>`.
    pub rule_name: Option<String>,
    /// What stands for `<aws.events.rule-arn>`.
    pub rule_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    input_path: Option<JsonPath>,
    #[serde(default)]
    input_paths_map: BTreeMap<String, JsonPath>,
    input_template: Option<InputTemplate>,
    rule_name: Option<String>,
    rule_arn: Option<String>,
}

/// Names that the template uses must be known.
impl<'de> Deserialize<'de> for InputTransformerConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let AsWritten { input_path, input_paths_map, input_template, rule_name, rule_arn } =
            AsWritten::deserialize(from)?;
        let config = Self { input_path, input_paths_map, input_template, rule_name, rule_arn };
        config.check().map_err(D::Error::custom)?;
        Ok(config)
    }
}

/// Variables that one transformer may have, as at EventBridge.
const MOST_VARIABLES: usize = 100;

impl InputTransformerConfig {
    fn check(&self) -> Result<(), String> {
        if self.input_paths_map.len() > MOST_VARIABLES {
            return Err(format!("more than {MOST_VARIABLES} variables"));
        }
        for name in self.input_paths_map.keys() {
            check_variable(name).map_err(|what| format!("{name:?}: {what}"))?;
        }
        let template = match (&self.input_path, &self.input_template) {
            (Some(_), None) => return Ok(()),
            (None, Some(template)) => template,
            (Some(_), Some(_)) => return Err("input_path goes not with input_template".to_owned()),
            (None, None) => return Err("neither input_path nor input_template".to_owned()),
        };
        for variable in template.variables() {
            match variable {
                Variable::Named(name) if !self.input_paths_map.contains_key(name) => {
                    return Err(format!("<{name}> is not in input_paths_map"));
                }
                Variable::Reserved(Reserved::RuleName) if self.rule_name.is_none() => {
                    return Err("<aws.events.rule-name> needs rule_name".to_owned());
                }
                Variable::Reserved(Reserved::RuleArn) if self.rule_arn.is_none() => {
                    return Err("<aws.events.rule-arn> needs rule_arn".to_owned());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a variable may have this name; otherwise what is to be said of it.
pub(crate) fn check_variable(name: &str) -> Result<(), &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || name.len() > 256 || !name.bytes().all(is_plain) {
        return Err("the name of a variable has letters, digits, `_` and `-` only");
    }
    match name.get(..3) {
        Some(start) if start.eq_ignore_ascii_case("aws") => {
            Err("the name of a variable does not begin with AWS")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
