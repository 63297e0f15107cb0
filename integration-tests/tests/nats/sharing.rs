//! Several processes on one route.

use std::time::Duration;

use anyhow::Result;
use hybridge_integration_tests::wait::{SOON, until};

use super::{Fixture, numbers};
use crate::bridge::in_order;

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_share_a_durable_and_come_and_go() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.stream("IN").await?;
    fixture.stream("OUT").await?;
    fixture.publish("IN", 0..30_000, 100).await?;
    let routes = "
  r:
    from: { nats: { connection: nats, stream: IN, ack_wait: 2s } }
    to: { nats: { connection: nats, stream: OUT, subject: \"out.{{ key }}\" } }
    ordering: none
";
    let mut daemons = Vec::new();
    for number in 0..3 {
        let mut daemon = fixture.daemon_in(&format!("daemon-{number}"), routes)?;
        daemon.start_ready().await?;
        daemons.push(daemon);
    }
    until("some", async || Ok(fixture.count("OUT").await? >= 2_000)).await?;
    daemons[0].kill()?;
    daemons[1].terminate(SOON).await?;
    until("more", async || Ok(fixture.count("OUT").await? >= 10_000)).await?;
    daemons[1].start_ready().await?;
    daemons[2].terminate(SOON).await?;
    daemons[0].start_ready().await?;
    until("all", async || Ok(fixture.count("OUT").await? >= 30_000)).await?;
    assert_eq!(numbers(&fixture.all("OUT").await?), (0..30_000).collect::<Vec<_>>());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_reads_in_order_and_the_other_takes_over() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.stream("IN").await?;
    fixture.stream("OUT").await?;
    let routes = "
  r:
    from: { nats: { connection: nats, stream: IN, lease: { create: true, ttl: 2s } } }
    to: { nats: { connection: nats, stream: OUT, subject: \"out.{{ key }}\" } }
";
    let mut first = fixture.daemon_in("first", routes)?;
    first.start_ready().await?;
    let mut second = fixture.daemon_in("second", routes)?;
    second.start_ready().await?;
    fixture.publish("IN", 0..5_000, 50).await?;
    until("some", async || Ok(fixture.count("OUT").await? >= 1_000)).await?;
    assert_eq!(second.admin()?.route("r").await?.counts.received, 0);
    first.kill()?;
    until("all", async || Ok(fixture.count("OUT").await? >= 5_000)).await?;
    first.start_ready().await?;
    // A holder that stands still longer than its lease sends nothing for it afterwards.
    fixture.publish("IN", 5_000..10_000, 50).await?;
    let pid = second.pid()?;
    signal(pid, "-STOP").await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    until("the first goes on", async || Ok(fixture.count("OUT").await? >= 10_000)).await?;
    signal(pid, "-CONT").await?;
    fixture.publish("IN", 10_000..11_000, 50).await?;
    until("and on", async || Ok(fixture.count("OUT").await? >= 11_000)).await?;
    // At once, since it is given back.
    first.terminate(SOON).await?;
    fixture.publish("IN", 11_000..12_000, 50).await?;
    until("the second again", async || Ok(fixture.count("OUT").await? >= 12_000)).await?;
    let all = fixture.all("OUT").await?;
    assert_eq!(numbers(&all), (0..12_000).collect::<Vec<_>>());
    in_order(&all, 50);
    Ok(())
}

async fn signal(pid: u32, signal: &str) -> Result<()> {
    tokio::process::Command::new("kill").arg(signal).arg(pid.to_string()).status().await?;
    Ok(())
}
