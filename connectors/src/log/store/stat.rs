//! What there is to know of a topic.

use serde::Serialize;

use super::Store;
use crate::log::topic::Topic;
use crate::log::view::lock;

/// A topic in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicStat {
    /// Its name.
    pub topic: String,
    /// Its incarnation.
    pub incarnation: String,
    /// Each of its partitions.
    pub partitions: Vec<PartitionStat>,
}

/// A partition in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionStat {
    /// Its number.
    pub partition: u32,
    /// How many segment files it has.
    pub segments: usize,
    /// Bytes of these files.
    pub bytes: u64,
    /// Records in them, damaged ones included.
    pub records: u64,
    /// The first offset that is there.
    pub earliest: u64,
    /// The offset that the next record will have.
    pub next: u64,
    /// Damaged places that were met so far.
    pub damaged_places: usize,
    /// Records that they cost.
    pub damaged_records: u64,
    /// The consumer groups that committed a cursor.
    pub groups: Vec<GroupStat>,
}

/// A consumer group of a partition in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupStat {
    /// Its name.
    pub group: String,
    /// The offset of the next record that it wants.
    pub cursor: u64,
    /// Records that it has not committed.
    pub lag: u64,
}

impl Store {
    /// A topic in figures, as of now.
    #[must_use]
    pub fn stat(&self, topic: &Topic) -> TopicStat {
        let partitions =
            (0..topic.partitions()).filter_map(|number| self.partition_stat(topic, number));
        TopicStat {
            topic: topic.name().to_owned(),
            incarnation: topic.incarnation().to_string(),
            partitions: partitions.collect(),
        }
    }

    fn partition_stat(&self, topic: &Topic, number: u32) -> Option<PartitionStat> {
        let view = topic.view(number)?;
        let extent = view.extent();
        let (damaged_places, damaged_records) = view.damaged();
        let cursors =
            lock(&self.inner.registry.cursors).of(topic.name(), number, topic.incarnation());
        let group = |(group, cursor)| GroupStat { group, cursor, lag: view.records_from(cursor) };
        Some(PartitionStat {
            partition: number,
            segments: extent.segments,
            bytes: extent.bytes,
            records: view.records_from(0),
            earliest: extent.earliest,
            next: extent.next,
            damaged_places,
            damaged_records,
            groups: cursors.into_iter().map(group).collect(),
        })
    }
}
