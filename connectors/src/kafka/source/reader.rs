//! The thread that owns the consumer.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hybridge_core::{
    Assignment, AssignmentId, Budget, Error, ErrorKind, Event, Permit, Place, Share, Text,
};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Plan;
use super::context::{Context, Rebalance};
use super::desk::{Desk, Fresh};
use super::partition::{Partition, Read};
use super::rebalance::Revocation;
use super::start::Beginning;
use crate::kafka::client::{self, Voice};
use crate::kafka::ffi::{self, Queue, Record};

/// How long a settled position may wait to be committed; also how often the lag is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long the cluster may take to say which topics it has.
const ASK: Duration = Duration::from_secs(10);
/// How long the last commit may take when the group is left.
const LAST_COMMIT: Duration = Duration::from_secs(3);
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

/// The commit that is under way.
#[derive(Default)]
struct Commit {
    /// What it says, by assignment.
    sent: Option<Vec<(AssignmentId, u64)>>,
    /// Not before this time: the last one failed.
    not_before: Option<Instant>,
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

    fn join(plan: &'a Plan, budget: Budget, desk: &'a Arc<Desk>) -> Result<Self, Error> {
        let (known, cluster) = look(plan)?;
        let share = budget.share();
        let queues = (budget.cap() / 4).min(QUEUES);
        let partitions = known.values().map(|count| u64::from(count.unsigned_abs())).sum::<u64>();
        let config = sized(&plan.client, queues, partitions.max(1), plan);
        let context = Context::new(Voice::new(&plan.connection));
        let mut consumer: BaseConsumer<Context> =
            config.create_with_context(context).map_err(|error| {
                Error::with_source(ErrorKind::Fatal, "cannot make the consumer", error)
            })?;
        let wake = desk.clone();
        consumer.set_nonempty_callback(move || wake.todo.notify_one());
        let wake = desk.clone();
        let wake = Arc::new(move || wake.todo.notify_one());
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
                () = self.desk.todo.notified() => {}
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
            let reason = voice.trouble().map(|(_, reason)| reason).unwrap_or_default();
            return Err(Error::with_source(ErrorKind::Disconnected, context(), reason));
        }
        match code {
            Code::UnknownTopicOrPartition => {
                let reason = voice.trouble().map(|(_, reason)| reason).unwrap_or_default();
                Err(Error::transient(format!("{}: a topic does not exist: {reason}", context())))
            }
            code if client::kind(code) == ErrorKind::Unauthorized => {
                Err(voice.explain(context(), error))
            }
            Code::AllBrokersDown => {
                self.away_since.get_or_insert_with(Instant::now);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Starts what the group asks for, one change at a time, and ends what has drained.
    fn rebalance(&mut self) -> Result<(), Error> {
        self.lose_where_lost();
        self.finish_revocation()?;
        while self.revocation.is_none() {
            let Some(change) = self.consumer.context().rebalance() else { return Ok(()) };
            metrics::counter!("hybridge_kafka_rebalances_total", "route" => self.plan.route.clone())
                .increment(1);
            match change {
                Rebalance::Assign(partitions) => self.assign(&partitions)?,
                Rebalance::Revoke(partitions) => self.revoke(partitions),
            }
            self.finish_revocation()?;
        }
        Ok(())
    }

    fn assign(&mut self, partitions: &[(String, i32)]) -> Result<(), Error> {
        let beginnings = if partitions.is_empty() {
            Vec::new()
        } else {
            self.plan.policy.resolve(&self.consumer, partitions, &self.known)?
        };
        let mut begun = Vec::with_capacity(beginnings.len());
        let mut offsets = TopicPartitionList::with_capacity(beginnings.len());
        for begin in &beginnings {
            let partition = self.partition(begin)?;
            let failed = |error: KafkaError| Error::transient(error.to_string());
            offsets
                .add_partition_offset(&begin.topic, begin.partition, Offset::Offset(begin.offset))
                .map_err(failed)?;
            begun.push((partition.assignment.clone(), partition.next));
            self.partitions.push(partition);
        }
        let assigned = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(&offsets),
            RebalanceProtocol::None | RebalanceProtocol::Eager => self.consumer.assign(&offsets),
        };
        assigned.map_err(|error| {
            Error::with_source(ErrorKind::Disconnected, "cannot take partitions", error)
        })?;
        tracing::info!(group = self.plan.group, count = begun.len(), "partitions assigned");
        self.is_well();
        self.desk.assign(begun);
        self.count_assigned();
        Ok(())
    }

    fn partition(&self, begin: &Beginning) -> Result<Partition, Error> {
        let place = Arc::new(Place {
            connector: Text::from_static("kafka"),
            cluster: self.cluster.clone(),
            topic: begin.topic.as_str().into(),
            incarnation: Text::default(),
            partition: begin.partition.unsigned_abs(),
        });
        // What an earlier assignment has left in the queue wakes nobody, and nothing is fetched while it is there.
        let ready = Arc::new(AtomicBool::new(true));
        let (desk, flag) = (self.desk.clone(), ready.clone());
        let wake = Arc::new(move || {
            flag.store(true, Ordering::Release);
            desk.todo.notify_one();
        });
        let client = self.consumer.client().native_ptr();
        let queue = Queue::part(client, &begin.topic, begin.partition, wake);
        let queue = queue.ok_or_else(|| Error::transient("no queue for a partition"))?;
        let assignment = Assignment::new(place);
        let cap = self.budget.cap();
        Ok(Partition::new(assignment, begin, self.budget.share(), queue, ready, cap))
    }

    fn revoke(&mut self, partitions: Vec<(String, i32)>) {
        let is_lost = self.consumer.assignment_lost();
        let until = Instant::now() + self.plan.drain;
        let revocation = Revocation::new(partitions, until);
        for partition in self.partitions.iter().filter(|one| revocation.has(one)) {
            if !is_lost {
                partition.assignment.revoke();
                let say = Event::Revoking(partition.assignment.clone(), until);
                self.desk.end_reading(&partition.assignment, say);
            }
        }
        self.revocation = Some(revocation);
        if is_lost {
            self.lose_where_lost();
        }
    }

    /// What is lost belongs to somebody else already: nothing of it may be sent, settled or committed.
    fn lose_where_lost(&mut self) {
        if self.partitions.is_empty() || !self.consumer.assignment_lost() {
            return;
        }
        tracing::warn!(group = self.plan.group, "the assignment is lost");
        for partition in self.partitions.drain(..) {
            let say = Event::Lost(partition.assignment.clone());
            self.desk.forget(&partition.assignment, say);
        }
        self.count_assigned();
    }

    /// Marks assignments of which nothing will be settled any more.
    fn release(&mut self, released: &[AssignmentId]) {
        if let Some(revocation) = &mut self.revocation {
            revocation.released.extend_from_slice(released);
        }
    }

    /// Gives partitions back once they are drained and committed, or their time is up.
    fn finish_revocation(&mut self) -> Result<(), Error> {
        let Some(revocation) = &self.revocation else { return Ok(()) };
        let is_late = Instant::now() >= revocation.until;
        let open = |partition: &&Partition| {
            let id = partition.assignment.id();
            let is_saved = || {
                let position = self.desk.committable(id);
                position.is_none_or(|position| !partition.is_behind(position))
            };
            revocation.has(partition) && !(revocation.released.contains(&id) && is_saved())
        };
        if !is_late && self.partitions.iter().any(|partition| open(&partition)) {
            return Ok(());
        }
        let Some(revocation) = self.revocation.take() else { return Ok(()) };
        let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.partitions)
            .into_iter()
            .partition(|partition| revocation.has(partition));
        self.partitions = kept;
        for partition in &gone {
            let assignment = &partition.assignment;
            let was_released = revocation.released.contains(&assignment.id());
            let say = match was_released {
                true => Event::Released(assignment.clone()),
                false => Event::Lost(assignment.clone()),
            };
            self.desk.forget(assignment, say);
        }
        let unassigned = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                self.consumer.incremental_unassign(&revocation.list())
            }
            RebalanceProtocol::None | RebalanceProtocol::Eager => self.consumer.unassign(),
        };
        tracing::info!(group = self.plan.group, count = gone.len(), "partitions given back");
        self.count_assigned();
        unassigned.map_err(|error| {
            Error::with_source(ErrorKind::Disconnected, "cannot give partitions back", error)
        })
    }

    /// Positions that are settled and that the group does not have.
    fn unsaved(&self) -> Vec<(AssignmentId, u64)> {
        let unsaved = |partition: &Partition| {
            let id = partition.assignment.id();
            let position = self.desk.committable(id)?;
            partition.is_behind(position).then_some((id, position))
        };
        self.partitions.iter().filter_map(unsaved).collect()
    }

    fn commit_where_due(&mut self) {
        while let Some(result) = self.commits.committed() {
            self.finish_commit(result);
        }
        let now = Instant::now();
        let is_tick = now >= self.tick;
        if is_tick {
            self.tick = now + TICK;
            self.look_around();
        }
        let is_asked = self.flushing.is_some() || self.revocation.is_some();
        let may = self.commit.not_before.is_none_or(|time| now >= time);
        if self.commit.sent.is_some() || !may || !(is_tick || is_asked) {
            return;
        }
        let positions = self.unsaved();
        if positions.is_empty() || self.consumer.assignment_lost() {
            return;
        }
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (id, position) in &positions {
            let own = self.partitions.iter().find(|partition| partition.assignment.id() == *id);
            let (Some(partition), Ok(offset)) = (own, i64::try_from(*position)) else { continue };
            let _ = list.add_partition_offset(
                &partition.topic,
                partition.number,
                Offset::Offset(offset),
            );
        }
        match self.commits.commit(self.consumer.client().native_ptr(), &list) {
            Ok(()) => self.commit.sent = Some(positions),
            Err(code) => self.commit_failed(code),
        }
    }

    fn finish_commit(&mut self, result: Result<(), Code>) {
        let Some(sent) = self.commit.sent.take() else { return };
        if let Err(code) = result {
            return self.commit_failed(code);
        }
        self.commit.not_before = None;
        self.is_well();
        for (id, position) in sent {
            let own = self.partitions.iter_mut().find(|one| one.assignment.id() == id);
            if let Some(partition) = own {
                partition.committed = position;
            }
        }
    }

    fn commit_failed(&mut self, code: Code) {
        if self.commit.not_before.is_none() {
            tracing::warn!(group = self.plan.group, error = %code, "positions are not committed, trying again");
        }
        metrics::counter!("hybridge_kafka_commit_failures_total", "route" => self.plan.route.clone())
            .increment(1);
        self.commit.not_before = Some(Instant::now() + Duration::from_millis(200));
    }

    fn tell_flushed(&mut self) {
        let Some(targets) = &self.flushing else { return };
        let reached = |(id, target): &(AssignmentId, u64)| {
            let own = self.partitions.iter().find(|one| one.assignment.id() == *id);
            own.is_none_or(|partition| !partition.is_behind(*target))
        };
        if targets.iter().all(reached) {
            self.flushing = None;
            self.desk.flushed();
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
            let reason = reason.map_or_else(String::new, |(_, reason)| reason);
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

    fn count_assigned(&self) {
        metrics::gauge!("hybridge_kafka_assigned_partitions", "route" => self.plan.route.clone())
            .set(self.partitions.len() as f64);
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
                tokio::time::timeout(Duration::from_millis(20), self.desk.todo.notified()).await;
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
    }
}

/// Asks the cluster which of the topics it has, how many partitions they have, and for its name.
fn look(plan: &Plan) -> Result<(HashMap<String, i32>, Option<String>), Error> {
    let mut config = client::config(&plan.connection);
    config.set("client.id", "hybridge");
    let context = Context::new(Voice::new(&plan.connection));
    let client: BaseConsumer<Context> = config
        .create_with_context(context)
        .map_err(|error| Error::with_source(ErrorKind::Fatal, "cannot make the client", error))?;
    let voice = &client.context().voice;
    // Lets a token be fetched, where the login needs one.
    client.poll(Duration::ZERO);
    let mut known = HashMap::new();
    let asked: Vec<Option<&str>> = match plan.topics.iter().any(|topic| topic.starts_with('^')) {
        true => vec![None],
        false => plan.topics.iter().map(|topic| Some(topic.as_str())).collect(),
    };
    for topic in asked {
        let metadata = client.fetch_metadata(topic, ASK).map_err(|error| {
            while client.poll(Duration::ZERO).is_some() || voice.has_spoken() {}
            let brokers = plan.connection.brokers.join(",");
            voice.explain(format!("cannot reach the cluster at {brokers}"), &error)
        })?;
        for found in metadata.topics() {
            if let Some(error) = found.error() {
                if topic.is_none() {
                    continue;
                }
                let code = Code::from(error);
                let what = format!("topic `{}`", found.name());
                let kind = match client::kind(code) {
                    ErrorKind::Unauthorized => ErrorKind::Unauthorized,
                    _ => ErrorKind::Transient,
                };
                return Err(Error::with_source(kind, what, KafkaError::MetadataFetch(code)));
            }
            let count = i32::try_from(found.partitions().len()).unwrap_or(i32::MAX);
            known.insert(found.name().to_owned(), count);
        }
    }
    let cluster = client.client().fetch_cluster_id(ASK);
    Ok((known, cluster))
}

/// The queues of the client are bounded by what the route may hold.
fn sized(config: &ClientConfig, queues: u64, partitions: u64, plan: &Plan) -> ClientConfig {
    let mut config = config.clone();
    let each = (queues / partitions).clamp(64 << 10, 8 << 20);
    let fetch = each.max(plan.max_message).min(1 << 30);
    let response = (queues / 4).max(fetch).min(2 << 30);
    let sizes = [
        ("queued.max.messages.kbytes", each / 1_000),
        ("fetch.message.max.bytes", each.min(1 << 20)),
        ("fetch.max.bytes", response),
        ("message.max.bytes", plan.max_message.clamp(1_000, 1_000_000_000)),
        ("receive.message.max.bytes", response.saturating_add(1 << 20).min(2_000_000_000)),
    ];
    for (name, value) in sizes {
        if config.get(name).is_none() {
            config.set(name, value.to_string());
        }
    }
    config
}
