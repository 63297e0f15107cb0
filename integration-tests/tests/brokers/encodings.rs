//! Events in every encoding: what clients read that know nothing of hybridge, and what sources make of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::jetstream;
use hybridge_core::{Message, Value};
use hybridge_integration_tests::broker::kafka::Kafka;
use hybridge_integration_tests::broker::nats::Nats;
use hybridge_integration_tests::broker::rabbitmq::RabbitMq;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::parts::Parts;
use hybridge_integration_tests::target::Target;
use hybridge_integration_tests::wait::{SOON, until};
use hybridge_schemas::cloudevents::{Mode, attribute, avro, json, protobuf};
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use rdkafka::Message as _;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Headers as _;

const DATA: &[u8] = br#"{"n":1.50}"#;

fn event() -> Message {
    let mut event =
        Message { key: Some("k".into()), payload: Some(DATA.into()), ..Message::default() };
    for (name, text) in [
        ("specversion", "1.0"),
        ("id", "ü 1"),
        ("source", "/shop"),
        ("type", "order.placed"),
        ("time", "2026-05-01T10:00:00.5+02:00"),
        ("datacontenttype", "application/json"),
    ] {
        event.attributes.set(attribute::name(name), attribute::typed(name, text.into()));
    }
    event.attributes.set("attempt".into(), Value::Integer(3));
    event
}

/// The same attributes and data; times may lose their offset in Protobuf.
fn same(found: &Message) -> Result<()> {
    let event = event();
    ensure!(found.payload == event.payload, "data {:?}", found.payload);
    ensure!(found.attributes.len() == event.attributes.len(), "{:?}", found.attributes);
    for (name, value) in event.attributes.iter().filter(|(name, _)| *name != "time") {
        let found = found.attributes.get(&name);
        ensure!(found.as_ref() == Some(&value), "{name}: {found:?}");
    }
    Ok(())
}

async fn send(parts: &Parts, sink: &str) -> Result<()> {
    let sink = parts.sink(sink, "none")?;
    for result in sink.send(&[event()]).await {
        result?;
    }
    sink.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_records_in_every_encoding() -> Result<()> {
    let kafka = Kafka::start().await?;
    kafka.create_topic("t", 1, &[]).await?;
    let parts = Parts::new(format!("{{ kafka: {{ brokers: [\"{}\"] }} }}", kafka.bootstrap()))?;
    let mut config = kafka.client();
    config.set("group.id", "g").set("auto.offset.reset", "earliest");
    let consumer: StreamConsumer = config.create()?;
    consumer.subscribe(&["t"])?;
    for (settings, content_type) in [
        ("", "application/json"),
        ("encoding: structured", "application/cloudevents+json"),
        ("encoding: structured, event_format: avro", "application/cloudevents+avro"),
        ("encoding: raw", "application/json"),
    ] {
        send(&parts, &format!("{{ kafka: {{ connection: here, topic: t, {settings} }} }}")).await?;
        let record = tokio::time::timeout(SOON, consumer.recv()).await??;
        let headers = record.headers().context("no headers")?;
        let header = |name: &str| {
            let found = headers.iter().find(|header| header.key == name)?;
            found.value.map(|value| String::from_utf8_lossy(value).into_owned())
        };
        assert_eq!(header("content-type").as_deref(), Some(content_type));
        assert_eq!(record.key(), Some(&b"k"[..]));
        let body = bytes::Bytes::copy_from_slice(record.payload().context("no value")?);
        let is_binary = settings.is_empty();
        assert_eq!(header("ce_id"), is_binary.then(|| "ü 1".to_owned()), "{settings}");
        match content_type {
            "application/cloudevents+json" => same(&json::decode(&body, Mode::Strict)?)?,
            "application/cloudevents+avro" => same(&avro::decode(&body, Mode::Strict)?)?,
            _ => assert_eq!(body, DATA),
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_messages_in_every_encoding() -> Result<()> {
    let nats = Nats::start().await?;
    let context = jetstream::new(nats.client().await?);
    let config = jetstream::stream::Config {
        name: "S".to_owned(),
        subjects: vec!["s".to_owned()],
        duplicate_window: Duration::from_millis(100),
        ..Default::default()
    };
    let stream = context.create_stream(config).await?;
    let parts = Parts::new(format!("{{ nats: {{ servers: {:?} }} }}", nats.urls()))?;
    for (number, (settings, content_type)) in [
        ("", None),
        (", encoding: structured", Some("application/cloudevents+json")),
        (
            ", encoding: structured, event_format: protobuf",
            Some("application/cloudevents+protobuf"),
        ),
        (", encoding: raw", Some("application/json")),
    ]
    .into_iter()
    .enumerate()
    {
        // The identity of the message is the same each time.
        tokio::time::sleep(Duration::from_millis(300)).await;
        send(
            &parts,
            &format!("{{ nats: {{ connection: here, stream: S, subject: s{settings} }} }}"),
        )
        .await?;
        let stored = stream.get_raw_message(number as u64 + 1).await?;
        let header = |name: &str| stored.headers.get(name).map(ToString::to_string);
        assert_eq!(header("content-type").as_deref(), content_type, "{settings}");
        let is_binary = settings.is_empty();
        assert_eq!(header("ce-id"), is_binary.then(|| "%C3%BC%201".to_owned()));
        let data_type = is_binary.then(|| "application/json".to_owned());
        assert_eq!(header("ce-datacontenttype"), data_type);
        match content_type {
            Some("application/cloudevents+json") => {
                same(&json::decode(&stored.payload, Mode::Strict)?)?;
            }
            Some("application/cloudevents+protobuf") => {
                same(&protobuf::decode(&stored.payload, Mode::Strict)?)?;
            }
            _ => assert_eq!(stored.payload, DATA),
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_messages_in_every_encoding() -> Result<()> {
    let rabbitmq = RabbitMq::start().await?;
    let connection = rabbitmq.client().await?;
    let channel = connection.create_channel().await?;
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare("q".into(), durable, FieldTable::default()).await?;
    let parts = Parts::new(format!("{{ amqp: {{ uri: \"{}\" }} }}", rabbitmq.uri()))?;
    for (settings, content_type, prefix) in [
        ("", "application/json", Some("ce-")),
        (", attribute_prefix: cloudEvents_", "application/json", Some("cloudEvents_")),
        (", encoding: structured", "application/cloudevents+json", None),
        (", encoding: raw", "application/json", None),
    ] {
        send(&parts, &format!("{{ amqp: {{ connection: here, routing_key: q{settings} }} }}"))
            .await?;
        let got = channel.basic_get("q".into(), BasicGetOptions { no_ack: true }).await?;
        let delivery = got.context("nothing is there")?.delivery;
        let found = delivery.properties.content_type().as_ref().map(ToString::to_string);
        assert_eq!(found.as_deref(), Some(content_type), "{settings}");
        let headers = delivery.properties.headers().clone().unwrap_or_default();
        let value = |name: &str| headers.inner().get(name).cloned();
        let names: Vec<String> = headers.inner().keys().map(ToString::to_string).collect();
        let of_events =
            names.iter().filter(|name| name.starts_with("ce-") || name.starts_with("cloudEvents"));
        let Some(prefix) = prefix else {
            assert_eq!(of_events.count(), 0, "{names:?}");
            match content_type {
                "application/cloudevents+json" => {
                    same(&json::decode(&delivery.data.into(), Mode::Strict)?)?
                }
                _ => assert_eq!(delivery.data, DATA),
            }
            continue;
        };
        assert_eq!(of_events.count(), 6, "{names:?}");
        assert_eq!(value(&format!("{prefix}id")), Some(AMQPValue::LongString("ü 1".into())));
        assert_eq!(value(&format!("{prefix}attempt")), Some(AMQPValue::LongInt(3)));
        assert_eq!(delivery.data, DATA);
    }
    Ok(())
}

/// Over Kafka as JSON, over JetStream as Avro, over RabbitMQ as Protobuf; each source's events are events again.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_goes_through_three_brokers_in_three_formats() -> Result<()> {
    let (kafka, nats, rabbitmq) =
        tokio::try_join!(Kafka::start(), Nats::start(), RabbitMq::start())?;
    kafka.create_topic("t", 1, &[]).await?;
    let context = jetstream::new(nats.client().await?);
    let config = jetstream::stream::Config {
        name: "S".to_owned(),
        subjects: vec!["s".to_owned()],
        ..Default::default()
    };
    context.create_stream(config).await?;
    let channel = rabbitmq.client().await?.create_channel().await?;
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare("q".into(), durable, FieldTable::default()).await?;
    let target = Target::accepting().await?;
    let inbox = hybridge_integration_tests::ports::free()?;
    let routes = format!(
        r#"
connections:
  kafka: {{ kafka: {{ brokers: ["{}"] }} }}
  nats: {{ nats: {{ servers: {:?} }} }}
  rabbit: {{ amqp: {{ uri: "{}" }} }}
routes:
  one:
    from: {{ http: {{ listen: "{inbox}" }} }}
    to: {{ kafka: {{ connection: kafka, topic: t, encoding: structured }} }}
  two:
    from: {{ kafka: {{ connection: kafka, topics: [t] }} }}
    transform: [{{ cloudevents: {{ strict: true }} }}]
    to: {{ nats: {{ connection: nats, stream: S, subject: s, encoding: structured, event_format: avro }} }}
  three:
    from: {{ nats: {{ connection: nats, stream: S }} }}
    ordering: none
    transform: [{{ cloudevents: {{ strict: true }} }}]
    to: {{ amqp: {{ connection: rabbit, routing_key: q, encoding: structured, event_format: protobuf }} }}
  four:
    from: {{ amqp: {{ connection: rabbit, queue: q }} }}
    transform: [{{ cloudevents: {{ strict: true }} }}]
    to: {{ http: {{ url: "http://{}/" }} }}
"#,
        kafka.bootstrap(),
        nats.urls(),
        rabbitmq.uri(),
        target.address
    );
    let folder = tempfile::tempdir()?;
    let mut daemon = Daemon::new(folder.path(), &routes)?;
    daemon.start_ready().await?;
    let body = json::encode(&event())?;
    let posted = reqwest::Client::new()
        .post(format!("http://{inbox}/"))
        .header("content-type", "application/cloudevents+json")
        .body(body)
        .send()
        .await?;
    assert_eq!(posted.status(), 204);
    until("the event", async || Ok(target.count() > 0)).await?;
    let received = target.received();
    let received = received.first().context("nothing arrived")?;
    assert_eq!(received.body, DATA);
    for (name, value) in [
        ("ce-id", "%C3%BC%201"),
        ("ce-source", "/shop"),
        ("ce-type", "order.placed"),
        ("ce-time", "2026-05-01T08:00:00.500Z"),
        ("ce-attempt", "3"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(received.head.get(name), Some(value), "{name}");
    }
    daemon.terminate(SOON).await?;
    Ok(())
}
