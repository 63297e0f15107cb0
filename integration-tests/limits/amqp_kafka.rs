//! Limit of `amqp -> kafka`: whatever waits is written as a batch, its delivery reports are awaited, and it is
//! acknowledged as one.
//!
//! `limit-amqp-kafka URI QUEUE BROKERS OUT COUNT`; says `done` when so many are moved and waits to be killed.

use anyhow::{Context, Result};
use futures_util::StreamExt;
use hybridge_integration_tests::limit::{BATCH, producer, reports, send};
use hybridge_integration_tests::records::wait_to_be_killed;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};

const PREFETCH: u16 = 2_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let uri = arguments.next().context("URI")?;
    let queue = arguments.next().context("QUEUE")?;
    let brokers = arguments.next().context("BROKERS")?;
    let output = arguments.next().context("OUT")?;
    let count: usize = arguments.next().context("COUNT")?.parse()?;
    let producer = producer(&brokers)?;
    let connection = Connection::connect(&uri, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let consumer = channel
        .basic_consume(queue.as_str().into(), "limit".into(), options, FieldTable::default())
        .await?;
    let mut batches = consumer.ready_chunks(BATCH);
    let mut done = 0;
    while done < count {
        let batch = batches.next().await.context("the consumer has ended")?;
        let batch = batch.into_iter().collect::<Result<Vec<_>, _>>()?;
        let sent = batch.iter().map(|one| {
            let key = one.routing_key.as_str().as_bytes();
            send(&producer, &output, Some(key), Some(&one.data))
        });
        reports(sent.collect::<Result<Vec<_>>>()?).await?;
        if let Some(last) = batch.last() {
            last.ack(BasicAckOptions { multiple: true }).await?;
        }
        done += batch.len();
    }
    wait_to_be_killed()
}
