//! Every example of two systems runs on real brokers as it is written: what goes in at one end comes out at the other.

mod ends;
mod systems;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::StreamExt;
use hybridge_config::unit_test::is_test_file;
use hybridge_config::{Config, Ordering, SinkConfig, SourceConfig};
use hybridge_integration_tests::binary;
use hybridge_integration_tests::conformance::{Record, Stage};
use hybridge_integration_tests::daemon::Daemon;

use crate::ends::{Exit, HEADER};
use crate::systems::Systems;

const MESSAGES: usize = 6;
const KEYS: usize = 2;
/// Examples that run at a time.
const TOGETHER: usize = 4;
const STOP: Duration = Duration::from_secs(30);

/// One file, ready to run.
pub struct Example {
    name: String,
    config: Config,
    /// What the file says of itself is read with these.
    variables: Vec<(&'static str, String)>,
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl Example {
    fn new(path: PathBuf, systems: &Systems) -> Result<Self> {
        let name = path.file_stem().context("a name")?.to_string_lossy().into_owned();
        let folder = tempfile::Builder::new().prefix("hybridge-example-").tempdir()?;
        let variables = systems.variables(folder.path())?;
        let known = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        };
        let loaded = hybridge_config::load(std::slice::from_ref(&path), &known);
        let config = loaded.map_err(|problems| anyhow!("{problems}"))?.config;
        Ok(Self { name, config, variables, folder, path })
    }

    fn variable(&self, name: &str) -> Result<&str> {
        let found = self.variables.iter().find(|(known, _)| *known == name);
        Ok(found.context("a variable")?.1.as_str())
    }

    /// Where messages come in. What is read from the embedded log has come in elsewhere.
    fn entry(&self) -> Result<&SourceConfig> {
        let mut sources = self.config.routes.values().map(|route| &route.from);
        sources.find(|source| source.kind() != "log").context("a source")
    }

    /// Where they go out, and whether in order.
    fn exit(&self) -> Result<(&SinkConfig, bool)> {
        for route in self.config.routes.values() {
            let mut sinks = route.targets.values().flat_map(|target| target.to.sinks());
            if let Some(sink) = sinks.find(|sink| sink.kind() != "log") {
                return Ok((sink, route.ordering() != Ordering::None));
            }
        }
        Err(anyhow!("no target"))
    }

    async fn run(&self, systems: &Systems) -> Result<()> {
        let mut daemon = Daemon::as_written(self.folder.path(), &self.path)?;
        for (name, value) in &self.variables {
            daemon.variable(name, value);
        }
        let (sink, is_ordered) = self.exit()?;
        let mut exit = Exit::open(systems, self, sink).await?;
        let checked = daemon.check()?;
        ensure!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
        daemon.start_ready().await?;
        let mut stage = Stage::of(daemon, tempfile::tempdir()?);
        let sent: Vec<Record> = (0..MESSAGES).map(record).collect();
        let source = self.entry()?;
        ends::put(systems, self, source, &stage, &sent).await?;
        let arrived = exit.take(systems, &stage, sent.len()).await?;
        let admin = stage.admin()?;
        for name in self.config.routes.keys() {
            let settled = async || {
                let counts = admin.route(name).await?.counts;
                Ok((counts.delivered, counts.in_flight) == (sent.len() as u64, 0))
            };
            stage.until("everything is delivered", settled).await?;
        }
        let has_header = source.kind() != "file";
        compare(&sent, &arrived, has_header, is_ordered).with_context(|| format!("{arrived:?}"))?;
        let status = stage.daemon.terminate(STOP).await?;
        ensure!(status.success(), "{status}\n{}", stage.daemon.log_tail());
        Ok(())
    }
}

fn record(number: usize) -> Record {
    let key = format!("c{}", number % KEYS);
    let body = format!(r#"{{"number":{number},"customer":"{key}","text":"größer"}}"#);
    let mut record = Record::new(&key, body);
    record.headers.push((HEADER.to_owned(), Some(format!("trace-{number}").into())));
    record
}

/// Everything is there once, as it was sent and in the order of its key. Keys may have got something in front.
fn compare(sent: &[Record], arrived: &[Record], has_header: bool, is_ordered: bool) -> Result<()> {
    ensure!(arrived.len() == sent.len(), "{} arrived", arrived.len());
    let mut places = Vec::new();
    for record in sent {
        let place = arrived.iter().position(|one| one.payload == record.payload);
        let place = place.with_context(|| format!("missing or changed: {record:?}"))?;
        let (key, wanted) = (arrived[place].key.as_deref(), record.key.as_deref());
        let has_key = key.zip(wanted).is_some_and(|(key, wanted)| key.ends_with(wanted));
        ensure!(has_key, "the key {key:?} of {record:?}");
        let kept = record.headers.iter().all(|header| arrived[place].headers.contains(header));
        ensure!(kept || !has_header, "headers of {record:?}");
        places.push(place);
    }
    for key in 0..KEYS {
        let places: Vec<usize> = places.iter().copied().skip(key).step_by(KEYS).collect();
        ensure!(!is_ordered || places.is_sorted(), "out of order: {places:?}");
    }
    Ok(())
}

/// The files of a folder, without unit tests.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.retain(|path| !is_test_file(path));
    paths.sort();
    Ok(paths)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_two_systems_carries_messages() -> Result<()> {
    let mut systems = Systems::start().await?;
    let mut examples = Vec::new();
    for path in files(&binary::workspace().join("docs/examples/pairs"))? {
        let example =
            Example::new(path.clone(), &systems).with_context(|| path.display().to_string())?;
        systems.prepare(&example.config).await.with_context(|| example.name.clone())?;
        examples.push(example);
    }
    let systems = &systems;
    let runs = examples.iter().map(async |example| {
        let result = example.run(systems).await;
        result.with_context(|| example.name.clone())
    });
    let results: Vec<Result<()>> =
        futures_util::stream::iter(runs).buffer_unordered(TOGETHER).collect().await;
    let failed: Vec<String> =
        results.into_iter().filter_map(|result| Some(format!("{:#}", result.err()?))).collect();
    ensure!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n\n"));
    Ok(())
}

/// Each broker with each, and each of them with HTTP, in both directions.
#[test]
fn every_pair_of_brokers_has_an_example() -> Result<()> {
    let paths = files(&binary::workspace().join("docs/examples/pairs"))?;
    let names: Vec<_> = paths.iter().filter_map(|path| path.file_stem()).collect();
    let brokers = ["kafka", "nats", "jetstream", "amqp"];
    for from in brokers.iter().chain(&["http", "log"]) {
        for to in brokers.iter().chain(&["http"]) {
            let is_wanted = brokers.contains(from) || brokers.contains(to);
            let name = format!("{from}-{to}");
            ensure!(
                !is_wanted || names.iter().any(|known| *known == name.as_str()),
                "no example {name}"
            );
        }
    }
    Ok(())
}
