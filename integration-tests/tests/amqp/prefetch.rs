//! How much a broker sends ahead.

use std::time::Duration;

use anyhow::{Result, ensure};
use hybridge_integration_tests::broker::rabbitmq::RabbitMq;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::proxy::Weather;
use hybridge_integration_tests::target::{Mode, Target};
use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

use hybridge_integration_tests::wait::until;

const PREFETCH: u64 = 10;
const MESSAGES: u64 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn f041_what_is_sent_ahead_is_limited_on_a_new_connection_too() -> Result<()> {
    let rabbitmq = RabbitMq::start().await?;
    let client = rabbitmq.client().await?;
    let channel = client.create_channel().await?;
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare("q".into(), durable, FieldTable::default()).await?;
    for number in 0..MESSAGES {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let body = number.to_string();
        channel.basic_publish("".into(), "q".into(), options, body.as_bytes(), properties).await?;
    }
    let target = Target::accepting().await?;
    target.set(Mode::Fail(503));
    let folder = tempfile::tempdir()?;
    let config = format!(
        "connections: {{ broker: {{ amqp: {{ uri: \"{}\" }} }} }}
routes:
  r:
    from: {{ amqp: {{ connection: broker, queue: q, prefetch: {PREFETCH} }} }}
    to: {{ http: {{ url: \"http://{}/\" }} }}
    retry: {{ initial: 50ms, max: 200ms }}
",
        rabbitmq.uri(),
        target.address
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start_ready().await?;
    until(
        "as much is given out as may be",
        async || Ok(rabbitmq.given_out("q").await? == PREFETCH),
    )
    .await?;
    rabbitmq.proxy.set(Weather::Reset);
    until("the connection is gone", async || Ok(rabbitmq.given_out("q").await? == 0)).await?;
    rabbitmq.proxy.set(Weather::Clear);
    until("it is given out again", async || Ok(rabbitmq.given_out("q").await? > 0)).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let now = rabbitmq.given_out("q").await?;
    ensure!(now == PREFETCH, "{now} are given out");
    target.set(Mode::Accept);
    until("everything has arrived", async || Ok(target.count() >= MESSAGES)).await
}
