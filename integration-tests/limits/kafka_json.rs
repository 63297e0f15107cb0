//! Limit of `kafka -> kafka` that changes JSON: as `limit-kafka-kafka`, with each body parsed, one field set, one
//! removed, and the rest written again.
//!
//! `limit-kafka-json BROKERS IN OUT COUNT`; says `done` when so many are moved and waits to be killed.

use anyhow::{Context, Result};
use futures_util::StreamExt;
use hybridge_integration_tests::limit::{BATCH, commit, consumer, producer, reports, send};
use hybridge_integration_tests::records::wait_to_be_killed;
use rdkafka::Message;
use serde_json::Value;

/// Batches on their way at a time.
const WINDOW: usize = 8;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let brokers = arguments.next().context("BROKERS")?;
    let input = arguments.next().context("IN")?;
    let output = arguments.next().context("OUT")?;
    let count: usize = arguments.next().context("COUNT")?.parse()?;
    let consumer = consumer(&brokers, &input)?;
    let producer = producer(&brokers)?;
    let moved = consumer.stream().ready_chunks(BATCH).map(async |batch| -> Result<usize> {
        let batch = batch.into_iter().collect::<Result<Vec<_>, _>>()?;
        let sent = batch.iter().map(|one| {
            let mut body: Value = serde_json::from_slice(one.payload().unwrap_or_default())?;
            let fields = body.as_object_mut().context("not an object")?;
            fields.insert("set".to_owned(), "by the bridge".into());
            fields.remove("customer");
            let body = serde_json::to_vec(&body)?;
            send(&producer, &output, one.key(), Some(&body))
        });
        reports(sent.collect::<Result<Vec<_>>>()?).await?;
        commit(&consumer, &input, &batch)?;
        Ok(batch.len())
    });
    let mut moved = std::pin::pin!(moved.buffered(WINDOW));
    let mut done = 0;
    while done < count {
        done += moved.next().await.context("the consumer has ended")??;
    }
    wait_to_be_killed()
}
