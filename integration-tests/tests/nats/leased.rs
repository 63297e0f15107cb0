//! Sources without a broker, in several processes under one lease.

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use hybridge_integration_tests::daemon::{self, Daemon};
use hybridge_integration_tests::sys::Signal;
use hybridge_integration_tests::target::{Mode, Target};
use hybridge_integration_tests::wait::{SOON, until};
use serde_json::Value;

use super::{Fixture, Stored, numbers};

const LEASE: &str = "lease: { connection: nats, create: true, ttl: 4s }";
const EVERY: i64 = 200;

/// Starts three processes, and waits until one of them reads.
async fn three(fixture: &Fixture, routes: &str) -> Result<Vec<Daemon>> {
    let mut daemons = Vec::new();
    for number in 0..3 {
        let mut daemon = fixture.daemon_in(&format!("daemon-{number}"), routes)?;
        daemon.start_ready().await?;
        daemons.push(daemon);
    }
    Ok(daemons)
}

/// The one that holds the lease, of those with these numbers.
async fn holder(daemons: &[Daemon], among: &[usize]) -> Result<usize> {
    let mut found = None;
    until("one holds the lease", async || {
        for number in among {
            if daemons[*number].admin()?.route("r").await?.waits_for.is_none() {
                found = Some(*number);
            }
        }
        Ok(found.is_some())
    })
    .await?;
    found.context("nobody holds the lease")
}

/// The time of the tick, in milliseconds.
fn tick(stored: &Stored) -> Result<i64> {
    let body: Value = serde_json::from_slice(&stored.body)?;
    let time: jiff::Timestamp = body["time"].as_str().context("time")?.parse()?;
    Ok(time.as_millisecond())
}

/// The holder is killed, another one stands still for longer than the lease, a third one leaves: every tick is there,
/// once, since a repetition has the identity of the first and the stream keeps one.
#[tokio::test(flavor = "multi_thread")]
async fn every_tick_comes_once_whoever_makes_it() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.stream("OUT").await?;
    let routes = format!(
        "
  r:
    from: {{ schedule: {{ every: {EVERY}ms, {LEASE} }} }}
    to: {{ nats: {{ connection: nats, stream: OUT, subject: out.tick }} }}
"
    );
    let mut daemons = three(&fixture, &routes).await?;
    let more = async |count: u64| {
        let now = fixture.count("OUT").await?;
        until("more ticks", async || Ok(fixture.count("OUT").await? >= now + count)).await
    };
    more(10).await?;
    let first = holder(&daemons, &[0, 1, 2]).await?;
    daemons[first].kill()?;
    more(20).await?;
    let others: Vec<usize> = (0..3).filter(|number| *number != first).collect();
    let second = holder(&daemons, &others).await?;
    let others: Vec<usize> = others.into_iter().filter(|number| *number != second).collect();
    assert_eq!(daemons[others[0]].admin()?.route("r").await?.counts.received, 0);
    daemons[second].signal(Signal::Stop)?;
    let third = holder(&daemons, &others).await?;
    more(20).await?;
    daemons[second].signal(Signal::Continue)?;
    until("who stood still waits", async || {
        Ok(daemons[second].admin()?.route("r").await?.waits_for.is_some())
    })
    .await?;
    daemons[first].start_ready().await?;
    daemons[third].terminate(SOON).await?;
    more(20).await?;
    for number in [first, second] {
        let admin = daemons[number].admin()?;
        assert_eq!(admin.route("r").await?.ledger_difference, 0);
        let missed = admin.metrics().await?.sum("hybridge_schedule_missed_total", &[]);
        assert_eq!(missed, 0.0);
        daemons[number].terminate(SOON).await?;
    }
    let ticks = fixture.all("OUT").await?.iter().map(tick).collect::<Result<Vec<i64>>>()?;
    let expected: Vec<i64> = (0..).map(|n| ticks[0] + n * EVERY).take(ticks.len()).collect();
    assert_eq!(ticks, expected);
    Ok(())
}

/// Files that grow, in a folder that all processes see.
struct Shared<'a> {
    folder: &'a Path,
    /// Lines that were written to each file, and the bytes of all.
    lines: usize,
    bytes: u64,
}

const FILES: usize = 3;

impl Shared<'_> {
    /// Appends so many lines to each file.
    fn grow(&mut self, lines: usize) -> Result<()> {
        for file in 0..FILES {
            let path = self.folder.join(format!("{file}.log"));
            let mut text = String::new();
            for number in self.lines..self.lines + lines {
                text.push_str(&format!("{file}/{number}\n"));
            }
            OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())?;
            self.bytes += text.len() as u64;
        }
        self.lines += lines;
        Ok(())
    }

    fn total(&self) -> usize {
        self.lines * FILES
    }

    /// How often reading began again at an earlier line. Between, every line comes after the one before it.
    fn rewinds(&self, target: &Target) -> Result<usize> {
        let mut last: HashMap<String, usize> = HashMap::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut rewinds = 0;
        for received in target.received() {
            let (file, number) =
                std::str::from_utf8(&received.body)?.split_once('/').context("body")?;
            let number: usize = number.parse()?;
            let seen = seen.entry(file.to_owned()).or_default();
            assert!(number <= *seen, "{number} of {file} came before {seen}");
            *seen = (*seen).max(number + 1);
            let last = last.insert(file.to_owned(), number + 1).unwrap_or(0);
            rewinds += usize::from(number != last);
        }
        assert_eq!(seen.values().sum::<usize>(), self.total());
        Ok(rewinds)
    }
}

/// A route from the files of a folder.
fn to_target(folder: &Path, target: &Target) -> String {
    format!(
        "
  r:
    from: {{ file: {{ path: \"{}/*.log\", format: lines, poll: 50ms, {LEASE} }} }}
    to: {{ http: {{ url: \"http://{}/\" }} }}
",
        folder.display(),
        target.address
    )
}

/// The positions that the entry of the lease has, added up.
async fn saved(fixture: &Fixture) -> Result<u64> {
    let bucket = fixture.context.get_key_value("hybridge-leases").await?;
    let entry = bucket.get("file.r").await?.context("entry")?;
    let entry: Value = serde_json::from_slice(&entry)?;
    let positions = entry["positions"].as_object().context("positions")?;
    Ok(positions.values().filter_map(|numbers| numbers[0].as_u64()).sum())
}

/// A holder that leaves doubles nothing, and one that is killed only what was not settled.
#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_shared_folder_come_once_whoever_reads_them() -> Result<()> {
    let fixture = Fixture::start().await?;
    let target = Target::accepting().await?;
    let folder = tempfile::tempdir()?;
    let mut files = Shared { folder: folder.path(), lines: 0, bytes: 0 };
    let routes = to_target(folder.path(), &target);
    let all = async |files: &Shared<'_>| {
        let total = files.total() as u64;
        until("all lines", async || Ok(target.count() >= total)).await
    };
    let mut daemons = three(&fixture, &routes).await?;
    files.grow(300)?;
    all(&files).await?;
    // One leaves in the middle of its work.
    let first = holder(&daemons, &[0, 1, 2]).await?;
    let before = target.count();
    files.grow(300)?;
    until("some lines", async || Ok(target.count() > before + 50)).await?;
    daemons[first].terminate(SOON).await?;
    all(&files).await?;
    assert_eq!(files.rewinds(&target)?, 0);
    assert_eq!(target.count(), files.total() as u64);
    // One stands still for longer than the lease; what it finds when it goes on is another's.
    daemons[first].start_ready().await?;
    until("everything is saved", async || Ok(saved(&fixture).await? == files.bytes)).await?;
    let still = holder(&daemons, &[0, 1, 2]).await?;
    daemons[still].signal(Signal::Stop)?;
    files.grow(100)?;
    all(&files).await?;
    daemons[still].signal(Signal::Continue)?;
    until("who stood still waits", async || {
        Ok(daemons[still].admin()?.route("r").await?.waits_for.is_some())
    })
    .await?;
    // One is killed when what it has settled is saved, and what it has sent is not taken.
    until("everything is saved", async || Ok(saved(&fixture).await? == files.bytes)).await?;
    target.set(Mode::Hang);
    files.grow(100)?;
    until("lines are sent", async || Ok(target.open() > 0)).await?;
    let second = holder(&daemons, &[0, 1, 2]).await?;
    daemons[second].kill()?;
    target.set(Mode::Accept);
    all(&files).await?;
    assert_eq!(files.rewinds(&target)?, 0);
    assert_eq!(target.count(), files.total() as u64);
    // One is killed in the middle of its work: what was saved before that does not come again.
    until("everything is saved", async || Ok(saved(&fixture).await? == files.bytes)).await?;
    let before = target.count();
    files.grow(500)?;
    until("some lines", async || Ok(target.count() > before + 100)).await?;
    let others: Vec<usize> = (0..3).filter(|number| *number != second).collect();
    let third = holder(&daemons, &others).await?;
    daemons[third].kill()?;
    let others: Vec<usize> = others.into_iter().filter(|number| *number != third).collect();
    until("the last position is saved", async || Ok(saved(&fixture).await? == files.bytes)).await?;
    assert!(files.rewinds(&target)? <= FILES, "each file goes on at one place");
    let received = target.received();
    let (saved, later) = received.split_at(before as usize);
    let saved: HashSet<&[u8]> = saved.iter().map(|line| &*line.body).collect();
    let again = later.iter().filter(|line| saved.contains(&*line.body)).count();
    assert_eq!(again, 0, "came again though it was saved");
    let admin = daemons[others[0]].admin()?;
    assert_eq!(admin.metrics().await?.sum("hybridge_lease_held", &[]), 1.0);
    let last = admin.route("r").await?;
    assert_eq!((last.ledger_difference, last.waits_for), (0, None));
    Ok(())
}

/// Files that are removed once they are delivered: one holder is killed at work, and each file came once.
#[tokio::test(flavor = "multi_thread")]
async fn whole_files_of_a_shared_folder_come_once_whoever_reads_them() -> Result<()> {
    let fixture = Fixture::start().await?;
    fixture.stream("OUT").await?;
    let folder = tempfile::tempdir()?;
    let spool = folder.path().join("spool");
    std::fs::create_dir(&spool)?;
    let routes = format!(
        "
  r:
    from: {{ file: {{ path: \"{}\", format: whole, after: remove, poll: 50ms, {LEASE} }} }}
    to: {{ nats: {{ connection: nats, stream: OUT, subject: out.file }} }}
",
        spool.display()
    );
    let mut daemons = three(&fixture, &routes).await?;
    let put = |range: std::ops::Range<usize>| {
        range.into_iter().try_for_each(|number| {
            let path = folder.path().join(number.to_string());
            std::fs::write(&path, number.to_string())?;
            std::fs::rename(&path, spool.join(number.to_string()))
        })
    };
    put(0..1_000)?;
    until("some files", async || Ok(fixture.count("OUT").await? >= 100)).await?;
    let first = holder(&daemons, &[0, 1, 2]).await?;
    daemons[first].kill()?;
    put(1_000..1_500)?;
    until("all files", async || Ok(fixture.count("OUT").await? >= 1_500)).await?;
    until("none is left", async || Ok(std::fs::read_dir(&spool)?.next().is_none())).await?;
    assert_eq!(numbers(&fixture.all("OUT").await?), (0..1_500).collect::<Vec<_>>());
    Ok(())
}

/// Without a bucket a route says how to make one, and so does the check; a server that is away is said, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket_says_how_to_make_it() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    let routes = "
  r:
    from: { schedule: { every: 1s, lease: { connection: nats, bucket: gone } } }
    to: { log: { topic: t } }
";
    let mut daemon = fixture.daemon(routes)?;
    let config = daemon.config();
    let check = || -> Result<String> {
        let config = config.to_str().context("path")?;
        let output = daemon::command(&["check", "--connect", config])?;
        let text = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    let help = "make it with `nats kv add gone`, or write `lease: { create: true }`";
    assert!(check()?.contains(help), "{}", check()?);
    daemon.start()?;
    daemon.live(SOON).await?;
    until("it says so", async || Ok(daemon.log().contains(help))).await?;
    assert!(!daemon.admin()?.is_ready().await);
    let bucket = async_nats::jetstream::kv::Config { bucket: "gone".into(), ..Default::default() };
    fixture.context.create_key_value(bucket).await?;
    daemon.ready(SOON).await?;
    assert!(!check()?.contains("nats kv add"), "{}", check()?);
    fixture.nats.servers[0].child().kill()?;
    assert!(check()?.contains("cannot connect"), "{}", check()?);
    until("the route is red", async || Ok(daemon.admin()?.route("r").await?.state == "red")).await
}

/// The server is away for longer than the lease: nobody reads, and when it is back somebody does. What comes twice could
/// not be saved, which is what came within a second.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_server_nobody_reads() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    let target = Target::accepting().await?;
    let folder = tempfile::tempdir()?;
    let mut files = Shared { folder: folder.path(), lines: 0, bytes: 0 };
    let routes = to_target(folder.path(), &target);
    let mut daemons = Vec::new();
    for name in ["first", "second"] {
        let mut daemon = fixture.daemon_in(name, &routes)?;
        daemon.start_ready().await?;
        daemons.push(daemon);
    }
    files.grow(100)?;
    until("all lines", async || Ok(target.count() >= files.total() as u64)).await?;
    until("everything is saved", async || Ok(saved(&fixture).await? == files.bytes)).await?;
    let saved_before = target.count();
    fixture.nats.servers[0].child().kill()?;
    files.grow(10)?;
    until("some lines", async || Ok(target.count() > saved_before)).await?;
    until("the lease is lost", async || {
        Ok(daemons.iter().any(|daemon| daemon.log().contains("not reading any more")))
    })
    .await?;
    files.grow(10)?;
    until("both are red", async || {
        for daemon in &daemons {
            if daemon.admin()?.route("r").await?.state != "red" {
                return Ok(false);
            }
        }
        Ok(true)
    })
    .await?;
    let unsaved = target.count() - saved_before;
    assert!(unsaved <= 10 * FILES as u64, "somebody reads: {unsaved}");
    fixture.nats.servers[0].begin()?;
    fixture.nats.up().await?;
    until("the last position is saved", async || {
        Ok(saved(&fixture).await.is_ok_and(|saved| saved == files.bytes))
    })
    .await?;
    assert!(files.rewinds(&target)? <= FILES);
    assert!(target.count() - files.total() as u64 <= unsaved);
    Ok(())
}
