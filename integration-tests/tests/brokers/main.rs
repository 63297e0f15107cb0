//! The brokers that other tests run against can be started, killed, frozen and started again.

mod encodings;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use async_nats::jetstream;
use async_nats::jetstream::context::PublishErrorKind;
use hybridge_integration_tests::broker::kafka::{self, Kafka};
use hybridge_integration_tests::broker::nats::{self, Nats};
use hybridge_integration_tests::broker::rabbitmq::RabbitMq;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use rdkafka::Message;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};

const SOON: Duration = Duration::from_secs(20);

async fn produce(kafka: &Kafka, key: &str) -> Result<()> {
    let producer: FutureProducer = kafka.client().create()?;
    let record = FutureRecord::to("t").key(key).payload("x");
    producer.send(record, SOON).await.map_err(|(error, _)| error)?;
    Ok(())
}

async fn keys(kafka: &Kafka, count: usize) -> Result<Vec<String>> {
    let mut config = kafka.client();
    config.set("group.id", "g").set("auto.offset.reset", "earliest");
    let consumer: StreamConsumer = config.create()?;
    consumer.subscribe(&["t"])?;
    let mut keys = Vec::new();
    while keys.len() < count {
        let message = match tokio::time::timeout(SOON, consumer.recv()).await? {
            // That one of the nodes is gone is said and no failure: the client goes on with the others.
            Err(KafkaError::MessageConsumption(RDKafkaErrorCode::BrokerTransportFailure)) => {
                continue;
            }
            message => message?,
        };
        keys.push(String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned());
    }
    Ok(keys)
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_keeps_records_over_a_kill() -> Result<()> {
    let mut kafka = Kafka::start().await?;
    kafka.create_topic("t", 1, &[]).await?;
    produce(&kafka, "before").await?;
    kafka.nodes[0].child().kill()?;
    kafka.nodes[0].begin()?;
    kafka.up().await?;
    kafka.nodes[0].child().pause()?;
    kafka.nodes[0].child().resume()?;
    produce(&kafka, "after").await?;
    assert_eq!(keys(&kafka, 2).await?, ["before", "after"]);
    kafka.nodes[0].child().stop(SOON).await
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_of_three_nodes_goes_on_without_one() -> Result<()> {
    let mut kafka = Kafka::with(kafka::Options { nodes: 3, ..Default::default() }).await?;
    kafka.create_topic("t", 1, &[("min.insync.replicas", "2")]).await?;
    produce(&kafka, "all").await?;
    kafka.nodes[0].child().kill()?;
    produce(&kafka, "two").await?;
    assert_eq!(keys(&kafka, 2).await?, ["all", "two"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_keeps_messages_over_a_kill_alone_and_in_a_cluster() -> Result<()> {
    for servers in [1, 3] {
        let mut nats = Nats::with(nats::Options { servers, ..Default::default() }).await?;
        let client = async_nats::connect(nats.servers[0].proxy.address.to_string()).await?;
        let context = jetstream::new(client);
        let config = jetstream::stream::Config {
            name: "S".to_owned(),
            subjects: vec!["s.>".to_owned()],
            num_replicas: servers,
            ..Default::default()
        };
        // Until the servers have agreed on a leader, nobody answers.
        let started = Instant::now();
        while let Err(error) = context.create_stream(config.clone()).await {
            ensure!(started.elapsed() < SOON, "{error}");
        }
        context.publish("s.a", "1".into()).await?.await?;
        nats.servers[0].child().kill()?;
        nats.servers[0].begin()?;
        nats.up().await?;
        let started = Instant::now();
        let context = jetstream::new(nats.client().await?);
        // The stream has no leader for a moment, and then nobody answers.
        let ack = loop {
            match context.publish("s.a", "2".into()).await?.await {
                Err(error) if error.kind() == PublishErrorKind::StreamNotFound => {
                    ensure!(started.elapsed() < SOON, "{error}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                answer => break answer?,
            }
        };
        assert_eq!(ack.sequence, 2);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_keeps_messages_over_a_kill() -> Result<()> {
    let mut rabbitmq = RabbitMq::start().await?;
    let open = async |uri: String| -> Result<(Connection, lapin::Channel)> {
        let connection = Connection::connect(&uri, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        Ok((connection, channel))
    };
    let (_connection, channel) = open(rabbitmq.uri()).await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare("q".into(), durable, FieldTable::default()).await?;
    let persistent = BasicProperties::default().with_delivery_mode(2);
    let confirmed = channel
        .basic_publish("".into(), "q".into(), BasicPublishOptions::default(), b"x", persistent)
        .await?
        .await?;
    assert!(confirmed.is_ack());
    rabbitmq.write_down().await?;
    rabbitmq.child().kill()?;
    rabbitmq.begin()?;
    rabbitmq.up().await?;
    let (_connection, channel) = open(rabbitmq.uri()).await?;
    let got = channel.basic_get("q".into(), BasicGetOptions { no_ack: true }).await?;
    assert_eq!(got.context("nothing is there")?.data, b"x");
    assert!(rabbitmq.ctl(&["list_queues", "--quiet", "name"]).await?.contains('q'));
    Ok(())
}
