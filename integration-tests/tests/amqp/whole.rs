//! Whole routes of the real daemon.

use std::time::Duration;

use anyhow::Result;
use hybridge_integration_tests::daemon::Daemon;
use lapin::BasicProperties;

use crate::rabbit::{self, Client};
use hybridge_integration_tests::wait::SOON;

const KEYS: u32 = 20;
const EACH: u32 = 100;

/// From a queue into the log, and from the log into another queue: everything, in order, and the first queue is empty.
#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_from_a_queue_through_the_log_to_a_queue() -> Result<()> {
    let node = rabbit::shared().await?;
    let client = Client::new(&node).await?;
    client.queue("whole.out", &[]).await?;
    let folder = tempfile::tempdir()?;
    let config = format!(
        r#"
connections: {{ rabbit: {{ amqp: {{ uri: "{}" }} }} }}
routes:
  in:
    from: {{ amqp: {{ connection: rabbit, queue: whole.in, declare: {{ bind: [ {{ exchange: amq.direct, routing_key: k0 }} ] }} }} }}
    to: {{ log: {{ topic: t }} }}
  out:
    from: {{ log: {{ topic: t }} }}
    to: {{ amqp: {{ connection: rabbit, routing_key: whole.out }} }}
"#,
        rabbit::uri(&node)
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start_ready().await?;
    for key in 0..KEYS {
        let options = lapin::options::QueueBindOptions::default();
        let name = format!("k{key}");
        let arguments = lapin::types::FieldTable::default();
        client
            .channel
            .queue_bind(
                "whole.in".into(),
                "amq.direct".into(),
                name.as_str().into(),
                options,
                arguments,
            )
            .await?;
    }
    let all = (0..EACH).flat_map(|seq| {
        (0..KEYS)
            .map(move |key| (format!("k{key}"), BasicProperties::default(), rabbit::body(key, seq)))
    });
    client.publish("amq.direct", all).await?;
    let taken = client.take("whole.out", (KEYS * EACH) as usize, Duration::from_secs(20)).await?;
    let repeated = rabbit::check_all_in_order(
        taken.iter().map(|delivery| delivery.data.as_slice()),
        KEYS,
        EACH,
    )?;
    assert_eq!(repeated, 0);
    let key = |delivery: &lapin::message::Delivery| -> Option<String> {
        let headers = delivery.properties.headers().as_ref()?;
        Some(headers.inner().get("hybridge-key")?.as_long_string()?.to_string())
    };
    assert!(taken.iter().all(|delivery| key(delivery).is_some_and(|key| key.starts_with('k'))));
    let status = daemon.terminate(SOON).await?;
    assert_eq!(status.code(), Some(0), "{}", daemon.log_tail());
    assert_eq!(client.ready("whole.in").await?, 0, "everything was acknowledged");
    Ok(())
}
