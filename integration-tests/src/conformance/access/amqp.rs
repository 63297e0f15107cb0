//! RabbitMQ with TLS.

use std::ops::Range;
use std::path::Path;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection};

use super::{Certificates, Guarded, RIGHT, USER};
use crate::broker::rabbitmq::{Options, RabbitMq, Tls};

/// One node.
pub struct Encrypted {
    rabbitmq: RabbitMq,
}

impl Encrypted {
    /// Starts it.
    pub async fn start(certificates: &Certificates) -> Result<Self> {
        let tls = Tls { ca: certificates.ca(), identity: certificates.server.clone() };
        let rabbitmq = RabbitMq::with(Options { tls: Some(tls), ..Options::default() }).await?;
        rabbitmq.ctl(&["add_user", USER, RIGHT]).await?;
        rabbitmq.ctl(&["set_permissions", USER, ".*", ".*", ".*"]).await?;
        Ok(Self { rabbitmq })
    }

    async fn channel(&self) -> Result<(Connection, Channel)> {
        let connection = self.rabbitmq.client().await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok((connection, channel))
    }
}

#[async_trait(?Send)]
impl Guarded for Encrypted {
    fn name(&self) -> &'static str {
        "amqp access"
    }

    fn connection(&self, password: &str, ca: &Path) -> String {
        let secure = self.rabbitmq.secure().map(|proxy| proxy.address.to_string());
        let (address, ca) = (secure.unwrap_or_default(), ca.display());
        format!(
            "{{ amqp: {{ uri: \"amqps://{USER}:{password}@{address}/%2f\", tls: {{ ca: \"{ca}\" }} }} }}"
        )
    }

    fn from(&self, place: &str) -> String {
        format!("{{ amqp: {{ connection: broker, queue: {place} }} }}")
    }

    fn to(&self, place: &str) -> String {
        format!("{{ amqp: {{ connection: broker, routing_key: {place} }} }}")
    }

    async fn create(&self, place: &str) -> Result<()> {
        let (_connection, channel) = self.channel().await?;
        let durable = QueueDeclareOptions { durable: true, ..Default::default() };
        channel.queue_declare(place.into(), durable, FieldTable::default()).await?;
        Ok(())
    }

    async fn put(&self, place: &str, numbers: Range<usize>) -> Result<()> {
        let (_connection, channel) = self.channel().await?;
        for number in numbers {
            let (body, options) = (number.to_string(), BasicPublishOptions::default());
            let properties = BasicProperties::default().with_delivery_mode(2);
            let published = channel
                .basic_publish("".into(), place.into(), options, body.as_bytes(), properties)
                .await?;
            ensure!(published.await?.is_ack(), "the broker refused a message");
        }
        Ok(())
    }

    /// What is consumed and not acknowledged goes back when the connection ends.
    async fn taken(&self, place: &str) -> Result<Vec<usize>> {
        let (connection, channel) = self.channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = channel.queue_declare(place.into(), passive, FieldTable::default()).await?;
        let count = queue.message_count() as usize;
        let options = BasicConsumeOptions::default();
        let consumer =
            channel.basic_consume(place.into(), "".into(), options, FieldTable::default()).await?;
        let mut given = consumer.take(count);
        let mut numbers = Vec::with_capacity(count);
        while let Some(delivery) = given.next().await {
            numbers.push(std::str::from_utf8(&delivery?.data)?.parse()?);
        }
        connection.close(200, "OK".into()).await?;
        Ok(numbers)
    }

    async fn change_password(&mut self, password: &str) -> Result<()> {
        self.rabbitmq.ctl(&["change_password", USER, password]).await?;
        self.rabbitmq.ctl(&["close_all_user_connections", USER, "its password changed"]).await?;
        Ok(())
    }
}
