//! Key-value buckets as source and as sink.

use anyhow::{Context, Result};
use async_nats::jetstream::kv::{Config, Operation};
use hybridge_integration_tests::ports;
use hybridge_integration_tests::wait::{SOON, until};
use hybridge_integration_tests::wire::Connection;

use super::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_follows_another_with_its_deletes() -> Result<()> {
    let fixture = Fixture::start().await?;
    let bucket = async |name: &str| {
        let config = Config { bucket: name.to_owned(), history: 10, ..Default::default() };
        fixture.context.create_key_value(config).await
    };
    let (from, to) = (bucket("from").await?, bucket("to").await?);
    let mut daemon = fixture.daemon(
        "
  r:
    from: { nats: { connection: nats, kv: from, lease: { create: true, ttl: 1s } } }
    to: { nats: { connection: nats, kv: to } }
",
    )?;
    from.put("a.b", "1".into()).await?;
    from.put("c", "x".into()).await?;
    daemon.start_ready().await?;
    from.put("a.b", "2".into()).await?;
    from.delete("c").await?;
    from.put("empty", "".into()).await?;
    until("followed", async || Ok(to.entry("empty").await?.is_some())).await?;
    assert_eq!(to.get("a.b").await?.context("a.b")?, "2");
    assert_eq!(to.get("empty").await?.context("empty")?, "");
    let deleted = to.entry("c").await?.context("c")?;
    assert_eq!(deleted.operation, Operation::Delete);
    daemon.kill()?;
    from.put("a.b", "3".into()).await?;
    daemon.start_ready().await?;
    until("after a kill", async || Ok(to.get("a.b").await?.is_some_and(|value| value == "3")))
        .await?;
    daemon.terminate(SOON).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_asks_for_another_revision_is_refused_alone() -> Result<()> {
    let fixture = Fixture::start().await?;
    let config = Config { bucket: "b".to_owned(), ..Default::default() };
    let bucket = fixture.context.create_key_value(config).await?;
    let listen = ports::free()?;
    let mut daemon = fixture.daemon(&format!(
        "
  r:
    from: {{ http: {{ listen: \"{listen}\", copy_headers: [x-key, x-revision] }} }}
    to: {{ nats: {{ connection: nats, kv: b, key: \"{{{{ headers['x-key'] }}}}\", revision: \"{{{{ headers['x-revision'] }}}}\" }} }}
    dead_letter: {{ to: {{ log: {{ topic: dead }} }} }}
"
    ))?;
    daemon.start_ready().await?;
    let mut connection = Connection::open(listen).await?;
    for (revision, body) in [(0, "one"), (0, "late"), (1, "two")] {
        let headers = format!("x-key: k\r\nx-revision: {revision}\r\n");
        let answer = connection.post("/", &headers, body.as_bytes()).await?;
        assert!((200..300).contains(&answer.status), "{}", answer.status);
    }
    assert_eq!(bucket.get("k").await?.context("k")?, "two");
    assert_eq!(daemon.admin()?.topic("dead").await?.records(), 1);
    Ok(())
}

/// A server ends a connection on which a line is too long: such a message would hold up what is behind it for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_subject_or_key_that_is_too_long_is_refused_alone() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.stream("OUT").await?;
    let config = Config { bucket: "b".to_owned(), ..Default::default() };
    let bucket = fixture.context.create_key_value(config).await?;
    for (number, target) in [
        "stream: OUT, subject: \"out.{{ headers['x-key'] }}\"",
        "kv: b, key: \"{{ headers['x-key'] }}\"",
    ]
    .into_iter()
    .enumerate()
    {
        let listen = ports::free()?;
        let routes = format!(
            "
  r:
    from: {{ http: {{ listen: \"{listen}\", copy_headers: [x-key] }} }}
    to: {{ nats: {{ connection: nats, {target} }} }}
    dead_letter: {{ to: {{ log: {{ topic: dead }} }} }}
"
        );
        let mut daemon = fixture.daemon_in(&format!("daemon-{number}"), &routes)?;
        daemon.start_ready().await?;
        let mut connection = Connection::open(listen).await?;
        for length in [10, 3_990, 4_001, 5_000, 11] {
            let headers = format!("x-key: {}\r\n", "k".repeat(length));
            let answer = connection.post("/", &headers, b"1").await?;
            assert!((200..300).contains(&answer.status), "{}", answer.status);
        }
        assert_eq!(daemon.admin()?.topic("dead").await?.records(), 2, "{target}");
    }
    assert_eq!(fixture.count("OUT").await?, 3);
    assert!(bucket.get("k".repeat(3_990)).await?.is_some());
    Ok(())
}
