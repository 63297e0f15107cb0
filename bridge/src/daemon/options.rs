//! What the file says of the embedded log, in the log's own words.

use hybridge_config::{BACKLOG_PREFIX, ByteSize, Config, Duration, Fsync, TopicConfig};
use hybridge_connectors::log::{self, Options, Retention, TopicOptions};

/// How the log of this configuration is kept.
pub(super) fn of(config: &Config) -> Options {
    let fsync = match config.storage.fsync {
        Fsync::Always => log::Fsync::Always,
        Fsync::Interval(interval) => log::Fsync::Interval(interval.get()),
    };
    let topics = config.topics.iter().map(|(name, topic)| (name.clone(), topic_of(name, topic)));
    let defaults = topic_of("", &TopicConfig::default());
    Options { fsync, topics: topics.collect(), defaults, ..Options::default() }
}

fn topic_of(name: &str, config: &TopicConfig) -> TopicOptions {
    let retention = Retention {
        age: config.retention.age.map(Duration::get),
        bytes: config.retention.bytes.map(ByteSize::get),
        until_read: name.starts_with(BACKLOG_PREFIX),
    };
    let segment_bytes = config.segment_bytes.get();
    TopicOptions { partitions: config.partitions, retention, segment_bytes }
}
