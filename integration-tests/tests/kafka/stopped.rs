//! A target that stands still for long while its source is full.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hybridge_integration_tests::broker::kafka::Kafka;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::wait::until;
use hybridge_integration_tests::{binary, process};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::cluster;

const PARTITIONS: i32 = 4;
const KEYS: usize = 50;
const SIZE: usize = 1_000;
const MEMORY: u64 = 256 << 20;
const RETRY_MAX: Duration = Duration::from_secs(10);
/// What is there before the target stops.
const FIRST: usize = 20_000;
const LONG: Duration = Duration::from_secs(300);

/// How long the target stands still, and how many records there are: many times more than fit into memory.
fn extent() -> (Duration, usize) {
    match binary::is_full_size() {
        true => (Duration::from_secs(600), 1_000_000),
        false => (Duration::from_secs(40), 500_000),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_stands_still_holds_memory_and_everything_flows_again() -> Result<()> {
    let (stop, count) = extent();
    let (source, mut sink) = tokio::try_join!(cluster(PARTITIONS), cluster(PARTITIONS))?;
    sink.create_topic("probe", 1, &[]).await?;
    let folder = tempfile::tempdir()?;
    let config = format!(
        "connections: {{ here: {{ kafka: {{ brokers: [\"{}\"] }} }}, there: {{ kafka: {{ brokers: [\"{}\"] }} }} }}
limits: {{ memory: {MEMORY}B }}
routes:
  copy:
    from: {{ kafka: {{ connection: here, topics: [in] }} }}
    to: {{ kafka: {{ connection: there, topic: out }} }}
    retry: {{ initial: 100ms, max: {}s }}
",
        source.bootstrap(),
        sink.bootstrap(),
        RETRY_MAX.as_secs()
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start_ready().await?;
    fill(&source, 0..FIRST)?;
    let admin = daemon.admin()?;
    let delivered = async || anyhow::Ok(admin.route("copy").await?.counts.delivered);
    until("it flows", async || Ok(delivered().await? >= FIRST as u64 / 2)).await?;

    let started = Instant::now();
    sink.nodes[0].child().pause()?;
    tokio::task::block_in_place(|| fill(&source, FIRST..count))?;
    while started.elapsed() < stop {
        ensure!(admin.is_live().await, "{}", daemon.log_tail());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    ensure!(
        !admin.is_ready().await,
        "it says that it is ready: {}\n{}",
        admin.routes().await?,
        daemon.log_tail()
    );
    let stuck = delivered().await?;
    ensure!(stuck < count as u64 / 2, "{stuck} were delivered");
    let held = process::resident(daemon.pid()?)?;

    sink.nodes[0].child().resume()?;
    let takes = async || Ok(tokio::task::block_in_place(|| probe(&sink)));
    until("the target takes what others write", takes).await?;
    let taking = Instant::now();
    until("it flows again", async || Ok(delivered().await? > stuck)).await?;
    let resumed = taking.elapsed();
    ensure!(resumed < RETRY_MAX, "it flowed again after {resumed:?}");

    let repeated = tokio::task::block_in_place(|| everything_in_order(&sink, count))
        .with_context(|| daemon.log_tail())?;
    let peak = process::resident(daemon.pid()?)?.peak;
    println!(
        "stopped for {:.0?} at {count} records: {} MiB held, peak of {} MiB with a budget of {} MiB, flow after {resumed:.1?}, {repeated} repeated",
        stop,
        held.now >> 20,
        peak >> 20,
        MEMORY >> 20
    );
    ensure!(peak <= MEMORY * 12 / 10, "peak of {} MiB", peak >> 20);
    let route = admin.route("copy").await?;
    ensure!(route.ledger_difference == 0, "{route:?}");
    Ok(())
}

/// Writes numbered records.
fn fill(kafka: &Kafka, numbers: Range<usize>) -> Result<()> {
    let mut config = kafka.client();
    config.set("partitioner", "murmur2_random").set("acks", "all").set("linger.ms", "20");
    let producer: ThreadedProducer<DefaultProducerContext> = config.create()?;
    for number in numbers {
        let key = format!("key-{}", number % KEYS);
        let mut value = format!("{number:010}").into_bytes();
        value.resize(SIZE, b'x');
        let mut record = BaseRecord::to("in").key(&key).payload(&value);
        while let Err((_, refused)) = producer.send(record) {
            record = refused;
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    producer.flush(LONG).context("flush")
}

/// Whether a plain client gets a record written soon.
fn probe(kafka: &Kafka) -> bool {
    let mut config = kafka.client();
    config.set("message.timeout.ms", "1000");
    let Ok(producer) = config.create::<ThreadedProducer<DefaultProducerContext>>() else {
        return false;
    };
    let is_sent = producer.send(BaseRecord::<(), [u8]>::to("probe").payload(b"x")).is_ok();
    let is_flushed = is_sent && producer.flush(Duration::from_secs(2)).is_ok();
    let end = producer.client().fetch_watermarks("probe", 0, Duration::from_secs(1));
    is_flushed && end.is_ok_and(|(_, high)| high > 0)
}

/// Reads until every number was there, first appearances in the order of their keys. Returns how many came again.
fn everything_in_order(kafka: &Kafka, count: usize) -> Result<usize> {
    let mut config = kafka.client();
    config.set("group.id", "reader").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset("out", partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    let (mut seen, mut distinct, mut repeated) = (vec![false; count], 0, 0);
    let mut last: HashMap<usize, usize> = HashMap::new();
    let started = Instant::now();
    while distinct < count {
        ensure!(started.elapsed() < LONG, "{distinct} of {count} within {LONG:?}");
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let value = message.payload().and_then(|value| value.get(..10)).context("no number")?;
        let number: usize = std::str::from_utf8(value)?.parse()?;
        let seen = seen.get_mut(number).with_context(|| format!("never sent: {number}"))?;
        if std::mem::replace(seen, true) {
            repeated += 1;
            continue;
        }
        distinct += 1;
        let before = last.insert(number % KEYS, number);
        ensure!(before.is_none_or(|before| before < number), "{number} after {before:?}");
    }
    Ok(repeated)
}
