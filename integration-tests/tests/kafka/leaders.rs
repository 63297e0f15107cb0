//! Partitions whose leader changes in the middle of a batch.

use std::time::Duration;

use anyhow::Result;
use hybridge_integration_tests::broker::kafka::{Kafka, Options};

use crate::{consume, copier, numbered, produce, whole_and_in_order};

const LONG: Duration = Duration::from_secs(120);
const PARTITIONS: i32 = 6;

/// Each node of three is killed in its turn while records flow, so that every partition that is read or written changes
/// its leader: everything arrives, and each key keeps its order.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_goes_in_mid_batch_costs_no_order() -> Result<()> {
    let mut kafka = Kafka::with(Options { nodes: 3, ..Default::default() }).await?;
    for topic in ["in", "out"] {
        kafka.create_topic(topic, PARTITIONS, &[("min.insync.replicas", "2")]).await?;
    }
    let folder = tempfile::tempdir()?;
    let mut daemon = copier(&kafka, folder.path(), "", "")?;
    daemon.start_ready().await?;
    let records = numbered(30_000);
    for (part, node) in records.chunks(10_000).zip(0..) {
        let (head, rest) = part.split_at(5_000);
        produce(&kafka, "in", head)?;
        kafka.nodes[node].child().kill()?;
        produce(&kafka, "in", rest)?;
        kafka.nodes[node].begin()?;
        kafka.up().await?;
    }
    let arrived = consume(&kafka, "out", records.len(), LONG)?;
    whole_and_in_order(&arrived, records.len())?;
    let route = daemon.admin()?.route("copy").await?;
    assert_eq!(route.ledger_difference, 0);
    daemon.terminate(LONG).await?;
    Ok(())
}
