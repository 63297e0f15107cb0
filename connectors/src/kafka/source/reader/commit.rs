//! Positions that are committed.

use std::time::Duration;

use hybridge_core::AssignmentId;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio::time::Instant;

use super::{Reader, TICK};
use crate::kafka::source::partition::Partition;

/// The commit that is under way.
#[derive(Default)]
pub(super) struct Commit {
    /// What it says, by assignment.
    sent: Option<Vec<(AssignmentId, u64)>>,
    /// Not before this time: the last one failed.
    not_before: Option<Instant>,
}

impl Reader<'_> {
    /// Positions that are settled and that the group does not have.
    pub(super) fn unsaved(&self) -> Vec<(AssignmentId, u64)> {
        let unsaved = |partition: &Partition| {
            let id = partition.assignment.id();
            let position = self.desk.committable(id)?;
            partition.is_behind(position).then_some((id, position))
        };
        self.partitions.iter().filter_map(unsaved).collect()
    }

    pub(super) fn commit_where_due(&mut self) {
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

    pub(super) fn tell_flushed(&mut self) {
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
}
