//! Files with many rules.
//!
//! A list in JSON, one JSON object after the other (JSON lines), or a list in YAML; each rule is written as in a
//! routing-rule file. `${...}` is not replaced in them: they hold no secrets. JSON is read several times faster.

use std::{collections::HashSet, fmt};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::{
    Pattern, RuleConfig, When,
    pattern::{PatternError, Position},
    yaml::{self, Finding, Place, Value},
};

/// The longest file, in bytes.
pub const LONGEST: usize = 64 << 20;

/// So many faults are told; the rest of the file is not read then.
const MOST_FAULTS: usize = 100;

/// The longest name of a rule, in bytes.
const LONGEST_NAME: usize = 200;

/// What is wrong with a file of rules, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RuleSetError {
    /// Where in the file, if it is about a place in it.
    pub position: Option<Position>,
    /// Which rule, if it has a name.
    pub rule: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What would be right, where that is known.
    pub help: Option<String>,
}

/// What whoever reads a file has against one of its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl fmt::Display for RuleSetError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}: ")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, "rule `{rule}`: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Reads a file of rules; `is_yaml` is what its name says. `accept` is asked about every rule that is right in itself.
///
/// # Errors
/// Every rule that is wrong, up to a hundred, with its line.
pub fn read(
    text: &[u8],
    is_yaml: bool,
    accept: &dyn Fn(&RuleConfig) -> Result<(), Complaint>,
) -> Result<Vec<RuleConfig>, Vec<RuleSetError>> {
    let whole =
        |message: String| vec![RuleSetError { position: None, rule: None, message, help: None }];
    if text.len() > LONGEST {
        return Err(whole(format!("{} bytes, and at most {LONGEST} are allowed", text.len())));
    }
    let text = std::str::from_utf8(text).map_err(|error| {
        let position = Some(Position::of(text, error.valid_up_to()));
        vec![RuleSetError { position, rule: None, message: "not UTF-8".into(), help: None }]
    })?;
    let mut reader = Reader::new(text, accept);
    if is_yaml {
        reader.yaml();
    } else {
        reader.json();
    }
    reader.finish()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw<'a> {
    name: String,
    #[serde(borrow)]
    when: &'a RawValue,
    send_to: Vec<String>,
}

#[derive(Deserialize)]
struct RawWhen<'a> {
    #[serde(borrow)]
    pattern: Option<&'a RawValue>,
}

struct Reader<'a> {
    text: &'a str,
    rules: Vec<RuleConfig>,
    names: HashSet<String>,
    faults: Vec<RuleSetError>,
    accept: &'a dyn Fn(&RuleConfig) -> Result<(), Complaint>,
}

/// Where a rule stands in the text.
#[derive(Clone, Copy)]
enum At<'a> {
    /// It is this part of it.
    Part(&'a str),
    Place(Place),
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, accept: &'a dyn Fn(&RuleConfig) -> Result<(), Complaint>) -> Self {
        Self { text, rules: Vec::new(), names: HashSet::new(), faults: Vec::new(), accept }
    }

    fn finish(self) -> Result<Vec<RuleConfig>, Vec<RuleSetError>> {
        if self.faults.is_empty() { Ok(self.rules) } else { Err(self.faults) }
    }

    fn yaml(&mut self) {
        let document = yaml::parse(0, self.text);
        let found = document.findings.into_iter().take(MOST_FAULTS);
        self.faults.extend(found.map(|Finding { place, message, help, .. }| RuleSetError {
            position: position(place),
            rule: None,
            message,
            help,
        }));
        let Some(root) = document.root.filter(|_| !document.broken) else { return };
        let Value::List(rules) = root.value else {
            let message = format!("{} where a list of rules belongs", root.kind());
            let help = Some("write `- { name: ..., when: { ... }, send_to: [...] }`".into());
            let position = position(root.place);
            return self.faults.push(RuleSetError { position, rule: None, message, help });
        };
        for node in &rules {
            match RuleConfig::deserialize(node) {
                Ok(rule) => self.add(At::Place(node.place), rule),
                Err(error) => {
                    let position = position(error.place.unwrap_or(node.place));
                    let message = error.message;
                    self.faults.push(RuleSetError { position, rule: None, message, help: None });
                }
            }
            if self.faults.len() >= MOST_FAULTS {
                return;
            }
        }
    }

    fn json(&mut self) {
        let text = self.text;
        if text.trim_start().starts_with('[') {
            match serde_json::from_str::<Vec<&RawValue>>(text) {
                Ok(items) => items.into_iter().all(|item| self.rule(item)),
                Err(error) => self.fault_in(text, None, &error),
            };
            return;
        }
        for item in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
            let goes_on = match item {
                Ok(item) => self.rule(item),
                Err(error) => {
                    self.fault_in(text, None, &error);
                    false
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Reads one rule; whether to go on.
    fn rule(&mut self, item: &'a RawValue) -> bool {
        match serde_json::from_str::<Raw>(item.get()) {
            Ok(Raw { name, when, send_to }) => {
                if let Some(when) = self.when(&name, when) {
                    self.add(At::Part(item.get()), RuleConfig { name, when, send_to });
                }
                self.faults.len() < MOST_FAULTS
            }
            Err(error) => self.fault_in(item.get(), None, &error),
        }
    }

    fn when(&mut self, name: &str, when: &'a RawValue) -> Option<When> {
        let raw = serde_json::from_str::<RawWhen>(when.get()).ok().and_then(|raw| raw.pattern);
        let is_only = || {
            let members =
                serde_json::from_str::<std::collections::BTreeMap<String, IgnoredAny>>(when.get());
            members.is_ok_and(|members| members.len() == 1)
        };
        if let Some(pattern) = raw.filter(|_| is_only()) {
            return match Pattern::from_json(pattern.get().as_bytes()) {
                Ok(pattern) => Some(When::Pattern(pattern)),
                Err(error) => {
                    self.pattern_fault(name, pattern.get(), error);
                    None
                }
            };
        }
        match serde_json::from_str(when.get()) {
            Ok(when) => Some(when),
            Err(error) => {
                self.fault_in(when.get(), Some(name), &error);
                None
            }
        }
    }

    fn add(&mut self, at: At, rule: RuleConfig) {
        let plain = |message: &str| Complaint { message: message.to_owned(), help: None };
        let complaint = match rule.name.as_str() {
            "" => plain("a rule without a name"),
            name if name.len() > LONGEST_NAME => {
                plain(&format!("a name longer than {LONGEST_NAME} bytes"))
            }
            name if !self.names.insert(name.to_owned()) => plain("the name of two rules"),
            _ => match (self.accept)(&rule) {
                Ok(()) => return self.rules.push(rule),
                Err(complaint) => complaint,
            },
        };
        let position = match at {
            At::Part(part) => Some(Position::of(self.text.as_bytes(), self.offset(part))),
            At::Place(place) => position(place),
        };
        let Complaint { message, help } = complaint;
        self.faults.push(RuleSetError { position, rule: Some(rule.name), message, help });
    }

    /// Where a part of the text begins.
    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }

    fn pattern_fault(&mut self, name: &str, part: &str, mut error: PatternError) {
        let position = error.position.take().map(|inner| self.outer(part, inner));
        let rule = Some(name.to_owned());
        self.faults.push(RuleSetError { position, rule, message: error.to_string(), help: None });
    }

    /// A place in a part of the text as one in all of it.
    fn outer(&self, part: &str, Position { line, column }: Position) -> Position {
        let start = Position::of(self.text.as_bytes(), self.offset(part));
        let column = if line == 1 { start.column + column - 1 } else { column };
        Position { line: start.line + line - 1, column }
    }

    /// Tells what serde_json says of a part; whether to go on.
    fn fault_in(&mut self, part: &str, rule: Option<&str>, error: &serde_json::Error) -> bool {
        let at = Position { line: error.line().max(1), column: error.column().max(1) };
        let message = error.to_string();
        let message =
            message.rsplit_once(" at line ").map_or(&*message, |(what, _)| what).to_owned();
        let position = Some(self.outer(part, at));
        let rule = rule.map(str::to_owned);
        self.faults.push(RuleSetError { position, rule, message, help: None });
        self.faults.len() < MOST_FAULTS
    }
}

fn position(place: Place) -> Option<Position> {
    (place.line > 0).then_some(Position { line: place.line, column: place.column })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, is_yaml: bool) -> Vec<String> {
        let rules = read(text.as_bytes(), is_yaml, &|_| Ok(())).unwrap();
        rules.into_iter().map(|rule| rule.name).collect()
    }

    fn faults(text: &str) -> Vec<String> {
        faults_of(text, false)
    }

    fn faults_of(text: &str, is_yaml: bool) -> Vec<String> {
        let faults = read(text.as_bytes(), is_yaml, &|_| Ok(())).unwrap_err();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_list_lines_and_yaml_hold_the_same() {
        let one = r#"{"name":"a","when":{"pattern":{"type":["x"]}},"send_to":["t"]}"#;
        let two = r#"{"name":"b","when":{"cesql":"type = 'x'"},"send_to":[]}"#;
        assert_eq!(names(&format!("[{one},\n{two}]"), false), ["a", "b"]);
        assert_eq!(names(&format!("{one}\n\n{two}\n"), false), ["a", "b"]);
        assert_eq!(names(&format!("- {one}\n- {two}\n"), true), ["a", "b"]);
        assert!(names("", false).is_empty() && names("[]", false).is_empty());
    }

    #[test]
    fn every_fault_has_its_place() {
        let text = "[\n{\"name\":\"a\",\"when\":{\"pattern\":{\"n\":[9007199254740993]}},\"send_to\":[]},\n  {\"name\":\"b\",\"when\":{\"pattern\":{\"type\":\n [{\"prefix\":3}]}},\"send_to\":[]},\n{\"name\":\"c\",\"send_to\":[]},\n{\"name\":\"a\",\"when\":{\"pattern\":{\"t\":[1]}},\"send_to\":[]}]";
        assert_eq!(
            faults(text),
            [
                "4:13: rule `b`: `type`: `prefix` must be a text, and this is a number",
                "5:25: missing field `when`",
                "6:1: rule `a`: the name of two rules",
            ]
        );
        let yaml = "- { name: a, when: { pattern: { type: [x] } }, send_to: [] }\n- { name: a, when: { cesql: \"type = 'x'\" }, send_to: [] }\n- { name: b, when: { cesql: \"type =\" }, send_to: [] }\n- { name: c }\n";
        let yaml = faults_of(yaml, true);
        assert_eq!(yaml[0], "2:3: rule `a`: the name of two rules");
        assert!(yaml[1].starts_with("3:") && yaml[2].starts_with("4:"), "{yaml:?}");
        assert_eq!(faults_of("name: a", true), ["1:1: a map where a list of rules belongs"]);
        assert_eq!(faults("{\"name\": \"a\"\n"), ["2:1: EOF while parsing an object"]);
        let many = "{\"name\":\"\"}\n".repeat(500);
        assert_eq!(faults(&many).len(), 100);
    }
}
