//! How a log is kept.

use std::collections::HashMap;
use std::time::Duration;

use super::frame::MAX_FRAME;

/// When a record counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Once it is on the disk: it survives a loss of power.
    Always,
    /// Once the operating system has it; the disk follows at this interval. It survives the death of the process, and a
    /// loss of power may cost what was written in the last interval.
    Interval(Duration),
}

/// How long records stay. Without either limit they stay for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Segments whose last record is older are removed.
    pub age: Option<Duration>,
    /// The oldest segments of a partition are removed until it has at most this many bytes, or one segment.
    pub bytes: Option<u64>,
    /// Segments that every consumer group of the topic is past are removed, whatever their age; none while it has no group.
    pub until_read: bool,
}

/// What can be said of each topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicOptions {
    /// How many partitions it gets when it is made; an existing topic keeps what it has.
    pub partitions: u32,
    /// How long its records stay.
    pub retention: Retention,
    /// A segment that would grow beyond this is sealed.
    pub segment_bytes: u64,
}

impl Default for TopicOptions {
    fn default() -> Self {
        Self { partitions: 1, retention: Retention::default(), segment_bytes: 64 << 20 }
    }
}

/// How a log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// When a record counts as written.
    pub fsync: Fsync,
    /// The largest record, with key, headers and payload, that is taken.
    pub max_record: usize,
    /// Bytes that may wait to be written; further appends wait.
    pub queue_bytes: usize,
    /// Bytes that are kept free for cursors when the disk is full.
    pub reserve_bytes: u64,
    /// How often retention is applied.
    pub retention_interval: Duration,
    /// For topics that `topics` does not name.
    pub defaults: TopicOptions,
    /// By name of the topic.
    pub topics: HashMap<String, TopicOptions>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            fsync: Fsync::Always,
            max_record: MAX_FRAME,
            queue_bytes: 16 << 20,
            reserve_bytes: 1 << 20,
            retention_interval: Duration::from_secs(10),
            defaults: TopicOptions::default(),
            topics: HashMap::new(),
        }
    }
}

impl Options {
    /// What holds for a topic.
    #[must_use]
    pub fn of(&self, topic: &str) -> TopicOptions {
        self.topics.get(topic).copied().unwrap_or(self.defaults)
    }

    /// The size at which a topic's segments are sealed: small enough that retention by bytes can work.
    pub(crate) fn segment_bytes_of(&self, topic: &str) -> u64 {
        const SMALLEST: u64 = 64 << 10;
        let TopicOptions { retention, segment_bytes, .. } = self.of(topic);
        match retention.bytes {
            Some(bytes) => segment_bytes.min((bytes / 8).max(SMALLEST)),
            None => segment_bytes,
        }
    }
}
