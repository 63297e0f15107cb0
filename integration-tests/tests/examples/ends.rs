//! Where messages are put in, and where they come out.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use async_nats::{HeaderMap, Subscriber};
use futures_util::StreamExt;
use hybridge_config::connector::nats;
use hybridge_config::{Segment, SinkConfig, SourceConfig, Template};
use hybridge_integration_tests::conformance::{Peer, Record, Stage};
use hybridge_integration_tests::target::{Received, Target};
use hybridge_integration_tests::wait::SOON;

use crate::Example;
use crate::systems::Systems;

/// The header that every message has.
pub const HEADER: &str = "x-trace";
/// The header that an HTTP endpoint finds the key in.
const KEY: &str = "x-key";

/// Puts records where a source reads.
pub async fn put(
    systems: &Systems,
    example: &Example,
    source: &SourceConfig,
    stage: &Stage,
    records: &[Record],
) -> Result<()> {
    match source {
        SourceConfig::Kafka(source) => {
            let topic = source.topics.first().context("a topic")?;
            systems.kafka.put(stage, topic, records).await
        }
        SourceConfig::Amqp(source) => systems.amqp.put(stage, &source.queue, records).await,
        SourceConfig::Nats(source) => match source.read() {
            nats::Read::Stream(stream) => systems.jetstream.put(stage, stream, records).await,
            nats::Read::Core => {
                let subject = source.subjects.first().context("a subject")?;
                publish(systems, subject.trim_end_matches('>'), records).await
            }
            nats::Read::Kv(bucket) => bail!("no example reads a bucket yet: {bucket}"),
        },
        SourceConfig::Http(source) => {
            let url = format!("http://{}{}", source.listen, source.path);
            let token = source.token.as_ref().map(|token| token.expose());
            post(&url, token, records).await
        }
        SourceConfig::File(_) => {
            let folder = example.variable("FOLDER")?;
            let mut lines = String::new();
            for record in records {
                lines.push_str(std::str::from_utf8(record.payload.as_deref().unwrap_or_default())?);
                lines.push('\n');
            }
            Ok(std::fs::write(format!("{folder}/example.jsonl"), lines)?)
        }
        other => bail!("no example begins with {}", other.kind()),
    }
}

async fn publish(systems: &Systems, prefix: &str, records: &[Record]) -> Result<()> {
    let client = systems.jetstream.nats.client().await?;
    for record in records {
        let subject = format!("{prefix}{}", text(record.key.as_deref()));
        let mut headers = HeaderMap::new();
        for (name, value) in &record.headers {
            headers.insert(name.as_str(), text(value.as_deref()));
        }
        let body = record.payload.clone().unwrap_or_default();
        client.publish_with_headers(subject, headers, body).await?;
    }
    Ok(client.flush().await?)
}

/// One after the other, each as a CloudEvent whose `partitionkey` is the key.
async fn post(url: &str, token: Option<&str>, records: &[Record]) -> Result<()> {
    let client = reqwest::Client::new();
    for (number, record) in records.iter().enumerate() {
        let mut request = client
            .post(url)
            .header("ce-specversion", "1.0")
            .header("ce-id", number.to_string())
            .header("ce-source", "/examples")
            .header("ce-type", "example")
            .header("ce-partitionkey", text(record.key.as_deref()))
            .header("content-type", "application/json")
            .body(record.payload.clone().unwrap_or_default());
        for (name, value) in &record.headers {
            request = request.header(name, text(value.as_deref()));
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        ensure!(answer.status() == 204, "{}: {}", answer.status(), answer.text().await?);
    }
    Ok(())
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

/// Where messages come out.
pub enum Exit {
    Kafka(String),
    JetStream(String),
    Amqp(String),
    Core(Subscriber),
    Http(Target),
}

impl Exit {
    /// The exit behind a sink. What keeps nothing is listened to from now on.
    pub async fn open(systems: &Systems, example: &Example, sink: &SinkConfig) -> Result<Self> {
        if let Ok(folder) = example.variable("FOLDER") {
            std::fs::create_dir_all(folder)?;
        }
        Ok(match sink {
            SinkConfig::Kafka(sink) => Self::Kafka(sink.topic.text().to_owned()),
            SinkConfig::Amqp(sink) => Self::Amqp(sink.exchange.clone()),
            SinkConfig::Nats(sink) => match sink.to() {
                nats::To::Stream(stream) => Self::JetStream(stream.to_owned()),
                nats::To::Core => {
                    let subject = sink.subject.as_ref().context("a subject")?;
                    let client = systems.jetstream.nats.client().await?;
                    let listening = client.subscribe(format!("{}>", prefix(subject))).await?;
                    client.flush().await?;
                    Self::Core(listening)
                }
                nats::To::Kv(bucket) => bail!("no example writes a bucket yet: {bucket}"),
            },
            SinkConfig::Http(_) => {
                let address = example.variable("TARGET_URL")?;
                let address = address.trim_start_matches("http://").trim_end_matches('/');
                let all = Box::new(|_: &Received| None);
                Self::Http(Target::listen(address.parse()?, Duration::ZERO, all).await?)
            }
            other => bail!("no example ends with {}", other.kind()),
        })
    }

    /// Everything that has come out, at least `least` records.
    pub async fn take(
        &mut self,
        systems: &Systems,
        stage: &Stage,
        least: usize,
    ) -> Result<Vec<Record>> {
        match self {
            Self::Kafka(topic) => systems.kafka.take(stage, topic, least).await,
            Self::JetStream(stream) => systems.jetstream.take(stage, stream, least).await,
            Self::Amqp(exchange) => systems.amqp.take(stage, exchange, least).await,
            Self::Core(listening) => {
                let mut records = Vec::new();
                while records.len() < least {
                    let next = tokio::time::timeout(SOON, listening.next()).await;
                    let next = next.with_context(|| stage.daemon.log_tail())?;
                    records.push(published(next.context("the subscription ended")?));
                }
                Ok(records)
            }
            Self::Http(target) => {
                let all = async || Ok(target.count() >= least as u64);
                stage.until("everything is at the endpoint", all).await?;
                Ok(target.received().into_iter().map(posted).collect())
            }
        }
    }
}

/// What every result of a template begins with.
fn prefix(template: &Template) -> &str {
    match template.segments() {
        [Segment::Literal(text), ..] => text,
        _ => "",
    }
}

fn published(message: async_nats::Message) -> Record {
    let headers = message.headers.iter().flat_map(HeaderMap::iter);
    let headers = headers.map(|(name, values)| {
        let value = values.first().map(|value| value.as_str().to_owned().into());
        (name.to_string(), value)
    });
    Record {
        key: Some(message.subject.to_string().into()),
        payload: Some(message.payload.clone()),
        headers: headers.collect(),
        ..Record::default()
    }
}

fn posted(received: Received) -> Record {
    let headers = received.head.headers.iter();
    Record {
        key: received.head.get(KEY).map(|key| key.to_owned().into()),
        headers: headers.map(|(name, value)| (name.clone(), Some(value.clone().into()))).collect(),
        payload: Some(received.body),
        ..Record::default()
    }
}
