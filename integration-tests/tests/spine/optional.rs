//! A target that is not required: down from the start, while the process is killed, and up again.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::event::Id;
use hybridge_integration_tests::journal::Journal;
use hybridge_integration_tests::oracle;
use hybridge_integration_tests::ports;
use hybridge_integration_tests::producer::{Load, Producer};
use hybridge_integration_tests::sys::Signal;
use hybridge_integration_tests::target::{Mode, Received, Target};

use hybridge_integration_tests::wait::{SOON, until};

const EVENTS: u64 = 600;

fn config(listen: SocketAddr, must: SocketAddr, may: SocketAddr, required: bool) -> String {
    format!(
        "routes:
  in:
    from: {{ http: {{ listen: \"{listen}\", timeout: 5s }} }}
    targets:
      must: {{ to: {{ http: {{ url: \"http://{must}/\" }} }} }}
      may:
        to:
          http:
            url: \"http://{may}/\"
            headers: {{ copy: [\"*\"], set: {{ x-from: \"{{{{ origin.connector }}}}\" }} }}
        required: {required}
    transform: [ {{ map: {{ set: {{ 'headers[\"x-step\"]': once }} }} }} ]
    ordering: key
    retry: {{ initial: 20ms, max: 200ms }}
    circuit_breaker: {{ open: 100ms }}
    dead_letter: {{ to: {{ log: {{ topic: dead }} }} }}
limits: {{ drain: 1s }}
"
    )
}

fn ids(received: &[Received]) -> Result<Vec<Id>> {
    received.iter().map(|one| one.head.get("ce-id").context("without ce-id")?.parse()).collect()
}

/// Sends events, each until it is accepted.
async fn send(listen: SocketAddr, journal: &Arc<Journal>, events: u64) -> Result<()> {
    let load = Load {
        address: listen,
        path: "/".to_owned(),
        connections: 8,
        keys: 16,
        batch: 1,
        size: 300,
        events,
        pause: Duration::ZERO,
    };
    Producer::start(load, journal.clone()).finish(SOON).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_target_that_is_down_delays_nobody_and_misses_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (listen, may) = (ports::free()?, ports::free()?);
    let must = Target::accepting().await?;
    let mut daemon = Daemon::new(folder.path(), &config(listen, must.address, may, false))?;
    daemon.start_ready().await?;
    let journal = Arc::new(Journal::new(1, 16, 5));
    let started = Instant::now();
    send(listen, &journal, EVENTS).await?;
    let took = started.elapsed();
    assert_eq!(journal.entries().unknown_attempts, 0, "every request was taken the first time");
    assert_eq!(must.count(), EVENTS, "the required target has everything when it is answered");
    // A request that waited for the other target would have waited for its whole timeout.
    assert!(took < Duration::from_secs(5), "{took:?}");

    let admin = daemon.admin()?;
    until("the follower is red, and the process ready", async || {
        let routes = admin.routes().await?;
        let (route, follower) = (&routes["routes"][0], &routes["routes"][1]);
        ensure!(route["route"] == "in" && follower["route"] == "in/may", "{routes}");
        Ok(follower["health"] == "red" && route["health"] == "green" && admin.is_ready().await)
    })
    .await?;
    assert_eq!(admin.route("in").await?.counts.delivered, EVENTS);
    let topic = admin.topic("__optional.in.may").await?;
    assert_eq!((topic.records(), topic.committed("in/may")), (EVENTS, 0));

    daemon.kill()?;
    daemon.start_ready().await?;
    let refuses =
        |one: &Received| String::from_utf8_lossy(&one.body).contains("poisoned").then_some(422);
    let target = Target::listen(may, Duration::ZERO, Box::new(refuses)).await?;
    until("the target has caught up", async || {
        Ok(admin.topic("__optional.in.may").await?.committed("in/may") == EVENTS)
    })
    .await?;
    let follower = admin.route("in/may").await?;
    assert_eq!(follower.ledger_difference, 0);
    let received = target.received();
    let (_, letters) = admin.get("/topics/dead/records").await?;
    let letters: serde_json::Value = serde_json::from_str(&letters)?;
    let letters = letters["records"].as_array().context("no letters")?;
    let id = |letter: &serde_json::Value| letter["attributes"]["id"].as_str()?.parse().ok();
    let dead: Vec<Id> = letters.iter().filter_map(id).collect();
    let verdict = oracle::judge(&journal, &ids(&received)?, &dead);
    assert_eq!((verdict.lost, verdict.order_violations, verdict.misplaced), (0, 0, 0));
    assert!(verdict.dead_lettered > 0);

    let mut keys = HashSet::new();
    for one in &received {
        keys.insert(one.head.get("idempotency-key").context("without Idempotency-Key")?);
        assert_eq!(one.head.get("x-step"), Some("once"));
        assert_eq!(one.head.get("x-from"), Some("http"), "where it came from first");
        assert!(one.head.get("hybridge-spilled-origin").is_none());
        let via = one.head.get("hybridge-via").context("no hop")?;
        assert!(via.ends_with("/in") && !via.contains(','), "{via}");
    }
    assert_eq!(
        keys.len() as u64,
        EVENTS - dead.len() as u64,
        "an event has one, and no other has it"
    );

    let letter = &letters[0];
    let headers: HashMap<&str, &str> = letter["headers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|header| header[0].as_str().zip(header[1].as_str()))
        .collect();
    assert_eq!(headers["hybridge-dead-letter-route"], "in/may");
    assert!(headers["hybridge-dead-letter-origin"].starts_with("http:"), "{headers:?}");
    assert!(!headers.contains_key("hybridge-via"), "it may go through the route again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_target_that_is_required_now_is_reported_and_kept() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let listen = ports::free()?;
    let (must, may) = (Target::accepting().await?, Target::accepting().await?);
    may.set(Mode::Fail(503));
    let text = |required| config(listen, must.address, may.address, required);
    let mut daemon = Daemon::new(folder.path(), &text(false))?;
    daemon.start_ready().await?;
    let journal = Arc::new(Journal::new(1, 16, 0));
    send(listen, &journal, 50).await?;
    let reload = async |required, reloads| {
        daemon.configure(&text(required))?;
        daemon.signal(Signal::HangUp)?;
        let done = "configuration reloaded";
        until("it is reloaded", async || Ok(daemon.log().matches(done).count() == reloads)).await
    };
    reload(true, 1).await?;
    let log = daemon.log();
    let reported = log.lines().find(|line| line.contains("not optional any more"));
    let reported = reported.context("not reported")?;
    assert!(reported.contains("waiting=50") || reported.contains("\"waiting\":50"), "{reported}");
    may.set(Mode::Accept);
    send(listen, &journal, 50).await?;
    assert_eq!(may.count(), 50, "it is required");
    reload(false, 2).await?;
    until("the rest follows", async || Ok(may.count() == 100)).await?;
    let arrived: HashSet<Id> = ids(&may.received())?.into_iter().collect();
    assert_eq!(arrived.len(), 100);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_by_itself_waits_a_while_for_optional_targets() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let may = Target::accepting().await?;
    let lines: String = (0..20).map(|number| format!("{{\"n\":{number}}}\n")).collect();
    let path = |name| folder.path().join(name).display().to_string();
    std::fs::write(path("in.jsonl"), &lines)?;
    let config = format!(
        "routes:
  in:
    from: {{ file: {{ path: \"{}\", once: true }} }}
    targets:
      must: {{ to: {{ file: {{ path: \"{}\" }} }} }}
      may: {{ to: {{ http: {{ url: \"http://{}/\" }} }}, required: false }}
    retry: {{ initial: 20ms, max: 200ms }}
limits: {{ drain: 1s }}
",
        path("in.jsonl"),
        path("out.jsonl"),
        may.address
    );
    may.set(Mode::Fail(503));
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start()?;
    assert_eq!(daemon.ended(SOON).await?.code(), Some(0), "{}", daemon.log_tail());
    assert_eq!(std::fs::read_to_string(path("out.jsonl"))?, lines);
    assert!(daemon.log().contains("optional targets do not have everything yet"));
    may.set(Mode::Accept);
    daemon.start()?;
    assert_eq!(daemon.ended(SOON).await?.code(), Some(0), "{}", daemon.log_tail());
    assert_eq!(may.count(), 20, "the next start has it delivered");
    Ok(())
}
