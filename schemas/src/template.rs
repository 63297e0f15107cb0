//! Templates and field references, compiled once and then looked up in every message; what is more than
//! a reference is an expression of CEL.
//!
//! A field that a message does not have is a permanent fault of that message, unless the template
//! says `default(...)`.

mod field;

use std::sync::Arc;

pub use field::{Field, Found};
use hybridge_config as config;
use hybridge_core::{Error, Message, Text};

use crate::cel::Cel;

/// A template, ready to be rendered.
#[derive(Clone, Debug)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Literal(Text),
    Field(Field, Option<Text>),
    Cel(Arc<Cel>),
}

impl Template {
    /// Compiles what the routing-rule file says.
    pub fn compile(template: &config::Template) -> Self {
        let part = |segment: &config::Segment| match segment {
            config::Segment::Literal(text) => Part::Literal(text.as_str().into()),
            config::Segment::Field { field, default } => {
                Part::Field(Field::compile(field), default.as_deref().map(Text::from))
            }
            config::Segment::Cel(cel) => Part::Cel(Arc::new(Cel::compile(cel))),
        };
        Self { parts: template.segments().iter().map(part).collect() }
    }

    /// The text for one message. Without a copy where the template is one literal, or one reference
    /// to what is text already.
    ///
    /// A missing field, and one whose value is no text, are [`Rejected`](hybridge_core::ErrorKind).
    pub fn render(&self, message: &Message) -> Result<Text, Error> {
        if let [part] = self.parts.as_slice() {
            return part.render(message);
        }
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(&part.render(message)?);
        }
        Ok(Text::from(text))
    }

    /// The text for one message as the name of a topic, subject or routing key: see
    /// [`check_name`].
    pub fn render_name(&self, message: &Message) -> Result<Text, Error> {
        let name = self.render(message)?;
        check_name(&name).map_err(|what| Error::rejected(format!("rendered name {what}")))?;
        Ok(name)
    }

    /// The headers that it refers to, so that a source knows which ones to keep until it is rendered.
    pub fn headers(&self) -> impl Iterator<Item = &Text> {
        self.parts.iter().flat_map(|part| {
            let (one, more) = match part {
                Part::Field(Field::Header(name), _) => (Some(name), None),
                Part::Cel(cel) => (None, Some(cel.headers())),
                _ => (None, None),
            };
            one.into_iter().chain(more.into_iter().flatten())
        })
    }

    /// The expression, where the template is one that is more than a reference, and nothing else.
    pub fn as_cel(&self) -> Option<&Cel> {
        match self.parts.as_slice() {
            [Part::Cel(cel)] => Some(cel),
            _ => None,
        }
    }

    /// The field and its default, where the template is one reference and nothing else.
    pub fn as_field(&self) -> Option<(&Field, Option<&Text>)> {
        match self.parts.as_slice() {
            [Part::Field(field, default)] => Some((field, default.as_ref())),
            _ => None,
        }
    }
}

impl Part {
    fn render(&self, message: &Message) -> Result<Text, Error> {
        let (field, default) = match self {
            Self::Literal(text) => return Ok(text.clone()),
            Self::Cel(cel) => return render_cel(cel, message),
            Self::Field(field, default) => (field, default),
        };
        match (field.text(message), default) {
            (Ok(Some(text)), _) => Ok(text),
            (Ok(None) | Err(_), Some(default)) => Ok(default.clone()),
            (Ok(None), None) => Err(field.missing()),
            (Err(error), None) => Err(error),
        }
    }
}

fn render_cel(cel: &Cel, message: &Message) -> Result<Text, Error> {
    let value = cel.evaluate(message).map_err(|fault| Error::rejected(fault.to_string()))?;
    match value.to_text() {
        Ok(Some(text)) => Ok(Text::from(text.into_owned())),
        Ok(None) => Err(Error::rejected("cel: the result is null")),
        Err(_) => Err(Error::rejected("cel: the result is not text")),
    }
}

/// Checks a name that came out of a template, since values in messages come from strangers: not
/// empty, no control character, no white space, no `..`, and no wildcard of any protocol
/// (`*`, `>`, `#`). The error says what it has or is.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("is empty");
    }
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("has a control character or white space");
    }
    if name.contains(['*', '>', '#']) {
        return Err("has a wildcard");
    }
    if name.contains("..") { Err("has two dots in a row") } else { Ok(()) }
}

#[cfg(test)]
mod tests;
