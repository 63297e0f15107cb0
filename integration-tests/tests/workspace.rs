//! Who may import whom, which outside crates may appear where, and that every connector is a
//! feature: read from `cargo metadata`, so that a `Cargo.toml` cannot drift from the architecture.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use hybridge_integration_tests::binary;
use serde_json::Value;

/// Crates of the workspace and the crates of it that each may import.
const IMPORTS: [(&str, &[&str]); 8] = [
    ("hybridge-core", &[]),
    ("hybridge-config", &[]),
    ("hybridge-schemas", &["hybridge-core", "hybridge-config"]),
    ("hybridge-transformers", &["hybridge-core", "hybridge-config", "hybridge-schemas"]),
    ("hybridge-connectors", &["hybridge-core", "hybridge-config", "hybridge-schemas"]),
    (
        "hybridge",
        &[
            "hybridge-core",
            "hybridge-config",
            "hybridge-schemas",
            "hybridge-transformers",
            "hybridge-connectors",
        ],
    ),
    (
        "hybridge-tables",
        &["hybridge-core", "hybridge-config", "hybridge-schemas", "hybridge-transformers"],
    ),
    (
        "hybridge-integration-tests",
        &[
            "hybridge",
            "hybridge-core",
            "hybridge-config",
            "hybridge-schemas",
            "hybridge-transformers",
            "hybridge-connectors",
            "hybridge-tables",
        ],
    ),
];

/// Outside crates that only one crate of the workspace may import.
const CONFINED: [(&str, &[&str]); 5] = [
    ("hybridge-config", &["granit-parser", "croner"]),
    (
        "hybridge-connectors",
        &[
            "rdkafka",
            "async-nats",
            "lapin",
            "aws-config",
            "aws-sdk-eventbridge",
            "aws-sdk-sqs",
            "aws-sdk-sns",
            "google-cloud-pubsub",
            "fe2o3-amqp",
            "azure_identity",
            "rumqttc-next",
            "redis",
            "crc32c",
        ],
    ),
    (
        "hybridge-schemas",
        &[
            "apache-avro",
            "serde_avro_fast",
            "prost",
            "prost-reflect",
            "protox",
            "jsonschema",
            "schema_registry_converter",
            "cloudevents-sdk",
        ],
    ),
    (
        "hybridge-transformers",
        &["cel", "rhai", "jaq-core", "jaq-std", "jaq-json", "vrl", "wasmtime"],
    ),
    ("hybridge", &["anyhow", "clap", "clap_complete", "indicatif", "tracing-subscriber"]),
];

/// No connectors by choice: the embedded log carries topics and dead letters of every build, and a lease is a part of sources.
const ALWAYS_THERE: [&str; 2] = ["log", "lease"];

struct Package {
    /// Names of what it imports outside its tests.
    imports: BTreeSet<String>,
    features: BTreeMap<String, Vec<String>>,
}

fn packages() -> Result<BTreeMap<String, Package>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(binary::workspace())
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let list = metadata["packages"].as_array().context("no packages")?;
    list.iter().map(package).collect()
}

fn package(entry: &Value) -> Result<(String, Package)> {
    let name = entry["name"].as_str().context("no name")?.to_owned();
    let dependencies = entry["dependencies"].as_array().context("no dependencies")?;
    let imports = dependencies
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .filter_map(|dependency| dependency["name"].as_str())
        .map(str::to_owned)
        .collect();
    let features = serde_json::from_value(entry["features"].clone())?;
    Ok((name, Package { imports, features }))
}

#[test]
fn crates_import_only_what_lies_below_them() -> Result<()> {
    let packages = packages()?;
    let known: BTreeSet<&str> = IMPORTS.iter().map(|(name, _)| *name).collect();
    let there: BTreeSet<&str> = packages.keys().map(String::as_str).collect();
    assert_eq!(there, known, "the list of crates in the architecture");
    for (name, allowed) in IMPORTS {
        let imports = &packages[name].imports;
        let inside = imports.iter().map(String::as_str).filter(|import| known.contains(import));
        let wrong: Vec<&str> = inside.filter(|import| !allowed.contains(import)).collect();
        assert!(wrong.is_empty(), "{name} may not import {wrong:?}");
    }
    Ok(())
}

#[test]
fn outside_crates_stay_where_they_belong() -> Result<()> {
    let packages = packages()?;
    for (owner, confined) in CONFINED {
        for (name, package) in &packages {
            if name == owner || name == "hybridge-integration-tests" {
                continue;
            }
            let strays: Vec<_> =
                confined.iter().filter(|outside| package.imports.contains(**outside)).collect();
            assert!(strays.is_empty(), "{strays:?} belong to {owner}, but {name} imports them");
        }
    }
    Ok(())
}

#[test]
fn every_connector_is_a_feature_of_the_default_build() -> Result<()> {
    let packages = packages()?;
    let folder = binary::workspace().join("config/src/connector");
    let mut connectors = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().context("no name")?.to_string_lossy().into_owned();
        if path.is_file() && !ALWAYS_THERE.contains(&name.as_str()) {
            connectors.insert(name);
        }
    }
    ensure!(connectors.contains("http"), "no connectors found: {connectors:?}");
    for name in ["hybridge-connectors", "hybridge"] {
        let features = &packages[name].features;
        let default: BTreeSet<String> = features["default"].iter().cloned().collect();
        for connector in &connectors {
            assert!(features.contains_key(connector), "{name} has no feature `{connector}`");
            assert!(default.contains(connector), "`{connector}` is not in {name}'s default build");
        }
    }
    for connector in &connectors {
        let forwards = format!("hybridge-connectors/{connector}");
        assert!(packages["hybridge"].features[connector].contains(&forwards), "{forwards}");
    }
    Ok(())
}
