//! `hybridge check`.

use std::path::PathBuf;
use std::time::Duration;

use hybridge_config::{Config, Loaded, RouteConfig, SinkConfig, Summary, summary};
use hybridge_connectors::log::{OpenError, Store};
use hybridge_connectors::{Limits, Local};
use hybridge_core::Error;
use serde::Serialize;

use super::failure::{CONFIGURATION, Failure};
use super::output::Output;
use super::{Scratch, load};

/// How long a peer may take to say that it is there: longer than clients try by themselves, who know the reason better.
const PROBE_TIME: Duration = Duration::from_secs(15);

#[derive(Debug, Serialize)]
struct Report {
    ok: bool,
    files: Vec<PathBuf>,
    routes: Vec<Summary>,
    #[serde(flatten)]
    probed: Option<Probes>,
}

/// Which peers can be reached and have what the routes want.
#[derive(Debug, Serialize)]
struct Probes {
    sources: Vec<Probed>,
    targets: Vec<Probed>,
}

/// Whether a peer can be reached.
#[derive(Debug, Serialize)]
struct Probed {
    route: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) fn check(paths: &[PathBuf], connect: bool, mut output: Output) -> Result<(), Failure> {
    let Loaded { config, files, .. } = match load(paths) {
        Ok(loaded) => loaded,
        Err(problems) if output.is_json() => {
            output.json(&serde_json::json!({ "ok": false, "problems": problems }))?;
            output.finish()?;
            return Err(Failure::Printed(CONFIGURATION));
        }
        Err(problems) => return Err(problems.into()),
    };
    let routes = config.routes.iter().map(|(name, route)| summary(&config, name, route)).collect();
    let probed = if connect { Some(probe_all(&config)?) } else { None };
    let ok = probed.iter().flat_map(Probes::all).all(|probed| probed.error.is_none());
    let report = Report { ok, files, routes, probed };
    if output.is_json() {
        output.json(&report)?;
    } else {
        print(&report, &mut output)?;
    }
    output.finish()?;
    if ok { Ok(()) } else { Err(Failure::Printed(1)) }
}

fn print(report: &Report, output: &mut Output) -> Result<(), Failure> {
    for route in &report.routes {
        output.line(&route.to_string())?;
    }
    for Probed { route, target, kind, error } in report.probed.iter().flat_map(Probes::all) {
        let state = error.as_ref().map_or_else(|| "reached".to_owned(), |e| format!("FAILED: {e}"));
        let end =
            target.as_ref().map_or_else(|| "source".to_owned(), |name| format!("target {name}"));
        output.line(&format!("{route}: {end} ({kind}): {state}"))?;
    }
    let count = |number: usize, noun: &str| {
        format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
    };
    let routes = count(report.routes.len(), "route");
    let files = count(report.files.len(), "file");
    output.line(&format!("{routes} in {files}: no problem in the configuration"))
}

impl Probes {
    fn all(&self) -> impl Iterator<Item = &Probed> {
        self.sources.iter().chain(&self.targets)
    }
}

fn probe_all(config: &Config) -> Result<Probes, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let scratch = Scratch::new()?;
    let local = Local::new(scratch.store()?);
    let mut probes = Probes { sources: Vec::new(), targets: Vec::new() };
    for (name, route) in &config.routes {
        if route.from.connection().is_some() || route.from.lease().is_some() {
            let error = runtime.block_on(probe_source(name, route, &local)).err();
            let (route, kind) = (name.clone(), route.from.kind());
            probes.sources.push(Probed { route, target: None, kind, error });
        }
        for (target, sink) in sinks(route) {
            let result = match sink {
                SinkConfig::Log(_) => storage(config),
                sink => runtime.block_on(probe(name, route, &target, sink, &local)),
            };
            let route = name.clone();
            let (target, kind) = (Some(target), sink.kind());
            probes.targets.push(Probed { route, target, kind, error: result.err() });
        }
    }
    Ok(probes)
}

/// Every sink of a route with the name of its target.
fn sinks(route: &RouteConfig) -> Vec<(String, &SinkConfig)> {
    let mut sinks = Vec::new();
    for (name, target) in &route.targets {
        sinks.extend(target.to.sinks().iter().map(|sink| (name.clone(), sink)));
    }
    let dead_letter = route.dead_letter.as_ref();
    sinks.extend(dead_letter.map(|dead_letter| ("dead letter".to_owned(), &dead_letter.to)));
    sinks
}

async fn probe(
    route: &str,
    config: &RouteConfig,
    target: &str,
    sink: &SinkConfig,
    local: &Local,
) -> Result<(), String> {
    let sink = hybridge_connectors::sink(sink, route, target, config.ordering(), local)
        .map_err(|error| error.to_string())?;
    let result = in_time(sink.probe()).await;
    sink.close().await;
    result
}

async fn probe_source(route: &str, config: &RouteConfig, local: &Local) -> Result<(), String> {
    let limits = Limits { uncommitted: config.limits.uncommitted as usize };
    let mut source = hybridge_connectors::source(&config.from, route, limits, local)
        .map_err(|error| error.to_string())?;
    let result = in_time(source.probe()).await;
    source.close().await;
    result
}

async fn in_time(probing: impl Future<Output = Result<(), Error>>) -> Result<(), String> {
    match tokio::time::timeout(PROBE_TIME, probing).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer for {} s", PROBE_TIME.as_secs())),
    }
}

/// The embedded log is there when its folder is: open in a process that runs, or whole, or yet to
/// be made.
fn storage(config: &Config) -> Result<(), String> {
    match Store::open_read_only(&config.storage.path) {
        Ok(_) | Err(OpenError::Locked(_) | OpenError::Missing(_)) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
