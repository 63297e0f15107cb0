//! Limit of `kafka -> kafka`: polls records, hands each to an idempotent producer while it is still borrowed, and commits what
//! was confirmed by whole batches, once a second.
//!
//! `limit-kafka-kafka BROKERS IN OUT COUNT`; says `done` when so many are moved and waits to be killed.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hybridge_integration_tests::records::wait_to_be_killed;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Message};

/// Records of one batch.
const BATCH: usize = 512;
/// Batches that are not confirmed yet, at most.
const WINDOW: usize = 16;

/// The batches that are under way, oldest first.
#[derive(Default)]
struct Reports(Mutex<VecDeque<Batch>>);

#[derive(Default)]
struct Batch {
    number: usize,
    missing: usize,
    /// The last offset of each partition.
    offsets: Vec<(i32, i64)>,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        assert!(result.is_ok(), "a record is not written");
        let mut batches = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = batches.front().map_or(0, |batch| batch.number);
        batches[number - first].missing -= 1;
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name| arguments.next().context(name);
    let (brokers, input, output) = (next("BROKERS")?, next("IN")?, next("OUT")?);
    let count: usize = next("COUNT")?.parse()?;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .set("group.id", format!("limit-{}", std::process::id()))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.queue.backoff.ms", "10")
        .set("queued.max.messages.kbytes", "16384")
        .set("partition.assignment.strategy", "cooperative-sticky")
        .create()?;
    consumer.subscribe(&[&input])?;
    let producer: BaseProducer<Reports> = ClientConfig::new()
        .set("bootstrap.servers", &brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "5")
        .create_with_context(Reports::default())?;
    let mut number = 0;
    let mut confirmed: Vec<(i32, i64)> = Vec::new();
    let mut committed = Instant::now();
    let mut taken = 0;
    while taken < count || !lock(&producer).is_empty() {
        let mut batch = Batch { number, ..Batch::default() };
        while batch.missing < BATCH {
            let Some(message) = consumer.poll(Duration::from_millis(1)) else { break };
            let message = message?;
            if batch.missing == 0 {
                lock(&producer).push_back(Batch { number, ..Batch::default() });
            }
            hand(&producer, &message, &output, number)?;
            note(&mut batch.offsets, message.partition(), message.offset());
            batch.missing += 1;
            if let Some(open) = lock(&producer).back_mut() {
                open.missing += 1;
            }
        }
        taken += batch.missing;
        if batch.missing > 0 {
            if let Some(open) = lock(&producer).back_mut() {
                open.offsets = batch.offsets;
            }
            number += 1;
        }
        producer.poll(Duration::ZERO);
        while lock(&producer).len() >= WINDOW
            && lock(&producer).front().is_some_and(|one| one.missing > 0)
        {
            producer.poll(Duration::from_millis(1));
        }
        loop {
            let mut batches = lock(&producer);
            let is_done = batches.len() > 1 || batch.missing == 0;
            match batches.front() {
                Some(front) if front.missing == 0 && is_done => {}
                _ => break,
            }
            for (partition, offset) in batches.pop_front().unwrap_or_default().offsets {
                note(&mut confirmed, partition, offset);
            }
        }
        if committed.elapsed() >= Duration::from_secs(1) && !confirmed.is_empty() {
            committed = Instant::now();
            let mut list = TopicPartitionList::new();
            for (partition, offset) in confirmed.drain(..) {
                list.add_partition_offset(&input, partition, Offset::Offset(offset + 1))?;
            }
            consumer.commit(&list, CommitMode::Async)?;
        }
    }
    wait_to_be_killed()
}

fn lock(producer: &BaseProducer<Reports>) -> std::sync::MutexGuard<'_, VecDeque<Batch>> {
    use rdkafka::producer::Producer;

    let batches = &producer.client().context().0;
    batches.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn hand(
    producer: &BaseProducer<Reports>,
    message: &rdkafka::message::BorrowedMessage<'_>,
    topic: &str,
    number: usize,
) -> Result<()> {
    loop {
        let mut record: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(topic, number);
        record.key = message.key();
        record.payload = message.payload();
        record.timestamp = message.timestamp().to_millis();
        record.headers = message.headers().map(BorrowedHeaders::detach);
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(1));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

fn note(offsets: &mut Vec<(i32, i64)>, partition: i32, offset: i64) {
    match offsets.iter_mut().find(|(other, _)| *other == partition) {
        Some((_, last)) => *last = offset,
        None => offsets.push((partition, offset)),
    }
}
