//! Routes of the real daemon from stream to stream.

use anyhow::Result;
use hybridge_integration_tests::wait::{SOON, until};

use super::{Fixture, Stored, numbers};

const UNORDERED: &str = "
  r:
    from: { nats: { connection: nats, stream: IN, ack_wait: 2s } }
    to: { nats: { connection: nats, stream: OUT, subject: \"out.{{ key }}\" } }
    ordering: none
";

#[tokio::test(flavor = "multi_thread")]
async fn everything_arrives_once_though_the_daemon_is_killed() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.stream("IN").await?;
    fixture.stream("OUT").await?;
    fixture.publish("IN", 0..20_000, 100).await?;
    let mut daemon = fixture.daemon(UNORDERED)?;
    for round in 1..4 {
        daemon.start_ready().await?;
        until("some", async || Ok(fixture.count("OUT").await? >= round * 2_000)).await?;
        daemon.kill()?;
    }
    daemon.start_ready().await?;
    fixture.publish("IN", 20_000..20_100, 100).await?;
    until("all", async || Ok(fixture.count("OUT").await? >= 20_100)).await?;
    let all = fixture.all("OUT").await?;
    assert_eq!(numbers(&all), (0..20_100).collect::<Vec<_>>());
    assert!(all.iter().all(|one| one.subject == format!("out.in.{}", one.number() % 100)));
    assert!(all.iter().all(|one| one.headers.get("Nats-Msg-Id").is_some()));
    daemon.terminate(SOON).await?;
    Ok(())
}

const ORDERED: &str = "
  r:
    from: { nats: { connection: nats, stream: IN, lease: { create: true, ttl: 1s } } }
    to: { nats: { connection: nats, stream: OUT, subject: \"out.{{ key }}\" } }
";

/// Of each key the first appearances are in the order of the source.
pub(crate) fn in_order(all: &[Stored], keys: usize) {
    let mut last = vec![None; keys];
    for one in all {
        let (number, key) = (one.number(), one.number() % keys);
        assert!(last[key] < Some(number), "{number} after {:?}", last[key]);
        last[key] = Some(number);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_keeps_its_order_though_daemon_and_server_are_killed() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    fixture.stream("IN").await?;
    fixture.stream("OUT").await?;
    fixture.publish("IN", 0..20_000, 100).await?;
    let mut daemon = fixture.daemon(ORDERED)?;
    for round in 1..4 {
        daemon.start_ready().await?;
        until("some", async || Ok(fixture.count("OUT").await? >= round * 2_000)).await?;
        daemon.kill()?;
    }
    daemon.start_ready().await?;
    fixture.nats.servers[0].child().kill()?;
    fixture.nats.servers[0].begin()?;
    fixture.nats.up().await?;
    until("all", async || Ok(fixture.count("OUT").await? >= 20_000)).await?;
    let all = fixture.all("OUT").await?;
    assert_eq!(numbers(&all), (0..20_000).collect::<Vec<_>>());
    in_order(&all, 100);
    let route = daemon.admin()?.route("r").await?;
    assert_eq!(route.ledger_difference, 0);
    daemon.terminate(SOON).await?;
    Ok(())
}
