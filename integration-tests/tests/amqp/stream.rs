//! Reading a stream, whose position is ours to keep.

use anyhow::Result;
use hybridge_integration_tests::daemon::Daemon;
use lapin::BasicProperties;
use lapin::types::AMQPValue;

use crate::rabbit::{self, Client};
use hybridge_integration_tests::wait::{SOON, until};

const COUNT: u32 = 2_000;

/// Everything of a stream comes once and in order, over a stop; over a kill nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_read_from_where_it_was_left() -> Result<()> {
    let node = rabbit::shared().await?;
    let client = Client::new(&node).await?;
    client.queue("stream", &[("x-queue-type", AMQPValue::LongString("stream".into()))]).await?;
    client.queue("stream.out", &[]).await?;
    let publish = async |from: u32, to: u32| {
        let all = (from..to)
            .map(|seq| ("stream".to_owned(), BasicProperties::default(), rabbit::body(0, seq)));
        client.publish("", all).await
    };
    publish(0, COUNT).await?;
    let folder = tempfile::tempdir()?;
    let config = format!(
        r#"
connections: {{ rabbit: {{ amqp: {{ uri: "{}" }} }} }}
routes:
  in:
    from: {{ amqp: {{ connection: rabbit, queue: stream, prefetch: 100, stream: {{}} }} }}
    to: {{ log: {{ topic: t }} }}
"#,
        rabbit::uri(&node)
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start_ready().await?;
    let records = async |daemon: &Daemon| {
        Ok::<u64, anyhow::Error>(daemon.admin()?.topic("t").await?.records())
    };
    until("all are there", async || Ok(records(&daemon).await? >= u64::from(COUNT))).await?;
    daemon.terminate(SOON).await?;
    publish(COUNT, 2 * COUNT).await?;
    daemon.start_ready().await?;
    until("the rest is there", async || Ok(records(&daemon).await? >= u64::from(2 * COUNT)))
        .await?;
    assert_eq!(records(&daemon).await?, u64::from(2 * COUNT), "a stop repeats nothing");
    publish(2 * COUNT, 3 * COUNT).await?;
    until("some are there", async || Ok(records(&daemon).await? > u64::from(2 * COUNT) + 100))
        .await?;
    daemon.kill()?;
    daemon.start_ready().await?;
    until("all are there", async || Ok(records(&daemon).await? >= u64::from(3 * COUNT))).await?;
    // Out of the log again, to look at the order.
    let more = format!(
        "{config}  out:\n    from: {{ log: {{ topic: t }} }}\n    to: {{ amqp: {{ connection: rabbit, routing_key: stream.out }} }}\n    ordering: none\n"
    );
    daemon.configure(&more)?;
    daemon.terminate(SOON).await?;
    daemon.start_ready().await?;
    let taken = client.take("stream.out", 3 * COUNT as usize, SOON / 3).await?;
    let different: std::collections::HashSet<&[u8]> =
        taken.iter().map(|delivery| delivery.data.as_slice()).collect();
    assert_eq!(different.len(), 3 * COUNT as usize);
    Ok(())
}
