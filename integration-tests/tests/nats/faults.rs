//! What has gone wrong in systems like this one, and must not here.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{self, AckPolicy, pull};
use async_nats::jetstream::{AckKind, stream};
use futures_util::StreamExt;
use hybridge_integration_tests::broker::nats::{Nats, Options};
use hybridge_integration_tests::ports;
use hybridge_integration_tests::wait::{SOON, until};
use hybridge_integration_tests::wire::Connection;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Fixture, numbers};

const UNORDERED: &str = "
  r:
    from: { nats: { connection: nats, stream: IN, ack_wait: 1s } }
    to: { nats: { connection: nats, stream: OUT, subject: \"out.{{ key }}\" } }
    ordering: none
    retry: { max: 500ms }
    dead_letter: { to: { nats: { connection: nats, stream: DEAD, subject: dead.letter } } }
";

const ORDERED: &str = "
  r:
    from: { nats: { connection: nats, stream: IN, lease: { create: true, ttl: 1s } } }
    to: { nats: { connection: nats, stream: OUT, subject: \"out.{{ key }}\" } }
    retry: { max: 500ms }
";

async fn durable(fixture: &Fixture) -> Result<consumer::Info> {
    let stream = fixture.context.get_stream("IN").await?;
    Ok(stream.consumer_info("r").await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn f026_a_message_in_flight_is_not_given_out_again() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.stream("IN").await?;
    fixture.stream("DEAD").await?;
    fixture.publish("IN", 0..500, 5).await?;
    let mut daemon = fixture.daemon(UNORDERED)?;
    daemon.start()?;
    daemon.live(SOON).await?;
    until("given out", async || {
        Ok(durable(&fixture).await.is_ok_and(|info| info.num_ack_pending == 500))
    })
    .await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let info = durable(&fixture).await?;
    assert_eq!((info.num_ack_pending, info.num_redelivered), (500, 0));
    fixture.stream("OUT").await?;
    until("all", async || Ok(fixture.count("OUT").await? == 500)).await?;
    until("acknowledged", async || Ok(durable(&fixture).await?.num_ack_pending == 0)).await?;
    assert_eq!(numbers(&fixture.all("OUT").await?), (0..500).collect::<Vec<_>>());
    assert_eq!(daemon.admin()?.route("r").await?.counts.received, 500);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f027_what_is_given_back_comes_again_after_a_while() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.stream("IN").await?;
    fixture.publish("IN", 0..50, 5).await?;
    let client = fixture.nats.client().await?;
    let mut said = client.subscribe("$JS.ACK.>").await?;
    client.flush().await?;
    let config = UNORDERED.replace("ack_wait: 1s", "ack_wait: 10s");
    let mut daemon = fixture.daemon(&format!("{config}\nlimits: {{ drain: 300ms }}\n"))?;
    daemon.start()?;
    daemon.live(SOON).await?;
    until("given out", async || {
        Ok(durable(&fixture).await.is_ok_and(|info| info.num_ack_pending == 50))
    })
    .await?;
    daemon.terminate(SOON).await?;
    let mut given_back = 0;
    while given_back < 50 {
        let message = tokio::time::timeout(SOON, said.next()).await?.context("no more")?;
        let text = String::from_utf8_lossy(&message.payload).into_owned();
        if text.starts_with("-NAK") {
            assert_eq!(text, "-NAK {\"delay\": 1000000000}");
            given_back += 1;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f028_a_message_is_a_dead_letter_before_the_server_gives_it_up() -> Result<()> {
    let fixture = Fixture::start().await?;
    for name in ["IN", "OUT", "DEAD"] {
        fixture.stream(name).await?;
    }
    let config = pull::Config {
        durable_name: Some("r".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(1),
        max_deliver: 3,
        ..Default::default()
    };
    let stream = fixture.context.get_stream("IN").await?;
    let consumer = stream.create_consumer(config).await?;
    fixture.publish("IN", 0..1, 1).await?;
    let nak = async || -> Result<()> {
        let mut batch = consumer.fetch().max_messages(1).messages().await?;
        let message = batch.next().await.context("nothing")?;
        let message = message.map_err(|error| anyhow::anyhow!("{error}"))?;
        message.ack_with(AckKind::Nak(None)).await.map_err(|error| anyhow::anyhow!("{error}"))
    };
    nak().await?;
    let mut daemon = fixture.daemon(UNORDERED)?;
    daemon.start_ready().await?;
    until("a dead letter", async || Ok(fixture.count("DEAD").await? == 1)).await?;
    assert_eq!(fixture.count("OUT").await?, 0);
    let letter = &fixture.all("DEAD").await?[0];
    assert_eq!(letter.number(), 0);
    let headers = format!("{:?}", letter.headers);
    assert!(headers.contains("delivered 2 times, and the server gives it up after 3"), "{headers}");
    // Whatever the server gives up because of others is counted.
    let advisory = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.IN.r";
    let client = fixture.nats.client().await?;
    client.publish(advisory, "{}".into()).await?;
    client.flush().await?;
    let admin = daemon.admin()?;
    until("counted", async || {
        Ok(admin.metrics().await?.sum("hybridge_nats_given_up_total", &[("route", "r")]) == 1.0)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn f029_a_consumer_or_stream_that_goes_is_replaced_or_said_loudly() -> Result<()> {
    for routes in [UNORDERED, ORDERED] {
        let fixture = Fixture::start().await?;
        for name in ["IN", "OUT", "DEAD"] {
            fixture.stream(name).await?;
        }
        let mut daemon = fixture.daemon(routes)?;
        daemon.start_ready().await?;
        fixture.publish("IN", 0..1_000, 10).await?;
        until("the first", async || Ok(fixture.count("OUT").await? == 1_000)).await?;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let stream = fixture.context.get_stream("IN").await?;
        let names: Vec<_> = stream.consumer_names().collect().await;
        ensure!(!names.is_empty(), "no consumer");
        for name in names {
            stream.delete_consumer(&name?).await?;
        }
        fixture.publish("IN", 1_000..2_000, 10).await?;
        until("the rest", async || Ok(fixture.count("OUT").await? >= 2_000)).await?;
        assert_eq!(numbers(&fixture.all("OUT").await?), (0..2_000).collect::<Vec<_>>());
        fixture.context.delete_stream("IN").await?;
        let admin = daemon.admin()?;
        until("red", async || Ok(!admin.is_ready().await)).await?;
        fixture.stream("IN").await?;
        fixture.publish("IN", 2_000..3_000, 10).await?;
        until("those of the new stream", async || Ok(fixture.count("OUT").await? >= 3_000)).await?;
        assert_eq!(numbers(&fixture.all("OUT").await?), (0..3_000).collect::<Vec<_>>());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f031_what_core_nats_drops_is_counted() -> Result<()> {
    let fixture = Fixture::start().await?;
    let mut daemon = fixture.daemon(
        "
  r:
    from: { nats: { connection: nats, subjects: [\"live.>\"], pending: 10 } }
    to: { nats: { connection: nats, stream: OUT, subject: \"out.{{ key }}\" } }
    delivery: at_most_once
    limits: { in_flight: 1MiB }
    retry: { max: 500ms }
",
    )?;
    daemon.start()?;
    daemon.live(SOON).await?;
    let client = fixture.nats.client().await?;
    let admin = daemon.admin()?;
    until("subscribed", async || Ok(admin.route("r").await?.state == "running")).await?;
    let body = vec![b'x'; 10_000];
    for _ in 0..1_000 {
        client.publish("live.a", body.clone().into()).await?;
    }
    client.flush().await?;
    let dropped = async || {
        Ok::<_, anyhow::Error>(
            admin.metrics().await?.sum("hybridge_nats_dropped_total", &[("route", "r")]) as u64,
        )
    };
    until("dropped", async || Ok(dropped().await? > 0)).await?;
    fixture.stream("OUT").await?;
    until("accounted for", async || Ok(fixture.count("OUT").await? + dropped().await? == 1_000))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn f033_what_the_stream_has_already_is_counted_and_stays_once() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.stream("IN").await?;
    fixture.stream("OUT").await?;
    fixture.publish("IN", 0..1_000, 10).await?;
    let mut daemon = fixture.daemon(ORDERED)?;
    daemon.start_ready().await?;
    until("all", async || Ok(fixture.count("OUT").await? == 1_000)).await?;
    daemon.terminate(SOON).await?;
    let leases = fixture.context.get_key_value("hybridge-leases").await?;
    leases.delete("IN.r").await?;
    daemon.start_ready().await?;
    let admin = daemon.admin()?;
    until("repeated", async || {
        Ok(admin.metrics().await?.sum("hybridge_nats_duplicates_total", &[("route", "r")])
            == 1_000.0)
    })
    .await?;
    assert_eq!(fixture.count("OUT").await?, 1_000);
    Ok(())
}

/// Publishes a header block as it stands, as a client that knows no better would.
async fn publish_raw(nats: &Nats, subject: &str, block: &[u8], body: &[u8]) -> Result<()> {
    let mut tcp = TcpStream::connect(nats.servers[0].address).await?;
    let sizes = format!("HPUB {subject} {} {}\r\n", block.len(), block.len() + body.len());
    let connect = b"CONNECT {\"verbose\":false,\"headers\":true}\r\n".to_vec();
    let all =
        [connect, sizes.into_bytes(), block.to_vec(), body.to_vec(), b"\r\nPING\r\n".to_vec()];
    tcp.write_all(&all.concat()).await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f034_headers_that_no_client_would_write_stop_nobody() -> Result<()> {
    for routes in [UNORDERED, ORDERED] {
        let fixture = Fixture::start().await?;
        for name in ["IN", "OUT", "DEAD"] {
            fixture.stream(name).await?;
        }
        let block =
            b"NATS/1.0\r\nx: \xff\xfe\r\nb\xe4d name: 1\r\nno colon\r\ny: caf\xc3\xa9\r\n\r\n";
        publish_raw(&fixture.nats, "in.0", block, b"0").await?;
        fixture.publish("IN", 1..100, 1).await?;
        let mut daemon = fixture.daemon(routes)?;
        daemon.start_ready().await?;
        until("all", async || Ok(fixture.count("OUT").await? == 100)).await?;
        let all = fixture.all("OUT").await?;
        let odd = all.iter().find(|one| one.number() == 0).context("it is not there")?;
        let value = |name: &str| odd.headers.get(name).map(|value| value.as_str().to_owned());
        assert_eq!(value("hybridge-bin-x").as_deref(), Some("//4="));
        assert_eq!(value("y").as_deref(), Some("café"));
        assert!(odd.headers.iter().any(|(name, _)| name.to_string().starts_with("hybridge-bin-b")));
    }
    Ok(())
}

/// A daemon with an HTTP listener that leads into OUT.
fn inbox(
    fixture: &Fixture,
) -> Result<(hybridge_integration_tests::daemon::Daemon, std::net::SocketAddr)> {
    let listen = ports::free()?;
    let daemon = fixture.daemon(&format!(
        "
  r:
    from: {{ http: {{ listen: \"{listen}\", copy_headers: [nats-rollup, nats-expected-last-sequence, x-kept] }} }}
    to: {{ nats: {{ connection: nats, stream: OUT, subject: out.x }} }}
    dead_letter: {{ to: {{ log: {{ topic: dead }} }} }}
"
    ))?;
    Ok((daemon, listen))
}

#[tokio::test(flavor = "multi_thread")]
async fn f035_headers_that_command_the_server_are_left_out() -> Result<()> {
    let fixture = Fixture::start().await?;
    let config = stream::Config {
        name: "OUT".to_owned(),
        subjects: vec!["out.>".to_owned()],
        allow_rollup: true,
        ..Default::default()
    };
    fixture.context.create_stream(config).await?;
    let (mut daemon, listen) = inbox(&fixture)?;
    daemon.start_ready().await?;
    let mut connection = Connection::open(listen).await?;
    for number in 0..3 {
        let headers = "nats-rollup: all\r\nNats-Expected-Last-Sequence: 9\r\nx-kept: 1\r\n";
        let answer = connection.post("/", headers, number.to_string().as_bytes()).await?;
        assert!((200..300).contains(&answer.status), "{}", answer.status);
    }
    let all = fixture.all("OUT").await?;
    assert_eq!(numbers(&all), [0, 1, 2]);
    assert!(all.iter().all(|one| one.headers.get("x-kept").is_some()));
    let metrics = daemon.admin()?.metrics().await?;
    assert_eq!(metrics.sum("hybridge_nats_stripped_headers_total", &[("route", "r")]), 6.0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f036_a_message_over_the_limit_is_refused_alone() -> Result<()> {
    let options = Options { config: "max_payload: 65536\n".to_owned(), ..Default::default() };
    let fixture = Fixture::of(Nats::with(options).await?).await?;
    fixture.stream("OUT").await?;
    let (mut daemon, listen) = inbox(&fixture)?;
    daemon.start_ready().await?;
    let mut connection = Connection::open(listen).await?;
    for body in [b"1".to_vec(), vec![b'x'; 100_000], b"2".to_vec()] {
        let answer = connection.post("/", "", &body).await?;
        assert!((200..300).contains(&answer.status), "{}", answer.status);
    }
    assert_eq!(numbers(&fixture.all("OUT").await?), [1, 2]);
    assert_eq!(daemon.admin()?.topic("dead").await?.records(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_loses_and_repeats_nothing() -> Result<()> {
    for routes in [UNORDERED, ORDERED] {
        let mut fixture = Fixture::start().await?;
        for name in ["IN", "OUT", "DEAD"] {
            fixture.stream(name).await?;
        }
        fixture.publish("IN", 0..30_000, 100).await?;
        let mut daemon = fixture.daemon(routes)?;
        daemon.start_ready().await?;
        until("some", async || Ok(fixture.count("OUT").await? >= 1_000)).await?;
        fixture.nats.servers[0].child().pause()?;
        tokio::time::sleep(Duration::from_secs(8)).await;
        fixture.nats.servers[0].child().resume()?;
        let resumed = Instant::now();
        until("all", async || Ok(fixture.count("OUT").await? >= 30_000)).await?;
        assert_eq!(numbers(&fixture.all("OUT").await?), (0..30_000).collect::<Vec<_>>());
        ensure!(resumed.elapsed() < SOON, "{:?}", resumed.elapsed());
        assert_eq!(daemon.admin()?.route("r").await?.ledger_difference, 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_keys_and_tombstones_come_through_a_stream() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.stream("IN").await?;
    fixture.stream("OUT").await?;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-id", "1%20a"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("ce-datacontenttype", "text/plain"),
        ("hybridge-key", "k"),
        ("hybridge-time", "5"),
        ("x", "1"),
    ] {
        headers.insert(name, value);
    }
    fixture.context.publish_with_headers("in.a", headers.clone(), "hi".into()).await?.await?;
    let mut tombstone = HeaderMap::new();
    tombstone.insert("hybridge-tombstone", "1");
    fixture.context.publish_with_headers("in.b", tombstone, "".into()).await?.await?;
    let mut daemon = fixture.daemon(&ORDERED.replace("{{ key }}", "x"))?;
    daemon.start_ready().await?;
    until("both", async || Ok(fixture.count("OUT").await? == 2)).await?;
    let all = fixture.all("OUT").await?;
    let event = &all[0];
    for (name, values) in headers.iter() {
        assert_eq!(event.headers.get(name.clone()), values.first(), "{name}");
    }
    assert_eq!(&event.body[..], b"hi");
    assert!(all[1].headers.get("hybridge-tombstone").is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_or_cannot_be_is_said_with_what_to_do() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.stream("IN").await?;
    fixture.stream("ELSE").await?;
    let config = stream::Config {
        name: "WORK".to_owned(),
        subjects: vec!["work.>".to_owned()],
        retention: stream::RetentionPolicy::WorkQueue,
        ..Default::default()
    };
    fixture.context.create_stream(config).await?;
    fixture.publish("IN", 0..1, 1).await?;
    let mut daemon = fixture.daemon(
        "
  stream:
    from: { nats: { connection: nats, stream: GONE, lease: { create: true } } }
    to: { log: { topic: a } }
  bucket:
    from: { nats: { connection: nats, stream: IN, lease: { bucket: none } } }
    to: { log: { topic: b } }
  queue:
    from: { nats: { connection: nats, stream: WORK, lease: { create: true } } }
    to: { log: { topic: c } }
  target:
    from: { nats: { connection: nats, stream: IN, lease: { create: true } } }
    to: { nats: { connection: nats, stream: OUT, subject: out.a } }
    retry: { initial: 50ms, max: 100ms }
  other:
    from: { nats: { connection: nats, stream: IN, lease: { create: true } } }
    to: { nats: { connection: nats, stream: OUT, subject: else.a } }
    retry: { initial: 50ms, max: 100ms }
",
    )?;
    daemon.start()?;
    daemon.live(SOON).await?;
    let admin = daemon.admin()?;
    for text in [
        "there is no stream `GONE`: make it with `nats stream add GONE`",
        "there is no bucket `none` for the lease and the position: make it with",
        "has the retention `workqueue`, and only one with `limits` can be read in order: write",
        "no stream takes the subject, or it has no leader now: `OUT` must be there and list it",
        "another stream than `OUT` takes the subject",
    ] {
        until(text, async || Ok(admin.routes().await?.to_string().contains(text))).await?;
    }
    Ok(())
}
