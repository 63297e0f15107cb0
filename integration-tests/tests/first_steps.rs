//! A new user's way between two brokers: `init`, `check --connect`, what it says is missing, `run`.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::jetstream;
use futures_util::StreamExt;
use hybridge_integration_tests::broker::kafka::Kafka;
use hybridge_integration_tests::broker::nats::Nats;
use hybridge_integration_tests::broker::rabbitmq::RabbitMq;
use hybridge_integration_tests::guard::Guard;
use hybridge_integration_tests::sys::{self, Signal};
use hybridge_integration_tests::wait::{SOON, until};
use hybridge_integration_tests::{binary, ports};
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use rdkafka::Message;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};

const BODY: &[u8] = b"\x00 any bytes \xff";

/// The commands as this user types them, in a folder of their own.
struct User {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl User {
    fn new(variables: Vec<(&'static str, String)>) -> Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, variables })
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary::hybridge()?);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("ADMIN_LISTEN", ports::free()?.to_string())
            .stdin(Stdio::null());
        Ok(command)
    }

    fn types(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments)?.output()?)
    }

    /// What `check --connect` prints, and whether it finds that all is there.
    fn checks(&self) -> Result<(bool, String)> {
        let output = self.types(&["check", "--connect"])?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.code().is_some_and(|code| code <= 1), "{output:?}");
        Ok((output.status.success(), said))
    }

    /// Checks that everything is there, and runs the routes until `arrived`.
    async fn runs(&self, arrived: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
        let (ok, said) = self.checks()?;
        ensure!(ok, "{said}");
        let log = std::fs::File::create(self.folder.path().join("run.log"))?;
        let mut command = self.command(&["run"])?;
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut daemon = command.stdout(log.try_clone()?).stderr(log).spawn()?;
        let _guard = Guard::of(daemon.id())?;
        let waited = until("it arrives", arrived).await;
        sys::signal(daemon.id(), Signal::Terminate)?;
        let ended = daemon.wait()?;
        let log = std::fs::read_to_string(self.folder.path().join("run.log"))?;
        waited.with_context(|| log.clone())?;
        ensure!(ended.success(), "{ended}\n{log}");
        Ok(())
    }
}

fn wrote(folder: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(folder.join("hybridge.yaml"))?)
}

async fn queue(channel: &Channel, name: &str) -> Result<()> {
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(name.into(), durable, FieldTable::default()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn from_kafka_to_nats() -> Result<()> {
    let (kafka, nats) = (Kafka::start().await?, Nats::start().await?);
    let user =
        User::new(vec![("KAFKA_BROKERS", kafka.bootstrap()), ("NATS_URL", nats.urls().join(","))])?;
    ensure!(user.types(&["init", "--from", "kafka", "--to", "nats"])?.status.success());
    let file = wrote(user.folder.path())?;

    let (ok, said) = user.checks()?;
    ensure!(
        !ok && said.contains("events: source (kafka): FAILED: there is no topic `events`")
            && said.contains("kafka-topics.sh --create"),
        "{said}"
    );
    ensure!(said.contains("events: target to (nats): FAILED: "), "{said}");
    ensure!(
        said.contains("there is no stream `out`") && said.contains("nats stream add"),
        "{said}"
    );

    kafka.create_topic("events", 2, &[]).await?;
    let context = jetstream::new(nats.client().await?);
    let config = jetstream::stream::Config {
        name: "out".to_owned(),
        subjects: vec!["out.>".to_owned()],
        ..Default::default()
    };
    let mut stream = context.create_stream(config).await?;
    let producer: FutureProducer = kafka.client().create()?;
    let record = FutureRecord::to("events").key("k").payload(BODY);
    producer.send(record, SOON).await.map_err(|(error, _)| error)?;
    user.runs(async || Ok(stream.info().await?.state.messages == 1)).await?;
    let message = stream.get_raw_message(1).await?;
    assert_eq!((&*message.payload, message.subject.as_str()), (BODY, "out.events"));
    assert_eq!(wrote(user.folder.path())?, file, "the file is as it was written");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nats_to_rabbitmq_and_on_to_kafka() -> Result<()> {
    let (nats, rabbitmq, kafka) =
        (Nats::start().await?, RabbitMq::start().await?, Kafka::start().await?);
    let variables = vec![
        ("NATS_URL", nats.urls().join(",")),
        ("AMQP_URL", rabbitmq.uri()),
        ("KAFKA_BROKERS", kafka.bootstrap()),
    ];
    let user = User::new(variables.clone())?;
    ensure!(user.types(&["init", "--from", "nats", "--to", "amqp"])?.status.success());
    let (ok, said) = user.checks()?;
    ensure!(!ok && said.contains("source (nats): FAILED: there is no stream `events`"), "{said}");
    ensure!(
        said.contains("target to (amqp): FAILED: the queue `events.out` is not there"),
        "{said}"
    );

    let context = jetstream::new(nats.client().await?);
    let config = jetstream::stream::Config {
        name: "events".to_owned(),
        subjects: vec!["events.>".to_owned()],
        ..Default::default()
    };
    context.create_stream(config).await?;
    context.publish("events.a", BODY.into()).await?.await?;
    let connection = rabbitmq.client().await?;
    let channel = connection.create_channel().await?;
    queue(&channel, "events.out").await?;
    let mut got = None;
    user.runs(async || {
        got = channel.basic_get("events.out".into(), BasicGetOptions { no_ack: true }).await?;
        Ok(got.is_some())
    })
    .await?;
    assert_eq!(got.context("a message")?.data, BODY);

    let user = User::new(variables)?;
    ensure!(user.types(&["init", "--from", "amqp", "--to", "kafka"])?.status.success());
    queue(&channel, "events").await?;
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    channel.basic_publish("".into(), "events".into(), options, BODY, properties).await?;
    let consumer: StreamConsumer = kafka
        .client()
        .set("group.id", "user")
        .set("auto.offset.reset", "earliest")
        .set("topic.metadata.refresh.interval.ms", "500")
        .create()?;
    consumer.subscribe(&["events.out"])?;
    let mut records = consumer.stream();
    let mut arrived = None;
    user.runs(async || {
        let next = tokio::time::timeout(Duration::from_millis(500), records.next()).await;
        if let Ok(Some(Ok(record))) = next {
            arrived = record.payload().map(<[u8]>::to_vec);
        }
        Ok(arrived.is_some())
    })
    .await?;
    assert_eq!(arrived.as_deref(), Some(BODY));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_at_a_broker_is_said_with_what_to_do() -> Result<()> {
    let rabbitmq = RabbitMq::start().await?;
    let wrong = rabbitmq.uri().replace("guest:guest", "guest:wrong");
    let user = User::new(vec![("AMQP_URL", wrong), ("KAFKA_BROKERS", ports::free()?.to_string())])?;
    ensure!(user.types(&["init", "--from", "amqp", "--to", "kafka"])?.status.success());
    let (ok, said) = user.checks()?;
    ensure!(!ok && said.contains("source (amqp): FAILED: cannot connect to amqp://"), "{said}");
    ensure!(said.contains("ACCESS_REFUSED") && !said.contains("wrong"), "{said}");
    ensure!(said.contains("target to (kafka): FAILED: cannot reach the cluster"), "{said}");
    Ok(())
}
