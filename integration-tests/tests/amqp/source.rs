//! What a source owes the broker.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use hybridge_integration_tests::broker::rabbitmq::{Options, RabbitMq};
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::proxy::Weather;
use hybridge_integration_tests::target::{Mode, Received, Target};
use lapin::BasicProperties;
use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::rabbit::{self, Client};
use hybridge_integration_tests::wait::{SOON, until};

/// A daemon with one route from a queue to a target over HTTP.
fn to_target(
    folder: &tempfile::TempDir,
    uri: &str,
    source: &str,
    target: &Target,
    more: &str,
) -> Result<Daemon> {
    let config = format!(
        r#"
connections: {{ rabbit: {{ amqp: {{ uri: "{uri}" }} }} }}
routes:
  in:
    from: {{ amqp: {{ connection: rabbit, {source} }} }}
    to: {{ http: {{ url: "http://{}/", timeout: 120s }} }}
    retry: {{ initial: 20ms, max: 200ms }}
{more}"#,
        target.address
    );
    Daemon::new(folder.path(), &config)
}

async fn publish(client: &Client, queue: &str, keys: u32, each: u32) -> Result<()> {
    let all = (0..each).flat_map(|seq| {
        (0..keys)
            .map(move |key| (queue.to_owned(), BasicProperties::default(), rabbit::body(key, seq)))
    });
    client.publish("", all).await
}

fn bodies(target: &Target) -> Vec<Vec<u8>> {
    target.received().into_iter().map(|received| received.body.to_vec()).collect()
}

/// The broker ends the channel of who does not acknowledge in time: a new epoch goes on, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn f039_a_delivery_that_takes_too_long_is_a_new_epoch() -> Result<()> {
    let config = "consumer_timeout = 3000\n".to_owned();
    let node = RabbitMq::with(Options { config, ..Options::default() }).await?;
    // How often channels look at the clock.
    node.ctl(&["eval", "application:set_env(rabbit, channel_tick_interval, 1000)."]).await?;
    let client = Client::new(&node).await?;
    client.queue("f039", &[]).await?;
    let target = Target::accepting().await?;
    target.set(Mode::Hang);
    let folder = tempfile::tempdir()?;
    let mut daemon = to_target(&folder, &node.uri(), "queue: f039", &target, "")?;
    daemon.start_ready().await?;
    publish(&client, "f039", 4, 5).await?;
    let admin = daemon.admin()?;
    let ended = until("the broker has ended the channel", async || {
        Ok(daemon.log_tail().contains("delivery acknowledgement on channel 1 timed out"))
    })
    .await;
    ended.with_context(|| daemon.log_tail())?;
    target.set(Mode::Accept);
    until("everything was acknowledged", async || {
        let (delivered, ready) =
            (admin.route("in").await?.counts.delivered, client.ready("f039").await?);
        Ok(delivered >= 20 && ready == 0)
    })
    .await?;
    rabbit::check_all_in_order(bodies(&target).iter().map(Vec::as_slice), 4, 5)?;
    assert_eq!(admin.route("in").await?.ledger_difference, 0);
    Ok(())
}

/// Connections are reset between deliveries and their acknowledgements, again and again: no acknowledgement reaches another
/// message, and the broker never has more on its way than the prefetch count allows.
#[tokio::test(flavor = "multi_thread")]
async fn f040_no_acknowledgement_outlives_its_channel() -> Result<()> {
    const KEYS: u32 = 10;
    const EACH: u32 = 150;
    let node = RabbitMq::start().await?;
    let client = Client::new(&node).await?;
    client.queue("f040", &[]).await?;
    publish(&client, "f040", KEYS, EACH).await?;
    let target = Target::start(Duration::from_millis(1), Box::new(|_| None)).await?;
    let folder = tempfile::tempdir()?;
    let mut daemon = to_target(&folder, &node.uri(), "queue: f040, prefetch: 50", &target, "")?;
    daemon.start_ready().await?;
    let admin = daemon.admin()?;
    let delivered = async || anyhow::Ok(admin.route("in").await?.counts.delivered);
    let resetting = async {
        let mut resets = 0;
        while delivered().await? < u64::from(KEYS * EACH) {
            let before = delivered().await?;
            until("it gets on", async || Ok(delivered().await? > before)).await?;
            tokio::time::sleep(Duration::from_millis(fastrand::u64(5..120))).await;
            node.proxy.set(Weather::Reset);
            tokio::time::sleep(Duration::from_millis(5)).await;
            node.proxy.set(Weather::Clear);
            resets += 1;
        }
        anyhow::Ok(resets)
    };
    // Asking takes the broker's tool seconds on a busy machine: the resets do not wait for it.
    let looking = async {
        let mut most = 0;
        while delivered().await? < u64::from(KEYS * EACH) {
            most = most.max(node.given_out("f040").await?);
        }
        anyhow::Ok(most)
    };
    let (resets, most) = tokio::try_join!(resetting, looking)?;
    // What was delivered counts what came twice: only the broker knows whether that is all.
    until("nothing waits and nothing is on its way", async || {
        Ok(client.ready("f040").await? == 0 && node.given_out("f040").await? == 0)
    })
    .await?;
    let repeated =
        rabbit::check_all_in_order(bodies(&target).iter().map(Vec::as_slice), KEYS, EACH)?;
    assert!(resets >= 3, "{resets} resets");
    assert!(repeated < resets * 50 + 50, "{repeated} repeats after {resets} resets");
    assert!(most <= 50, "f041: {most} on their way after a reconnect");
    daemon.terminate(SOON).await?;
    assert_eq!(client.ready("f040").await?, 0);
    Ok(())
}

/// A target that refuses is tried by us: the broker does not deliver the message again and again.
#[tokio::test(flavor = "multi_thread")]
async fn f043_attempts_are_ours_and_not_redeliveries() -> Result<()> {
    let node = rabbit::shared().await?;
    let client = Client::new(&node).await?;
    let quorum = [
        ("x-queue-type", AMQPValue::LongString("quorum".into())),
        ("x-delivery-limit", AMQPValue::LongLongInt(2)),
    ];
    client.queue("f043", &quorum).await?;
    let target = Target::accepting().await?;
    target.set(Mode::Fail(503));
    let folder = tempfile::tempdir()?;
    let source = "queue: f043, single_active_consumer: true";
    let mut daemon = to_target(&folder, &rabbit::uri(&node), source, &target, "")?;
    daemon.start_ready().await?;
    publish(&client, "f043", 1, 3).await?;
    let admin = daemon.admin()?;
    until("it was tried often", async || Ok(target.turned_away() >= 12)).await?;
    assert_eq!(admin.route("in").await?.counts.received, 3, "each came once");
    target.set(Mode::Accept);
    until("all are there", async || Ok(admin.route("in").await?.counts.delivered == 3)).await?;
    let metrics = admin.get("/metrics").await?.1;
    assert!(!metrics.contains("hybridge_amqp_redelivered_total{queue=\"f043\"} 1"), "{metrics}");
    Ok(())
}

/// Rejected messages go to the dead-letter exchange that there is; when it is gone, they stay.
#[tokio::test(flavor = "multi_thread")]
async fn f044_nothing_is_rejected_into_an_exchange_that_is_not_there() -> Result<()> {
    let node = rabbit::shared().await?;
    let client = Client::new(&node).await?;
    let fanout = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let none = FieldTable::default;
    let exchange = || {
        client.channel.exchange_declare(
            "f044.dlx".into(),
            lapin::ExchangeKind::Fanout,
            fanout,
            none(),
        )
    };
    client.queue("f044.dead", &[]).await?;
    client
        .queue("f044", &[("x-dead-letter-exchange", AMQPValue::LongString("f044.dlx".into()))])
        .await?;
    let target = Target::accepting().await?;
    let folder = tempfile::tempdir()?;
    let source = "queue: f044, max_message: 1KiB, dead_letter_exchange: f044.dlx";
    let mut daemon = to_target(&folder, &rabbit::uri(&node), source, &target, "")?;
    daemon.start()?;
    until("it says what is missing", async || {
        Ok(daemon.log_tail().contains("the exchange `f044.dlx` is not there"))
    })
    .await?;
    let large = |count: u32| {
        (0..count).map(|_| ("f044".to_owned(), BasicProperties::default(), vec![b'x'; 2_000]))
    };
    exchange().await?;
    let binding = QueueBindOptions::default();
    client
        .channel
        .queue_bind("f044.dead".into(), "f044.dlx".into(), "".into(), binding, none())
        .await?;
    client.publish("", large(3)).await?;
    until("they are dead letters", async || Ok(client.ready("f044.dead").await? == 3)).await?;
    let options = ExchangeDeleteOptions::default();
    client.channel.exchange_delete("f044.dlx".into(), options).await?;
    client.publish("", large(2)).await?;
    until("it says again what is missing", async || {
        let log = daemon.log_tail();
        Ok(log.matches("the exchange `f044.dlx` is not there").count() > 1
            && client.ready("f044").await? == 2)
    })
    .await?;
    assert_eq!(client.ready("f044.dead").await?, 3);
    Ok(())
}

/// A message brings the daemon down each time that it comes, and those that were given out with it come back too. The queue's
/// delivery limit must strike it alone.
#[tokio::test(flavor = "multi_thread")]
async fn f045_a_crash_loop_takes_no_neighbours_along() -> Result<()> {
    let node = rabbit::shared().await?;
    let client = Client::new(&node).await?;
    client.queue("f045.dead", &[]).await?;
    let quorum = [
        ("x-queue-type", AMQPValue::LongString("quorum".into())),
        ("x-delivery-limit", AMQPValue::LongLongInt(4)),
        ("x-dead-letter-exchange", AMQPValue::LongString("".into())),
        ("x-dead-letter-routing-key", AMQPValue::LongString("f045.dead".into())),
    ];
    client.queue("f045", &quorum).await?;
    publish(&client, "f045", 1, 40).await?;
    let poison = rabbit::body(0, 10);
    let met = Arc::new(AtomicBool::new(false));
    let (fatal, meets) = (poison.clone(), met.clone());
    let refusal = move |received: &Received| {
        let is_fatal = received.body == fatal;
        meets.fetch_or(is_fatal, Ordering::Relaxed);
        is_fatal.then_some(503)
    };
    let target = Target::start(Duration::ZERO, Box::new(refusal)).await?;
    let folder = tempfile::tempdir()?;
    let source = "queue: f045, single_active_consumer: true";
    let mut daemon = to_target(&folder, &rabbit::uri(&node), source, &target, "")?;
    let mut crashes = 0;
    loop {
        met.store(false, Ordering::Relaxed);
        daemon.start()?;
        until("it comes, or is let go", async || {
            Ok(met.load(Ordering::Relaxed) || client.ready("f045.dead").await? > 0)
        })
        .await
        .with_context(|| daemon.log_tail())?;
        if !met.load(Ordering::Relaxed) {
            break;
        }
        daemon.kill()?;
        crashes += 1;
        anyhow::ensure!(crashes < 10, "it comes for ever");
    }
    until("all others arrive", async || Ok(target.count() >= 39)).await?;
    let dead = client.take("f045.dead", 2, Duration::from_secs(2)).await?;
    let dead: Vec<&[u8]> = dead.iter().map(|dead| dead.data.as_slice()).collect();
    assert_eq!(dead, [poison.as_slice()], "after {crashes} crashes");
    let others: HashSet<Vec<u8>> = bodies(&target).into_iter().collect();
    assert_eq!(others.len(), 39);
    Ok(())
}

/// A queue that another consumer has, one that is not there, and one that is deleted: each says what to do, and goes on when
/// that was done.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_cannot_be_consumed_says_why() -> Result<()> {
    let node = rabbit::shared().await?;
    let client = Client::new(&node).await?;
    let target = Target::accepting().await?;
    let folder = tempfile::tempdir()?;
    let mut daemon = to_target(&folder, &rabbit::uri(&node), "queue: absent", &target, "")?;
    daemon.start()?;
    let says = async |text: &str| until(text, async || Ok(daemon.log_tail().contains(text))).await;
    says("the queue `absent` is not there (create it, or write `declare:`)").await?;
    client.queue("absent", &[]).await?;
    let taken = client
        .channel
        .basic_consume("absent".into(), "".into(), Default::default(), FieldTable::default())
        .await?;
    says("another consumer has it").await?;
    client.channel.basic_cancel(taken.tag(), Default::default()).await?;
    publish(&client, "absent", 1, 5).await?;
    until("they arrive", async || Ok(target.count() == 5)).await?;
    client.channel.queue_delete("absent".into(), Default::default()).await?;
    says("cancelled the consumer of the queue `absent`").await?;
    client.queue("absent", &[]).await?;
    publish(&client, "absent", 1, 5).await?;
    until("they arrive", async || Ok(target.count() == 10)).await
}
