//! Several members of one group: they come, go, hang and are killed.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hybridge_integration_tests::broker::kafka::Kafka;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::sys::Signal;
use hybridge_integration_tests::wait::until;

use super::{
    cluster, committed, consume, consume_all, copier, numbered, produce, whole_and_in_order,
};

const LONG: Duration = Duration::from_secs(90);
/// So short that a member which hangs is missed within the test.
const QUICK: &str = ", session_timeout: 6s";

/// Waits until the group stands behind everything.
async fn all_committed(kafka: &Kafka, partitions: i32, count: usize) -> Result<()> {
    let started = Instant::now();
    loop {
        let positions = committed(kafka, "copy", "in", partitions)?;
        if positions.iter().flatten().sum::<i64>() == count as i64 {
            return Ok(());
        }
        ensure!(started.elapsed() < LONG, "{positions:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Members that leave in good order have sent, confirmed and committed what they began: nothing comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn f002_f004_members_come_and_go_and_nothing_comes_twice() -> Result<()> {
    let kafka = cluster(6).await?;
    let folder = tempfile::tempdir()?;
    let mut members = Vec::new();
    for number in 0..3 {
        members.push(copier(&kafka, &folder.path().join(number.to_string()), QUICK, "")?);
    }
    members[0].start_ready().await?;
    let records = numbered(60_000);
    let (early, late) = records.split_at(20_000);
    produce(&kafka, "in", early)?;
    for (round, part) in late.chunks(5_000).enumerate() {
        let member = &mut members[1 + round % 2];
        if round % 4 < 2 {
            member.start()?;
        } else {
            member.terminate(LONG).await?;
        }
        produce(&kafka, "in", part)?;
    }
    let arrived = consume(&kafka, "out", records.len(), LONG)?;
    let logs: Vec<String> = members.iter().map(Daemon::log).collect();
    ensure!(arrived.len() == records.len(), "some came twice:\n{}", logs.join("\n---\n"));
    whole_and_in_order(&arrived, records.len())?;
    all_committed(&kafka, 6, records.len()).await
}

/// A rebalance storm with kills and a member that hangs for longer than its session: what it comes back with is void.
#[tokio::test(flavor = "multi_thread")]
async fn f003_f015_a_member_that_hung_commits_nothing() -> Result<()> {
    let kafka = cluster(6).await?;
    let folder = tempfile::tempdir()?;
    let mut members: Vec<Daemon> = Vec::new();
    for number in 0..3 {
        let mut member = copier(&kafka, &folder.path().join(number.to_string()), QUICK, "")?;
        member.start()?;
        members.push(member);
    }
    members[0].ready(LONG).await?;
    let records = numbered(40_000);
    for (round, part) in records.chunks(10_000).enumerate() {
        produce(&kafka, "in", part)?;
        match round {
            0 => members[1].signal(Signal::Stop)?,
            1 => {
                members[2].kill()?;
                tokio::time::sleep(Duration::from_secs(8)).await;
            }
            2 => {
                members[2].start()?;
                members[1].signal(Signal::Continue)?;
            }
            _ => {}
        }
    }
    let arrived = consume_all(&kafka, "out", records.len(), LONG)?;
    whole_and_in_order(&arrived, records.len())?;
    all_committed(&kafka, 6, records.len()).await
}

/// The group protocol that the cluster drives (KIP-848).
#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_may_share_out_the_partitions() -> Result<()> {
    let kafka = cluster(4).await?;
    let folder = tempfile::tempdir()?;
    let protocol = ", group_protocol: consumer";
    let mut first = copier(&kafka, &folder.path().join("0"), protocol, "")?;
    let mut second = copier(&kafka, &folder.path().join("1"), protocol, "")?;
    first.start_ready().await?;
    let records = numbered(20_000);
    produce(&kafka, "in", &records[..10_000])?;
    second.start_ready().await?;
    produce(&kafka, "in", &records[10_000..])?;
    let arrived = consume(&kafka, "out", records.len(), LONG)?;
    whole_and_in_order(&arrived, records.len())?;
    first.terminate(LONG).await?;
    second.terminate(LONG).await?;
    assert_eq!(arrived.len(), records.len());
    let positions = committed(&kafka, "copy", "in", 4)?;
    assert_eq!(positions.iter().flatten().sum::<i64>(), records.len() as i64);
    Ok(())
}

/// A static member that is killed and comes back within its session gets its partitions without a rebalance.
#[tokio::test(flavor = "multi_thread")]
async fn a_static_member_comes_back_to_its_partitions() -> Result<()> {
    let kafka = cluster(4).await?;
    let folder = tempfile::tempdir()?;
    let mut members = Vec::new();
    for number in 0..2 {
        let named = format!(", instance_id: member-{number}, session_timeout: 30s");
        members.push(copier(&kafka, &folder.path().join(number.to_string()), &named, "")?);
    }
    members[0].start_ready().await?;
    members[1].start_ready().await?;
    let records = numbered(4_000);
    produce(&kafka, "in", &records[..2_000])?;
    consume(&kafka, "out", 2_000, LONG)?;
    for member in &members {
        has_partitions(member, 2.0).await?;
    }
    let before = rebalances(&members[0]).await?;
    members[1].kill()?;
    members[1].start_ready().await?;
    produce(&kafka, "in", &records[2_000..])?;
    let arrived = consume_all(&kafka, "out", records.len(), LONG)?;
    whole_and_in_order(&arrived, records.len())?;
    assert_eq!(rebalances(&members[0]).await?, before);
    Ok(())
}

/// A process that was killed is back in its partitions as soon as it has started again, and one that is told to stop leaves them
/// to others: neither waits until a session is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_crash_and_a_stop_cost_no_session_time_out() -> Result<()> {
    let kafka = cluster(4).await?;
    let folder = tempfile::tempdir()?;
    let patient = ", session_timeout: 300s";
    let mut first = copier(&kafka, &folder.path().join("0"), patient, "")?;
    first.start_ready().await?;
    let records = numbered(8_000);
    for (round, part) in records[..6_000].chunks(2_000).enumerate() {
        produce(&kafka, "in", part)?;
        all_committed(&kafka, 4, (round + 1) * 2_000).await?;
        first.kill()?;
        first.start_ready().await?;
    }
    has_partitions(&first, 4.0).await?;
    let mut second = copier(&kafka, &folder.path().join("1"), patient, "")?;
    second.start_ready().await?;
    has_partitions(&second, 2.0).await?;
    first.terminate(LONG).await?;
    has_partitions(&second, 4.0).await?;
    produce(&kafka, "in", &records[6_000..])?;
    let arrived = consume_all(&kafka, "out", records.len(), LONG)?;
    whole_and_in_order(&arrived, records.len())
}

/// A member that gets nothing because others have every partition says so, and takes over.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_without_partitions_says_what_it_waits_for() -> Result<()> {
    let kafka = cluster(1).await?;
    let folder = tempfile::tempdir()?;
    let mut first = copier(&kafka, &folder.path().join("0"), "", "")?;
    let mut second = copier(&kafka, &folder.path().join("1"), "", "")?;
    first.start_ready().await?;
    has_partitions(&first, 1.0).await?;
    second.start_ready().await?;
    let group = Some("partitions of the group `copy`".to_owned());
    until("it says so", async || Ok(waits_for(&second).await? == group)).await?;
    until("it has one", async || Ok(waits_for(&first).await?.is_none())).await?;
    first.terminate(LONG).await?;
    until("it has taken over", async || Ok(waits_for(&second).await?.is_none())).await
}

async fn waits_for(member: &Daemon) -> Result<Option<String>> {
    Ok(member.admin()?.route("copy").await?.waits_for)
}

/// Waits until the group has shared out its partitions.
async fn has_partitions(member: &Daemon, count: f64) -> Result<()> {
    let started = Instant::now();
    let assigned = "hybridge_kafka_assigned_partitions";
    while member.admin()?.metrics().await?.sum(assigned, &[]) != count {
        ensure!(started.elapsed() < LONG, "it never has {count} partitions");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

pub(crate) async fn rebalances(member: &Daemon) -> Result<f64> {
    Ok(member.admin()?.metrics().await?.sum("hybridge_kafka_rebalances_total", &[]))
}
