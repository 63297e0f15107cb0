//! Apache Kafka with TLS and SCRAM-SHA-512.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use futures_util::future::try_join_all;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Message, Offset, TopicPartitionList};

use super::{ADMIN, Certificates, Guarded, RIGHT, USER};
use crate::broker::kafka::{Kafka, Options};
use crate::proxy::Weather;

const SILENCE: Duration = Duration::from_millis(500);

/// One node.
pub struct Encrypted {
    kafka: Kafka,
}

impl Encrypted {
    /// Starts it.
    pub async fn start(certificates: &Certificates) -> Result<Self> {
        let server = &certificates.server;
        let store = certificates.file("server.store");
        let read = |path| std::fs::read_to_string(path).context("certificate");
        std::fs::write(&store, format!("{}{}", read(&server.key)?, read(&server.cert)?))?;
        let login = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
        let properties = format!(
            "ssl.keystore.type=PEM
ssl.keystore.location={}
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config={login}
",
            store.display()
        );
        let users = [USER, ADMIN].map(|user| {
            let user = format!("SCRAM-SHA-512=[name={user},password={RIGHT}]");
            ["--add-scram".to_owned(), user]
        });
        let ca = certificates.ca().display().to_string();
        let client = [
            ("security.protocol", "sasl_ssl"),
            ("ssl.ca.location", &ca),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", ADMIN),
            ("sasl.password", RIGHT),
        ];
        let kafka = Kafka::with(Options {
            protocol: "SASL_SSL",
            properties,
            format: users.concat(),
            client: client.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
            ..Options::default()
        })
        .await?;
        Ok(Self { kafka })
    }
}

#[async_trait(?Send)]
impl Guarded for Encrypted {
    fn name(&self) -> &'static str {
        "kafka access"
    }

    fn connection(&self, password: &str, ca: &Path) -> String {
        let (brokers, ca) = (self.kafka.bootstrap(), ca.display());
        format!(
            "{{ kafka: {{ brokers: [\"{brokers}\"], tls: {{ ca: \"{ca}\" }}, sasl: {{ mechanism: scram_sha_512, username: {USER}, password: \"{password}\" }} }} }}"
        )
    }

    fn from(&self, place: &str) -> String {
        format!("{{ kafka: {{ connection: broker, topics: [{place}], session_timeout: 6s }} }}")
    }

    fn to(&self, place: &str) -> String {
        format!("{{ kafka: {{ connection: broker, topic: {place}, timeout: 5s }} }}")
    }

    async fn create(&self, place: &str) -> Result<()> {
        self.kafka.create_topic(place, 1, &[]).await
    }

    async fn put(&self, place: &str, numbers: Range<usize>) -> Result<()> {
        let producer: FutureProducer = self.kafka.client().create()?;
        let sent = numbers.map(async |number| {
            let body = number.to_string();
            let record = FutureRecord::<[u8], str>::to(place).payload(&body);
            producer.send(record, SILENCE).await.map_err(|(error, _)| error)
        });
        try_join_all(sent).await?;
        Ok(())
    }

    async fn taken(&self, place: &str) -> Result<Vec<usize>> {
        let mut config = self.kafka.client();
        config.set("group.id", "suite").set("enable.auto.commit", "false");
        config.set("enable.partition.eof", "true");
        let consumer: StreamConsumer = config.create()?;
        let mut partitions = TopicPartitionList::new();
        partitions.add_partition_offset(place, 0, Offset::Beginning)?;
        consumer.assign(&partitions)?;
        let mut numbers = Vec::new();
        loop {
            match consumer.recv().await {
                Ok(message) => {
                    let body = message.payload().context("no body")?;
                    numbers.push(std::str::from_utf8(body)?.parse()?);
                }
                Err(rdkafka::error::KafkaError::PartitionEOF(_)) => return Ok(numbers),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn change_password(&mut self, password: &str) -> Result<()> {
        self.kafka.set_password(USER, password).await?;
        let node = self.kafka.nodes.first().context("no node")?;
        node.proxy.set(Weather::Reset);
        tokio::time::sleep(SILENCE).await;
        node.proxy.set(Weather::Clear);
        Ok(())
    }
}
