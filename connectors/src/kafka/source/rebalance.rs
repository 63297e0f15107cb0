//! Partitions that are being taken away.

use hybridge_core::AssignmentId;
use rdkafka::topic_partition_list::TopicPartitionList;
use tokio::time::Instant;

use super::partition::Partition;

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
