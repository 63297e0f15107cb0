//! What can go wrong with a cluster that is written to.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use hybridge_integration_tests::broker::kafka::Kafka;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::proxy::Weather;

use super::{Record, cluster, connection, consume, copier, numbered, produce, whole_and_in_order};

const LONG: Duration = Duration::from_secs(120);

/// A client that has no room makes the route wait; nothing fails, so nothing is written twice.
#[tokio::test(flavor = "multi_thread")]
async fn f016_a_full_client_is_waited_for() -> Result<()> {
    let kafka = cluster(4).await?;
    let records = numbered(10_000);
    produce(&kafka, "in", &records)?;
    let folder = tempfile::tempdir()?;
    let small = ", options: { queue.buffering.max.messages: \"10\" }";
    let mut daemon = copier(&kafka, folder.path(), "", small)?;
    daemon.start_ready().await?;
    let arrived = consume(&kafka, "out", records.len(), LONG)?;
    whole_and_in_order(&arrived, records.len())?;
    assert_eq!(arrived.len(), records.len());
    Ok(())
}

/// A daemon with the route `copy` from `in` to `out`, and its dead letters in `dead`.
fn burying(kafka: &Kafka, folder: &Path) -> Result<Daemon> {
    let config = format!(
        "{}routes:\n  copy:\n    from: {{ kafka: {{ connection: here, topics: [in] }} }}\n    to: {{ kafka: {{ connection: here, topic: out }} }}\n    dead_letter: {{ to: {{ kafka: {{ connection: here, topic: dead }} }} }}\n",
        connection(kafka)
    );
    Daemon::new(folder, &config)
}

/// The topic takes less than the client sends at once: only the records that are too large by themselves are dead letters,
/// and each key keeps its order.
#[tokio::test(flavor = "multi_thread")]
async fn f017_only_the_record_that_is_too_large_is_a_dead_letter() -> Result<()> {
    let kafka = Kafka::start().await?;
    kafka.create_topic("in", 1, &[]).await?;
    kafka.create_topic("dead", 1, &[]).await?;
    kafka.create_topic("out", 1, &[("max.message.bytes", "1000")]).await?;
    let mut records = numbered(300);
    for record in records.iter_mut().step_by(100) {
        record.headers.push(("padding".to_owned(), Some(vec![b'x'; 2_000])));
    }
    produce(&kafka, "in", &records)?;
    let folder = tempfile::tempdir()?;
    let mut daemon = burying(&kafka, folder.path())?;
    daemon.start_ready().await?;
    let dead = consume(&kafka, "dead", 3, LONG)?;
    let mut arrived = consume(&kafka, "out", 297, LONG)?;
    assert_eq!((dead.len(), arrived.len()), (3, 297));
    let reason = |record: &Record| {
        record.headers.iter().any(|(name, value)| {
            let text = String::from_utf8_lossy(value.as_deref().unwrap_or_default());
            name.starts_with("hybridge-dead-letter-") && text.contains("than the topic `out` takes")
        })
    };
    ensure!(dead.iter().all(reason), "{dead:?}");
    arrived.extend(dead);
    whole_and_in_order(&arrived[..297], 297)
}

/// A topic that takes less than it did when the sink asked: again only the record that is too large by itself is a dead letter.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_takes_less_than_before_refuses_only_what_is_too_large() -> Result<()> {
    let kafka = Kafka::start().await?;
    for topic in ["in", "dead", "out"] {
        kafka.create_topic(topic, 1, &[]).await?;
    }
    let mut records = numbered(200);
    records[150].headers.push(("padding".to_owned(), Some(vec![b'x'; 2_000])));
    let folder = tempfile::tempdir()?;
    let mut daemon = burying(&kafka, folder.path())?;
    daemon.start_ready().await?;
    produce(&kafka, "in", &records[..100])?;
    consume(&kafka, "out", 100, LONG)?;
    kafka.alter_topic("out", "max.message.bytes", "1000").await?;
    produce(&kafka, "in", &records[100..])?;
    assert_eq!(consume(&kafka, "dead", 1, LONG)?.len(), 1);
    assert_eq!(consume(&kafka, "out", 199, LONG)?.len(), 199);
    Ok(())
}

/// The broker is killed while batches are under way and comes back: everything is there, in order.
#[tokio::test(flavor = "multi_thread")]
async fn f020_a_killed_broker_loses_nothing() -> Result<()> {
    let mut kafka = cluster(4).await?;
    let records = numbered(40_000);
    produce(&kafka, "in", &records)?;
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(&kafka, folder.path(), "", "")?;
    daemon.start_ready().await?;
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        kafka.nodes[0].child().kill()?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        kafka.nodes[0].begin()?;
        kafka.up().await?;
    }
    let arrived = consume(&kafka, "out", records.len(), LONG)?;
    whole_and_in_order(&arrived, records.len())
}

/// Connections that break off while records are under way: each report is of one record, and order holds.
#[tokio::test(flavor = "multi_thread")]
async fn f021_f024_connections_that_break_off_lose_and_reorder_nothing() -> Result<()> {
    let kafka = cluster(4).await?;
    let records = numbered(40_000);
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(&kafka, folder.path(), "", "")?;
    daemon.start_ready().await?;
    for part in records.chunks(4_000) {
        produce(&kafka, "in", part)?;
        kafka.nodes[0].proxy.set(Weather::Reset);
        tokio::time::sleep(Duration::from_millis(200)).await;
        kafka.nodes[0].proxy.set(Weather::Clear);
    }
    let arrived = consume(&kafka, "out", records.len(), LONG)?;
    whole_and_in_order(&arrived, records.len())
}

/// No confirmation, no acknowledgement: what a cluster that swallows everything has not confirmed is not committed.
#[tokio::test(flavor = "multi_thread")]
async fn f023_nothing_is_settled_before_the_cluster_has_confirmed_it() -> Result<()> {
    let source = cluster(2).await?;
    let sink = cluster(2).await?;
    let folder = tempfile::tempdir()?;
    let there = format!("there: {{ kafka: {{ brokers: [\"{}\"] }} }} }}\n", sink.bootstrap());
    let connections = connection(&source).replacen(" } }\n", &format!(" }}, {there}"), 1);
    let config = format!(
        "{connections}routes:\n  copy:\n    from: {{ kafka: {{ connection: here, topics: [in] }} }}\n    to: {{ kafka: {{ connection: there, topic: out, timeout: 3s }} }}\n"
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start_ready().await?;
    sink.nodes[0].proxy.set(Weather::BlackHole);
    let records = numbered(1_000);
    produce(&source, "in", &records)?;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let moved = super::committed(&source, "copy", "in", 2)?;
    assert_eq!(moved.iter().flatten().sum::<i64>(), 0);
    sink.nodes[0].proxy.set(Weather::Clear);
    let arrived = consume(&sink, "out", records.len(), LONG)?;
    whole_and_in_order(&arrived, records.len())
}

/// A topic that is missing holds the route and says what to do; once it is there the route goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_waited_for_or_made() -> Result<()> {
    let kafka = Kafka::start().await?;
    kafka.create_topic("in", 1, &[]).await?;
    let records = numbered(100);
    produce(&kafka, "in", &records)?;
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(&kafka, folder.path(), "", ", timeout: 3s")?;
    daemon.start()?;
    daemon.live(LONG).await?;
    let started = std::time::Instant::now();
    while !daemon.log().contains("the topic `out` does not exist; create it") {
        ensure!(started.elapsed() < LONG, "{}", daemon.log_tail());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    daemon.terminate(LONG).await?;
    let mut daemon = copier(&kafka, folder.path(), "", ", create_topics: { partitions: 2 }")?;
    daemon.start_ready().await?;
    let arrived = consume(&kafka, "out", records.len(), LONG)?;
    whole_and_in_order(&arrived, records.len())
}
