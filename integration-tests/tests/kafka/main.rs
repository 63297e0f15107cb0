//! Kafka sources and sinks on the real broker.

mod faults;
mod leaders;
mod members;
mod overtaking;
mod positions;
mod security;
mod stopped;
mod tokens;
mod translated;
mod whole;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hybridge_integration_tests::broker::kafka::Kafka;
use hybridge_integration_tests::daemon::Daemon;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// A record as it is in a topic.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) time: Option<i64>,
}

/// The connection section for a cluster.
pub(crate) fn connection(kafka: &Kafka) -> String {
    let nodes = kafka.nodes.iter().map(|node| format!("\"{}\"", node.proxy.address));
    let brokers: Vec<String> = nodes.collect();
    format!("connections: {{ here: {{ kafka: {{ brokers: [{}] }} }} }}\n", brokers.join(", "))
}

/// A daemon with the route `copy` from `in` to `out`; `from` and `to` are more settings of its ends.
pub(crate) fn copier(kafka: &Kafka, folder: &Path, from: &str, to: &str) -> Result<Daemon> {
    let config = format!(
        "{}routes:\n  copy:\n    from: {{ kafka: {{ connection: here, topics: [in]{from} }} }}\n    to: {{ kafka: {{ connection: here, topic: out{to} }} }}\n",
        connection(kafka)
    );
    Daemon::new(folder, &config)
}

/// A cluster of one node with the topics `in` and `out`.
pub(crate) async fn cluster(partitions: i32) -> Result<Kafka> {
    let kafka = Kafka::start().await?;
    kafka.create_topic("in", partitions, &[]).await?;
    kafka.create_topic("out", partitions, &[]).await?;
    Ok(kafka)
}

/// Writes records and waits until the cluster has them.
pub(crate) fn produce(kafka: &Kafka, topic: &str, records: &[Record]) -> Result<()> {
    // Idempotent, or a batch that is tried again would come behind the next one, and the source would have no order.
    let mut config = kafka.client();
    config.set("partitioner", "murmur2_random").set("enable.idempotence", "true");
    let producer: ThreadedProducer<rdkafka::producer::DefaultProducerContext> = config.create()?;
    for record in records {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: value.as_deref() });
        }
        loop {
            let mut one: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(topic).headers(headers.clone());
            one.key = record.key.as_deref();
            one.payload = record.value.as_deref();
            one.timestamp = record.time;
            one.partition = (record.partition >= 0).then_some(record.partition);
            match producer.send(one) {
                Ok(()) => break,
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
    producer.flush(Duration::from_secs(60)).context("flush")
}

/// `count` numbered records over 50 keys.
pub(crate) fn numbered(count: usize) -> Vec<Record> {
    (0..count)
        .map(|number| Record {
            partition: -1,
            key: Some(format!("key-{}", number % 50).into_bytes()),
            value: Some(number.to_string().into_bytes()),
            ..Record::default()
        })
        .collect()
}

/// Everything in a topic that is committed, as soon as there are `least` records in it and no more come for a moment.
pub(crate) fn consume(
    kafka: &Kafka,
    topic: &str,
    least: usize,
    within: Duration,
) -> Result<Vec<Record>> {
    consume_until(kafka, topic, within, |records| records.len() >= least)
}

/// The same as soon as there are `count` different values in it, however often some have come.
pub(crate) fn consume_all(
    kafka: &Kafka,
    topic: &str,
    count: usize,
    within: Duration,
) -> Result<Vec<Record>> {
    let mut seen = HashSet::new();
    let mut looked = 0;
    consume_until(kafka, topic, within, |records| {
        seen.extend(records[looked..].iter().map(|record| record.value.clone()));
        looked = records.len();
        seen.len() >= count
    })
}

fn consume_until(
    kafka: &Kafka,
    topic: &str,
    within: Duration,
    mut are_enough: impl FnMut(&[Record]) -> bool,
) -> Result<Vec<Record>> {
    let consumer: BaseConsumer = kafka
        .client()
        .set("group.id", "reader")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .create()?;
    let started = Instant::now();
    let partitions = loop {
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10))?;
        match metadata.topics()[0].partitions().len() {
            0 if started.elapsed() < within => std::thread::sleep(Duration::from_millis(100)),
            partitions => break partitions,
        }
    };
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition as i32, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    let mut records = Vec::new();
    let mut quiet = Instant::now();
    while quiet.elapsed() < Duration::from_millis(300) || !are_enough(&records) {
        if started.elapsed() > within {
            bail!("only {} records in {topic} within {within:?}", records.len());
        }
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else { continue };
        quiet = Instant::now();
        let headers = message.headers().map(|headers| {
            let headers = headers.iter();
            headers.map(|one| (one.key.to_owned(), one.value.map(<[u8]>::to_vec))).collect()
        });
        records.push(Record {
            partition: message.partition(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.unwrap_or_default(),
            time: message.timestamp().to_millis(),
        });
    }
    Ok(records)
}

/// Where a group stands in each partition of a topic.
pub(crate) fn committed(
    kafka: &Kafka,
    group: &str,
    topic: &str,
    partitions: i32,
) -> Result<Vec<Option<i64>>> {
    let consumer: BaseConsumer = kafka.client().set("group.id", group).create()?;
    let mut asked = TopicPartitionList::new();
    for partition in 0..partitions {
        asked.add_partition(topic, partition);
    }
    let answer = consumer.committed_offsets(asked, Duration::from_secs(10))?;
    let offset =
        |one: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| match one.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        };
    Ok(answer.elements().iter().map(offset).collect())
}

/// Every number is there, and for each key in the order in which they were written; one that comes again counts once.
pub(crate) fn whole_and_in_order(records: &[Record], count: usize) -> Result<()> {
    let mut seen = HashSet::new();
    let mut last = HashMap::new();
    for record in records {
        let number = number(record)?;
        if !seen.insert(number) {
            continue;
        }
        let before = last.insert(record.key.clone(), number);
        ensure!(before.is_none_or(|before| before < number), "{number} after {before:?}");
    }
    ensure!(seen.len() == count, "{} of {count} have arrived", seen.len());
    Ok(())
}

/// The number that a record was written with.
pub(crate) fn number(record: &Record) -> Result<usize> {
    let text = std::str::from_utf8(record.value.as_deref().context("no value")?)?;
    Ok(text.parse()?)
}
