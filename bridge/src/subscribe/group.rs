//! One consumer group of one topic: who has which event, and how far all of them have come.
//!
//! Each event is with one consumer at a time. The group's position is a cursor of the log: it
//! moves, durably, up to the first event that is not acknowledged. What was acknowledged behind
//! that is known only while the process lives; after a crash it is given out again.

use std::fmt;
use std::time::Duration;

use hybridge_connectors::log::{Read, ReadError, Record, Store, Topic, WriteError};
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use super::leases::{Key, Leased, Leases, Receipt};
use super::room::{Large, PIECE, Room};
use crate::feed::{Cursor, Feed, Start, StartError};

/// Events of a group that may be given out, or acknowledged behind one that is: shared out among
/// its partitions.
const OPEN: usize = 10_000;
/// The least of them for each partition.
const LEAST: usize = 64;
/// Bytes of events that one answer holds, unless its first event alone is larger.
const ANSWER: usize = 256 * 1024;

/// An event that a consumer gets.
pub(super) struct Given {
    pub(super) leased: Leased,
    pub(super) record: Record,
    /// The room that it takes, where it is large.
    pub(super) large: Option<Large>,
}

/// What a consumer asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// How many events at most.
    pub(super) max: usize,
    /// How long to wait for the first.
    pub(super) wait: Duration,
    /// How long each of them is the consumer's.
    pub(super) lease: Duration,
}

/// Why a group cannot begin.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the group's position cannot be kept: {0}")]
    Write(#[from] WriteError),
}

/// A group.
pub(super) struct Group {
    store: Store,
    topic: Topic,
    /// Its name among the log's cursors: never that of a route's group.
    cursor: String,
    state: Mutex<State>,
    /// What is durable. Held while it is written, so that a position never goes back.
    committed: Mutex<Cursor>,
    /// An event became due, or a partition got room again.
    changed: Notify,
    redelivered: metrics::Counter,
}

struct State {
    leases: Leases,
    feed: Feed,
    /// Records that were read and not given out yet: the rest of one piece, the last one first.
    read: Vec<(u32, Record)>,
}

/// What became of the record of an event that is due again.
enum Again {
    Record(Box<Record>, Option<Large>),
    /// Retention or damage took it.
    Gone,
    /// There is no room for it now.
    Later,
}

/// One answer in the making.
struct Making<'a> {
    lease: Duration,
    room: &'a Room,
    given: Vec<Given>,
}

impl Making<'_> {
    /// Room for a large record. Whoever has nothing yet waits for it; an answer that has something
    /// goes without, since what it has may be large too.
    async fn room(&self, bytes: usize) -> Option<Large> {
        if self.given.is_empty() {
            return Some(self.room.take(bytes).await);
        }
        self.room.try_take(bytes)
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl Group {
    /// Takes the group up where it stands, or begins it at `from` (the first record where that is
    /// not said) and makes that durable.
    pub(super) async fn open(
        store: &Store,
        topic: &Topic,
        name: &str,
        from: Option<Start>,
        epoch: u64,
    ) -> Result<Self, OpenError> {
        let cursor = format!("subscribe/{name}");
        let mut feed = Feed::open(store, topic, &from.unwrap_or(Start::Earliest)).await?;
        let mut positions = feed.cursor();
        let mut begun = Vec::new();
        for (partition, position) in feed.cursor().iter() {
            match store.cursor(&cursor, topic, partition) {
                Some(known) => positions.set(partition, known),
                None => begun.push((partition, position)),
            }
        }
        if !begun.is_empty() {
            store.commit(&cursor, topic, &begun).await?;
        }
        let cap = (OPEN / topic.partitions().max(1) as usize).max(LEAST);
        let mut leases = Leases::new(epoch, cap);
        for (partition, position) in positions.iter() {
            leases.assign(partition, position);
        }
        feed = Feed::at(store, topic, &positions);
        let labels = [("topic", topic.name().to_owned()), ("group", name.to_owned())];
        Ok(Self {
            store: store.clone(),
            topic: topic.clone(),
            cursor,
            state: Mutex::new(State { leases, feed, read: Vec::new() }),
            committed: Mutex::new(positions),
            changed: Notify::new(),
            redelivered: metrics::counter!("hybridge_group_redeliveries_total", &labels),
        })
    }

    pub(super) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Whether nothing is given out and nobody asks.
    pub(super) fn is_idle(&self) -> bool {
        self.state.try_lock().is_ok_and(|state| state.leases.open() == 0)
    }

    /// Gives out events: those that are due again first, then new ones. Waits for the first; an
    /// empty list when none came. When it is dropped, what it gave out is due again when its lease
    /// ends.
    pub(super) async fn receive(&self, ask: Ask, room: &Room) -> Result<Vec<Given>, ReadError> {
        let deadline = Instant::now() + ask.wait;
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let (mut waiter, due) = {
                let mut state = self.state.lock().await;
                let given = self.take(&mut state, ask, room).await?;
                if !given.is_empty() || Instant::now() >= deadline {
                    return Ok(given);
                }
                (self.waiter(&state), state.leases.next_due())
            };
            let until = due.map_or(deadline, |due| due.min(deadline));
            tokio::select! {
                () = waiter.wait() => {}
                () = changed => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// A feed that stands where the group's own does, to wait on while others take from that.
    fn waiter(&self, state: &State) -> Feed {
        let mut cursor = Cursor::default();
        for (partition, next) in state.feed.cursor().iter() {
            if state.leases.room(partition) > 0 {
                cursor.set(partition, next);
            }
        }
        Feed::at(&self.store, &self.topic, &cursor)
    }

    async fn take(
        &self,
        state: &mut State,
        ask: Ask,
        room: &Room,
    ) -> Result<Vec<Given>, ReadError> {
        let mut making = Making { lease: ask.lease, room, given: Vec::new() };
        let mut bytes = 0;
        while making.given.len() < ask.max && bytes < ANSWER {
            let next = match self.again(state, &making).await {
                Ok(None) => self.anew(state, &making).await,
                other => other,
            };
            match next {
                Ok(None) => break,
                Ok(Some(next)) => {
                    bytes += next.record.message.size();
                    making.given.push(next);
                }
                // What was taken before is the consumer's all the same.
                Err(error) if !making.given.is_empty() => {
                    tracing::warn!(topic = self.topic.name(), %error, "a group cannot read on");
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(making.given)
    }

    /// Gives out an event that is due again.
    async fn again(
        &self,
        state: &mut State,
        making: &Making<'_>,
    ) -> Result<Option<Given>, ReadError> {
        loop {
            let now = Instant::now();
            let Some(leased) = state.leases.lease_again(now, now + making.lease) else {
                return Ok(None);
            };
            let (partition, offset) = leased.key;
            match self.read_again(leased.key, making).await {
                Ok(Again::Record(record, large)) => {
                    self.redelivered.increment(1);
                    return Ok(Some(Given { leased, record: *record, large }));
                }
                Ok(Again::Gone) => {
                    let topic = self.topic.name();
                    tracing::warn!(topic, partition, offset, "an event that was given out is gone");
                    state.leases.forget(leased.key);
                }
                Ok(Again::Later) => {
                    state.leases.take_back(&leased, now);
                    return Ok(None);
                }
                Err(error) => {
                    state.leases.take_back(&leased, now);
                    return Err(error);
                }
            }
        }
    }

    /// Reads the record of an event that was given out before.
    async fn read_again(&self, key: Key, making: &Making<'_>) -> Result<Again, ReadError> {
        let (partition, offset) = key;
        let Some(mut reader) = self.store.reader(&self.topic, partition, offset) else {
            return Ok(Again::Gone);
        };
        let mut large = None;
        let mut max = PIECE;
        loop {
            match reader.read(max).await? {
                Read::Records(chunk) => {
                    let first = chunk.into_records(()).next();
                    return Ok(match first.filter(|record| record.offset == offset) {
                        Some(record) => Again::Record(Box::new(record), large),
                        None => Again::Gone,
                    });
                }
                Read::TooSmall(needed) => {
                    drop(large.take());
                    large = making.room(needed).await;
                    if large.is_none() {
                        return Ok(Again::Later);
                    }
                    max = needed;
                }
                Read::Gap(_) | Read::End => return Ok(Again::Gone),
            }
        }
    }

    /// Gives out the next new event.
    async fn anew(
        &self,
        state: &mut State,
        making: &Making<'_>,
    ) -> Result<Option<Given>, ReadError> {
        let State { leases, feed, read } = state;
        let mut large = None;
        let mut max = PIECE;
        loop {
            if let Some((partition, record)) = read.pop() {
                let until = Instant::now() + making.lease;
                if let Some(leased) = leases.lease((partition, record.offset), until) {
                    return Ok(Some(Given { leased, record, large }));
                }
                // Its partition has no room: the others go on, and this one is read again later.
                feed.seek(partition, record.offset);
                read.clear();
            }
            match feed.read(max, |partition| leases.room(partition) > 0).await? {
                None => return Ok(None),
                Some((_, Read::End)) => {}
                Some((_, Read::TooSmall(needed))) => {
                    drop(large.take());
                    large = making.room(needed).await;
                    if large.is_none() {
                        return Ok(None);
                    }
                    max = needed;
                }
                Some((partition, Read::Records(chunk))) => {
                    read.extend(chunk.into_records(()).map(|record| (partition, record)));
                    read.reverse();
                }
                Some((partition, Read::Gap(gap))) => {
                    let (topic, from, to) = (self.topic.name(), gap.from, gap.to);
                    tracing::warn!(topic, partition, from, to, "a group cannot get lost records");
                }
            }
        }
    }

    /// Takes events as done with: one answer for each receipt. Returns when the group's position
    /// is durable as far as it moved; an error when it is not yet.
    pub(super) async fn acknowledge(&self, receipts: &[Receipt]) -> Result<Vec<bool>, WriteError> {
        let done = {
            let mut state = self.state.lock().await;
            let done: Vec<bool> =
                receipts.iter().map(|receipt| state.leases.acknowledge(receipt)).collect();
            done
        };
        self.changed.notify_waiters();
        self.commit().await?;
        Ok(done)
    }

    /// Writes the positions that moved since. Whoever waits here meanwhile finds its own written.
    async fn commit(&self) -> Result<(), WriteError> {
        let mut committed = self.committed.lock().await;
        let moved: Vec<(u32, u64)> = {
            let state = self.state.lock().await;
            let position = |(partition, before)| {
                let position = state.leases.position(partition)?;
                (position > before).then_some((partition, position))
            };
            committed.iter().filter_map(position).collect()
        };
        if moved.is_empty() {
            return Ok(());
        }
        self.store.commit(&self.cursor, &self.topic, &moved).await?;
        for (partition, position) in moved {
            committed.set(partition, position);
        }
        Ok(())
    }

    /// Gives events back, to be given out again after `delay`: one answer for each receipt.
    pub(super) async fn release(&self, receipts: &[Receipt], delay: Duration) -> Vec<bool> {
        let due = Instant::now() + delay;
        let mut state = self.state.lock().await;
        let released = receipts.iter().map(|receipt| state.leases.release(receipt, due)).collect();
        drop(state);
        self.changed.notify_waiters();
        released
    }
}
