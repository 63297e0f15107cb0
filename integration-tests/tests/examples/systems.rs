//! The brokers that all examples share, with what their files want to find there.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, ensure};
use hybridge_config::connector::nats;
use hybridge_config::{Config, SinkConfig, SourceConfig};
use hybridge_integration_tests::conformance::Peer;
use hybridge_integration_tests::conformance::amqp::AmqpPeer;
use hybridge_integration_tests::conformance::jetstream::JetStreamPeer;
use hybridge_integration_tests::conformance::kafka::KafkaPeer;
use hybridge_integration_tests::ports;

/// One of each.
pub struct Systems {
    pub kafka: KafkaPeer,
    pub jetstream: JetStreamPeer,
    pub amqp: AmqpPeer,
    /// What exists, as kind and name.
    made: BTreeSet<(&'static str, String)>,
}

impl Systems {
    pub async fn start() -> Result<Self> {
        let (kafka, jetstream, amqp) =
            tokio::try_join!(KafkaPeer::start(), JetStreamPeer::start(), AmqpPeer::start())?;
        Ok(Self { kafka, jetstream, amqp, made: BTreeSet::new() })
    }

    /// What the examples are told by their environment; both ends of a pair of one kind are the same system.
    pub fn variables(&self, folder: &Path) -> Result<Vec<(&'static str, String)>> {
        let kafka = self.kafka.kafka.bootstrap();
        let nats = self.jetstream.nats.urls().join(",");
        let amqp = self.amqp.rabbitmq.uri();
        Ok(vec![
            ("KAFKA_BROKERS", kafka.clone()),
            ("KAFKA_TARGET_BROKERS", kafka),
            ("NATS_URL", nats.clone()),
            ("NATS_TARGET_URL", nats),
            ("AMQP_URL", amqp.clone()),
            ("AMQP_TARGET_URL", amqp),
            ("HTTP_LISTEN", ports::free()?.to_string()),
            ("TARGET_URL", format!("http://{}/", ports::free()?)),
            ("FOLDER", folder.join("files").display().to_string()),
        ])
    }

    /// Makes what a file says must be there, and what it writes to unless it makes that itself.
    pub async fn prepare(&mut self, config: &Config) -> Result<()> {
        for route in config.routes.values() {
            match &route.from {
                SourceConfig::Kafka(source) => {
                    for topic in &source.topics {
                        self.make("kafka", topic).await?;
                    }
                }
                SourceConfig::Amqp(source) => self.make("amqp", &source.queue).await?,
                SourceConfig::Nats(source) => {
                    if let nats::Read::Stream(stream) = source.read() {
                        self.make("jetstream", stream).await?;
                    }
                }
                _ => {}
            }
            for sink in route.sinks() {
                self.prepare_sink(sink).await?;
            }
        }
        Ok(())
    }

    async fn prepare_sink(&mut self, sink: &SinkConfig) -> Result<()> {
        match sink {
            SinkConfig::Kafka(sink) if sink.create_topics.is_none() => {
                self.make("kafka", sink.topic.text()).await
            }
            SinkConfig::Nats(sink) => match sink.to() {
                nats::To::Stream(stream) => self.make("jetstream", stream).await,
                nats::To::Kv(_) | nats::To::Core => Ok(()),
            },
            // At the default exchange the routing key is the name of a queue.
            SinkConfig::Amqp(sink) => match (sink.exchange.as_str(), &sink.routing_key) {
                ("", Some(queue)) => self.make("amqp", queue.text()).await,
                (exchange, _) => self.make("amqp", exchange).await,
            },
            _ => Ok(()),
        }
    }

    /// A place has one example: what another one sends must not come out of it.
    async fn make(&mut self, kind: &'static str, place: &str) -> Result<()> {
        ensure!(
            self.made.insert((kind, place.to_owned())),
            "the {kind} place `{place}` is in another example, or here twice"
        );
        match kind {
            "kafka" => self.kafka.create(place).await,
            "jetstream" => self.jetstream.create(place).await,
            _ => self.amqp.create(place).await,
        }
    }
}
