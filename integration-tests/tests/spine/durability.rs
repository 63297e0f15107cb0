//! What is acknowledged is on disk, and a full disk heals. A release build fills a disk of full size.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hybridge_integration_tests::daemon::Daemon;
use hybridge_integration_tests::event::Id;
use hybridge_integration_tests::journal::Journal;
use hybridge_integration_tests::producer::{Load, Producer};
use hybridge_integration_tests::wire::Connection;
use hybridge_integration_tests::{binary, disk, oracle, ports, topic};

use hybridge_integration_tests::wait::{SOON, until};

fn into_log(listen: std::net::SocketAddr, subscribe: std::net::SocketAddr) -> String {
    format!(
        "subscribe: {{ listen: \"{subscribe}\" }}\nroutes:\n  in:\n    from: {{ http: {{ listen: \"{listen}\" }} }}\n    to: {{ log: {{ topic: in }} }}\n    retry: {{ initial: 20ms, max: 200ms }}\n"
    )
}

fn load(address: std::net::SocketAddr, connections: u32, events: u64) -> Load {
    Load {
        address,
        path: "/".to_owned(),
        connections,
        keys: 64,
        batch: 1,
        size: 500,
        events,
        pause: Duration::ZERO,
    }
}

async fn ids(daemon: &Daemon, subscribe: std::net::SocketAddr) -> Result<Vec<Id>> {
    let count = daemon.admin()?.topic("in").await?.records();
    let events = topic::read(&format!("http://{subscribe}"), "in", count, SOON).await?;
    events.iter().map(|event| event["id"].as_str().context("no id")?.parse()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_acknowledgements_and_heals_without_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (listen, subscribe) = (ports::free()?, ports::free()?);
    let storage = folder.path().join("disk");
    std::fs::create_dir(&storage)?;
    let config = into_log(listen, subscribe);
    let mut daemon = Daemon::with_storage(folder.path(), &storage.join("storage"), &config)?;
    let size = if binary::is_full_size() { 256 } else { 24 };
    let file = daemon.config();
    let program = [binary::hybridge()?.as_os_str(), "run".as_ref(), file.as_os_str()];
    daemon.spawn(disk::on_small_disk(&storage, size, &program))?;
    daemon.ready(SOON).await?;
    let inside = PathBuf::from(format!("/proc/{}/root{}", daemon.pid()?, storage.display()));

    let journal = Arc::new(Journal::new(5, 64, 0));
    let producer = Producer::start(load(listen, 16, u64::MAX / 2), journal.clone());
    until("some are accepted", async || Ok(journal.counts().1 > 500)).await?;
    disk::fill(&inside)?;
    // What was between write and answer may still be accepted; then nothing is, for it cannot be.
    let mut accepted = journal.counts().1;
    let started = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let now = journal.counts().1;
        if now == accepted {
            break;
        }
        accepted = now;
        ensure!(started.elapsed() < SOON, "still accepts on a full disk");
    }
    disk::free(&inside)?;
    until("more are accepted", async || Ok(journal.counts().1 > accepted + 500)).await?;
    producer.stop();
    producer.finish(SOON).await?;

    println!(
        "a disk of {size} MiB: {accepted} events accepted until it was full, {} with what came when there was room",
        journal.counts().1
    );
    let verdict = oracle::judge(&journal, &ids(&daemon, subscribe).await?, &[]);
    assert_eq!(
        (verdict.lost, verdict.duplicates, verdict.order_violations),
        (0, 0, 0),
        "{verdict:?}"
    );
    assert_eq!(daemon.admin()?.route("in").await?.ledger_difference, 0);
    Ok(())
}

/// One system call of the trace: what it was, on which file, what it carried, and at which lines
/// it began and ended.
struct Call {
    name: String,
    file: String,
    text: String,
    began: usize,
    ended: usize,
}

/// Puts the halves of interrupted lines together.
fn calls(trace: &str) -> Vec<Call> {
    let mut open: HashMap<&str, (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(half) = rest.strip_suffix("<unfinished ...>") {
            open.insert(thread, (number, half.to_owned()));
            continue;
        }
        let (began, text) = match (rest.starts_with("<... "), open.remove(thread)) {
            (true, Some((began, half))) => (began, half + rest),
            _ => (number, rest.to_owned()),
        };
        let Some((name, arguments)) = text.split_once('(') else { continue };
        let file = arguments.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        calls.push(Call { name: name.to_owned(), file, text: text.clone(), began, ended: number });
    }
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledgement_comes_after_the_sync_that_covers_its_record() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (listen, subscribe) = (ports::free()?, ports::free()?);
    let mut daemon = Daemon::new(folder.path(), &into_log(listen, subscribe))?;
    let trace = folder.path().join("trace");
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "-y", "-s", "1000000", "-o"])
        .arg(&trace)
        .args([
            "-e",
            "trace=read,recvfrom,write,writev,pwrite64,pwritev,sendto,sendmsg,fdatasync,fsync",
        ])
        .arg(binary::hybridge()?)
        .arg("run")
        .arg(daemon.config());
    daemon.spawn(command)?;
    daemon.ready(SOON).await?;

    const CONNECTIONS: u32 = 8;
    const EACH: u32 = 25;
    let posts = (0..CONNECTIONS).map(|key| async move {
        let mut connection = Connection::open(listen).await?;
        for seq in 0..EACH {
            let id = Id { key, seq };
            let body = id.body(200, false);
            let answer = connection.post("/", &id.headers(), body.as_bytes()).await?;
            ensure!(answer.status / 100 == 2, "{}", answer.status);
        }
        anyhow::Ok(())
    });
    futures_util::future::try_join_all(posts).await?;
    daemon.kill()?;

    let calls = calls(&std::fs::read_to_string(&trace)?);
    let mut answered = 0;
    for key in 0..CONNECTIONS {
        for seq in 0..EACH {
            let id = Id { key, seq }.to_string();
            let carries = |call: &&Call| call.text.contains(&id);
            let reads = |call: &&Call| matches!(call.name.as_str(), "read" | "recvfrom");
            let request = calls.iter().find(|call| reads(call) && carries(call));
            let request = request.with_context(|| format!("the trace has no request of {id}"))?;
            let written = calls
                .iter()
                .find(|call| !reads(call) && carries(call) && call.file.contains("storage"))
                .with_context(|| format!("the trace has no record of {id}"))?;
            let answer = calls
                .iter()
                .find(|call| {
                    call.file == request.file
                        && call.began > request.ended
                        && call.text.contains("HTTP/1.1 2")
                })
                .with_context(|| format!("the trace has no answer to {id}"))?;
            let synced = calls.iter().any(|call| {
                matches!(call.name.as_str(), "fdatasync" | "fsync")
                    && call.file == written.file
                    && call.began > written.ended
                    && call.ended < answer.began
                    && call.text.ends_with("= 0")
            });
            assert!(synced, "{id} was answered before its record was synced");
            answered += 1;
        }
    }
    assert_eq!(answered, CONNECTIONS * EACH);
    Ok(())
}
