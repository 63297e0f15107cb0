//! `input_transformer`: the data made from a template, as targets of Amazon EventBridge have it.

mod path;

use std::borrow::Cow;

use async_trait::async_trait;
use bytes::Bytes;
use hybridge_config::transform::input_transformer::{
    InputTemplate, InputTransformerConfig, JsonPath, Part, Reserved, Variable,
};
use hybridge_core::{Applied, Error, Message, Text, Transformer};
use hybridge_schemas::cloudevents;
use hybridge_schemas::{json, rfc3339};

use crate::content_type;
use path::values;

/// Bytes that the result may have beside those of the event twice.
const LARGEST: usize = 1 << 20;

/// The step.
pub(crate) struct Step {
    config: InputTransformerConfig,
}

impl Step {
    pub(crate) fn new(config: &InputTransformerConfig) -> Self {
        Self { config: config.clone() }
    }

    fn transformed(&self, mut message: Message) -> Result<Message, Error> {
        let event = event(&message)?;
        let (data, is_json) = match (&self.config.input_path, &self.config.input_template) {
            (Some(path), _) => {
                let found = value(path, &event)?;
                let missing = || Error::rejected("the event has nothing at input_path");
                (found.ok_or_else(missing)?.into_owned(), true)
            }
            (None, Some(template)) => {
                (self.filled(template, &event, message.time)?, template.is_json())
            }
            (None, None) => (event.to_vec(), true),
        };
        message.payload = Some(Bytes::from(data));
        let content_type = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
        content_type::set(&mut message, &Text::from_static(content_type));
        Ok(message)
    }

    fn filled(
        &self,
        template: &InputTemplate,
        event: &[u8],
        time: Option<i64>,
    ) -> Result<Vec<u8>, Error> {
        let mut filled = Vec::new();
        for part in template.parts() {
            let variable = match part {
                Part::Literal(text) => {
                    filled.extend_from_slice(text.as_bytes());
                    continue;
                }
                Part::Value(variable) | Part::InString(variable) | Part::InText(variable) => {
                    variable
                }
            };
            // What is not there is left out.
            let Some(value) = self.value(variable, event, time)? else { continue };
            if filled.len() + value.len() > LARGEST + 2 * event.len() {
                return Err(Error::rejected("what the template gives is too large"));
            }
            match part {
                Part::InString(_) => put_in_string(&mut filled, &value)?,
                Part::InText(_) => filled.extend_from_slice(plain(&value)?.as_bytes()),
                _ => filled.extend_from_slice(&value),
            }
        }
        if template.is_json() && !json::is_valid(&filled) {
            return Err(Error::rejected(
                "what the template gives is not JSON: a part may be missing",
            ));
        }
        Ok(filled)
    }

    /// The value of a variable as JSON.
    fn value<'e>(
        &self,
        variable: &Variable,
        event: &'e [u8],
        time: Option<i64>,
    ) -> Result<Option<Cow<'e, [u8]>>, Error> {
        let text = |text: &str| {
            let mut json = Vec::new();
            json::write_string(&mut json, text);
            Cow::Owned(json)
        };
        Ok(match variable {
            Variable::Named(name) => match self.config.input_paths_map.get(name) {
                Some(path) => value(path, event)?,
                None => None,
            },
            Variable::Reserved(Reserved::RuleArn) => self.config.rule_arn.as_deref().map(text),
            Variable::Reserved(Reserved::RuleName) => self.config.rule_name.as_deref().map(text),
            Variable::Reserved(Reserved::IngestionTime) => {
                time.and_then(rfc3339::format).map(|time| text(&time))
            }
            Variable::Reserved(Reserved::EventJson) => Some(Cow::Borrowed(event)),
            Variable::Reserved(Reserved::Event) => Some(without_details(event)?),
        })
    }
}

/// The event in its JSON format; the payload of a message that is none.
fn event(message: &Message) -> Result<Bytes, Error> {
    if message.is_event() {
        let event = cloudevents::json::encode(message);
        return event.map(Bytes::from).map_err(|error| Error::rejected(error.to_string()));
    }
    match &message.payload {
        Some(payload) if json::is_valid(payload) => Ok(payload.slice_ref(payload.trim_ascii())),
        _ => Err(Error::rejected("the message is no event and its payload is not JSON")),
    }
}

fn value<'e>(path: &JsonPath, event: &'e [u8]) -> Result<Option<Cow<'e, [u8]>>, Error> {
    values(path.steps(), event).map_err(|fault| Error::rejected(fault.to_string()))
}

/// The data of a CloudEvent is what `detail` is at EventBridge.
fn without_details(event: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let mut rest = Cow::Borrowed(event);
    for name in ["detail", "data", "data_base64"] {
        if name != "detail" && !is_cloudevent(&rest) {
            continue;
        }
        let removed = json::remove(&rest, &[json::Step::Member(name.into())]);
        if let Some(removed) = removed.map_err(|error| Error::rejected(error.to_string()))? {
            rest = Cow::Owned(removed);
        }
    }
    Ok(rest)
}

fn is_cloudevent(event: &[u8]) -> bool {
    let version = json::get(event, &[json::Step::Member("specversion".into())]);
    version.ok().flatten().is_some()
}

/// A string out of its quotes, other values as they are written.
fn plain(value: &[u8]) -> Result<Cow<'_, str>, Error> {
    let text = match value.first() {
        Some(b'"') => json::unescape(value).ok(),
        _ => std::str::from_utf8(value).ok().map(Cow::Borrowed),
    };
    text.ok_or_else(|| Error::rejected("a part of the event is not text"))
}

/// With the escapes that keep the string whole around it.
fn put_in_string(out: &mut Vec<u8>, value: &[u8]) -> Result<(), Error> {
    let mut quoted = Vec::new();
    json::write_string(&mut quoted, &plain(value)?);
    out.extend_from_slice(quoted.get(1..quoted.len() - 1).unwrap_or_default());
    Ok(())
}

#[async_trait(?Send)]
impl Transformer for Step {
    fn name(&self) -> &'static str {
        "input_transformer"
    }

    async fn apply(&self, batch: Vec<Message>) -> Vec<Applied> {
        let transformed = batch.into_iter().map(|message| self.transformed(message));
        transformed.map(|result| result.map_or_else(Applied::Failed, Applied::One)).collect()
    }
}

#[cfg(test)]
mod tests;
