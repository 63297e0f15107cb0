//! `map`: sets, renames and removes fields by reference, and leaves every other byte as it is.

mod change;
mod content;

use async_trait::async_trait;
use hybridge_config::transform::map::{MapConfig, Value as ConfigValue};
use hybridge_core::{Applied, Error, Message, Transformer};
use hybridge_schemas::template::{Field, Template};

use change::{put, rename, take};
pub(crate) use content::Content;

/// The step: first `rename`, then `set`, then `remove`.
pub(crate) struct Step {
    renames: Vec<(Field, Field)>,
    sets: Vec<(Field, NewValue)>,
    removals: Vec<Field>,
}

/// What a field is set to.
enum NewValue {
    Template(Template),
    Fixed(Content),
}

impl Step {
    pub(crate) fn new(config: &MapConfig) -> Self {
        let new_value = |value: &ConfigValue| match value {
            ConfigValue::Template(template) => NewValue::Template(Template::compile(template)),
            ConfigValue::Boolean(value) => NewValue::Fixed(Content::literal(value.to_string())),
            ConfigValue::Number(number) => NewValue::Fixed(Content::literal(number.to_string())),
        };
        let compiled = |(from, to)| (Field::compile(from), Field::compile(to));
        Self {
            renames: config.rename.iter().map(compiled).collect(),
            sets: config
                .set
                .iter()
                .map(|(field, value)| (Field::compile(field), new_value(value)))
                .collect(),
            removals: config.remove.iter().map(Field::compile).collect(),
        }
    }

    /// Templates see the message as it came; what they give is put into the changed one.
    fn changed(&self, message: Message) -> Result<Message, Error> {
        let mut changed = message.clone();
        for (from, to) in &self.renames {
            rename(&mut changed, from, to)?;
        }
        for (field, value) in &self.sets {
            match value {
                NewValue::Fixed(content) => put(&mut changed, field, content)?,
                NewValue::Template(template) => {
                    put(&mut changed, field, &Content::of(template, &message)?)?;
                }
            }
        }
        for field in &self.removals {
            take(&mut changed, field)?;
        }
        Ok(changed)
    }
}

#[async_trait(?Send)]
impl Transformer for Step {
    fn name(&self) -> &'static str {
        "map"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        let changed = batch.into_iter().map(|message| self.changed(message));
        changed.map(|result| result.map_or_else(Applied::Failed, Applied::One)).collect()
    }
}

#[cfg(test)]
mod tests;
