//! Many events at once while somebody watches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::journal::Journal;
use hybridge_integration_tests::producer::{Load, Producer};
use hybridge_integration_tests::wait::until;
use hybridge_integration_tests::{binary, ports, process};

const BUDGET_MIB: u64 = 64;

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_balances_and_memory_stays_bounded_under_load() -> Result<()> {
    let count = if binary::is_full_size() { 100_000 } else { 20_000 };
    let folder = tempfile::tempdir()?;
    let listen = ports::free()?;
    let config = format!(
        "limits: {{ memory: {BUDGET_MIB}MiB }}\nroutes:\n  in:\n    from: {{ http: {{ listen: \"{listen}\" }} }}\n    to: {{ log: {{ topic: in }} }}\n"
    );
    let mut daemon = Daemon::new(folder.path(), &config)?;
    daemon.start_ready().await?;
    let admin = daemon.admin()?;
    let load = Load {
        address: listen,
        path: "/".to_owned(),
        connections: 64,
        keys: 1000,
        batch: 1,
        size: 1000,
        events: count,
        pause: Duration::ZERO,
    };
    let started = Instant::now();
    let mut producer = Producer::start(load, Arc::new(Journal::new(1, 1000, 0)));
    let mut scrapes = 0;
    while !producer.is_done() {
        let metrics = admin.metrics().await?;
        ensure!(metrics.has("hybridge_ledger_difference"), "no ledger in the metrics");
        assert_eq!(metrics.sum("hybridge_ledger_difference", &[]), 0.0);
        scrapes += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = started.elapsed();
    let journal = producer.finish(Duration::from_secs(5)).await?;
    assert_eq!(journal.counts(), (count, count));
    assert_eq!(journal.entries().unknown_attempts, 0);
    ensure!(scrapes > 3, "scraped only {scrapes} times");

    let counts = admin.route("in").await?.counts;
    assert_eq!((counts.received, counts.delivered, counts.in_flight), (count, count, 0));
    let peak = process::resident(daemon.pid()?)?.peak;
    println!(
        "{count} events in {took:.1?}, {scrapes} scrapes, peak of {} MiB with a budget of {BUDGET_MIB} MiB",
        peak / 1_048_576
    );
    assert!(peak < BUDGET_MIB * 1_048_576 * 12 / 10, "peak of {} MiB", peak / 1_048_576);
    let log = daemon.log();
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    Ok(())
}

/// What is resident of the code is less a moment after the start, and what is freed is given back by a thread of the
/// allocator, which is there when it was set up as the daemon asks.
#[tokio::test]
async fn an_idle_daemon_lets_go_of_what_only_its_start_needed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config =
        "routes:\n  in:\n    from: { log: { topic: in } }\n    to: { log: { topic: out } }\n";
    let mut daemon = Daemon::new(folder.path(), config)?;
    daemon.start_ready().await?;
    let process = format!("/proc/{}", daemon.pid()?);
    let code = || -> Result<u64> {
        let status = std::fs::read_to_string(format!("{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssFile:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).context("no RssFile")?;
        Ok(kib.parse()?)
    };
    let before = code()?;
    until("code is let go", async || Ok(code()? < before * 4 / 5)).await?;
    let mut names = std::fs::read_dir(format!("{process}/task"))?
        .map(|task| Ok(std::fs::read_to_string(task?.path().join("comm"))?))
        .collect::<Result<Vec<_>>>()?
        .into_iter();
    ensure!(names.any(|name| name.starts_with("jemalloc")), "the allocator has no thread");
    daemon.terminate(Duration::from_secs(10)).await?;
    Ok(())
}
