//! Several processes on one queue.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use hybridge_integration_tests::broker::rabbitmq::RabbitMq;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::wait::{SOON, until};
use lapin::BasicProperties;

use crate::rabbit::{self, Client};

const COUNT: u32 = 30_000;
/// So many are unsettled at most when a process is killed.
const PREFETCH: usize = 300;
/// A process that has so many takes its part.
const PART: u64 = 500;

fn member(node: &RabbitMq, folder: &Path) -> Result<Daemon> {
    let config = format!(
        r#"
connections: {{ rabbit: {{ amqp: {{ uri: "{}" }} }} }}
routes:
  r:
    from: {{ amqp: {{ connection: rabbit, queue: shared.in, prefetch: {PREFETCH} }} }}
    to: {{ amqp: {{ connection: rabbit, routing_key: shared.out }} }}
    ordering: none
"#,
        rabbit::uri(node)
    );
    Daemon::new(folder, &config)
}

/// Waits until a process has taken its part beyond what it had.
async fn takes_part(member: &Daemon, had: u64) -> Result<()> {
    let admin = member.admin()?;
    until("it takes part", async || Ok(admin.route("r").await?.counts.delivered >= had + PART))
        .await
}

/// Under load one is killed, one leaves, both come again, and the third leaves: all get work, and nothing is lost. What
/// comes twice was unsettled in the one that was killed.
#[tokio::test(flavor = "multi_thread")]
async fn three_processes_share_a_queue_and_come_and_go() -> Result<()> {
    let node = rabbit::shared().await?;
    let client = Client::new(&node).await?;
    client.queue("shared.in", &[]).await?;
    client.queue("shared.out", &[]).await?;
    let folder = tempfile::tempdir()?;
    let mut members = Vec::new();
    for number in 0..3 {
        let mut member = member(&node, &folder.path().join(number.to_string()))?;
        member.start_ready().await?;
        members.push(member);
    }
    let is_loading = Cell::new(true);
    let load = async {
        for first in (0..COUNT).step_by(500) {
            let some = (first..first + 500).map(|number| {
                let body = number.to_string().into_bytes();
                ("shared.in".to_owned(), BasicProperties::default(), body)
            });
            client.publish("", some).await?;
            // The queue is neither empty for long nor full when the last member comes.
            until("the queue is short", async || Ok(client.ready("shared.in").await? < 2_000))
                .await?;
        }
        is_loading.set(false);
        anyhow::Ok(())
    };
    let changes = async {
        for member in &members {
            takes_part(member, 0).await?;
        }
        members[0].kill()?;
        members[1].terminate(SOON).await?;
        let delivered = members[2].admin()?.route("r").await?.counts.delivered;
        takes_part(&members[2], delivered).await?;
        for member in &mut members[..2] {
            member.start_ready().await?;
        }
        for member in &members[..2] {
            takes_part(member, 0).await?;
        }
        anyhow::ensure!(is_loading.get(), "they did not come and go under load");
        members[2].terminate(SOON).await?;
        Ok(())
    };
    tokio::try_join!(load, changes)?;
    until("the queue is empty", async || Ok(client.ready("shared.in").await? == 0)).await?;
    for member in &mut members[..2] {
        assert_eq!(member.admin()?.route("r").await?.ledger_difference, 0);
        member.terminate(SOON).await?;
    }
    assert_eq!(client.ready("shared.in").await?, 0, "everything was acknowledged");
    let taken = client.take("shared.out", usize::MAX, Duration::from_secs(3)).await?;
    let mut times: HashMap<u32, usize> = HashMap::new();
    for delivery in &taken {
        *times.entry(std::str::from_utf8(&delivery.data)?.parse()?).or_default() += 1;
    }
    let lost: Vec<u32> = (0..COUNT).filter(|number| !times.contains_key(number)).collect();
    assert_eq!(lost, [] as [u32; 0]);
    let repeated = taken.len() - COUNT as usize;
    assert!(repeated <= PREFETCH, "{repeated} came twice");
    Ok(())
}
