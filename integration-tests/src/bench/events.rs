//! What steps and rules cost: CloudEvents of 1 KB from a topic of Kafka to another, each row against one that does less.

#[path = "../../../transformers/benches/rules/workload.rs"]
#[allow(dead_code, reason = "the benchmark of the matcher alone has a set more")]
mod workload;

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::FutureRecord;

use super::brokers::{Brokers, PARTITIONS};
use super::{Pairs, Run};
use crate::daemon::Daemon;
use crate::limit;
use workload::{Set, mix};

const ROUTE: &str = "move";
const PIECE: u64 = 1_000;

/// What is in the topic that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Structured,
    Binary,
    /// Envelopes of EventBridge.
    Aws,
    /// Binary events of which so many percent match one of so many rules.
    ForRules {
        rules: u64,
        percent: u64,
    },
}

/// What moves them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A route with these lines, and these options of its target.
    Route { lines: &'static str, target: &'static str },
    /// A route with so many rules.
    Rules(u64),
    /// A bare program that writes events in this form.
    Bare(&'static str),
}

struct Row {
    name: String,
    input: Input,
    way: Way,
    against: (&'static str, Way),
}

const PLAIN: Way = Way::Route { lines: "", target: "" };
const TO_BINARY: Way =
    Way::Route { lines: "    transform: [ { cloudevents: { plain: reject } } ]\n", target: "" };
const TO_STRUCTURED: Way = Way::Route { lines: "", target: ", encoding: structured" };
const TO_AZURE: Way = Way::Route {
    lines: "    transform: [ { translate: { from: aws, to: azure, azure: { source: /subscriptions/1/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/s } } } ]\n",
    target: "",
};

fn rows(is_quick: bool) -> Vec<Row> {
    let row = |name: &str, input, way, against| Row { name: name.to_owned(), input, way, against };
    let mut rows = vec![
        row("structured -> binary", Input::Structured, TO_BINARY, ("passing on", PLAIN)),
        row(
            "structured -> binary",
            Input::Structured,
            TO_BINARY,
            ("a bare program", Way::Bare("binary")),
        ),
        row("binary -> structured", Input::Binary, TO_STRUCTURED, ("passing on", PLAIN)),
        row(
            "binary -> structured",
            Input::Binary,
            TO_STRUCTURED,
            ("a bare program", Way::Bare("structured")),
        ),
        row("translation AWS -> Azure", Input::Aws, TO_AZURE, ("passing on", PLAIN)),
    ];
    for percent in [0, 1, 50] {
        for rules in [1, 100, 10_000, 100_000] {
            let (name, input) =
                (format!("{rules} rules, {percent} % match"), Input::ForRules { rules, percent });
            let against =
                if rules == 1 { ("no rules", PLAIN) } else { ("one rule", Way::Rules(1)) };
            if !is_quick || rules == 100_000 {
                rows.push(row(&name, input, Way::Rules(rules), against));
            }
        }
    }
    rows
}

/// Measures every row whose name contains `only`, and prints the table.
pub async fn table(output: &mut impl Write, only: &str, is_quick: bool) -> Result<()> {
    let rows: Vec<Row> = rows(is_quick).into_iter().filter(|row| row.name.contains(only)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let (pairs, messages) = if is_quick { (2, 60_000) } else { (7, 200_000) };
    writeln!(
        output,
        "\n| CloudEvents of 1 KB, kafka->kafka | CPU-s per million | against | its CPU-s per million | more, us an event | ratio | peak RSS MiB | A-A spread |\n|---|---|---|---|---|---|---|---|"
    )?;
    let mut brokers = Brokers::default();
    for row in rows {
        let mut results = Pairs::default();
        for pair in 0..=pairs {
            let one = brokers.move_events(row.input, row.way, messages).await;
            let other = brokers.move_events(row.input, row.against.1, messages).await;
            if pair > 0 {
                results.bridge.push(one.with_context(|| row.name.clone())?);
                results.limit.push(other.with_context(|| row.name.clone())?);
            }
        }
        let peak = results.bridge.iter().map(|run| run.peak).max().unwrap_or_default();
        writeln!(
            output,
            "| {} | {} | {} | {} | {:.2} | {} | {:.0} | {:.1} % |",
            row.name,
            results.bridge_cpu().text(2),
            row.against.0,
            results.limit_cpu().text(2),
            results.bridge_cpu().median - results.limit_cpu().median,
            results.ratio().text(2),
            peak as f64 / 1_048_576.0,
            results.noise() * 100.0
        )?;
    }
    Ok(())
}

impl Brokers {
    async fn move_events(&mut self, input: Input, way: Way, messages: u64) -> Result<Run> {
        let topic = self.events(input, messages).await?;
        let output = self.fresh_topic().await?;
        let brokers = self.kafka().await?.bootstrap();
        let run = match way {
            Way::Bare(form) => {
                let (from, to, count) = (topic, output.clone(), messages.to_string());
                let run = tokio::task::spawn_blocking(move || {
                    let arguments = [form, &brokers, &from, &to, &count];
                    super::run_to_done("limit-kafka-events", &arguments, messages)
                });
                run.await??
            }
            Way::Route { lines, target } => {
                let to = format!(
                    "    to: {{ kafka: {{ connection: kafka, topic: {output}{target} }} }}\n"
                );
                route(&brokers, &topic, &output, &format!("{to}{lines}"), None, messages).await?
            }
            Way::Rules(count) => {
                let lines = format!(
                    "    rules: {{ file: rules.jsonl }}\n    otherwise: [out]\n    targets: {{ out: {{ to: {{ kafka: {{ connection: kafka, topic: {output} }} }} }} }}\n"
                );
                let rules = (0..count).map(|of| {
                    let pattern = workload::pattern(Set::Mixed, of).replace('\n', "");
                    format!(
                        "{{\"name\":\"rule {of}\",\"when\":{{\"pattern\":{pattern}}},\"send_to\":[\"out\"]}}\n"
                    )
                });
                let rules: String = rules.collect();
                route(&brokers, &topic, &output, &lines, Some(&rules), messages).await?
            }
        };
        self.kafka().await?.delete_topic(&output).await?;
        Ok(run)
    }

    /// A topic with so many events, made where it is not there.
    async fn events(&mut self, input: Input, messages: u64) -> Result<String> {
        let topic = match input {
            Input::ForRules { rules, percent } => format!("events-{rules}-{percent}"),
            input => format!("events-{input:?}"),
        };
        let kafka = self.kafka().await?;
        if kafka.create_topic(&topic, PARTITIONS, &[]).await.is_err() {
            // It is there from an earlier run, and reading leaves it as it is.
            return Ok(topic);
        }
        let producer = limit::producer(&kafka.bootstrap())?;
        for start in (0..messages).step_by(PIECE as usize) {
            let mut reports = Vec::new();
            for number in start..messages.min(start + PIECE) {
                let (headers, body) = record(input, number);
                let key = format!("key-{}", number % 1_000);
                let mut all = OwnedHeaders::new();
                for (key, value) in &headers {
                    all = all.insert(Header { key, value: Some(value) });
                }
                let record = FutureRecord::to(&topic).key(&key).payload(&body).headers(all);
                reports.push(producer.send_result(record).map_err(|(error, _)| error)?);
            }
            limit::reports(reports).await?;
        }
        Ok(topic)
    }
}

/// Moves everything that is in `topic` by a route with these lines.
async fn route(
    brokers: &str,
    topic: &str,
    group: &str,
    lines: &str,
    rules: Option<&str>,
    messages: u64,
) -> Result<Run> {
    let folder = tempfile::tempdir()?;
    if let Some(rules) = rules {
        std::fs::write(folder.path().join("rules.jsonl"), rules)?;
    }
    let config = format!(
        "connections:\n  kafka: {{ kafka: {{ brokers: [\"{brokers}\"] }} }}\nroutes:\n  {ROUTE}:\n    from: {{ kafka: {{ connection: kafka, topics: [{topic}], group: {group} }} }}\n{lines}"
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start()?;
    let run = super::moved(&mut daemon, ROUTE, messages).await?;
    daemon.terminate(Duration::from_secs(30)).await?;
    Ok(run)
}

/// Headers and body of one record.
fn record(input: Input, number: u64) -> (Vec<(String, String)>, String) {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let (rules, percent) = match input {
        Input::ForRules { rules, percent } => (rules, percent),
        _ => (100_000, 100),
    };
    let (of, on) = (mix(number) % rules, mix(number + 77) % 100 < percent);
    let (attributes, data) = workload::event(of, on);
    match input {
        Input::Structured => {
            let members: String =
                attributes.iter().map(|(name, value)| format!("\"{name}\":\"{value}\",")).collect();
            let content_type = header("content-type", "application/cloudevents+json");
            (vec![content_type], format!("{{{members}\"data\":{data}}}"))
        }
        Input::Binary | Input::ForRules { .. } => {
            let name = |name: &str| match name {
                "datacontenttype" => "content-type".to_owned(),
                name => format!("ce_{name}"),
            };
            let headers = attributes.into_iter().map(|(key, value)| (name(key), value)).collect();
            (headers, data)
        }
        Input::Aws => (vec![header("content-type", "application/json")], object_created(number)),
    }
}

/// What EventBridge says of an object of S3, with a key that makes it about 1 KB.
fn object_created(number: u64) -> String {
    let key = format!("archive/{number:09}/{}", "part/".repeat(90));
    format!(
        r#"{{"version":"0","id":"17793124-05d4-b198-2fde-{number:012}","detail-type":"Object Created","source":"aws.s3","account":"111122223333","time":"2026-11-12T00:00:00Z","region":"eu-west-1","resources":["arn:aws:s3:::orders-archive"],"detail":{{"version":"0","bucket":{{"name":"orders-archive"}},"object":{{"key":"{key}","size":{number},"etag":"b1946ac92492d2347c6235b4d2611184","version-id":"IYV3p45BT0ac8hjHg1houSdS1a.Mro8e","sequencer":"00617F08299329D189"}},"request-id":"N4N7GDK58NMKJ12R","requester":"123456789012","source-ip-address":"1.2.3.4","reason":"PutObject"}}}}"#
    )
}
