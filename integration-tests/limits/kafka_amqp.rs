//! Limit of `kafka -> amqp`: the publishes of a batch are polled together, its confirmations awaited, then it is
//! committed.
//!
//! `limit-kafka-amqp BROKERS IN URI QUEUE COUNT`; says `done` when so many are moved and waits to be killed.

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use hybridge_integration_tests::limit::{BATCH, commit, consumer};
use hybridge_integration_tests::records::wait_to_be_killed;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use rdkafka::Message;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let brokers = arguments.next().context("BROKERS")?;
    let input = arguments.next().context("IN")?;
    let uri = arguments.next().context("URI")?;
    let queue = arguments.next().context("QUEUE")?;
    let count: usize = arguments.next().context("COUNT")?.parse()?;
    let consumer = consumer(&brokers, &input)?;
    let connection = Connection::connect(&uri, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut batches = std::pin::pin!(consumer.stream().ready_chunks(BATCH));
    let mut done = 0;
    while done < count {
        let batch = batches.next().await.context("the consumer has ended")?;
        let batch = batch.into_iter().collect::<Result<Vec<_>, _>>()?;
        let published = batch.iter().map(|one| {
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let properties = BasicProperties::default().with_delivery_mode(2);
            let body = one.payload().unwrap_or_default();
            channel.basic_publish("".into(), queue.as_str().into(), options, body, properties)
        });
        let confirmed = try_join_all(try_join_all(published).await?).await?;
        for confirm in confirmed {
            ensure!(confirm.is_ack(), "the broker refused a message");
        }
        commit(&consumer, &input, &batch)?;
        done += batch.len();
    }
    wait_to_be_killed()
}
