//! What the limit programs between brokers share: how Kafka is read and written fast and safely.

use std::collections::HashMap;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

/// Messages that are moved together.
pub const BATCH: usize = 512;

/// Batches on their way at a time.
const WINDOW: usize = 8;

/// Moves the first `count` messages of `input`; `send` starts to write what becomes of one.
pub async fn move_all(
    brokers: &str,
    input: &str,
    count: usize,
    send: impl Fn(&FutureProducer, &BorrowedMessage<'_>) -> Result<DeliveryFuture>,
) -> Result<()> {
    let consumer = consumer(brokers, input)?;
    let producer = producer(brokers)?;
    let moved = consumer.stream().ready_chunks(BATCH).map(async |batch| -> Result<usize> {
        let batch = batch.into_iter().collect::<Result<Vec<_>, _>>()?;
        let sent = batch.iter().map(|one| send(&producer, one));
        reports(sent.collect::<Result<Vec<_>>>()?).await?;
        commit(&consumer, input, &batch)?;
        Ok(batch.len())
    });
    let mut moved = std::pin::pin!(moved.buffered(WINDOW));
    let mut done = 0;
    while done < count {
        done += moved.next().await.context("the consumer has ended")??;
    }
    Ok(())
}

/// A consumer of `topic` in the group `limit`, from the beginning on, that commits only what it is
/// told.
pub fn consumer(brokers: &str, topic: &str) -> Result<StreamConsumer> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", format!("limit-{}", std::process::id()))
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // The default of a second starves the loop.
        .set("fetch.queue.backoff.ms", "10");
    let consumer: StreamConsumer = config.create()?;
    consumer.subscribe(&[topic])?;
    Ok(consumer)
}

/// A producer that loses and repeats nothing.
pub fn producer(brokers: &str) -> Result<FutureProducer> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "5");
    Ok(config.create()?)
}

/// Notes that everything up to these messages is done.
pub fn commit(
    consumer: &StreamConsumer,
    topic: &str,
    messages: &[BorrowedMessage<'_>],
) -> Result<()> {
    let mut next = HashMap::new();
    for message in messages {
        next.insert(message.partition(), message.offset() + 1);
    }
    let mut list = TopicPartitionList::new();
    for (partition, offset) in next {
        list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    }
    Ok(consumer.commit(&list, CommitMode::Async)?)
}

/// Starts to write one record; the result is its delivery report.
pub fn send(
    producer: &FutureProducer,
    topic: &str,
    key: Option<&[u8]>,
    payload: Option<&[u8]>,
) -> Result<DeliveryFuture> {
    let mut record = FutureRecord::<[u8], [u8]>::to(topic);
    record.key = key;
    record.payload = payload;
    producer.send_result(record).map_err(|(error, _)| error.into())
}

/// Waits for delivery reports; each must be a success.
pub async fn reports(reports: Vec<DeliveryFuture>) -> Result<()> {
    for report in reports {
        report.await?.map_err(|(error, _)| error)?;
    }
    Ok(())
}
