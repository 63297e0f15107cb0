//! Templates of EventBridge: JSON or text with `<name>` in it.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

use crate::SyntaxError;

/// A template; equal templates have equal texts.
#[derive(Clone, PartialEq)]
pub struct InputTemplate {
    text: String,
    is_json: bool,
    parts: Vec<Part>,
}

/// A part of a template, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text that stands in every result.
    Literal(String),
    /// A variable where a JSON value belongs.
    Value(Variable),
    /// A variable in a JSON string.
    InString(Variable),
    /// A variable in a text that is not JSON.
    InText(Variable),
}

/// What a template refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// One of `input_paths_map`.
    Named(String),
    /// One that is always there.
    Reserved(Reserved),
}

/// The variables that EventBridge has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of EventBridge")]
pub enum Reserved {
    RuleArn,
    RuleName,
    IngestionTime,
    /// The event without its `detail`, or without its data.
    Event,
    /// All of the event.
    EventJson,
}

impl Reserved {
    const NAMES: [(&'static str, Self); 5] = [
        ("aws.events.rule-arn", Self::RuleArn),
        ("aws.events.rule-name", Self::RuleName),
        ("aws.events.event.ingestion-time", Self::IngestionTime),
        ("aws.events.event", Self::Event),
        ("aws.events.event.json", Self::EventJson),
    ];

    /// Whether it is a JSON object, which can stand in no string.
    fn is_object(self) -> bool {
        matches!(self, Self::Event | Self::EventJson)
    }
}

/// Characters of a template, as at EventBridge.
const LONGEST: usize = 8192;

impl InputTemplate {
    /// Whether what it gives is JSON.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// What it consists of.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What it refers to.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Value(variable) | Part::InString(variable) | Part::InText(variable) => {
                Some(variable)
            }
        })
    }
}

impl FromStr for InputTemplate {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        if text.chars().count() > LONGEST {
            let help = format!("a template has at most {LONGEST} characters");
            return Err(SyntaxError::new(text, 0, "too long a template", help));
        }
        let trimmed = text.trim();
        let is_one = variable(trimmed).is_some_and(|(_, length)| length == trimmed.len());
        let is_json = is_one || trimmed.starts_with(['{', '[', '"']);
        // Several lines in quotes are no JSON: a text that has the quotes in it.
        let lines = || trimmed.lines().map(str::trim).filter(|line| !line.is_empty());
        if lines().count() > 1 && lines().all(|line| line.starts_with('"')) {
            lines().try_for_each(|line| line.parse::<Self>().map(drop))?;
            return Ok(Self { text: text.to_owned(), is_json: false, parts: parts(text, false)? });
        }
        let parts = parts(text, is_json)?;
        let template = Self { text: text.to_owned(), is_json, parts };
        if is_json {
            template.check_json()?;
        }
        Ok(template)
    }
}

impl InputTemplate {
    /// With something in the place of each variable it must be JSON.
    fn check_json(&self) -> Result<(), SyntaxError> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => filled.push_str(text),
                Part::Value(_) => filled.push_str("null"),
                Part::InString(_) | Part::InText(_) => {}
            }
        }
        match serde_json::from_str::<serde::de::IgnoredAny>(&filled) {
            Ok(_) => Ok(()),
            Err(_) => {
                let help = "texts stand in quotes; a variable is a value, or a part of a text";
                Err(SyntaxError::new(&self.text, 0, "not JSON", help))
            }
        }
    }
}

fn parts(text: &str, is_json: bool) -> Result<Vec<Part>, SyntaxError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut in_string = false;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c == '\\' && in_string {
            let length = 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
            literal.push_str(&text[at..at + length]);
            at += length;
            continue;
        }
        let found = if c == '<' { variable(&text[at..]) } else { None };
        let Some((variable, length)) = found else {
            in_string ^= is_json && c == '"';
            literal.push(c);
            at += c.len_utf8();
            continue;
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        let is_object = matches!(variable, Variable::Reserved(reserved) if reserved.is_object());
        if is_object && in_string {
            let help = "an event can be a value of its own, but no part of a text";
            return Err(SyntaxError::new(text, at, "an event in a text", help));
        }
        parts.push(match (is_json, in_string) {
            (false, _) => Part::InText(variable),
            (true, false) => Part::Value(variable),
            (true, true) => Part::InString(variable),
        });
        at += length;
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

/// The variable that a text begins with, and how long it is written.
fn variable(text: &str) -> Option<(Variable, usize)> {
    let (name, _) = text.strip_prefix('<')?.split_once('>')?;
    let length = name.len() + 2;
    if let Some((_, reserved)) = Reserved::NAMES.iter().find(|(other, _)| *other == name) {
        return Some((Variable::Reserved(*reserved), length));
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let is_name = !name.is_empty() && name.bytes().all(is_plain);
    is_name.then(|| (Variable::Named(name.to_owned()), length))
}

impl fmt::Debug for InputTemplate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl<'de> Deserialize<'de> for InputTemplate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for InputTemplate {
    fn schema_name() -> Cow<'static, str> {
        "InputTemplate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "hybridge-input-template",
            "description": "JSON or text with `<name>` in it.",
        })
    }
}
