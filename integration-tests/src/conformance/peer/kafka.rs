//! Apache Kafka with librdkafka's own client.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::try_join_all;
use rdkafka::consumer::{BaseConsumer, Consumer, StreamConsumer};
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::{Also, Fault, Feature, Peer, Record, Sections};
use crate::broker::kafka::Kafka;
use crate::conformance::stage::PATIENCE;
use crate::conformance::{Role, Settles, Stage};
use crate::proxy::Weather;

const CONTENT_TYPE: &str = "content-type";
const PARTITIONS: i32 = 3;
/// Nothing more comes after so long a silence.
const SILENCE: Duration = Duration::from_secs(2);
const FROZEN: Duration = Duration::from_secs(4);

/// How it is settled as a source.
pub const SETTLES: Settles = Settles {
    connector: "kafka",
    source: "`kafka`",
    done: "the watermark of the partition moves; the group's position follows within a second, at a stop, and before the partition goes to another member",
    abandoned: "nothing: read again from the position, by whoever has the partition then",
    rejected: "its lane stops, then its partition; readiness names it",
};

/// One node.
pub struct KafkaPeer {
    /// The cluster.
    pub kafka: Kafka,
}

impl KafkaPeer {
    /// Starts it.
    pub async fn start() -> Result<Self> {
        Ok(Self { kafka: Kafka::start().await? })
    }
}

#[async_trait(?Send)]
impl Peer for KafkaPeer {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn features(&self) -> Vec<Feature> {
        use Feature::*;
        vec![
            Durable,
            Ordered,
            Keys,
            BinaryKeys,
            BinaryBodies,
            NullBodies,
            Headers,
            DuplicateHeaders,
            HeaderOrder,
            BinaryHeaders,
            NullHeaders,
            SizeLimit,
            Times,
            Partitions,
            ContentTypes,
        ]
    }

    fn faults(&self, _: Role) -> Vec<Fault> {
        Fault::ALL.to_vec()
    }

    fn sections(&self, _: &str) -> Sections {
        let connections =
            format!("  broker: {{ kafka: {{ brokers: [\"{}\"] }} }}", self.kafka.bootstrap());
        Sections { connections, ..Sections::default() }
    }

    fn from(&self, place: &str, more: &str) -> String {
        format!(
            "{{ kafka: {{ connection: broker, topics: [{place}], group: {place}, session_timeout: 6s{more} }} }}"
        )
    }

    fn to(&self, place: &str) -> String {
        format!("{{ kafka: {{ connection: broker, topic: {place} }} }}")
    }

    async fn create(&mut self, place: &str) -> Result<()> {
        self.kafka.create_topic(place, PARTITIONS, &[]).await
    }

    async fn put(&self, _: &Stage, place: &str, records: &[Record]) -> Result<()> {
        let mut config = self.kafka.client();
        config.set("enable.idempotence", "true").set("message.max.bytes", "20000000");
        let producer: FutureProducer = config.create()?;
        for piece in records.chunks(1_000) {
            let sent = piece.iter().map(|record| send(&producer, place, record));
            try_join_all(sent).await?;
        }
        Ok(())
    }

    async fn take(&self, _: &Stage, place: &str, least: usize) -> Result<Vec<Record>> {
        let mut config = self.kafka.client();
        config.set("group.id", "suite").set("enable.auto.commit", "false");
        let consumer: StreamConsumer = config.create()?;
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset(place, partition, Offset::Beginning)?;
        }
        consumer.assign(&partitions)?;
        let started = std::time::Instant::now();
        let mut records = Vec::new();
        loop {
            match tokio::time::timeout(SILENCE, consumer.recv()).await {
                Ok(message) => records.push(record(&message?)),
                Err(_) if records.len() >= least => return Ok(records),
                Err(_) if started.elapsed() > PATIENCE => {
                    bail!("{place} has {} of {least} records", records.len())
                }
                Err(_) => {}
            }
        }
    }

    async fn owed(&self, _: &Stage, place: &str) -> Result<Option<u64>> {
        let mut config = self.kafka.client();
        config.set("group.id", place);
        let place = place.to_owned();
        let asking = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = config.create()?;
            let mut asked = TopicPartitionList::new();
            for partition in 0..PARTITIONS {
                asked.add_partition(&place, partition);
            }
            let mut owed = 0;
            for one in consumer.committed_offsets(asked, PATIENCE)?.elements() {
                let (low, high) = consumer.fetch_watermarks(&place, one.partition(), PATIENCE)?;
                let position = match one.offset() {
                    Offset::Offset(position) => position,
                    _ => low,
                };
                owed += u64::try_from(high - position)?;
            }
            Ok(Some(owed))
        });
        asking.await?
    }

    async fn strike(&mut self, fault: Fault) -> Result<()> {
        let node = self.kafka.nodes.first_mut().context("no node")?;
        match fault {
            Fault::PeerKilled => {
                node.child().kill()?;
                tokio::time::sleep(Duration::from_secs(1)).await;
                node.begin()?;
                self.kafka.up().await?;
            }
            Fault::PeerFrozen => {
                node.child().pause()?;
                tokio::time::sleep(FROZEN).await;
                node.child().resume()?;
            }
            Fault::Reset => {
                node.proxy.set(Weather::Reset);
                tokio::time::sleep(Duration::from_secs(1)).await;
                node.proxy.set(Weather::Clear);
            }
            Fault::BlackHole => {
                node.proxy.set(Weather::BlackHole);
                tokio::time::sleep(FROZEN).await;
                node.proxy.set(Weather::Clear);
            }
            _ => bail!("{fault:?} is not for a peer"),
        }
        Ok(())
    }
}

async fn send(producer: &FutureProducer, topic: &str, record: &Record) -> Result<()> {
    let mut headers = OwnedHeaders::new();
    for (name, value) in &record.headers {
        headers = headers.insert(Header { key: name, value: value.as_deref() });
    }
    if let Some(kind) = &record.also.content_type {
        headers = headers.insert(Header { key: CONTENT_TYPE, value: Some(kind) });
    }
    let mut out = FutureRecord::<[u8], [u8]>::to(topic).headers(headers);
    if let Some(time) = &record.also.time {
        out = out.timestamp(time.parse()?);
    }
    if let Some(partition) = &record.also.partition {
        out = out.partition(partition.parse()?);
    }
    if let Some(key) = &record.key {
        out = out.key(key);
    }
    if let Some(payload) = &record.payload {
        out = out.payload(payload);
    }
    producer.send(out, PATIENCE).await.map_err(|(error, _)| error)?;
    Ok(())
}

fn record(message: &impl Message) -> Record {
    let headers = message.headers().into_iter().flat_map(Headers::iter);
    let headers: Vec<(String, Option<Bytes>)> = headers
        .map(|header| (header.key.to_owned(), header.value.map(Bytes::copy_from_slice)))
        .collect();
    let kind = headers.iter().find(|(name, _)| name == CONTENT_TYPE);
    let kind = kind.and_then(|(_, value)| String::from_utf8(value.as_ref()?.to_vec()).ok());
    let also = Also {
        time: message.timestamp().to_millis().map(|time| time.to_string()),
        partition: Some(message.partition().to_string()),
        content_type: kind,
        ..Also::default()
    };
    Record {
        key: message.key().map(Bytes::copy_from_slice),
        payload: message.payload().map(Bytes::copy_from_slice),
        headers,
        also,
    }
}
