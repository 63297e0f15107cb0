//! What a sink that keeps order makes of records that fail while the client still holds later ones.

use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use hybridge_core::{ErrorKind, Message, Sink};
use hybridge_integration_tests::broker::kafka::Kafka;
use hybridge_integration_tests::parts::{Parts, message};
use hybridge_integration_tests::proxy::Weather;

use crate::{consume, number};

const LONG: Duration = Duration::from_secs(120);
const BATCH: usize = 300;

/// The sink of this cluster that keeps the order of keys, with few records in a request.
fn sink(kafka: &Kafka, room: u32) -> Result<Box<dyn Sink>> {
    let parts =
        Parts::new(format!("{{ kafka: {{ brokers: [\"{}\"] }} }}", kafka.nodes[0].proxy.address))?;
    let options =
        format!("{{ batch.num.messages: \"3\", queue.buffering.max.messages: \"{room}\" }}");
    parts.sink(
        &format!(
            "{{ kafka: {{ connection: here, topic: out, timeout: 2s, options: {options} }} }}"
        ),
        "key",
    )
}

/// Sends as a lane does: what has failed again, in order, until everything is written or refused. The refused ones.
async fn write(sink: &dyn Sink, mut batch: Vec<Message>) -> Vec<Message> {
    let mut refused = Vec::new();
    while !batch.is_empty() {
        let results = sink.send(&batch).await;
        let mut left = Vec::new();
        for (message, result) in batch.into_iter().zip(results) {
            match result {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Rejected => refused.push(message),
                Err(_) => left.push(message),
            }
        }
        batch = left;
        if !batch.is_empty() {
            let _ = sink.recover().await;
        }
    }
    refused
}

/// All records of the only key are there, in order; some may be repeated from one on.
fn check(kafka: &Kafka, expected: &[usize]) -> Result<()> {
    let records = consume(kafka, "out", expected.len(), LONG)?;
    let place = |number: usize| expected.binary_search(&number).ok();
    let (mut before, mut next) = (None, 0);
    for record in &records {
        let number = number(record)?;
        let place = place(number);
        ensure!(place.is_some_and(|place| place <= next), "{number} is too early");
        let goes_back = before.is_some_and(|before| place <= Some(before));
        ensure!(
            goes_back || place == before.map_or(Some(0), |before| Some(before + 1)),
            "{number} after a hole"
        );
        next = next.max(place.map_or(0, |place| place + 1));
        before = place;
    }
    ensure!(next == expected.len(), "{next} of {}", expected.len());
    Ok(())
}

/// A cluster that swallows everything for about as long as a send may take, over and over, and a client with room for a part
/// of the batch only: no record is written before one of its key that was to be written first.
#[tokio::test(flavor = "multi_thread")]
async fn f021_no_record_overtakes_one_whose_time_was_up() -> Result<()> {
    let kafka = Kafka::start().await?;
    kafka.create_topic("out", 1, &[]).await?;
    let mut count = 0;
    for room in [50, 10_000] {
        let sink = sink(&kafka, room)?;
        for round in 0..6 {
            let numbers = count..count + BATCH;
            count += BATCH;
            let batch = numbers.map(|number| message("key", number.to_string())).collect();
            let weather = async {
                tokio::time::sleep(Duration::from_millis(round % 4)).await;
                kafka.nodes[0].proxy.set(Weather::BlackHole);
                tokio::time::sleep(Duration::from_millis(1_600 + 331 * round)).await;
                kafka.nodes[0].proxy.set(Weather::Clear);
            };
            let (refused, ()) = tokio::join!(write(&*sink, batch), weather);
            ensure!(refused.is_empty());
        }
        sink.close().await;
    }
    check(&kafka, &(0..count).collect::<Vec<_>>())
}

/// A topic that refuses some records for their size, and with them those that are sent beside them: those are sent again
/// before anything behind them is written.
#[tokio::test(flavor = "multi_thread")]
async fn f017_nothing_overtakes_what_was_sent_beside_a_record_that_is_too_large() -> Result<()> {
    let kafka = Kafka::start().await?;
    kafka.create_topic("out", 1, &[("max.message.bytes", "1000")]).await?;
    let sink = sink(&kafka, 10_000)?;
    let mut expected = Vec::new();
    for round in 0..20 {
        let mut batch = Vec::new();
        for number in round * BATCH..(round + 1) * BATCH {
            let mut one = message("key", number.to_string());
            if number % 40 == 13 {
                one.headers.push("padding".into(), Some(Bytes::from(vec![b'x'; 2_000])));
            } else {
                expected.push(number);
            }
            batch.push(one);
        }
        let refused = write(&*sink, batch).await;
        let is_large = |one: &Message| one.headers.get("padding").is_some();
        ensure!(refused.iter().all(is_large), "only what is too large is refused");
    }
    sink.close().await;
    check(&kafka, &expected)
}
