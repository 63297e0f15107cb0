use std::{fs, path::PathBuf};

use jsonschema::Validator;
use serde::Deserialize;

use super::*;
use crate::unit_test::is_test_file;
use crate::{load, yaml};

fn examples() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/examples");
    let entries =
        |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let paths = entries(folder.clone()).chain(entries(folder.join("pairs")));
    let is_example =
        |path: &PathBuf| path.extension() == Some("yaml".as_ref()) && !is_test_file(path);
    let mut paths: Vec<PathBuf> = paths.filter(is_example).collect();
    paths.sort();
    paths
}

fn validator() -> Validator {
    jsonschema::validator_for(&json_schema()).unwrap()
}

/// A file as an editor sees it, before anything is replaced.
fn as_written(text: &str) -> Value {
    Value::deserialize(&yaml::parse(0, text).root.unwrap()).unwrap()
}

#[test]
fn every_example_loads() {
    assert!(examples().len() >= 40);
    for path in examples() {
        let text = fs::read_to_string(&path).unwrap();
        // What has a default is left at that.
        let value = |name: &str| text.contains(&format!("${{{name}}}")).then(|| "x".to_owned());
        let loaded = load(std::slice::from_ref(&path), &value);
        assert!(loaded.is_ok(), "{}", loaded.unwrap_err());
    }
}

#[test]
fn every_example_satisfies_the_schema() {
    let validator = validator();
    for path in examples() {
        let value = as_written(&fs::read_to_string(&path).unwrap());
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| format!("{} at {}", e, e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
}

#[test]
fn the_schema_refuses_what_loading_refuses() {
    let validator = validator();
    let file = |lines: &str| {
        format!("hybridge: v1\nroutes:\n  r:\n    to: {{ log: {{ topic: x }} }}\n    {lines}\n")
    };
    for (lines, valid) in [
        ("from: { stdio: {} }", true),
        ("from: { stdio: { max_message: \"${SIZE}\" } }", true),
        ("from: { http: { listen: \"127.0.0.1:1\", max_batch: \"${N}\" } }", true),
        ("from: { stdio: { max_message: 64 } }", false),
        ("from: { kafka: {} }", false),
        ("from: { stdio: { fromat: lines } }", false),
        ("form: { stdio: {} }", false),
        ("from: { http: { listen: \"127.0.0.1:1\", max_batch: 0 } }", false),
        ("from: { stdio: {} }\n    ordering: totl", false),
    ] {
        assert_eq!(validator.is_valid(&as_written(&file(lines))), valid, "{lines}");
    }
    assert!(!validator.is_valid(&json!({ "routes": {} })), "`hybridge` is required");
}

#[test]
fn every_key_is_described() {
    let schema = json_schema();
    let mut bare = Vec::new();
    describe("", &schema, &mut bare);
    assert!(bare.is_empty(), "{bare:#?}");
}

/// Collects the properties without a description; the single key of a kind is described with its kind.
fn describe(path: &str, schema: &Value, bare: &mut Vec<String>) {
    let Value::Object(members) = schema else { return };
    if let Some(Value::Object(properties)) = members.get("properties") {
        for (name, property) in properties {
            let text = property.get("description").and_then(Value::as_str);
            // A link to a type says nothing to somebody who writes a file.
            if text.is_none_or(|text| text.contains("[`")) && properties.len() > 1 {
                bare.push(format!("{path}/{name}"));
            }
        }
    }
    for (key, member) in members {
        describe(&format!("{path}/{key}"), member, bare);
    }
}

#[test]
fn every_file_in_the_documentation_loads() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let text = fs::read_to_string(path).unwrap();
    let blocks: Vec<&str> =
        text.split("```yaml\n").skip(1).filter_map(|s| s.split("```").next()).collect();
    assert!(!blocks.is_empty());
    let folder = tempfile::tempdir().unwrap();
    for block in blocks {
        let path = folder.path().join("a.yaml");
        fs::write(&path, block).unwrap();
        assert!(load(&[path], &|_| None).is_ok(), "{block}");
    }
}
