//! The broker goes and comes back.

use std::time::Duration;

use anyhow::{Context, Result};
use hybridge_integration_tests::broker::rabbitmq::RabbitMq;
use hybridge_integration_tests::daemon::Daemon;
use lapin::BasicProperties;

use crate::rabbit::{self, Client};
use hybridge_integration_tests::wait::until;

const ROUNDS: u32 = 2;

/// A broker that is killed again and again is consumed again each time it is back.
#[tokio::test(flavor = "multi_thread")]
async fn consuming_goes_on_after_every_kill_of_the_broker() -> Result<()> {
    let mut node = RabbitMq::start().await?;
    let client = Client::new(&node).await?;
    client.queue("kill.in", &[]).await?;
    node.write_down().await?;
    let folder = tempfile::tempdir()?;
    let config = format!(
        r#"
connections: {{ rabbit: {{ amqp: {{ uri: "{}" }} }} }}
routes:
  in:
    from: {{ amqp: {{ connection: rabbit, queue: kill.in }} }}
    to: {{ log: {{ topic: t }} }}
"#,
        node.uri()
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start_ready().await?;
    for round in 0..ROUNDS {
        let client = Client::new(&node).await?;
        let all = (0..800).map(|seq| {
            ("kill.in".to_owned(), BasicProperties::default(), rabbit::body(round, seq))
        });
        client.publish("", all).await?;
        node.child().kill()?;
        node.begin()?;
        node.up().await?;
        until("the queue is empty", async || Ok(node.held("kill.in").await? == 0))
            .await
            .with_context(|| daemon.log_tail())?;
    }
    let all = u64::from(ROUNDS) * 800;
    until("everything is in the log", async || {
        Ok(daemon.admin()?.topic("t").await?.records() >= all)
    })
    .await
    .with_context(|| daemon.log_tail())
}

/// A memory alarm stops publishing and nothing else: the target is red and says why, the source stays connected, and everything
/// goes on when the alarm is over.
#[tokio::test(flavor = "multi_thread")]
async fn f042_a_memory_alarm_is_waited_for() -> Result<()> {
    let node = RabbitMq::start().await?;
    let client = Client::new(&node).await?;
    client.queue("f042.in", &[]).await?;
    client.queue("f042.out", &[]).await?;
    let all = (0..2_000).map(|seq| {
        ("f042.in".to_owned(), BasicProperties::default(), rabbit::body(seq % 10, seq / 10))
    });
    client.publish("", all).await?;
    node.ctl(&["set_vm_memory_high_watermark", "absolute", "1MiB"]).await?;
    let folder = tempfile::tempdir()?;
    let config = format!(
        r#"
connections: {{ rabbit: {{ amqp: {{ uri: "{}" }} }} }}
routes:
  in:
    from: {{ amqp: {{ connection: rabbit, queue: f042.in }} }}
    to: {{ amqp: {{ connection: rabbit, routing_key: f042.out, timeout: 2s }} }}
    retry: {{ initial: 50ms, max: 500ms }}
"#,
        node.uri()
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start()?;
    let admin = daemon.admin()?;
    until("the target says that it is blocked", async || {
        let routes = admin.routes().await.unwrap_or_default().to_string();
        Ok(routes.contains("has blocked publishing"))
    })
    .await?;
    assert!(admin.routes().await?.to_string().contains("\"health\":\"red\""));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(admin.route("in").await?.counts.delivered, 0);
    assert!(!daemon.log_tail().contains("starts again"), "{}", daemon.log_tail());
    node.ctl(&["set_vm_memory_high_watermark", "0.8"]).await?;
    until("everything was delivered", async || Ok(node.held("f042.in").await? == 0)).await?;
    let taken = client.take("f042.out", 2_000, Duration::from_secs(5)).await?;
    let bodies = taken.iter().map(|delivery| delivery.data.as_slice());
    let repeated = rabbit::check_all_in_order(bodies, 10, 200)?;
    assert!(
        repeated <= 100,
        "{repeated} repeats: only what was on its way when publishing stopped"
    );
    daemon.ready(Duration::from_secs(20)).await
}
