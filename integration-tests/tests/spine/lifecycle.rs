//! Stop, reload, and a target that is not there.

use std::time::{Duration, Instant};

use anyhow::Result;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::event::Id;
use hybridge_integration_tests::ports;
use hybridge_integration_tests::sys::Signal;
use hybridge_integration_tests::target::{Mode, Target};
use hybridge_integration_tests::wire::{Answer, Connection};
use std::net::SocketAddr;

use hybridge_integration_tests::wait::{SOON, until};

async fn post(address: SocketAddr, seq: u32) -> Result<Answer> {
    let id = Id { key: 1, seq };
    let mut connection = Connection::open(address).await?;
    Ok(connection.post("/", &id.headers(), id.body(200, false).as_bytes()).await?)
}

fn to_target(listen: SocketAddr, target: SocketAddr) -> String {
    format!(
        "routes:\n  out:\n    from: {{ http: {{ listen: \"{listen}\", timeout: 2s }} }}\n    to: {{ http: {{ url: \"http://{target}/\" }} }}\n    retry: {{ initial: 20ms, max: 200ms }}\n"
    )
}

fn to_topic(listen: SocketAddr, topic: &str) -> String {
    format!(
        "  {topic}:\n    from: {{ http: {{ listen: \"{listen}\" }} }}\n    to: {{ log: {{ topic: {topic} }} }}\n"
    )
}

#[tokio::test]
async fn a_graceful_stop_finishes_what_is_in_flight() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let listen = ports::free()?;
    let target = Target::start(Duration::from_millis(500), Box::new(|_| None)).await?;
    let mut daemon = Daemon::new(folder.path(), &to_target(listen, target.address))?;
    daemon.start_ready().await?;
    let open = tokio::spawn(post(listen, 0));
    until("the target has the event", async || Ok(target.count() == 1)).await?;
    daemon.signal(Signal::Terminate)?;
    assert_eq!(open.await??.status / 100, 2, "what was in flight is answered");
    let status = daemon.ended(SOON).await?;
    assert_eq!(status.code(), Some(0), "{}", daemon.log_tail());
    assert_eq!(target.count(), 1);
    assert!(post(listen, 1).await.is_err(), "nothing listens any more");
    Ok(())
}

#[tokio::test]
async fn a_second_signal_stops_at_once_and_settles_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let listen = ports::free()?;
    let target = Target::accepting().await?;
    target.set(Mode::Hang);
    let config = to_target(listen, target.address).replace("timeout: 2s", "timeout: 60s");
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start_ready().await?;
    let open = tokio::spawn(post(listen, 0));
    until("the target has the request", async || Ok(target.open() == 1)).await?;
    daemon.signal(Signal::Terminate)?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = Instant::now();
    daemon.terminate(SOON).await?;
    assert!(asked.elapsed() < Duration::from_secs(2), "took {:?}", asked.elapsed());
    let answer = open.await?;
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 503));
    Ok(())
}

#[tokio::test]
async fn a_target_that_is_not_there_is_waited_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (listen, address) = (ports::free()?, ports::free()?);
    let mut daemon = Daemon::new(folder.path(), &to_target(listen, address))?;
    daemon.start()?;
    daemon.live(SOON).await?;
    until("it listens", async || Ok(Connection::open(listen).await.is_ok())).await?;
    let answer = post(listen, 0).await?;
    assert_eq!(answer.status, 503);
    assert!(answer.head.get("retry-after").is_some(), "{:?}", answer.head);
    let view = daemon.admin()?.routes().await?["routes"][0].clone();
    assert_eq!((&view["health"], &view["stage"]), (&"red".into(), &"target to".into()), "{view}");

    let target = Target::listen(address, Duration::ZERO, Box::new(|_| None)).await?;
    until("an event is delivered", async || Ok(post(listen, 1).await?.status / 100 == 2)).await?;
    assert!(target.count() > 0);
    daemon.ready(SOON).await?;
    assert_eq!(daemon.admin()?.route("out").await?.ledger_difference, 0);
    Ok(())
}

#[tokio::test]
async fn a_reload_takes_what_is_good_and_refuses_what_is_bad() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (first, second) = (ports::free()?, ports::free()?);
    let kept = to_topic(first, "kept");
    let mut daemon = Daemon::new(folder.path(), &format!("routes:\n{kept}"))?;
    daemon.start_ready().await?;
    let admin = daemon.admin()?;
    assert_eq!(post(first, 0).await?.status / 100, 2);

    daemon.configure(&format!("routes:\n{kept}{}", to_topic(second, "added")))?;
    daemon.signal(Signal::HangUp)?;
    until("the new route listens", async || Ok(Connection::open(second).await.is_ok())).await?;
    assert_eq!(post(second, 1).await?.status / 100, 2);
    assert_eq!(admin.route("kept").await?.counts.delivered, 1, "the old route was not disturbed");

    let before = daemon.log().len();
    daemon.configure(&format!("routes:\n{kept}  broken: {{ from: {{ htp: {{}} }} }}\n"))?;
    daemon.signal(Signal::HangUp)?;
    until("the refusal is logged", async || Ok(daemon.log()[before..].contains("htp"))).await?;
    assert_eq!(post(first, 2).await?.status / 100, 2);
    assert_eq!(post(second, 3).await?.status / 100, 2, "what a bad file leaves out goes on");
    assert_eq!(admin.route("kept").await?.counts.delivered, 2);

    daemon.configure(&format!("routes:\n{kept}"))?;
    daemon.signal(Signal::HangUp)?;
    until("the route is gone", async || Ok(Connection::open(second).await.is_err())).await?;
    assert_eq!(post(first, 4).await?.status / 100, 2);
    Ok(())
}

/// What the daemon chooses by is what the file of rules says now, and what it said last where it is wrong now.
#[tokio::test]
async fn a_reload_reads_the_file_of_rules_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let listen = ports::free()?;
    let rules = folder.path().join("rules.jsonl");
    let sends_to = |target: &str| {
        let rule = format!(
            "{{\"name\":\"all\",\"when\":{{\"pattern\":{{\"id\":[{{\"exists\":true}}]}}}},\"send_to\":[\"{target}\"]}}"
        );
        std::fs::write(&rules, rule)
    };
    sends_to("one")?;
    let config = format!(
        "routes:\n  r:\n    from: {{ http: {{ listen: \"{listen}\" }} }}\n    rules: {{ file: rules.jsonl }}\n    otherwise: [one, two]\n    targets:\n      one: {{ to: {{ log: {{ topic: one }} }} }}\n      two: {{ to: {{ log: {{ topic: two }} }} }}\n"
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start_ready().await?;
    let admin = daemon.admin()?;
    let arrived = async |topic: &str| -> Result<u64> {
        Ok(admin.topic(topic).await?.partitions.iter().map(|partition| partition.records).sum())
    };
    assert_eq!(post(listen, 0).await?.status / 100, 2);
    assert_eq!((arrived("one").await?, arrived("two").await?), (1, 0));

    let before = daemon.log().len();
    sends_to("tow")?;
    daemon.signal(Signal::HangUp)?;
    let refused = async || Ok(daemon.log()[before..].contains("there is no target `tow`"));
    until("the refusal is logged", refused).await?;
    assert_eq!(post(listen, 1).await?.status / 100, 2);
    assert_eq!((arrived("one").await?, arrived("two").await?), (2, 0));

    let before = daemon.log().len();
    sends_to("two")?;
    daemon.signal(Signal::HangUp)?;
    let reloaded = async || Ok(daemon.log()[before..].contains("configuration reloaded"));
    until("it is in force", reloaded).await?;
    assert_eq!(post(listen, 2).await?.status / 100, 2);
    assert_eq!((arrived("one").await?, arrived("two").await?), (2, 1));
    Ok(())
}
