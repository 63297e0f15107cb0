//! Rows between real brokers: a backlog is filled once, and moved by the bridge and by the limit
//! program in turn.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::jetstream::{self, stream};
use futures_util::future::try_join_all;
use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

use super::{Run, latency};
use crate::broker::kafka::{self, Kafka};
use crate::broker::nats::Nats;
use crate::broker::rabbitmq::RabbitMq;
use crate::daemon::Daemon;
use crate::event::Id;
use crate::limit;

const SIZE: usize = 1000;
const KEYS: u64 = 1_000;
pub(super) const PARTITIONS: i32 = 4;
const ROUTE: &str = "move";
const PIECE: u64 = 1_000;

/// What is at an end of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A topic of Kafka with four partitions.
    Kafka,
    /// A stream of JetStream.
    JetStream,
    /// A durable classic queue of RabbitMQ.
    Amqp,
}

/// A route that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// As it stands in the table.
    pub name: &'static str,
    /// Where messages come from.
    pub from: End,
    /// Where they go to.
    pub to: End,
    /// What the configuration has beside the ends: lines with four spaces before each.
    pub more: &'static str,
    /// The limit program.
    pub limit: &'static str,
    /// Messages of a full run.
    pub messages: u64,
}

const CHANGE: &str = "    transform: [ { map: { set: { \"event.data.set\": \"by the bridge\" }, remove: [\"event.data.customer\"] } } ]\n";

/// All rows.
pub const ROWS: [Row; 7] = [
    row("kafka->kafka", End::Kafka, End::Kafka, "", "limit-kafka-kafka", 500_000),
    row(
        "kafka->kafka, ordering: total",
        End::Kafka,
        End::Kafka,
        "    ordering: total\n",
        "limit-kafka-kafka",
        500_000,
    ),
    row(
        "kafka->kafka, one field set, one removed",
        End::Kafka,
        End::Kafka,
        CHANGE,
        "limit-kafka-json",
        200_000,
    ),
    row("kafka->jetstream", End::Kafka, End::JetStream, "", "limit-kafka-jetstream", 300_000),
    row(
        "jetstream->kafka",
        End::JetStream,
        End::Kafka,
        "    ordering: none\n",
        "limit-jetstream-kafka",
        300_000,
    ),
    row("kafka->amqp", End::Kafka, End::Amqp, "    ordering: none\n", "limit-kafka-amqp", 90_000),
    row("amqp->kafka", End::Amqp, End::Kafka, "    ordering: none\n", "limit-amqp-kafka", 100_000),
];

const fn row(
    name: &'static str,
    from: End,
    to: End,
    more: &'static str,
    limit: &'static str,
    messages: u64,
) -> Row {
    Row { name, from, to, more, limit, messages }
}

/// The brokers of all rows; each is started when the first row needs it.
#[derive(Default)]
pub struct Brokers {
    kafka: Option<Kafka>,
    nats: Option<Nats>,
    rabbitmq: Option<RabbitMq>,
    /// Runs so far; each has an output of its own.
    runs: u32,
}

impl Brokers {
    /// Kafka, with all optimisations of its machine.
    pub async fn kafka(&mut self) -> Result<&mut Kafka> {
        if self.kafka.is_none() {
            let options = kafka::Options { short_lived: false, ..Default::default() };
            self.kafka = Some(Kafka::with(options).await?);
        }
        self.kafka.as_mut().context("no Kafka")
    }

    async fn nats(&mut self) -> Result<&mut Nats> {
        if self.nats.is_none() {
            self.nats = Some(Nats::start().await?);
        }
        self.nats.as_mut().context("no NATS")
    }

    async fn rabbitmq(&mut self) -> Result<&mut RabbitMq> {
        if self.rabbitmq.is_none() {
            self.rabbitmq = Some(RabbitMq::start().await?);
        }
        self.rabbitmq.as_mut().context("no RabbitMQ")
    }

    /// A topic that nothing was written to yet.
    pub async fn fresh_topic(&mut self) -> Result<String> {
        self.runs += 1;
        let name = format!("out-{}", self.runs);
        self.kafka().await?.create_topic(&name, PARTITIONS, &[]).await?;
        Ok(name)
    }

    /// The bridge moves `messages`.
    pub async fn bridge(&mut self, row: Row, messages: u64) -> Result<Run> {
        let (input, output) = self.prepare(row, messages).await?;
        let group = &output;
        let from = match row.from {
            End::Kafka => {
                format!("kafka: {{ connection: kafka, topics: [{input}], group: {group} }}")
            }
            End::JetStream => {
                format!("nats: {{ connection: nats, stream: {input}, durable: {group} }}")
            }
            End::Amqp => format!(
                "amqp: {{ connection: amqp, queue: {input}, prefetch: 2000, max_message: 32KiB }}"
            ),
        };
        let to = match row.to {
            End::Kafka => format!("kafka: {{ connection: kafka, topic: {output} }}"),
            End::JetStream => {
                format!("nats: {{ connection: nats, stream: {output}, subject: {output}.x }}")
            }
            End::Amqp => format!("amqp: {{ connection: amqp, routing_key: {output} }}"),
        };
        let more = row.more;
        let config = format!(
            "connections:\n{}routes:\n  {ROUTE}:\n    from: {{ {from} }}\n    to: {{ {to} }}\n{more}",
            self.connections()
        );
        let folder = tempfile::tempdir()?;
        let mut daemon = Daemon::new(folder.path(), &config)?;
        daemon.start()?;
        let run = super::moved(&mut daemon, ROUTE, messages).await?;
        daemon.terminate(Duration::from_secs(30)).await?;
        Ok(run)
    }

    /// The limit program moves as many.
    pub async fn limit(&mut self, row: Row, messages: u64) -> Result<Run> {
        let (input, output) = self.prepare(row, messages).await?;
        let mut arguments = self.address(row.from).await?;
        arguments.push(input);
        if (row.from, row.to) != (End::Kafka, End::Kafka) {
            arguments.extend(self.address(row.to).await?);
        }
        arguments.push(if row.to == End::JetStream { format!("{output}.x") } else { output });
        arguments.push(messages.to_string());
        let name = row.limit;
        let run = tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            super::run_to_done(name, &arguments, messages)
        });
        run.await?
    }

    /// A daemon with one route from a new topic to another, both of which it says.
    pub async fn between_topics(&mut self, folder: &Path) -> Result<(Daemon, String, String)> {
        let (input, output) = (self.fresh_topic().await?, self.fresh_topic().await?);
        let config = format!(
            "connections:\n{}routes:\n  {ROUTE}:\n    from: {{ kafka: {{ connection: kafka, topics: [{input}], group: {output} }} }}\n    to: {{ kafka: {{ connection: kafka, topic: {output} }} }}\n",
            self.connections()
        );
        let mut daemon = Daemon::new(folder, &config)?;
        daemon.start_ready().await?;
        Ok((daemon, input, output))
    }

    /// How long records take from a topic to another through the bridge, or into and out of one topic without it.
    pub async fn flow(
        &mut self,
        is_bridged: bool,
        count: u64,
        rate: Option<f64>,
    ) -> Result<latency::Flow> {
        let folder = tempfile::tempdir()?;
        self.kafka().await?;
        let (daemon, input, output) = if is_bridged {
            let (daemon, input, output) = self.between_topics(folder.path()).await?;
            (Some(daemon), input, output)
        } else {
            let topic = self.fresh_topic().await?;
            (None, topic.clone(), topic)
        };
        let brokers = self.kafka().await?.bootstrap();
        // What earlier runs have written is not to reach the disk in the middle of this one.
        ensure!(tokio::process::Command::new("sync").status().await?.success(), "sync");
        let flowing = tokio::task::spawn_blocking(move || {
            latency::flow(&brokers, (&input, &output), PARTITIONS, count, rate)
        });
        let flow = flowing.await??;
        drop(daemon);
        Ok(flow)
    }

    async fn address(&mut self, end: End) -> Result<Vec<String>> {
        Ok(vec![match end {
            End::Kafka => self.kafka().await?.bootstrap(),
            End::JetStream => self.nats().await?.urls().join(","),
            End::Amqp => self.rabbitmq().await?.uri(),
        }])
    }

    fn connections(&self) -> String {
        let mut lines = String::new();
        if let Some(kafka) = &self.kafka {
            lines.push_str(&format!(
                "  kafka: {{ kafka: {{ brokers: [\"{}\"] }} }}\n",
                kafka.bootstrap()
            ));
        }
        if let Some(nats) = &self.nats {
            lines.push_str(&format!(
                "  nats: {{ nats: {{ servers: [\"{}\"] }} }}\n",
                nats.urls().join(",")
            ));
        }
        if let Some(rabbitmq) = &self.rabbitmq {
            lines.push_str(&format!("  amqp: {{ amqp: {{ uri: \"{}\" }} }}\n", rabbitmq.uri()));
        }
        lines
    }

    /// Fills the input where it is not full, and makes a new output.
    async fn prepare(&mut self, row: Row, messages: u64) -> Result<(String, String)> {
        self.runs += 1;
        let (input, output) = (format!("in-{messages}"), format!("out-{}", self.runs));
        match row.from {
            End::Kafka => fill_topic(self.kafka().await?, &input, messages).await?,
            End::JetStream => fill_stream(self.nats().await?, &input, messages).await?,
            End::Amqp => fill_queue(self.rabbitmq().await?, &input, messages).await?,
        }
        match row.to {
            End::Kafka => self.kafka().await?.create_topic(&output, PARTITIONS, &[]).await?,
            End::JetStream => make_stream(self.nats().await?, &output).await?,
            End::Amqp => make_queue(self.rabbitmq().await?, &output).await?,
        }
        Ok((input, output))
    }
}

fn id(number: u64) -> Id {
    Id { key: (number % KEYS) as u32, seq: (number / KEYS) as u32 }
}

async fn fill_topic(kafka: &Kafka, topic: &str, messages: u64) -> Result<()> {
    if kafka.create_topic(topic, PARTITIONS, &[]).await.is_err() {
        // It is there from an earlier run, and reading leaves it as it is.
        return Ok(());
    }
    let producer = limit::producer(&kafka.bootstrap())?;
    for start in (0..messages).step_by(PIECE as usize) {
        let piece = start..messages.min(start + PIECE);
        let sent = piece.map(|number| {
            let id = id(number);
            let (key, body) = (id.key_text(), id.body(SIZE, false));
            limit::send(&producer, topic, Some(key.as_bytes()), Some(body.as_bytes()))
        });
        limit::reports(sent.collect::<Result<_>>()?).await?;
    }
    Ok(())
}

async fn make_stream(nats: &Nats, name: &str) -> Result<()> {
    let config = stream::Config {
        name: name.to_owned(),
        subjects: vec![format!("{name}.>")],
        ..Default::default()
    };
    jetstream::new(nats.client().await?).create_stream(config).await?;
    Ok(())
}

async fn fill_stream(nats: &Nats, name: &str, messages: u64) -> Result<()> {
    let context = jetstream::new(nats.client().await?);
    if context.get_stream(name).await.is_ok() {
        return Ok(());
    }
    make_stream(nats, name).await?;
    for start in (0..messages).step_by(PIECE as usize) {
        let mut acks = Vec::new();
        for number in start..messages.min(start + PIECE) {
            let id = id(number);
            let subject = format!("{name}.{}", id.key_text());
            acks.push(context.publish(subject, id.body(SIZE, false).into()).await?);
        }
        for ack in acks {
            ack.await?;
        }
    }
    Ok(())
}

async fn make_queue(rabbitmq: &RabbitMq, name: &str) -> Result<()> {
    let connection = rabbitmq.client().await?;
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    let channel = connection.create_channel().await?;
    channel.queue_declare(name.into(), durable, FieldTable::default()).await?;
    Ok(())
}

async fn fill_queue(rabbitmq: &RabbitMq, name: &str, messages: u64) -> Result<()> {
    make_queue(rabbitmq, name).await?;
    let connection = rabbitmq.client().await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions::default();
    for start in (0..messages).step_by(PIECE as usize) {
        let published = (start..messages.min(start + PIECE)).map(async |number| {
            let body = id(number).body(SIZE, false);
            let persistent = BasicProperties::default().with_delivery_mode(2);
            let body = body.as_bytes();
            channel.basic_publish("".into(), name.into(), options, body, persistent).await
        });
        try_join_all(try_join_all(published).await?).await?;
    }
    Ok(())
}
