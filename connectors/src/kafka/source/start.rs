//! Where an assigned partition is read from: the group's position, or what the configuration says where there is none or
//! it leads nowhere.

use std::collections::HashMap;
use std::time::Duration;

use hybridge_config::connector::kafka::{OnLostPosition, Start};
use hybridge_core::{Error, ErrorKind};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Context;

/// How long the cluster may take to answer.
const ASK: Duration = Duration::from_secs(10);

/// What the configuration says about partitions without a usable position.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    start: Begin,
    on_lost: OnLostPosition,
}

#[derive(Clone, Copy, Debug)]
enum Begin {
    Earliest,
    Latest,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    Time(i64),
}

/// Where a partition begins.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    /// Whether the group stands there already.
    pub(super) is_committed: bool,
}

impl Policy {
    pub(super) fn new(start: &Start, on_lost: OnLostPosition) -> Result<Self, Error> {
        let start = match start {
            Start::Earliest => Begin::Earliest,
            Start::Latest => Begin::Latest,
            Start::Time(text) => {
                let time: jiff::Timestamp = text.parse().map_err(|_| {
                    let what = format!("start time `{text}` is not RFC 3339");
                    Error::new(ErrorKind::Fatal, what)
                })?;
                Begin::Time(time.as_millisecond())
            }
        };
        Ok(Self { start, on_lost })
    }

    /// Asks where the group stands and what the partitions hold. `known` has how many partitions each topic had when the
    /// group was joined: one that came later is read from its first record.
    pub(super) fn resolve(
        &self,
        consumer: &BaseConsumer<Context>,
        partitions: &[(String, i32)],
        known: &HashMap<String, i32>,
    ) -> Result<Vec<Beginning>, Error> {
        let voice = &consumer.context().voice;
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            asked.add_partition(topic, *partition);
        }
        let committed = consumer
            .committed_offsets(asked, ASK)
            .map_err(|error| voice.explain("cannot ask where the group stands", &error))?;
        let lows = self.offsets(consumer, partitions, Offset::Beginning)?;
        let highs = self.offsets(consumer, partitions, Offset::End)?;
        let times = match self.start {
            Begin::Time(time) => Some(self.offsets(consumer, partitions, Offset::Offset(time))?),
            Begin::Earliest | Begin::Latest => None,
        };
        let mut beginnings = Vec::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            let key = (topic.clone(), *partition);
            let found = |offsets: &Offsets| offsets.get(&key).copied().flatten();
            let (Some(low), Some(high)) = (found(&lows), found(&highs)) else {
                let what = format!("no offsets of {topic}/{partition}");
                return Err(Error::transient(what));
            };
            let position = committed.find_partition(topic, *partition).map(|one| one.offset());
            let (offset, is_committed) = match position {
                Some(Offset::Offset(position)) if (low..=high).contains(&position) => {
                    (position, true)
                }
                Some(Offset::Offset(position)) => {
                    (self.lost(topic, *partition, position, low, high)?, false)
                }
                _ => {
                    let is_new = known.get(topic).is_none_or(|count| partition >= count);
                    let offset = match self.start {
                        Begin::Earliest => low,
                        Begin::Latest if is_new => low,
                        Begin::Latest => high,
                        Begin::Time(_) => times.as_ref().and_then(found).unwrap_or(high),
                    };
                    (offset, false)
                }
            };
            let (topic, partition) = (topic.clone(), *partition);
            beginnings.push(Beginning { topic, partition, offset, is_committed });
        }
        Ok(beginnings)
    }

    /// The offsets of the first records at or after a time; the client takes its names for the first and the last as times.
    fn offsets(
        &self,
        consumer: &BaseConsumer<Context>,
        partitions: &[(String, i32)],
        time: Offset,
    ) -> Result<Offsets, Error> {
        let explain = |error| {
            let voice = &consumer.context().voice;
            voice.explain("cannot ask what the partitions hold", &error)
        };
        let mut asked = TopicPartitionList::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            asked.add_partition_offset(topic, *partition, time).map_err(explain)?;
        }
        let answer = consumer.offsets_for_times(asked, ASK).map_err(explain)?;
        let mut offsets = Offsets::new();
        for one in answer.elements() {
            one.error().map_err(explain)?;
            let offset = match one.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            offsets.insert((one.topic().to_owned(), one.partition()), offset);
        }
        Ok(offsets)
    }

    /// The group stands where nothing is: before the first record that is kept, or behind the end of a topic made anew.
    fn lost(
        &self,
        topic: &str,
        partition: i32,
        position: i64,
        low: i64,
        high: i64,
    ) -> Result<i64, Error> {
        let missing = (low - position).max(0);
        let what = if position < low {
            format!(
                "the group stands at {position} of {topic}/{partition}, which begins at {low}: {missing} records were removed before they were read"
            )
        } else {
            format!(
                "the group stands at {position} of {topic}/{partition}, which ends at {high}: the topic was made anew or cut off"
            )
        };
        metrics::counter!("hybridge_kafka_lost_positions_total", "topic" => topic.to_owned())
            .increment(1);
        metrics::counter!("hybridge_kafka_missed_records_total", "topic" => topic.to_owned())
            .increment(missing.unsigned_abs());
        let offset = match self.on_lost {
            OnLostPosition::Stop => {
                let what = format!("{what}; set the group's position, or `on_lost_position`");
                return Err(Error::transient(what));
            }
            OnLostPosition::Earliest => low,
            OnLostPosition::Latest => high,
        };
        tracing::error!(topic, partition, position, offset, missing, "{what}");
        Ok(offset)
    }
}

type Offsets = HashMap<(String, i32), Option<i64>>;
