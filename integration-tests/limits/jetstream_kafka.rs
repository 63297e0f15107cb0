//! Limit of `jetstream -> kafka`: whatever waits is written as a batch, its delivery reports are awaited, and it is
//! acknowledged without waiting for that.
//!
//! `limit-jetstream-kafka SERVER STREAM BROKERS OUT COUNT`; says `done` when so many are moved and waits to be killed.

use anyhow::{Context, Error, Result};
use async_nats::jetstream::{self, consumer::pull};
use futures_util::StreamExt;
use hybridge_integration_tests::limit::{BATCH, producer, reports, send};
use hybridge_integration_tests::records::wait_to_be_killed;

/// Batches on their way at a time.
const WINDOW: usize = 8;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().context("SERVER")?;
    let stream = arguments.next().context("STREAM")?;
    let brokers = arguments.next().context("BROKERS")?;
    let output = arguments.next().context("OUT")?;
    let count: usize = arguments.next().context("COUNT")?.parse()?;
    let producer = producer(&brokers)?;
    let context = jetstream::new(async_nats::connect(server).await?);
    let config = pull::Config {
        durable_name: Some(format!("limit-{}", std::process::id())),
        max_ack_pending: 20_000,
        ..pull::Config::default()
    };
    let consumer = context.create_consumer_on_stream(config, stream).await?;
    let messages = consumer.stream().max_messages_per_batch(4096).messages().await?;
    let moved = messages.ready_chunks(BATCH).map(async |batch| -> Result<usize> {
        let batch = batch.into_iter().collect::<Result<Vec<_>, _>>()?;
        let sent = batch
            .iter()
            .map(|one| send(&producer, &output, Some(one.subject.as_bytes()), Some(&one.payload)));
        reports(sent.collect::<Result<Vec<_>>>()?).await?;
        for one in &batch {
            one.ack().await.map_err(Error::from_boxed)?;
        }
        Ok(batch.len())
    });
    let mut moved = std::pin::pin!(moved.buffered(WINDOW));
    let mut done = 0;
    while done < count {
        done += moved.next().await.context("the consumer has ended")??;
    }
    wait_to_be_killed()
}
