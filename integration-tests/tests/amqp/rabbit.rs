//! A broker that tests share, and a plain client of it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use hybridge_integration_tests::broker::rabbitmq::RabbitMq;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio::sync::Mutex;

/// A node for tests that leave it alone: it goes with the last of those that run at a time.
pub async fn shared() -> Result<Arc<RabbitMq>> {
    static NODE: Mutex<Weak<RabbitMq>> = Mutex::const_new(Weak::new());
    let mut node = NODE.lock().await;
    if let Some(node) = node.upgrade() {
        return Ok(node);
    }
    let started = Arc::new(RabbitMq::start().await?);
    *node = Arc::downgrade(&started);
    Ok(started)
}

/// Its address past the proxy, which lives no longer than the test that started it.
pub fn uri(node: &RabbitMq) -> String {
    format!("amqp://guest:guest@{}/%2f", node.address)
}

/// A plain client.
pub struct Client {
    pub connection: Connection,
    pub channel: Channel,
}

impl Client {
    pub async fn new(node: &RabbitMq) -> Result<Self> {
        let connection = Connection::connect(&uri(node), ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { connection, channel })
    }

    /// Makes a durable queue.
    pub async fn queue(&self, name: &str, arguments: &[(&str, AMQPValue)]) -> Result<()> {
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        self.channel.queue_declare(name.into(), options, table).await?;
        Ok(())
    }

    /// Publishes to a queue, all at once.
    pub async fn publish(
        &self,
        exchange: &str,
        messages: impl IntoIterator<Item = (String, BasicProperties, Vec<u8>)>,
    ) -> Result<()> {
        let messages: Vec<_> = messages.into_iter().collect();
        for messages in messages.chunks(500) {
            let sent = messages.iter().map(|(key, properties, body)| {
                let properties = properties.clone().with_delivery_mode(2);
                let options = BasicPublishOptions { mandatory: true, ..Default::default() };
                self.channel.basic_publish(
                    exchange.into(),
                    key.as_str().into(),
                    options,
                    body,
                    properties,
                )
            });
            for confirm in try_join_all(sent).await? {
                let confirmed = confirm.await?;
                if !confirmed.is_ack() || confirmed.take_message().is_some() {
                    bail!("not taken");
                }
            }
        }
        Ok(())
    }

    /// How many messages are ready in a queue.
    pub async fn ready(&self, queue: &str) -> Result<u32> {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        Ok(self
            .channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await?
            .message_count())
    }

    /// Takes messages out of a queue until it has seen `count` different bodies, or none comes for `patience`.
    pub async fn take(
        &self,
        queue: &str,
        count: usize,
        patience: Duration,
    ) -> Result<Vec<lapin::message::Delivery>> {
        let channel = self.connection.create_channel().await?;
        channel.basic_qos(1000, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let mut consumer =
            channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
        let (mut taken, mut bodies) = (Vec::new(), HashMap::new());
        while bodies.len() < count {
            let next = tokio::time::timeout(patience, consumer.next()).await;
            let Ok(next) = next else { break };
            let delivery = next.context("the consumer ended")??;
            *bodies.entry(delivery.data.clone()).or_insert(0_u32) += 1;
            delivery.ack(BasicAckOptions::default()).await?;
            taken.push(delivery);
        }
        channel.close(200, "OK".into()).await?;
        Ok(taken)
    }
}

/// A body that names its key and its place among those of the key.
pub fn body(key: u32, seq: u32) -> Vec<u8> {
    format!("{key}/{seq}").into_bytes()
}

/// Checks that every message of `keys` keys with `each` messages is there, and that first appearances of a key are in order.
/// Returns how many came more than once.
pub fn check_all_in_order<'a>(
    bodies: impl IntoIterator<Item = &'a [u8]>,
    keys: u32,
    each: u32,
) -> Result<usize> {
    let mut next: HashMap<u32, u32> = HashMap::new();
    let mut repeated = 0;
    for body in bodies {
        let text = std::str::from_utf8(body)?;
        let (key, seq) = text.split_once('/').context("body")?;
        let (key, seq): (u32, u32) = (key.parse()?, seq.parse()?);
        let expected = next.entry(key).or_insert(0);
        if seq > *expected {
            bail!("{text} came before {key}/{expected}");
        }
        if seq < *expected {
            repeated += 1;
        } else {
            *expected += 1;
        }
    }
    for key in 0..keys {
        let seen = next.get(&key).copied().unwrap_or(0);
        if seen != each {
            bail!("of key {key} {seen} of {each} came");
        }
    }
    Ok(repeated)
}
