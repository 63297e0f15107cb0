//! `hybridge explain`.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_config::unit_test::{ExpectConfig, InputConfig, TestConfig};
use hybridge_config::{Duration, load as load_with};
use hybridge_connectors::Local;
use hybridge_schemas::cloudevents::json;
use serde_json::{Map, Value, json};

use super::Scratch;
use super::failure::Failure;
use super::output::Output;
use crate::unit_tests::{Explained, explain as explain_route};

/// A message, and the routes that it is asked about.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A file with the message, `-` for standard input: a CloudEvent in its JSON form, or any body.
    #[arg(long, value_name = "FILE")]
    message: PathBuf,
    /// The key of the message.
    #[arg(long)]
    key: Option<String>,
    /// A header of the message; may be said several times.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The topic, stream or queue that it comes from.
    #[arg(long)]
    topic: Option<String>,
    /// Only this route.
    #[arg(long)]
    route: Option<String>,
}

pub(super) fn explain(
    paths: &[PathBuf],
    options: &Options,
    mut output: Output,
) -> Result<(), Failure> {
    let loaded = load_with(paths, &|name| std::env::var(name).ok())?;
    let test = test(options)?;
    let scratch = Scratch::new()?;
    let local = Local::new(scratch.store()?);
    let wanted = |name: &str| options.route.as_ref().is_none_or(|route| route == name);
    let mut all = Vec::new();
    for (name, route) in loaded.config.routes.iter().filter(|(name, _)| wanted(name)) {
        let explained = explain_route(&test, &loaded.config, name, route, &local);
        all.push(explained.map_err(|error| Failure::other(anyhow::anyhow!("{name}: {error}")))?);
    }
    if all.is_empty() {
        let name = options.route.as_deref().unwrap_or_default();
        return Err(Failure::Usage(format!("there is no route `{name}`")));
    }
    if output.is_json() {
        output.json(&json!({ "routes": all }))?;
    } else {
        for explained in &all {
            print(explained, &mut output)?;
        }
    }
    output.finish()
}

fn test(options: &Options) -> Result<TestConfig, Failure> {
    let body = read(&options.message)?;
    let mut headers = BTreeMap::new();
    for header in &options.headers {
        let Some((name, value)) = header.split_once(':') else {
            return Err(Failure::Usage(format!("{header:?} is no header; write `NAME: VALUE`")));
        };
        headers.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    let event = event(&body);
    let input = InputConfig {
        base64: event.is_none().then(|| STANDARD.encode(&body)),
        event,
        key: options.key.clone(),
        headers,
        topic: options.topic.clone(),
        ..InputConfig::default()
    };
    Ok(TestConfig {
        name: "explain".to_owned(),
        route: None,
        input: vec![input],
        answers: BTreeMap::new(),
        within: Duration::from_secs(60),
        expect: ExpectConfig::default(),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().lock().read_to_end(&mut body),
        false => std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut body)),
    };
    match read {
        Ok(_) => Ok(body),
        Err(error) => Err(Failure::other(anyhow::anyhow!("{}: {error}", path.display()))),
    }
}

/// The members of a CloudEvent, if the body is one.
fn event(body: &[u8]) -> Option<Map<String, Value>> {
    if !json::has_required(body) {
        return None;
    }
    serde_json::from_slice(body).ok()
}

fn print(explained: &Explained, output: &mut Output) -> Result<(), Failure> {
    output.line(&format!("{}: {}", explained.route, explained.outcome))?;
    for selected in &explained.selected_out {
        output.line(&format!("  transform[{}]: {}", selected.transform, selected.reason))?;
        for condition in &selected.conditions {
            let said =
                condition.why.as_ref().map_or("holds".to_owned(), |why| format!("no: {why}"));
            output.line(&format!("    {}: {said}", condition.rule))?;
        }
    }
    for stepped in &explained.messages {
        output.line(&format!("  behind the steps: {}", stepped.message))?;
        for asked in &stepped.rules {
            let rule = &asked.verdict.rule;
            let line = match &asked.verdict.why {
                None => format!("  rule {rule}: matches, goes to {}", list(&asked.send_to)),
                Some(why) => format!("  rule {rule}: no: {why}"),
            };
            output.line(&line)?;
        }
    }
    for sent in &explained.outputs {
        output.line(&format!("  {} gets {}", sent.target, sent.message))?;
    }
    match &explained.fault {
        Some(fault) => output.line(&format!("  fault: {fault}")),
        None => Ok(()),
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}
