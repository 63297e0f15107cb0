//! How long records take: an open loop, in which each record has the time at which it was to be sent, whether or not
//! whoever sends it kept up.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, Message};

const SIZE: usize = 1000;
const KEYS: u64 = 1_000;
/// Digits of the time in microseconds that a body begins with.
const DIGITS: usize = 16;
const LIMIT: Duration = Duration::from_secs(120);

/// Records that were sent to one topic and taken from another.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Records per second that arrived, from the first to the last.
    pub rate: f64,
    /// From the time at which each was to be sent until it was taken, sorted.
    pub times: Vec<Duration>,
}

impl Flow {
    /// The time that this share of the records took at most.
    pub fn at(&self, share: f64) -> Duration {
        let index = ((self.times.len() as f64 * share) as usize).min(self.times.len() - 1);
        self.times[index]
    }

    /// Median and 99th percentile in milliseconds.
    pub fn text(&self) -> String {
        let ms = |share| self.at(share).as_secs_f64() * 1e3;
        format!("p50 {:.1}, p99 {:.1}", ms(0.5), ms(0.99))
    }
}

/// Sends `count` records to `input`, so many a second or as fast as it can, and takes them from `output`. Blocks.
pub fn flow(
    brokers: &str,
    (input, output): (&str, &str),
    partitions: i32,
    count: u64,
    rate: Option<f64>,
) -> Result<Flow> {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers);
    let consumer: BaseConsumer = client.clone().set("group.id", "latency").create()?;
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(output, partition, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    let producer: ThreadedProducer<DefaultProducerContext> =
        client.clone().set("acks", "all").set("linger.ms", "2").create()?;
    // The first one only shows that everything is connected.
    let origin = Instant::now();
    send(&producer, input, 0, origin, origin)?;
    take(&consumer, origin, 1)?;
    let begin = Instant::now();
    let sending = std::thread::scope(|threads| {
        let sender = threads.spawn(|| -> Result<()> {
            for number in 0..count {
                let due = match rate {
                    Some(rate) => begin + Duration::from_secs_f64(number as f64 / rate),
                    None => Instant::now(),
                };
                // In steps of a millisecond at least: shorter sleeps cost more than what is measured.
                let early = due.saturating_duration_since(Instant::now());
                if early > Duration::from_millis(1) {
                    std::thread::sleep(early);
                }
                send(&producer, input, number, origin, due)?;
            }
            Ok(producer.flush(LIMIT)?)
        });
        let taken = take(&consumer, origin, count);
        (sender.join(), taken)
    });
    let (sent, taken) = sending;
    sent.map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    let (mut times, wall) = taken?;
    times.sort_unstable();
    Ok(Flow { rate: count as f64 / wall.as_secs_f64(), times })
}

fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    number: u64,
    origin: Instant,
    due: Instant,
) -> Result<()> {
    let key = (number % KEYS).to_string();
    let time = due.saturating_duration_since(origin).as_micros();
    let body = format!("{time:0DIGITS$}{:x>1$}", "", SIZE - DIGITS);
    loop {
        match producer.send(BaseRecord::to(topic).key(&key).payload(&body)) {
            Ok(()) => return Ok(()),
            Err((error, _)) => {
                let code = error.rdkafka_error_code();
                ensure!(code == Some(rdkafka::types::RDKafkaErrorCode::QueueFull), "{error}");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// How long each took, and how long it was from the first to the last.
fn take(consumer: &BaseConsumer, origin: Instant, count: u64) -> Result<(Vec<Duration>, Duration)> {
    let started = Instant::now();
    let mut first = None;
    let mut times = Vec::new();
    while (times.len() as u64) < count {
        ensure!(started.elapsed() < LIMIT, "{} of {count} have arrived", times.len());
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message?;
        let now = origin.elapsed();
        first.get_or_insert(now);
        let body = message.payload().unwrap_or_default();
        let text = std::str::from_utf8(body.get(..DIGITS).unwrap_or_default())?;
        times.push(now.saturating_sub(Duration::from_micros(text.parse()?)));
    }
    let wall = origin.elapsed().saturating_sub(first.unwrap_or_default());
    Ok((times, wall))
}
