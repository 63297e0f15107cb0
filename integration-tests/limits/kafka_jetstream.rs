//! Limit of `kafka -> jetstream`: publishes in a window, awaits acknowledgements many at a time, then commits.
//!
//! `limit-kafka-jetstream BROKERS IN SERVER SUBJECT COUNT`; says `done` when so many are moved and waits to be killed.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use async_nats::HeaderMap;
use async_nats::jetstream;
use bytes::Bytes;
use futures_util::StreamExt;
use hybridge_integration_tests::limit::{BATCH, commit, consumer};
use hybridge_integration_tests::records::wait_to_be_killed;
use rdkafka::Message;

/// Acknowledgements that are awaited, in batches.
const WINDOW: usize = 4096 / BATCH;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let brokers = arguments.next().context("BROKERS")?;
    let input = arguments.next().context("IN")?;
    let server = arguments.next().context("SERVER")?;
    let subject = arguments.next().context("SUBJECT")?;
    let count: usize = arguments.next().context("COUNT")?.parse()?;
    let consumer = consumer(&brokers, &input)?;
    let context = jetstream::new(async_nats::connect(server).await?);
    let mut batches = std::pin::pin!(consumer.stream().ready_chunks(BATCH));
    let (mut taken, mut open) = (0, VecDeque::new());
    while taken < count || !open.is_empty() {
        if taken < count {
            let batch = batches.next().await.context("the consumer has ended")?;
            let batch = batch.into_iter().collect::<Result<Vec<_>, _>>()?;
            let mut acks = Vec::with_capacity(batch.len());
            for one in &batch {
                let mut headers = HeaderMap::new();
                headers.insert("Nats-Msg-Id", format!("{}-{}", one.partition(), one.offset()));
                let body = Bytes::copy_from_slice(one.payload().unwrap_or_default());
                acks.push(context.publish_with_headers(subject.clone(), headers, body).await?);
            }
            taken += batch.len();
            open.push_back((batch, acks));
        }
        if open.len() >= WINDOW || taken >= count {
            let Some((batch, acks)) = open.pop_front() else { continue };
            for ack in acks {
                ack.await?;
            }
            commit(&consumer, &input, &batch)?;
        }
    }
    wait_to_be_killed()
}
