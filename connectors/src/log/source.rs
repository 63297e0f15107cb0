//! Reads a topic of the log for a consumer group.
//!
//! All partitions are assigned to the one reader, each as an assignment of its own. What is settled moves a watermark; its
//! position becomes the group's cursor at an interval and at each flush. An abandoned message stops the watermark and
//! comes again after the next start.

mod partition;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::select_all;
use hybridge_config::connector::log::{SourceConfig, Start};
use hybridge_core::{
    Assignment, Budget, Delivery, Error, ErrorKind, Event, Message, Origin, Outcome, Permit, Place,
    Tag, Text, Watermark,
};
use tokio::time::Instant;

use self::partition::{Found, Partition};
use super::error::WriteError;
use super::read::{Cause, Chunk, Gap};
use super::store::{Claim, Store};
use super::topic::{self, Topic};

/// How long a settled position may wait to become the group's cursor.
const COMMIT_INTERVAL: Duration = Duration::from_millis(250);

/// Reads one topic.
pub struct Source {
    store: Store,
    topic: String,
    group: String,
    start: From,
    uncommitted: usize,
    open: Option<Open>,
}

/// Where a group without a cursor begins.
#[derive(Debug, Clone, Copy)]
enum From {
    Earliest,
    Latest,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Time(i64),
    Offset(u64),
}

/// What there is from `connect` to `close`.
struct Open {
    store: Store,
    topic: Topic,
    group: String,
    partitions: Vec<Partition>,
    watermark: Watermark,
    announced: bool,
    stopped: bool,
    /// The positions that were settled when a flush was asked for.
    flushing: Option<Vec<(u32, u64)>>,
    releasing: VecDeque<Assignment>,
    /// Which partition is asked first next time.
    turn: usize,
    commit: Commit,
    /// The last commit failed; the next one waits its interval even when it is asked for.
    backing_off: bool,
    _claim: Claim,
}

/// The positions that are being made durable.
enum Commit {
    /// Everything that is settled is durable, as far as is known.
    Idle,
    /// Something was settled; at this time at the latest it is committed.
    Due(Instant),
    Running(Pin<Box<dyn Future<Output = Committed>>>),
}

/// What was committed, and whether it is durable.
type Committed = (Vec<(u32, u64)>, Result<(), WriteError>);

impl Source {
    /// A source out of `store` for `route`, whose name is the group's where the configuration has none. At most
    /// `uncommitted` deliveries of each partition are given out and not behind its watermark.
    ///
    /// # Errors
    /// [`Fatal`](ErrorKind::Fatal) when no topic can have the name, or the start time is none.
    pub fn new(
        config: &SourceConfig,
        route: &str,
        uncommitted: usize,
        store: Store,
    ) -> Result<Self, Error> {
        let fatal = |what| Error::new(ErrorKind::Fatal, what);
        if !topic::is_open_to_routes(&config.topic) {
            return Err(fatal(WriteError::Name(config.topic.clone()).to_string()));
        }
        let start = match &config.start {
            Start::Earliest => From::Earliest,
            Start::Latest => From::Latest,
            Start::Offset(offset) => From::Offset(*offset),
            Start::Time(text) => {
                let time: jiff::Timestamp = text
                    .parse()
                    .map_err(|_| fatal(format!("start time `{text}` is not RFC 3339")))?;
                From::Time(time.as_millisecond())
            }
        };
        let group = config.group.clone().unwrap_or_else(|| route.to_owned());
        Ok(Self { store, topic: config.topic.clone(), group, start, uncommitted, open: None })
    }

    /// Where the group begins to read a partition, and whether that is its cursor already.
    async fn position(&self, topic: &Topic, partition: u32) -> Result<(u64, bool), Error> {
        if let Some(cursor) = self.store.cursor(&self.group, topic, partition) {
            return Ok((cursor, true));
        }
        let (earliest, next) = self.store.range(topic, partition);
        let offset = match self.start {
            From::Earliest => earliest,
            From::Latest => next,
            From::Offset(offset) => offset.clamp(earliest, next),
            From::Time(time) => {
                self.store.offset_at_time(topic, partition, time).await.map_err(|error| {
                    Error::with_source(ErrorKind::Disconnected, "cannot find the start time", error)
                })?
            }
        };
        Ok((offset, false))
    }
}

#[async_trait(?Send)]
impl hybridge_core::Source for Source {
    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        let failed = |what: &str, error: WriteError| {
            let what = format!("{what} of topic `{}`", self.topic);
            Error::with_source(ErrorKind::Disconnected, what, error)
        };
        let opened = self.store.topic(&self.topic).await;
        let topic = opened.map_err(|error| failed("cannot open the log", error))?;
        let claim = self.store.claim(&self.group, &topic).ok_or_else(|| {
            let what = format!("group `{}` already reads topic `{}`", self.group, self.topic);
            Error::new(ErrorKind::Disconnected, what)
        })?;
        let mut watermark = Watermark::new(self.uncommitted);
        let mut partitions = Vec::new();
        let mut fresh = Vec::new();
        let chunk = partition::chunk(budget.cap(), topic.partitions());
        for number in 0..topic.partitions() {
            let (offset, known) = self.position(&topic, number).await?;
            if !known {
                fresh.push((number, offset));
            }
            let Some(reader) = self.store.reader(&topic, number, offset) else { continue };
            let assignment = Assignment::new(place(&self.store, &topic, number));
            watermark.assign(assignment.clone(), offset);
            let share = budget.share();
            partitions.push(Partition::new(assignment, share, reader, number, offset, chunk));
        }
        // Where a group began must not change with the next start, nor be removed unnoticed by retention.
        if !fresh.is_empty() {
            let begun = self.store.commit(&self.group, &topic, &fresh).await;
            begun.map_err(|error| failed("cannot write the first cursor", error))?;
        }
        self.open = Some(Open {
            store: self.store.clone(),
            topic,
            group: self.group.clone(),
            partitions,
            watermark,
            announced: false,
            stopped: false,
            flushing: None,
            releasing: VecDeque::new(),
            turn: 0,
            commit: Commit::Idle,
            backing_off: false,
            _claim: claim,
        });
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        let Some(open) = &mut self.open else {
            return Err(Error::new(ErrorKind::Fatal, "the log is not connected"));
        };
        loop {
            if let Some(event) = open.notice() {
                return Ok(event);
            }
            open.start_commit();
            let (index, found) = tokio::select! {
                biased;
                committed = commit_step(&mut open.commit) => {
                    open.finish_commit(committed);
                    continue;
                }
                found = read(&mut open.partitions, &open.watermark, open.stopped, open.turn) => found,
            };
            open.turn = index + 1;
            match found? {
                Found::Records(chunk, permit) => {
                    let deliveries = open.deliver(index, chunk, permit);
                    if !deliveries.is_empty() {
                        return Ok(Event::Deliveries(deliveries));
                    }
                }
                Found::Gap(gap) => open.report(index, gap),
            }
        }
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        let Some(open) = &mut self.open else { return };
        for (tag, outcome) in settled {
            open.watermark.settle(*tag, *outcome);
        }
        if matches!(open.commit, Commit::Idle) {
            open.commit = Commit::Due(Instant::now() + COMMIT_INTERVAL);
        }
    }

    fn flush(&mut self) {
        if let Some(open) = &mut self.open {
            open.flushing = Some(open.unsaved());
        }
    }

    fn release(&mut self, assignment: &Assignment) {
        if let Some(open) = &mut self.open {
            open.releasing.push_back(assignment.clone());
        }
    }

    fn stop(&mut self) {
        if let Some(open) = &mut self.open {
            open.stopped = true;
        }
    }

    fn position(&self) -> Vec<(Assignment, u64)> {
        self.open.as_ref().map_or_else(Vec::new, |open| open.watermark.positions())
    }

    async fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let positions = open.unsaved();
        open.partitions.iter().for_each(|partition| partition.assignment.end());
        if positions.is_empty() {
            return;
        }
        if let Err(error) = open.store.commit(&open.group, &open.topic, &positions).await {
            tracing::warn!(group = open.group, topic = open.topic.name(), %error, "last cursors not written");
        }
    }
}

impl Open {
    /// What there is to say without waiting.
    fn notice(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.announced, true) {
            let assignments = self.partitions.iter().map(|partition| partition.assignment.clone());
            return Some(Event::Assigned(assignments.collect()));
        }
        if let Some(assignment) = self.releasing.front().filter(|next| self.is_saved(next)).cloned()
        {
            self.releasing.pop_front();
            return Some(self.give_back(assignment));
        }
        let targets = self.flushing.as_ref()?;
        let reached = |(number, target): &(u32, u64)| {
            let of = |partition: &&Partition| partition.number == *number;
            self.partitions.iter().find(of).is_none_or(|partition| partition.committed >= *target)
        };
        if !targets.iter().all(reached) {
            return None;
        }
        self.flushing = None;
        Some(Event::Flushed)
    }

    fn give_back(&mut self, assignment: Assignment) -> Event {
        assignment.end();
        self.watermark.remove(assignment.id());
        self.partitions.retain(|partition| partition.assignment.id() != assignment.id());
        Event::Released(assignment)
    }

    /// Positions that are settled and not durable.
    fn unsaved(&self) -> Vec<(u32, u64)> {
        let unsaved = |partition: &Partition| {
            let position = self.watermark.committable(partition.assignment.id())?;
            (position > partition.committed).then_some((partition.number, position))
        };
        self.partitions.iter().filter_map(unsaved).collect()
    }

    /// Whether everything that is settled of an assignment is durable.
    fn is_saved(&self, assignment: &Assignment) -> bool {
        let of = |partition: &&Partition| partition.assignment.id() == assignment.id();
        let position = self.watermark.committable(assignment.id());
        self.partitions
            .iter()
            .find(of)
            .is_none_or(|partition| position.is_none_or(|at| at <= partition.committed))
    }

    /// Starts to commit where that is due or asked for.
    fn start_commit(&mut self) {
        let asked = self.flushing.is_some() || !self.releasing.is_empty();
        let due = match &self.commit {
            Commit::Idle => asked,
            Commit::Due(at) => (asked && !self.backing_off) || Instant::now() >= *at,
            Commit::Running(_) => return,
        };
        if !due {
            return;
        }
        let positions = self.unsaved();
        if positions.is_empty() {
            self.commit = Commit::Idle;
            return;
        }
        let (store, topic, group) = (self.store.clone(), self.topic.clone(), self.group.clone());
        self.commit = Commit::Running(Box::pin(async move {
            let result = store.commit(&group, &topic, &positions).await;
            (positions, result)
        }));
    }

    fn finish_commit(&mut self, committed: Option<Committed>) {
        let Some((positions, result)) = committed else { return };
        if let Err(error) = result {
            if !std::mem::replace(&mut self.backing_off, true) {
                tracing::warn!(
                    group = self.group, topic = self.topic.name(), %error,
                    "cursors not written; tried again"
                );
            }
            self.commit = Commit::Due(Instant::now() + COMMIT_INTERVAL);
            return;
        }
        self.backing_off = false;
        for (number, offset) in positions {
            let of = |partition: &&mut Partition| partition.number == number;
            if let Some(partition) = self.partitions.iter_mut().find(of) {
                partition.committed = offset;
            }
        }
        self.commit = match self.unsaved().is_empty() {
            true => Commit::Idle,
            false => Commit::Due(Instant::now() + COMMIT_INTERVAL),
        };
    }

    /// Registers the records of a chunk and makes deliveries of them. The chunk's memory is charged until the last
    /// slice of it is dropped, each delivery's own cost until it is settled.
    fn deliver(&mut self, index: usize, chunk: Chunk, mut permit: Permit) -> Vec<Delivery> {
        let Some(partition) = self.partitions.get_mut(index) else { return Vec::new() };
        let own = Message::OVERHEAD as u64;
        let needed = chunk.size() as u64 + own * chunk.len() as u64;
        permit.grow(needed.saturating_sub(permit.bytes()));
        let memory = permit.split(chunk.size() as u64);
        let mut deliveries = Vec::with_capacity(chunk.len());
        for record in chunk.into_records(memory) {
            let assignment = &partition.assignment;
            let Some(tag) = self.watermark.register(assignment.id(), record.offset) else { break };
            let mut message = record.message;
            message.time = message.time.or(Some(record.appended));
            let place = assignment.place().clone();
            message.origin = Origin { place, offset: record.offset, child: 0 };
            deliveries.push(Delivery {
                tag,
                message,
                assignment: assignment.clone(),
                deadline: None,
                permit: permit.split(own),
                fault: None,
            });
        }
        deliveries
    }

    /// Says that records are missing, and lets the cursor pass them.
    fn report(&mut self, index: usize, gap: Gap) {
        let Some(partition) = self.partitions.get(index) else { return };
        let cause = match gap.cause {
            Cause::Removed => "removed by retention before they were read",
            Cause::Damaged => "damaged",
        };
        let topic = self.topic.name().to_owned();
        metrics::counter!("hybridge_log_missed_records_total", "topic" => topic, "group" => self.group.clone())
            .increment(gap.to - gap.from);
        tracing::error!(
            group = self.group,
            topic = self.topic.name(),
            partition = partition.number,
            from = gap.from,
            to = gap.to,
            cause,
            "records are missing"
        );
        let id = partition.assignment.id();
        if let Some(tag) = gap.to.checked_sub(1).and_then(|last| self.watermark.register(id, last))
        {
            self.watermark.settle(tag, Outcome::Filtered);
        }
        if matches!(self.commit, Commit::Idle) {
            self.commit = Commit::Due(Instant::now() + COMMIT_INTERVAL);
        }
    }
}

/// Waits until the commit is due or ended; for ever when there is none. Cancel-safe.
async fn commit_step(commit: &mut Commit) -> Option<Committed> {
    match commit {
        Commit::Idle => std::future::pending().await,
        Commit::Due(at) => {
            tokio::time::sleep_until(*at).await;
            None
        }
        Commit::Running(running) => {
            let committed = running.await;
            *commit = Commit::Idle;
            Some(committed)
        }
    }
}

/// Waits for what one of the partitions gives, asking that of `turn` first. Cancel-safe.
async fn read(
    partitions: &mut [Partition],
    watermark: &Watermark,
    stopped: bool,
    turn: usize,
) -> (usize, Result<Found, Error>) {
    let count = partitions.len().max(1);
    let readable = |partition: &Partition| {
        !stopped && partition.assignment.is_live() && !watermark.is_full(partition.assignment.id())
    };
    let mut reads: Vec<_> = partitions
        .iter_mut()
        .enumerate()
        .filter(|(_, partition)| readable(partition))
        .map(|(index, partition)| Box::pin(async move { (index, partition.next().await) }))
        .collect();
    if reads.is_empty() {
        // Settling drops this future and makes a new one.
        return std::future::pending().await;
    }
    let first = turn % count % reads.len();
    reads.rotate_left(first);
    select_all(reads).await.0
}

fn place(store: &Store, topic: &Topic, partition: u32) -> Arc<Place> {
    Arc::new(Place {
        connector: Text::from_static("log"),
        cluster: store.instance_id().to_string().into(),
        topic: topic.name().into(),
        incarnation: topic.incarnation().to_string().into(),
        partition,
    })
}
