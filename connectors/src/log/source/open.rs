//! A source that is connected: what it reads, what is settled and what is committed.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::select_all;
use hybridge_core::{
    Assignment, Delivery, Error, Event, Message, Origin, Outcome, Permit, Tag, Watermark,
};
use tokio::time::Instant;

use super::partition::{Found, Partition};
use crate::log::error::WriteError;
use crate::log::read::{Cause, Chunk, Gap};
use crate::log::spilled::Origins;
use crate::log::store::{Claim, Store};
use crate::log::topic::{self, Topic};

/// How long a settled position may wait to become the group's cursor.
const COMMIT_INTERVAL: Duration = Duration::from_millis(250);

/// What there is from `connect` to `close`.
pub(super) struct Open {
    pub(super) store: Store,
    pub(super) topic: Topic,
    pub(super) group: String,
    pub(super) partitions: Vec<Partition>,
    pub(super) watermark: Watermark,
    announced: bool,
    pub(super) stopped: bool,
    /// The positions that were settled when a flush was asked for.
    pub(super) flushing: Option<Vec<(u32, u64)>>,
    pub(super) releasing: VecDeque<Assignment>,
    /// Which partition is asked first next time.
    turn: usize,
    commit: Commit,
    /// The last commit failed; the next one waits its interval even when it is asked for.
    backing_off: bool,
    /// Where the messages keep the coordinates of where they came from.
    origins: Option<Origins>,
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

impl Open {
    pub(super) fn new(
        store: Store,
        topic: Topic,
        group: String,
        partitions: Vec<Partition>,
        watermark: Watermark,
        claim: Claim,
    ) -> Self {
        let is_spilled = topic::is_spilled(topic.name());
        Self {
            store,
            topic,
            group,
            partitions,
            watermark,
            announced: false,
            stopped: false,
            flushing: None,
            releasing: VecDeque::new(),
            turn: 0,
            commit: Commit::Idle,
            backing_off: false,
            origins: is_spilled.then(Origins::default),
            _claim: claim,
        }
    }

    /// The contract of [`hybridge_core::Source::next`].
    pub(super) async fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.notice() {
                return Ok(event);
            }
            self.start_commit();
            let (index, found) = tokio::select! {
                biased;
                committed = commit_step(&mut self.commit) => {
                    self.finish_commit(committed);
                    continue;
                }
                found = read(&mut self.partitions, &self.watermark, self.stopped, self.turn) => found,
            };
            self.turn = index + 1;
            match found? {
                Found::Records(chunk, permit) => {
                    let deliveries = self.deliver(index, chunk, permit);
                    if !deliveries.is_empty() {
                        return Ok(Event::Deliveries(deliveries));
                    }
                }
                Found::Gap(gap) => self.report(index, gap),
            }
        }
    }

    /// Moves the watermark and sees to it that its position is committed.
    pub(super) fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        let mut index = 0;
        for (tag, outcome) in settled {
            self.watermark.settle(*tag, *outcome);
            let of = |partition: &Partition| partition.assignment.id() == tag.assignment;
            // Those of one partition come together.
            if !self.partitions.get(index).is_some_and(of) {
                index = self.partitions.iter().position(of).unwrap_or(usize::MAX);
            }
            if let Some(partition) = self.partitions.get_mut(index) {
                partition.out = partition.out.saturating_sub(1);
            }
        }
        if matches!(self.commit, Commit::Idle) {
            self.commit = Commit::Due(Instant::now() + COMMIT_INTERVAL);
        }
    }

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
    pub(super) fn unsaved(&self) -> Vec<(u32, u64)> {
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
            if let Some(origins) = &mut self.origins {
                origins.restore(&mut message);
            }
            deliveries.push(Delivery {
                tag,
                message,
                assignment: assignment.clone(),
                deadline: None,
                permit: permit.split(own),
                fault: None,
            });
        }
        partition.out += deliveries.len();
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
        !stopped
            && partition.assignment.is_live()
            && !watermark.is_full(partition.assignment.id())
            && !partition.is_ahead()
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
