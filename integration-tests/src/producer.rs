//! A load producer over HTTP: numbered events, one open request per key, sent again until accepted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::task::JoinSet;

use crate::event::Id;
use crate::journal::Journal;
use crate::wire::{Answer, Connection};

const GIVE_UP: Duration = Duration::from_secs(60);
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(20);

/// What to send, and where to.
#[derive(Clone, Debug)]
pub struct Load {
    /// The listener of an HTTP source.
    pub address: SocketAddr,
    /// The path to post to.
    pub path: String,
    /// Open connections; each has keys of its own.
    pub connections: u32,
    /// Number of keys in all.
    pub keys: u32,
    /// Events per request: 1 posts binary CloudEvents, more posts CloudEvents batches.
    pub batch: u32,
    /// Bytes of one event's data.
    pub size: usize,
    /// Events in all.
    pub events: u64,
    /// Wait of each connection between two requests.
    pub pause: Duration,
}

/// A running load.
#[derive(Debug)]
pub struct Producer {
    journal: Arc<Journal>,
    state: Arc<State>,
    workers: JoinSet<Result<()>>,
}

#[derive(Debug, Default)]
struct State {
    open: AtomicU64,
    refused: AtomicU64,
    stop: AtomicBool,
    /// Microseconds that each connection waits between two requests.
    pause: AtomicU64,
    /// Events that are sent without such waits.
    burst: AtomicU64,
}

impl Producer {
    /// Starts to send.
    pub fn start(load: Load, journal: Arc<Journal>) -> Self {
        let state = Arc::new(State::default());
        state.pause.store(load.pause.as_micros() as u64, Ordering::Relaxed);
        let mut workers = JoinSet::new();
        let connections = load.connections.min(load.keys).max(1);
        for number in 0..connections {
            let share = load.events / u64::from(connections)
                + u64::from(u64::from(number) < load.events % u64::from(connections));
            let worker = Worker {
                keys: (number..load.keys).step_by(connections as usize).collect(),
                load: load.clone(),
                journal: journal.clone(),
                state: state.clone(),
                connection: None,
            };
            workers.spawn(worker.run(share));
        }
        Self { journal, state, workers }
    }

    /// Events whose request is open right now.
    pub fn open(&self) -> u64 {
        self.state.open.load(Ordering::Relaxed)
    }

    /// Events that were refused for good.
    pub fn refused(&self) -> u64 {
        self.state.refused.load(Ordering::Relaxed)
    }

    /// The journal that it writes.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Whether everything was sent and answered.
    pub fn is_done(&mut self) -> bool {
        while self.workers.try_join_next().is_some() {}
        self.workers.is_empty()
    }

    /// Waits so long between two requests of a connection from now on.
    pub fn pace(&self, pause: Duration) {
        self.state.pause.store(pause.as_micros() as u64, Ordering::Relaxed);
    }

    /// Sends the next `events` without a wait between requests.
    pub fn burst(&self, events: u64) {
        self.state.burst.store(events, Ordering::Relaxed);
    }

    /// Lets open requests end and sends no more.
    pub fn stop(&self) {
        self.state.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until everything was sent and answered.
    pub async fn finish(mut self, within: Duration) -> Result<Arc<Journal>> {
        let all = async {
            while let Some(worker) = self.workers.join_next().await {
                worker??;
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(within, all).await {
            Ok(result) => result?,
            Err(_) => bail!("{} events still open after {within:?}", self.open()),
        }
        Ok(self.journal)
    }
}

impl State {
    /// Whether a burst has room for so many events more, which it then has not any longer.
    fn hurries(&self, events: u64) -> bool {
        let take = |left: u64| left.checked_sub(events);
        self.burst.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

struct Worker {
    load: Load,
    keys: Vec<u32>,
    journal: Arc<Journal>,
    state: Arc<State>,
    connection: Option<Connection>,
}

impl Worker {
    async fn run(mut self, share: u64) -> Result<()> {
        let mut left = share;
        let mut turn = 0;
        while left > 0 && !self.state.stop.load(Ordering::Relaxed) {
            let count = left.min(u64::from(self.load.batch)).min(self.keys.len() as u64) as usize;
            let mut ids = Vec::with_capacity(count);
            for offset in 0..count {
                ids.push(self.journal.next(self.keys[(turn + offset) % self.keys.len()]));
            }
            turn = (turn + count) % self.keys.len();
            left -= count as u64;
            self.deliver(ids).await?;
            let pause = self.state.pause.load(Ordering::Relaxed);
            if pause > 0 && !self.state.hurries(count as u64) {
                tokio::time::sleep(Duration::from_micros(pause)).await;
            }
        }
        Ok(())
    }

    /// Sends until every event was accepted or refused for good.
    async fn deliver(&mut self, mut ids: Vec<Id>) -> Result<()> {
        let started = std::time::Instant::now();
        while !ids.is_empty() {
            if started.elapsed() > GIVE_UP {
                bail!("{} was not accepted within {GIVE_UP:?}", ids[0]);
            }
            let Some(mut connection) = self.connect().await else {
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                continue;
            };
            let (headers, body) = self.render(&ids);
            self.state.open.fetch_add(ids.len() as u64, Ordering::Relaxed);
            let post = connection.post(&self.load.path, &headers, &body);
            let answer = tokio::time::timeout(GIVE_UP, post).await;
            self.state.open.fetch_sub(ids.len() as u64, Ordering::Relaxed);
            match answer {
                Ok(Ok(answer)) => {
                    self.connection = Some(connection);
                    self.note(&mut ids, &answer).await;
                }
                Ok(Err(_)) | Err(_) => {
                    self.journal.unknown(ids.len() as u64);
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            }
        }
        Ok(())
    }

    /// Takes out of `ids` what needs no further attempt.
    async fn note(&self, ids: &mut Vec<Id>, answer: &Answer) {
        let each = statuses(answer, ids.len());
        let mut index = 0;
        ids.retain(|id| {
            let status = each[index];
            index += 1;
            match status {
                200..300 => self.journal.accepted(*id),
                408 | 425 | 429 | 500.. => {
                    self.journal.unknown(1);
                    return true;
                }
                _ => {
                    self.state.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
            false
        });
        if !ids.is_empty() {
            tokio::time::sleep(PAUSE_AFTER_ERROR).await;
        }
    }

    async fn connect(&mut self) -> Option<Connection> {
        match self.connection.take() {
            Some(connection) => Some(connection),
            None => Connection::open(self.load.address).await.ok(),
        }
    }

    fn render(&self, ids: &[Id]) -> (String, Vec<u8>) {
        let size = self.load.size;
        if self.load.batch <= 1 {
            let poisoned = self.journal.is_poisoned(ids[0]);
            return (ids[0].headers(), ids[0].body(size, poisoned).into_bytes());
        }
        let events: Vec<String> =
            ids.iter().map(|id| id.structured(size, self.journal.is_poisoned(*id))).collect();
        let header = "content-type: application/cloudevents-batch+json\r\n".to_owned();
        (header, format!("[{}]", events.join(",")).into_bytes())
    }
}

/// The status of each event: that of the answer, or of a 207 the one that its body gives.
fn statuses(answer: &Answer, count: usize) -> Vec<u16> {
    if answer.status != 207 {
        return vec![answer.status; count];
    }
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let list = body.as_array().or_else(|| body.get("results").and_then(|list| list.as_array()));
    let each: Vec<u16> = list
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.get("status").and_then(serde_json::Value::as_u64))
        .map(|status| status as u16)
        .collect();
    if each.len() == count { each } else { vec![500; count] }
}
