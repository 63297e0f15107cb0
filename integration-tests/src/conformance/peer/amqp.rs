//! RabbitMQ with lapin.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use async_trait::async_trait;
use futures_util::future::try_join_all;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Connection, ExchangeKind};

use super::{Also, Fault, Feature, Peer, Record, Sections};
use crate::broker::rabbitmq::RabbitMq;
use crate::conformance::{Role, Settles, Stage};
use crate::proxy::Weather;

const FROZEN: Duration = Duration::from_secs(4);
/// Publishes whose confirmations are awaited together.
const WINDOW: usize = 256;
const LARGEST: usize = 16 << 20;

/// How it is settled as a source.
pub const SETTLES: Settles = Settles {
    connector: "amqp",
    source: "`amqp`, a queue in order",
    done: "`basic.ack`, `multiple` where there is no gap",
    abandoned: "the channel ends, and everything comes again",
    rejected: "`basic.reject` where the queue's dead-letter exchange is named; else its lane stops, and readiness names it",
};

/// One node. A place is a topic exchange with one queue that takes everything of it.
pub struct AmqpPeer {
    /// The node.
    pub rabbitmq: RabbitMq,
}

impl AmqpPeer {
    /// Starts it.
    pub async fn start() -> Result<Self> {
        Ok(Self { rabbitmq: RabbitMq::start().await? })
    }

    async fn channel(&self) -> Result<(Connection, Channel)> {
        let connection = self.rabbitmq.client().await?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    }
}

#[async_trait(?Send)]
impl Peer for AmqpPeer {
    fn name(&self) -> &'static str {
        "amqp"
    }

    fn features(&self) -> Vec<Feature> {
        use Feature::*;
        vec![
            Durable,
            Ordered,
            Keys,
            BinaryBodies,
            Headers,
            BinaryHeaders,
            NullHeaders,
            SizeLimit,
            SourceLimit,
            Redelivery,
            Times,
            ContentTypes,
            Replies,
            Priorities,
            Lifetimes,
        ]
    }

    fn faults(&self, _: Role) -> Vec<Fault> {
        Fault::ALL.to_vec()
    }

    fn sections(&self, _: &str) -> Sections {
        let connections = format!("  broker: {{ amqp: {{ uri: \"{}\" }} }}", self.rabbitmq.uri());
        Sections { connections, ..Sections::default() }
    }

    fn from(&self, place: &str, more: &str) -> String {
        format!("{{ amqp: {{ connection: broker, queue: {place}{more} }} }}")
    }

    fn to(&self, place: &str) -> String {
        format!("{{ amqp: {{ connection: broker, exchange: {place} }} }}")
    }

    async fn create(&mut self, place: &str) -> Result<()> {
        let (_connection, channel) = self.channel().await?;
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let none = FieldTable::default;
        channel.exchange_declare(place.into(), ExchangeKind::Topic, durable, none()).await?;
        let durable = QueueDeclareOptions { durable: true, ..Default::default() };
        channel.queue_declare(place.into(), durable, none()).await?;
        let all = QueueBindOptions::default();
        channel.queue_bind(place.into(), place.into(), "#".into(), all, none()).await?;
        Ok(())
    }

    async fn put(&self, _: &Stage, place: &str, records: &[Record]) -> Result<()> {
        let (_connection, channel) = self.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        for piece in records.chunks(WINDOW) {
            let published = piece.iter().map(async |record| {
                let (key, properties) = parts(record);
                let body = record.payload.as_deref().unwrap_or_default();
                let options = BasicPublishOptions::default();
                let key = key.as_str().into();
                channel.basic_publish(place.into(), key, options, body, properties).await
            });
            let published = try_join_all(published);
            for confirm in published.await? {
                ensure!(confirm.await?.is_ack(), "the broker refused a message");
            }
        }
        Ok(())
    }

    async fn take(&self, stage: &Stage, place: &str, least: usize) -> Result<Vec<Record>> {
        let (_connection, channel) = self.channel().await?;
        let mut records = Vec::new();
        stage
            .until("everything is in the queue", async || {
                let options = BasicGetOptions { no_ack: true };
                while let Some(got) = channel.basic_get(place.into(), options).await? {
                    records.push(record(&got.delivery));
                }
                Ok(records.len() >= least)
            })
            .await?;
        Ok(records)
    }

    async fn owed(&self, _: &Stage, place: &str) -> Result<Option<u64>> {
        Ok(Some(self.rabbitmq.held(place).await?))
    }

    async fn strike(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::PeerKilled => {
                self.rabbitmq.write_down().await?;
                self.rabbitmq.child().kill()?;
                self.rabbitmq.begin()?;
                self.rabbitmq.up().await?;
            }
            Fault::PeerFrozen => {
                self.rabbitmq.child().pause()?;
                tokio::time::sleep(FROZEN).await;
                self.rabbitmq.child().resume()?;
            }
            Fault::Reset | Fault::BlackHole => {
                let weather =
                    if fault == Fault::Reset { Weather::Reset } else { Weather::BlackHole };
                self.rabbitmq.proxy.set(weather);
                tokio::time::sleep(FROZEN).await;
                self.rabbitmq.proxy.set(Weather::Clear);
            }
            _ => bail!("{fault:?} is not for a peer"),
        }
        Ok(())
    }

    fn largest(&self) -> usize {
        LARGEST
    }
}

/// Routing key and properties of a message.
fn parts(record: &Record) -> (String, BasicProperties) {
    let mut table = FieldTable::default();
    for (name, value) in &record.headers {
        let value = match value {
            Some(value) => AMQPValue::LongString(LongString::from(value.to_vec())),
            None => AMQPValue::Void,
        };
        table.insert(name.as_str().into(), value);
    }
    let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
    let mut properties = BasicProperties::default().with_delivery_mode(2).with_headers(table);
    let also = &record.also;
    if let Some(millis) = also.time.as_ref().and_then(|time| time.parse::<u64>().ok()) {
        properties = properties.with_timestamp(millis / 1000);
    }
    if let Some(kind) = &also.content_type {
        properties = properties.with_content_type(kind.as_str().into());
    }
    if let Some(queue) = &also.reply_to {
        properties = properties.with_reply_to(queue.as_str().into());
    }
    if let Some(priority) = also.priority.as_ref().and_then(|priority| priority.parse().ok()) {
        properties = properties.with_priority(priority);
    }
    if let Some(lifetime) = &also.lifetime {
        properties = properties.with_expiration(lifetime.as_str().into());
    }
    (key, properties)
}

fn record(delivery: &lapin::message::Delivery) -> Record {
    let headers = delivery.properties.headers().iter().flat_map(|table| table.inner());
    let header = |(name, value): (&lapin::types::ShortString, &AMQPValue)| {
        let value = match value {
            AMQPValue::LongString(text) => Some(text.as_bytes().to_vec().into()),
            AMQPValue::Void => None,
            other => Some(format!("{other:?}").into()),
        };
        (name.to_string(), value)
    };
    let properties = &delivery.properties;
    let text = |text: &Option<lapin::types::ShortString>| text.as_ref().map(ToString::to_string);
    let also = Also {
        time: properties.timestamp().map(|seconds| (seconds * 1000).to_string()),
        partition: None,
        content_type: text(properties.content_type()),
        reply_to: text(properties.reply_to()),
        priority: properties.priority().map(|priority| priority.to_string()),
        lifetime: text(properties.expiration()),
    };
    Record {
        key: Some(delivery.routing_key.to_string().into()),
        payload: Some(delivery.data.clone().into()),
        headers: headers.map(header).collect(),
        also,
    }
}
