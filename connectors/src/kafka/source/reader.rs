//! The thread that owns the consumer.

mod cluster;
mod commit;
mod rebalance;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hybridge_core::{AssignmentId, Budget, Error, ErrorKind, Permit, Share, Text};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::oneshot;
use tokio::time::Instant;

use self::commit::Commit;
use self::rebalance::Revocation;
use super::Plan;
use super::context::{Context, Rebalance};
use super::desk::{Desk, Fresh};
use super::partition::{Partition, Read};
use crate::kafka::client::{self, Voice};
use crate::kafka::ffi::{self, Queue, Record};

/// How long a settled position may wait to be committed; also how often the lag is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long the cluster may take to say which topics it has.
const ASK: Duration = Duration::from_secs(10);
/// How long the last commit may take when the group is left.
const LAST_COMMIT: Duration = Duration::from_secs(3);
/// How long the client may take to say that it leaves, which it does not while its group shares out partitions.
const GOODBYE: Duration = Duration::from_secs(3);
/// How long nothing may be reachable before the route says so by starting again.
const AWAY: Duration = Duration::from_secs(60);
/// What the client may keep read ahead, over all partitions, where the route's share allows.
const QUEUES: u64 = 16 << 20;

/// The owner of the consumer, on its thread.
pub(super) struct Reader<'a> {
    plan: &'a Plan,
    desk: &'a Arc<Desk>,
    budget: Budget,
    cluster: Text,
    /// Partitions of each topic when the group was joined.
    known: HashMap<String, i32>,
    // Dropped before the consumer: queues and records belong to it.
    records: Vec<Record>,
    partitions: Vec<Partition>,
    commits: Queue,
    consumer: BaseConsumer<Context>,
    fresh: Vec<Fresh>,
    revocation: Option<Revocation>,
    commit: Commit,
    /// What a flush waits for.
    flushing: Option<Vec<(AssignmentId, u64)>>,
    tick: Instant,
    stopped: bool,
    /// Which partition is asked first next time.
    turn: usize,
    away_since: Option<Instant>,
    /// What the client keeps read ahead is part of the memory limit.
    _queues: Option<Permit>,
    share: Share,
}

impl<'a> Reader<'a> {
    /// Joins the group, says so, and reads until it is told to leave. What goes wrong on the way is put on the desk.
    pub(super) fn live(
        plan: &'a Plan,
        budget: Budget,
        desk: &'a Arc<Desk>,
        up: oneshot::Sender<Result<(), Error>>,
    ) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let error = Error::with_source(ErrorKind::Transient, "no runtime", error);
                let _ = up.send(Err(error));
                return;
            }
        };
        let mut reader = match Self::join(plan, budget, desk) {
            Ok(reader) => reader,
            Err(error) => {
                let _ = up.send(Err(error));
                return;
            }
        };
        let _ = up.send(Ok(()));
        if let Err(error) = runtime.block_on(reader.run()) {
            desk.fail(error);
        }
        runtime.block_on(reader.leave());
    }

    /// Whether the cluster can be reached and has the topics. Blocks.
    pub(super) fn look(plan: &Plan) -> Result<(), Error> {
        cluster::look(plan).map(drop)
    }

    fn join(plan: &'a Plan, budget: Budget, desk: &'a Arc<Desk>) -> Result<Self, Error> {
        let (known, cluster) = cluster::look(plan)?;
        let share = budget.share();
        let queues = (budget.cap() / 4).min(QUEUES);
        let partitions = known.values().map(|count| u64::from(count.unsigned_abs())).sum::<u64>();
        let config = cluster::sized(&plan.client, queues, partitions.max(1), plan);
        let context = Context::new(Voice::new(plan.tokens.clone()));
        let mut consumer: BaseConsumer<Context> =
            config.create_with_context(context).map_err(|error| {
                Error::with_source(ErrorKind::Fatal, "cannot make the consumer", error)
            })?;
        let wake = desk.clone();
        consumer.set_nonempty_callback(move || wake.ordered.notify_one());
        let wake = desk.clone();
        let wake = Arc::new(move || wake.ordered.notify_one());
        let commits = Queue::of_answers(consumer.client().native_ptr(), wake);
        let commits = commits.ok_or_else(|| Error::transient("no queue for commits"))?;
        let topics: Vec<&str> = plan.topics.iter().map(String::as_str).collect();
        consumer
            .subscribe(&topics)
            .map_err(|error| Error::with_source(ErrorKind::Fatal, "cannot subscribe", error))?;
        Ok(Self {
            plan,
            desk,
            cluster: cluster.unwrap_or_else(|| plan.name.clone()).into(),
            known,
            records: Vec::new(),
            partitions: Vec::new(),
            commits,
            consumer,
            fresh: Vec::new(),
            revocation: None,
            commit: Commit::default(),
            flushing: None,
            tick: Instant::now() + TICK,
            stopped: false,
            turn: 0,
            away_since: None,
            _queues: share.try_take(queues),
            share,
            budget,
        })
    }

    async fn run(&mut self) -> Result<(), Error> {
        loop {
            let released = self.share.released();
            self.poll()?;
            let orders = self.desk.orders();
            self.stopped |= orders.stop;
            if orders.close {
                return Ok(());
            }
            self.release(&orders.released);
            if orders.flush {
                self.flushing = Some(self.unsaved());
            }
            self.rebalance()?;
            self.commit_where_due();
            self.tell_flushed();
            let (some, full) = self.read()?;
            if some {
                continue;
            }
            let until = self.wake_at();
            tokio::select! {
                () = self.desk.ordered.notified() => {}
                () = released, if full => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    /// Lets the client call what it has to say.
    fn poll(&mut self) -> Result<(), Error> {
        loop {
            let polled = self.consumer.poll(Duration::ZERO).map(|said| said.map(drop));
            match polled {
                Some(Ok(())) => {
                    return Err(Error::transient("a record came outside of its partition"));
                }
                Some(Err(error)) => self.fault(&error)?,
                None if self.consumer.context().voice.has_spoken() => {}
                None => return Ok(()),
            }
        }
    }

    /// What an error of the group or of a connection means.
    fn fault(&mut self, error: &KafkaError) -> Result<(), Error> {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        let voice = &self.consumer.context().voice;
        let context = || format!("group `{}`", self.plan.group);
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            let reason = voice.trouble().map(|trouble| trouble.reason).unwrap_or_default();
            return Err(Error::with_source(ErrorKind::Disconnected, context(), reason));
        }
        match code {
            Code::UnknownTopicOrPartition => {
                let reason = voice.trouble().map(|trouble| trouble.reason).unwrap_or_default();
                Err(Error::transient(format!("{}: a topic does not exist: {reason}", context())))
            }
            code if client::kind(code) == ErrorKind::Unauthorized
                || (client::is_connection(code) && voice.was_refused()) =>
            {
                Err(voice.explain(context(), error))
            }
            Code::AllBrokersDown => {
                self.away_since.get_or_insert_with(Instant::now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Reads each partition once. Says whether something was given out, and whether there was no room for something.
    fn read(&mut self) -> Result<(bool, bool), Error> {
        let (mut some, mut full) = (false, false);
        if self.stopped {
            return Ok((some, full));
        }
        let count = self.partitions.len();
        for step in 0..count {
            let index = (self.turn + step) % count;
            let Some(partition) = self.partitions.get_mut(index) else { continue };
            match partition.read(self.desk, &mut self.records, &mut self.fresh)? {
                Read::Some => some = true,
                Read::Nothing => {}
                Read::Full => full = true,
            }
        }
        self.turn = self.turn.wrapping_add(1);
        if some && self.away_since.is_some() {
            self.is_well();
        }
        Ok((some, full))
    }

    /// When something must be looked at although nobody says so.
    fn wake_at(&self) -> Instant {
        let mut until = self.tick;
        if let Some(revocation) = &self.revocation {
            until = until.min(revocation.until);
        }
        if self.flushing.is_some() || self.revocation.is_some() {
            until = until.min(Instant::now() + Duration::from_millis(50));
        }
        until
    }

    fn is_well(&mut self) {
        self.away_since = None;
        self.consumer.context().voice.is_well();
    }

    fn look_around(&mut self) {
        let client = self.consumer.client().native_ptr();
        // Markers of transactions have offsets and are no records: the client knows how many it has passed.
        let passed = self.consumer.position().ok();
        let mut lag = None;
        let mut stalled = None;
        for partition in &mut self.partitions {
            let position = passed.as_ref().and_then(|list| {
                let found = list.find_partition(&partition.topic, partition.number)?.offset();
                u64::try_from(found.to_raw()?).ok()
            });
            let position = position.map_or(partition.next, |at| at.max(partition.next));
            let range = ffi::range(client, &partition.topic, partition.number);
            let behind = range
                .and_then(|(_, high)| u64::try_from(high).ok())
                .map(|high| high.saturating_sub(position));
            if let Some(behind) = behind {
                lag = Some(lag.unwrap_or(0) + behind);
            }
            let is_idle = self.desk.uncommitted(partition.assignment.id()) == 0;
            let may_stall = is_idle && behind != Some(0) && partition.assignment.is_live();
            if partition.has_stalled(position, may_stall) {
                stalled = Some((partition.topic.clone(), partition.number, position));
            }
        }
        self.desk.set_lag(lag);
        if let Some((topic, number, position)) = stalled.filter(|_| !self.stopped) {
            self.ask_about(&topic, number, position);
        }
        if self.away_since.is_some_and(|since| since.elapsed() >= AWAY) {
            let reason = self.consumer.context().voice.trouble();
            let reason = reason.map_or_else(String::new, |trouble| trouble.reason);
            let context = format!("no broker answers for {} s", AWAY.as_secs());
            self.desk.fail(Error::with_source(ErrorKind::Disconnected, context, reason));
        }
    }

    /// Nothing came of a partition for long: if there is something, only a new incarnation will get it.
    fn ask_about(&self, topic: &str, number: i32, position: u64) {
        match self.consumer.fetch_watermarks(topic, number, ASK) {
            Ok((_, high)) if u64::try_from(high).is_ok_and(|high| high > position) => {
                let what =
                    format!("{topic}/{number} ends at {high} and nothing comes since {position}");
                self.desk.fail(Error::new(ErrorKind::Disconnected, what));
            }
            Ok(_) => {}
            Err(error) => {
                let voice = &self.consumer.context().voice;
                self.desk.fail(voice.explain(format!("nothing comes of {topic}/{number}"), &error));
            }
        }
    }

    /// Commits what is settled, gives everything back and leaves the group.
    async fn leave(mut self) {
        let until = Instant::now() + LAST_COMMIT;
        while !self.unsaved().is_empty() && !self.consumer.assignment_lost() {
            if Instant::now() >= until || self.poll().is_err() {
                break;
            }
            self.tick = Instant::now();
            self.commit_where_due();
            let _ =
                tokio::time::timeout(Duration::from_millis(20), self.desk.ordered.notified()).await;
        }
        for partition in self.partitions.drain(..) {
            partition.assignment.end();
        }
        self.count_assigned();
        // What the client asks from here on is answered as it asks; what it asked before must not be left open.
        self.consumer.context().leaving.store(true, Ordering::Release);
        if let Some(revocation) = self.revocation.take() {
            let _ = self.consumer.incremental_unassign(&revocation.list());
        }
        while let Some(change) = self.consumer.context().rebalance() {
            let _ = match change {
                Rebalance::Assign(_) => self.consumer.unassign(),
                Rebalance::Revoke(partitions) => {
                    let revocation = Revocation::new(partitions, until);
                    self.consumer.incremental_unassign(&revocation.list())
                }
            };
        }
        if self.plan.leaves {
            self.say_goodbye();
        }
    }

    /// A static member that ends stays in its group until its session is over; one that ends its subscription leaves.
    fn say_goodbye(&self) {
        self.consumer.unsubscribe();
        let until = Instant::now() + GOODBYE;
        while ffi::is_member(self.consumer.client().native_ptr()) && Instant::now() < until {
            let _ = self.consumer.poll(Duration::from_millis(10));
        }
    }
}
