//! Partitions that come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hybridge_core::{Assignment, AssignmentId, Error, ErrorKind, Event, Place, Text};
use rdkafka::consumer::{Consumer, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::time::Instant;

use super::Reader;
use crate::kafka::ffi::Queue;
use crate::kafka::source::context::Rebalance;
use crate::kafka::source::partition::Partition;
use crate::kafka::source::start::Beginning;

/// What the group wants back, until when, and what the route has let go of already.
#[derive(Debug)]
pub(super) struct Revocation {
    partitions: Vec<(String, i32)>,
    pub(super) until: Instant,
    pub(super) released: Vec<AssignmentId>,
}

impl Revocation {
    pub(super) fn new(partitions: Vec<(String, i32)>, until: Instant) -> Self {
        Self { partitions, until, released: Vec::new() }
    }

    pub(super) fn has(&self, partition: &Partition) -> bool {
        self.partitions
            .iter()
            .any(|(topic, number)| *number == partition.number && **topic == *partition.topic)
    }

    /// The list as the client wants it.
    pub(super) fn list(&self) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(self.partitions.len());
        for (topic, number) in &self.partitions {
            list.add_partition(topic, *number);
        }
        list
    }
}

impl Reader<'_> {
    /// Starts what the group asks for, one change at a time, and ends what has drained.
    pub(super) fn rebalance(&mut self) -> Result<(), Error> {
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
            desk.ordered.notify_one();
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
    pub(super) fn release(&mut self, released: &[AssignmentId]) {
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

    pub(super) fn count_assigned(&self) {
        metrics::gauge!("hybridge_kafka_assigned_partitions", "route" => self.plan.route.clone())
            .set(self.partitions.len() as f64);
    }
}
