//! Routes of the real daemon from stream to stream.

use anyhow::Result;

use super::{Fixture, SOON, numbers, until};

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
