//! The limit programs do what they are measured for: everything that goes in comes out.

use std::io::BufRead;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hybridge_integration_tests::event::Id;
use hybridge_integration_tests::journal::Journal;
use hybridge_integration_tests::producer::{Load, Producer};
use hybridge_integration_tests::records::{self, Records};
use hybridge_integration_tests::target::Target;
use hybridge_integration_tests::{ports, wire};

const RECORDS: u64 = 300;

struct Program(Child);

impl Program {
    fn until_done(mut command: Command) -> Result<Self> {
        let mut program = Self(command.stdout(Stdio::piped()).spawn()?);
        let mut line = String::new();
        let output = program.0.stdout.take().context("no output")?;
        std::io::BufReader::new(output).read_line(&mut line)?;
        assert_eq!(line, "done\n");
        Ok(program)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ids() -> impl Iterator<Item = Id> {
    (0..RECORDS).map(|seq| Id { key: 0, seq: seq as u32 })
}

fn requests() -> impl Iterator<Item = Vec<u8>> {
    ids().map(|id| records::request(id, 1000))
}

#[tokio::test]
async fn http_to_log_keeps_every_body() -> Result<()> {
    keeps_every_event(1).await
}

#[tokio::test]
async fn http_to_log_keeps_every_event_of_a_batch() -> Result<()> {
    keeps_every_event(10).await
}

async fn keeps_every_event(batch: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("out");
    let address = ports::free()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_limit-http-log"));
    let _program = Program(command.arg(address.to_string()).arg(&file).spawn()?);
    while wire::Connection::open(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let load = Load {
        address,
        path: "/".to_owned(),
        connections: 8,
        keys: 8 * batch,
        batch,
        size: 1000,
        events: RECORDS,
        pause: Duration::ZERO,
    };
    let journal = Arc::new(Journal::new(0, 8 * batch, 0));
    Producer::start(load, journal.clone()).finish(Duration::from_secs(20)).await?;
    assert_eq!(journal.counts(), (RECORDS, RECORDS));
    let mut written = Records::open(&file.to_string_lossy())?;
    let mut count = 0;
    while let Some(record) = written.next_record()? {
        assert_eq!(record.first_chunk(), Some(b"{\""));
        count += 1;
    }
    assert_eq!(count, RECORDS);
    Ok(())
}

#[test]
fn log_to_log_copies_every_record() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [input, output, cursor] = ["in", "out", "cursor"].map(|name| folder.path().join(name));
    records::write(&input, requests())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_limit-log-log"));
    command.args([&input, &output, &cursor]);
    let _program = Program::until_done(command)?;
    assert_eq!(std::fs::read(&input)?, std::fs::read(&output)?);
    assert_eq!(std::fs::read(&cursor)?, RECORDS.to_le_bytes());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn log_to_http_posts_every_record() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let input = folder.path().join("in");
    records::write(&input, requests())?;
    let target = Target::accepting().await?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_limit-log-http"));
    command.arg(&input).arg(target.address.to_string());
    let _program = tokio::task::spawn_blocking(move || Program::until_done(command)).await??;
    let mut received: Vec<_> = target.received().into_iter().map(|one| one.body.to_vec()).collect();
    received.sort();
    assert!(received.into_iter().eq(ids().map(|id| id.body(1000, false).into_bytes())));
    Ok(())
}
