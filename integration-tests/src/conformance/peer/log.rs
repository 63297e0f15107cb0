//! The embedded log: what is put there goes through a route of the same daemon.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::{Fault, Feature, Peer, Record, Sections};
use crate::conformance::stage::{PATIENCE, ROUTE};
use crate::conformance::{Role, Settles, Stage};
use crate::ports;
use crate::wire::Connection;

/// Headers of requests that become headers of messages.
pub(super) const COPIED: &str = "copy_headers: [x-one, x-two, x-a, x-b]";
/// Senders at the same time; a key has one of them.
const SENDERS: usize = 16;
const AGAIN: Duration = Duration::from_millis(50);

/// How it is settled as a source.
pub const SETTLES: Settles = Settles {
    connector: "log",
    source: "`log`",
    done: "the watermark moves; the group's cursor follows within 250 ms, and at the end",
    abandoned: "nothing: read again from the cursor",
    rejected: "its lane stops, then its partition; readiness names it",
};

/// A topic of the daemon under test.
pub struct LogPeer {
    ingress: SocketAddr,
}

impl LogPeer {
    /// Has nothing to start.
    pub fn new() -> Result<Self> {
        Ok(Self { ingress: ports::free()? })
    }
}

#[async_trait(?Send)]
impl Peer for LogPeer {
    fn name(&self) -> &'static str {
        "log"
    }

    fn features(&self) -> Vec<Feature> {
        use Feature::*;
        vec![Durable, Ordered, Keys, BinaryBodies, Headers, DuplicateHeaders]
    }

    fn faults(&self, _: Role) -> Vec<Fault> {
        Fault::OF_THE_DAEMON.to_vec()
    }

    fn sections(&self, place: &str) -> Sections {
        if place.starts_with("sink") {
            return Sections::default();
        }
        let routes = format!(
            "  feed: {{ from: {{ http: {{ listen: \"{}\", {COPIED} }} }}, to: {{ log: {{ topic: {place} }} }}, ordering: key }}",
            self.ingress
        );
        Sections { routes, ..Sections::default() }
    }

    fn from(&self, place: &str, more: &str) -> String {
        format!("{{ log: {{ topic: {place}{more} }} }}")
    }

    fn to(&self, place: &str) -> String {
        format!("{{ log: {{ topic: {place} }} }}")
    }

    async fn create(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn put(&self, _: &Stage, _: &str, records: &[Record]) -> Result<()> {
        post_all(self.ingress, records).await
    }

    async fn take(&self, stage: &Stage, place: &str, least: usize) -> Result<Vec<Record>> {
        let all = async || Ok(stage.topic(place).await?.len() >= least);
        stage.until("everything is in the topic", all).await?;
        stage.topic(place).await
    }

    async fn owed(&self, stage: &Stage, place: &str) -> Result<Option<u64>> {
        let topic = stage.admin()?.topic(place).await?;
        Ok(Some(topic.records() - topic.committed(ROUTE)))
    }

    async fn strike(&mut self, fault: Fault) -> Result<()> {
        bail!("{fault:?} is not for a peer")
    }
}

/// Posts records, in order per key: binary CloudEvents whose `partitionkey` is the key.
pub(super) async fn post_all(address: SocketAddr, records: &[Record]) -> Result<()> {
    let mut shares: Vec<Vec<(usize, &Record)>> = vec![Vec::new(); SENDERS];
    for (number, record) in records.iter().enumerate() {
        let hash = record
            .key
            .iter()
            .flatten()
            .fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        shares[hash % SENDERS].push((number, record));
    }
    try_join_all(shares.into_iter().map(|share| post_share(address, share))).await?;
    Ok(())
}

/// Posts one after the other, each until it is accepted.
async fn post_share(address: SocketAddr, records: Vec<(usize, &Record)>) -> Result<()> {
    let mut connection = None;
    for (number, record) in records {
        let started = Instant::now();
        while !post(&mut connection, address, number, record).await? {
            ensure!(started.elapsed() < PATIENCE, "record {number} was not accepted");
            tokio::time::sleep(AGAIN).await;
        }
    }
    Ok(())
}

async fn post(
    connection: &mut Option<Connection>,
    address: SocketAddr,
    number: usize,
    record: &Record,
) -> Result<bool> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => match Connection::open(address).await {
            Ok(open) => open,
            Err(_) => return Ok(false),
        },
    };
    let body = record.payload.as_deref().unwrap_or_default();
    let Ok(answer) = open.post("/", &headers(record, number), body).await else {
        return Ok(false);
    };
    let refused = (400..500).contains(&answer.status) && answer.status != 429;
    ensure!(!refused, "record {number} is refused with {}", answer.status);
    *connection = Some(open);
    Ok((200..300).contains(&answer.status))
}

fn headers(record: &Record, number: usize) -> String {
    let kind = record.also.content_type.as_deref().unwrap_or("application/octet-stream");
    let mut lines = format!(
        "ce-specversion: 1.0\r\nce-id: {number}\r\nce-source: /suite\r\nce-type: record\r\ncontent-type: {kind}\r\n"
    );
    let time = record.also.time.as_ref().and_then(|time| time.parse().ok());
    if let Some(time) = time.and_then(|time| jiff::Timestamp::from_millisecond(time).ok()) {
        lines.push_str(&format!("ce-time: {time}\r\n"));
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if let Some(key) = &record.key {
        lines.push_str(&format!("ce-partitionkey: {}\r\n", text(key)));
    }
    for (name, value) in &record.headers {
        lines.push_str(&format!("{name}: {}\r\n", text(value.as_deref().unwrap_or_default())));
    }
    lines
}
