//! Where a group stands: what moves its position, and what happens when it leads nowhere.

use std::time::Duration;

use anyhow::{Result, ensure};
use hybridge_integration_tests::broker::kafka::Kafka;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::wait::until;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::members::rebalances;
use super::{
    Record, cluster, committed, connection, consume, consume_all, copier, number, numbered,
    produce, whole_and_in_order,
};

const LONG: Duration = Duration::from_secs(60);
const ASK: Duration = Duration::from_secs(10);

/// Killed at any time, the group never stands behind what was not written.
#[tokio::test(flavor = "multi_thread")]
async fn f001_a_kill_loses_nothing() -> Result<()> {
    let kafka = cluster(4).await?;
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(&kafka, folder.path(), ", session_timeout: 6s", "")?;
    let records = numbered(60_000);
    produce(&kafka, "in", &records)?;
    for round in 0..5_u64 {
        daemon.start_ready().await?;
        tokio::time::sleep(Duration::from_millis(300 + 300 * round)).await;
        daemon.kill()?;
    }
    daemon.start()?;
    let arrived = consume_all(&kafka, "out", records.len(), Duration::from_secs(120))?;
    whole_and_in_order(&arrived, records.len())
}

/// A message that no target takes stops its partition; what comes behind it is not committed past it.
#[tokio::test(flavor = "multi_thread")]
async fn f005_f006_the_position_waits_for_a_refused_message() -> Result<()> {
    let kafka = Kafka::start().await?;
    kafka.create_topic("in", 1, &[]).await?;
    kafka.create_topic("out", 1, &[]).await?;
    let mut records = numbered(300);
    records[100].value = Some(vec![b'x'; 4_000]);
    produce(&kafka, "in", &records)?;
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(&kafka, folder.path(), "", ", max_message: 2KiB")?;
    daemon.start()?;
    let before = consume(&kafka, "out", 100, LONG)?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(committed(&kafka, "copy", "in", 1)?, [Some(100)]);
    let same_key = |record: &&Record| record.key == records[100].key;
    ensure!(before.iter().filter(same_key).count() == 2, "its key goes on behind it");
    daemon.terminate(LONG).await?;
    assert_eq!(committed(&kafka, "copy", "in", 1)?, [Some(100)]);
    Ok(())
}

/// What retention has removed before it was read is said, and skipped only where the file says so.
#[tokio::test(flavor = "multi_thread")]
async fn f009_a_lost_position_is_told_and_not_skipped() -> Result<()> {
    let kafka = Kafka::start().await?;
    kafka.create_topic("in", 1, &[]).await?;
    kafka.create_topic("out", 1, &[]).await?;
    let records = numbered(500);
    produce(&kafka, "in", &records[..100])?;
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(&kafka, folder.path(), "", "")?;
    daemon.start_ready().await?;
    consume(&kafka, "out", 100, LONG)?;
    daemon.terminate(LONG).await?;
    produce(&kafka, "in", &records[100..])?;
    remove(&kafka, 400).await?;
    daemon.start()?;
    let said = "the group stands at 100 of in/0, which begins at 400: 300 records were removed";
    daemon.live(LONG).await?;
    until("it says so", async || Ok(daemon.log().contains(said))).await?;
    assert!(!daemon.admin()?.is_ready().await);
    assert_eq!(committed(&kafka, "copy", "in", 1)?, [Some(100)]);
    daemon.terminate(LONG).await?;

    let mut daemon = copier(&kafka, folder.path(), ", on_lost_position: earliest", "")?;
    daemon.start_ready().await?;
    let arrived = consume(&kafka, "out", 200, LONG)?;
    assert_eq!(arrived.len(), 200);
    assert_eq!(number(&arrived[100])?, 400);
    let metrics = daemon.admin()?.metrics().await?;
    assert_eq!(metrics.sum("hybridge_kafka_missed_records_total", &[("topic", "in")]), 300.0);
    Ok(())
}

/// While nothing can be delivered the group is not left, however long that lasts.
#[tokio::test(flavor = "multi_thread")]
async fn f011_waiting_for_a_target_does_not_cost_the_membership() -> Result<()> {
    let kafka = cluster(2).await?;
    produce(&kafka, "in", &numbered(5_000))?;
    let folder = tempfile::tempdir()?;
    let port = hybridge_integration_tests::ports::free()?;
    let config = format!(
        "{}routes:\n  copy:\n    from: {{ kafka: {{ connection: here, topics: [in], session_timeout: 6s, options: {{ max.poll.interval.ms: \"6000\" }} }} }}\n    to: {{ http: {{ url: \"http://{port}/\", encoding: raw }} }}\n",
        connection(&kafka)
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start()?;
    daemon.live(LONG).await?;
    let started = std::time::Instant::now();
    until("there was a rebalance", async || Ok(rebalances(&daemon).await? > 0.0)).await?;
    let before = rebalances(&daemon).await?;
    while started.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(rebalances(&daemon).await?, before);
    let assigned = daemon.admin()?.metrics().await?.sum("hybridge_kafka_assigned_partitions", &[]);
    assert_eq!(assigned, 2.0);
    Ok(())
}

/// Markers of transactions have offsets and are no records; what was aborted is not copied.
#[tokio::test(flavor = "multi_thread")]
async fn f012_f013_transactions_leave_gaps_and_aborted_records_behind() -> Result<()> {
    let kafka = Kafka::start().await?;
    kafka.create_topic("in", 1, &[]).await?;
    kafka.create_topic("out", 1, &[]).await?;
    let producer: BaseProducer = kafka.client().set("transactional.id", "writer").create()?;
    producer.init_transactions(LONG)?;
    for transaction in 0..20 {
        producer.begin_transaction()?;
        for index in 0..10 {
            let value = (transaction * 10 + index).to_string();
            let record: BaseRecord<'_, str, str> = BaseRecord::to("in").key("k").payload(&value);
            producer.send(record).map_err(|(error, _)| error)?;
        }
        match transaction % 2 {
            0 => producer.commit_transaction(LONG)?,
            _ => {
                producer.flush(LONG)?;
                producer.abort_transaction(LONG)?;
            }
        }
    }
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(&kafka, folder.path(), "", "")?;
    daemon.start_ready().await?;
    let arrived = consume(&kafka, "out", 100, LONG)?;
    let expected: Vec<usize> = (0..200).filter(|number| (number / 10) % 2 == 0).collect();
    let numbers: Vec<usize> = arrived.iter().map(number).collect::<Result<_>>()?;
    assert_eq!(numbers, expected);
    daemon.terminate(LONG).await?;
    let positions = committed(&kafka, "copy", "in", 1)?;
    // The last committed record is the tenth of the transaction before the last, with 18 markers before it.
    assert_eq!(positions, [Some(19 * 10 + 18)]);
    Ok(())
}

/// A cap on what is not committed stops the reading of a partition and nothing else, and reading goes on behind it.
#[tokio::test(flavor = "multi_thread")]
async fn f014_a_partition_that_stops_and_goes_on_skips_nothing() -> Result<()> {
    let kafka = cluster(3).await?;
    let records = numbered(20_000);
    produce(&kafka, "in", &records)?;
    let folder = tempfile::tempdir()?;
    let config = format!(
        "{}routes:\n  copy:\n    from: {{ kafka: {{ connection: here, topics: [in] }} }}\n    to: {{ kafka: {{ connection: here, topic: out }} }}\n    limits: {{ uncommitted: 50 }}\n",
        connection(&kafka)
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start_ready().await?;
    let arrived = consume(&kafka, "out", records.len(), LONG)?;
    whole_and_in_order(&arrived, records.len())?;
    assert_eq!(arrived.len(), records.len());
    Ok(())
}

async fn remove(kafka: &Kafka, before: i64) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = kafka.client().create()?;
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("in", 0, Offset::Offset(before))?;
    let options = AdminOptions::new().operation_timeout(Some(ASK));
    admin.delete_records(&offsets, &options).await?;
    Ok(())
}
