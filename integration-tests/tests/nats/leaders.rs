//! Streams whose leader changes in the middle of a batch.

use anyhow::{Result, ensure};
use async_nats::jetstream::stream;
use hybridge_integration_tests::broker::nats::{Nats, Options};
use hybridge_integration_tests::wait::{SOON, until};
use serde_json::Value;

use super::bridge::in_order;
use super::{Fixture, numbers};

const KEYS: usize = 50;
const ROUTE: &str = "
  r:
    from: { nats: { connection: nats, stream: IN, lease: { create: true, replicas: 3, ttl: 2s } } }
    to: { nats: { connection: nats, stream: OUT, subject: \"out.{{ key }}\" } }
";

/// The streams that are read and written get other leaders again and again, and one server is killed: everything arrives
/// once, and each key keeps its order.
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_goes_in_mid_batch_costs_no_order() -> Result<()> {
    let mut fixture =
        Fixture::of(Nats::with(Options { servers: 3, ..Default::default() }).await?).await?;
    for name in ["IN", "OUT"] {
        let subjects = vec![format!("{}.>", name.to_lowercase())];
        let config = stream::Config {
            name: name.to_owned(),
            subjects,
            num_replicas: 3,
            ..Default::default()
        };
        fixture.context.create_stream(config).await?;
    }
    fixture.publish("IN", 0..20_000, KEYS).await?;
    let mut daemon = fixture.daemon(ROUTE)?;
    daemon.start_ready().await?;
    for round in 1..=4 {
        until("some", async || Ok(fixture.count("OUT").await.unwrap_or(0) >= round * 2_000))
            .await?;
        for name in ["OUT", "IN"] {
            // A stream that is still without a leader answers that it is not available.
            let steps_down = async || {
                let step_down = format!("STREAM.LEADER.STEPDOWN.{name}");
                let answer: Value = fixture.context.request(step_down, &()).await?;
                let is_between = answer["error"]["code"] == 503;
                ensure!(is_between || answer["success"] == true, "{answer}");
                Ok(!is_between)
            };
            until("a leader that steps down", steps_down).await?;
        }
    }
    fixture.nats.servers[2].child().kill()?;
    fixture.nats.servers[2].begin()?;
    until("all", async || Ok(fixture.count("OUT").await.unwrap_or(0) >= 20_000)).await?;
    let all = fixture.all("OUT").await?;
    assert_eq!(numbers(&all), (0..20_000).collect::<Vec<_>>());
    in_order(&all, KEYS);
    let route = daemon.admin()?.route("r").await?;
    assert_eq!(route.ledger_difference, 0);
    daemon.terminate(SOON).await?;
    Ok(())
}
