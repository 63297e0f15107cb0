//! Reading a file of unit tests.

use std::path::Path;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{InputConfig, OutputConfig, TestConfig, TestFileConfig};
use crate::Problems;
use crate::load::Sources;
use crate::shape::Shape;
use crate::yaml::{Finding, Node, Place};

/// Whether a file holds unit tests, by its name: those of a folder are no routing-rule files.
pub fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b".test.yaml") || name.ends_with(b".test.yml")
}

/// Reads a file of unit tests. `env` looks up the variables that `${NAME}` in it refers to.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_tests(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<TestFileConfig, Problems> {
    let mut sources = Sources::default();
    let mut shape = Shape::new(schema());
    let mut file = None;
    if let Some(mut root) = sources.read(path, env) {
        let place = root.place;
        shape.check(schema(), &mut root, place);
        if !shape.broken {
            match TestFileConfig::deserialize(&root) {
                Ok(read) => {
                    check(&read, &root, &mut sources.findings);
                    file = Some(read);
                }
                Err(error) => {
                    let place = error.place.unwrap_or(place);
                    let message = error.message;
                    sources.findings.push(Finding { place, message, help: None, first: None });
                }
            }
        }
    }
    sources.findings.append(&mut shape.findings);
    match file {
        Some(file) if sources.findings.is_empty() => Ok(file),
        _ => Err(sources.problems(&shape.shown, &shape.secret)),
    }
}

fn schema() -> &'static Json {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
        let generator = SchemaSettings::draft2020_12().into_generator();
        generator.into_root_schema_for::<TestFileConfig>().to_value()
    });
    &SCHEMA
}

/// What the types cannot say.
fn check(file: &TestFileConfig, root: &Node, findings: &mut Vec<Finding>) {
    let mut names = std::collections::HashSet::new();
    for (index, test) in file.tests.iter().enumerate() {
        let index = index.to_string();
        let place = |path: &[&str]| root.place_of(&[&["tests", &index], path].concat());
        if !names.insert(&test.name) {
            let message = format!("a second test named `{}`", test.name);
            findings.push(Finding::new(place(&["name"]), message, "give each its own name"));
        }
        bodies(test, &place, findings);
        answers(test, &place, findings);
    }
}

fn bodies(test: &TestConfig, place: &dyn Fn(&[&str]) -> Place, findings: &mut Vec<Finding>) {
    let mut one_body = |count: usize, path: &[&str]| {
        if count > 1 {
            let help = "write one of `event`, `json`, `text`, `base64` and `file`";
            findings.push(Finding::new(place(path), "a message with more than one body", help));
        }
    };
    for (index, input) in test.input.iter().enumerate() {
        one_body(bodies_in(input), &["input", &index.to_string()]);
    }
    for (target, outputs) in test.expect.targets.iter().flatten() {
        for (index, output) in outputs.iter().enumerate() {
            let path = ["expect", "targets", target, &index.to_string()];
            one_body(bodies_of(output), &path);
        }
    }
    let count = test.expect.outcomes.as_ref().map(Vec::len);
    if count.is_some_and(|count| count != test.input.len()) {
        let message =
            format!("{} outcomes for {} messages", count.unwrap_or_default(), test.input.len());
        let help = "write one for each message of the input";
        findings.push(Finding::new(place(&["expect", "outcomes"]), message, help));
    }
}

fn answers(test: &TestConfig, place: &dyn Fn(&[&str]) -> Place, findings: &mut Vec<Finding>) {
    for (target, answers) in &test.answers {
        for (index, answer) in answers.iter().enumerate() {
            if answer.answer.is_some() == answer.http.is_some() {
                let place = place(&["answers", target, &index.to_string()]);
                let help = "write `answer: transient` or `http: 503`";
                let message = match answer.answer {
                    Some(_) => "an answer with both `answer` and `http`",
                    None => "an answer without `answer` or `http`",
                };
                findings.push(Finding::new(place, message, help));
            }
        }
    }
}

fn bodies_in(input: &InputConfig) -> usize {
    let InputConfig { event, json, text, base64, file, .. } = input;
    [event.is_some(), json.is_some(), text.is_some(), base64.is_some(), file.is_some()]
        .into_iter()
        .filter(|has| *has)
        .count()
}

fn bodies_of(output: &OutputConfig) -> usize {
    let OutputConfig { event, json, text, base64, file, .. } = output;
    [event.is_some(), json.is_some(), text.is_some(), base64.is_some(), file.is_some()]
        .into_iter()
        .filter(|has| *has)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<TestFileConfig, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.test.yaml");
        std::fs::write(&path, text).unwrap();
        load_tests(&path, &|_| None).map_err(|problems| {
            let line = |problem: &crate::Problem| {
                format!("{}:{}: {}", problem.line, problem.column, problem.message)
            };
            problems.iter().map(line).collect()
        })
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let problems = load(
            "hybridge: v1
tests:
  - name: a
    input: [ { text: x, json: 1 } ]
    answers: { to: [ { times: 2 } ] }
    expect: { outcomes: [ delivered, filtered ] }
  - name: a
    input: [ {} ]
    expect: { took: { at_least: 1s } }
",
        );
        assert_eq!(
            problems.unwrap_err(),
            [
                "4:14: a message with more than one body",
                "5:22: an answer without `answer` or `http`",
                "6:25: 2 outcomes for 1 messages",
                "7:11: a second test named `a`",
            ]
        );
        let unknown =
            load("hybridge: v1\ntests:\n  - { name: a, input: [ {} ], expect: { outcome: [] } }\n");
        assert_eq!(unknown.unwrap_err(), ["3:41: unknown key `outcome`"]);
    }

    #[test]
    fn numbers_and_nested_values_keep_their_types() {
        let file = load(
            "hybridge: v1
tests:
  - name: a
    input: [ { event: { id: \"1\", data: { n: 1.5, list: [true, null, \"1\"] } } } ]
    answers: { to: [ { http: 429, times: 3, wait: 2s } ] }
    expect: { dead_letters: [] }
",
        )
        .unwrap();
        let event = file.tests[0].input[0].event.clone().unwrap();
        let wanted =
            serde_json::json!({ "id": "1", "data": { "n": 1.5, "list": [true, null, "1"] } });
        assert_eq!(Json::Object(event), wanted);
        assert_eq!((file.tests[0].answers["to"][0].http, file.config), (Some(429), None));
    }
}
