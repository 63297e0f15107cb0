//! A reload that changes only what comes after a source, while events come at full speed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hybridge_integration_tests::admin::Admin;
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::event::Id;
use hybridge_integration_tests::journal::Journal;
use hybridge_integration_tests::oracle::{self, Verdict};
use hybridge_integration_tests::ports;
use hybridge_integration_tests::producer::{Load, Producer};
use hybridge_integration_tests::sys::Signal;
use hybridge_integration_tests::target::{Mode, Target};

use hybridge_integration_tests::wait::{SOON, until};

const ROUTES: [&str; 2] = ["direct", "outbox"];

/// Listeners that events are posted to: one leads to a target, one into a topic.
struct Listeners {
    direct: SocketAddr,
    inbox: SocketAddr,
}

/// What a route is given for its only target.
struct Step<'a> {
    name: &'a str,
    direct: &'a Target,
    outbox: &'a Target,
    transform: &'a str,
}

fn config(listen: &Listeners, step: &Step<'_>) -> String {
    let tail = |target: &Target| {
        format!(
            "    transform: [{}]\n    targets: {{ {}: {{ to: {{ http: {{ url: \"http://{}/\" }} }} }} }}\n    retry: {{ initial: 20ms, max: 100ms }}\n    circuit_breaker: {{ open: 100ms }}\n    ordering: key\n",
            step.transform, step.name, target.address
        )
    };
    format!(
        "routes:\n  direct:\n    from: {{ http: {{ listen: \"{}\" }} }}\n{}  outbox:\n    from: {{ log: {{ topic: in }} }}\n{}  inbox:\n    from: {{ http: {{ listen: \"{}\" }} }}\n    to: {{ log: {{ topic: in }} }}\n",
        listen.direct,
        tail(step.direct),
        tail(step.outbox),
        listen.inbox,
    )
}

async fn sends_to(admin: &Admin, target: &str) -> Result<bool> {
    // A connection that was idle for long may be closed just when it is used again.
    let routes = admin.routes().await.unwrap_or_default().to_string();
    Ok(routes.matches(&format!("\"targets\":[\"{target}\"]")).count() == ROUTES.len())
}

async fn reload(daemon: &Daemon, listen: &Listeners, step: Step<'_>) -> Result<()> {
    daemon.configure(&config(listen, &step))?;
    daemon.signal(Signal::HangUp)?;
    let admin = daemon.admin()?;
    until("the routes have the new target", async || sends_to(&admin, step.name).await).await?;
    let (direct, outbox) = (step.direct.count(), step.outbox.count());
    until("the new targets get events", async || {
        Ok(step.direct.count() > direct + 200 && step.outbox.count() > outbox + 200)
    })
    .await
}

fn arrived(targets: &[&Target]) -> Result<Vec<Id>> {
    let all = targets.iter().flat_map(|target| target.received());
    all.map(|request| request.head.get("ce-id").context("without ce-id")?.parse()).collect()
}

fn load(address: SocketAddr) -> Load {
    Load {
        address,
        path: "/".to_owned(),
        connections: 16,
        keys: 64,
        batch: 1,
        size: 300,
        events: u64::MAX / 2,
        pause: Duration::ZERO,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_behind_a_source_disturbs_no_sender_and_repeats_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let listen = Listeners { direct: ports::free()?, inbox: ports::free()? };
    let mut direct = Vec::new();
    let mut outbox = Vec::new();
    for _ in 0..3 {
        direct.push(Target::accepting().await?);
        outbox.push(Target::accepting().await?);
    }
    let step = |name, number: usize, transform| Step {
        name,
        direct: &direct[number],
        outbox: &outbox[number],
        transform,
    };
    let mut daemon = Daemon::new(folder.path(), &config(&listen, &step("first", 0, "")))?;
    daemon.start_ready().await?;
    let admin = daemon.admin()?;
    let journals = [Arc::new(Journal::new(1, 64, 0)), Arc::new(Journal::new(2, 64, 0))];
    let producers = [
        Producer::start(load(listen.direct), journals[0].clone()),
        Producer::start(load(listen.inbox), journals[1].clone()),
    ];
    until("events flow", async || Ok(direct[0].count() > 200 && outbox[0].count() > 200)).await?;

    reload(&daemon, &listen, step("second", 1, "")).await?;
    let metrics = admin.metrics().await?;
    let sends = |target| metrics.sum("hybridge_send_seconds_count", &[("target", target)]);
    assert_eq!(sends("first"), 0.0, "a target that is gone is in no metric");
    assert!(sends("second") > 0.0);

    direct[1].set(Mode::Fail(503));
    outbox[1].set(Mode::Fail(503));
    until("the targets are stuck", async || {
        Ok(direct[1].turned_away() > 10 && outbox[1].turned_away() > 10)
    })
    .await?;
    reload(&daemon, &listen, step("third", 2, "")).await?;
    let stepped = "{ map: { set: { 'headers[\"x-step\"]': a } } }";
    reload(&daemon, &listen, step("fourth", 2, stepped)).await?;

    for producer in &producers {
        producer.stop();
    }
    for producer in producers {
        let journal = producer.finish(SOON).await?;
        assert_eq!(journal.entries().unknown_attempts, 0, "every request was taken the first time");
    }
    let posted = journals[1].counts().1;
    until(
        "the topic is sent",
        async || Ok(admin.route("outbox").await?.counts.delivered == posted),
    )
    .await?;

    for (journal, targets) in journals.iter().zip([&direct, &outbox]) {
        let targets: Vec<&Target> = targets.iter().collect();
        let verdict = oracle::judge(journal, &arrived(&targets)?, &[]);
        let (sent, accepted) = journal.counts();
        let clean = Verdict { sent, accepted, delivered: sent, ..Verdict::default() };
        assert_eq!(verdict, clean);
        assert!(targets.iter().all(|target| target.count() > 200));
    }
    for (route, journal) in ROUTES.into_iter().zip(&journals) {
        let view = admin.route(route).await?;
        assert_eq!(view.counts.received, journal.counts().0, "nothing was read again");
        assert_eq!((view.counts.abandoned, view.ledger_difference), (0, 0));
    }
    assert_eq!(admin.metrics().await?.sum("hybridge_route_restarts_total", &[]), 0.0);
    assert!(admin.is_ready().await);
    assert_eq!(daemon.log().matches("route connected").count(), 3, "each source once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_from_one_pipeline_to_the_next_without_a_torn_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let listen = ports::free()?;
    let path = folder.path().join("out.jsonl");
    let config = |fsync: bool| {
        format!(
            "routes:\n  in:\n    from: {{ http: {{ listen: \"{listen}\" }} }}\n    to: {{ file: {{ path: \"{}\", fsync: {fsync} }} }}\n    ordering: key\n",
            path.display()
        )
    };
    let mut daemon = Daemon::new(folder.path(), &config(true))?;
    daemon.start_ready().await?;
    let journal = Arc::new(Journal::new(3, 64, 0));
    let producer = Producer::start(load(listen), journal.clone());
    for number in 0..6 {
        let before = journal.counts().1;
        until("events flow", async || Ok(journal.counts().1 > before + 100)).await?;
        daemon.configure(&config(number % 2 == 1))?;
        daemon.signal(Signal::HangUp)?;
        until("the route has the new file", async || {
            Ok(daemon.log().matches("route goes on").count() > number)
        })
        .await?;
    }
    producer.stop();
    producer.finish(SOON).await?;
    assert_eq!(journal.entries().unknown_attempts, 0);
    let lines = std::fs::read_to_string(&path)?;
    let ids: Result<Vec<Id>> = lines
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line)?;
            event["id"].as_str().context("without id")?.parse()
        })
        .collect();
    let (sent, accepted) = journal.counts();
    let clean = Verdict { sent, accepted, delivered: sent, ..Verdict::default() };
    assert_eq!(oracle::judge(&journal, &ids?, &[]), clean);
    let log = daemon.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
    Ok(())
}
