//! What topics take, as the cluster says.
//!
//! A request that the cluster refuses takes with it what was sent beside the record that is at fault, and what is behind it
//! is sent while those wait to be sent again. So what a topic does not take is found before it is sent.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use hybridge_core::Text;
use tokio::time::Instant;

/// Topics that are remembered, at most.
const MOST: usize = 10_000;
/// How long a cluster that did not answer is not asked again; twice as long each time, up to the longest.
const PAUSE: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(600);
/// Bytes of a batch of records without its records.
const BATCH: usize = 61;

/// What one topic takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limit {
    /// Bytes of a batch of records, as it is written.
    pub(super) max_batch: Option<usize>,
    /// It keeps the last record of each key, so each must have one.
    pub(super) wants_key: bool,
}

/// What is known of topics.
#[derive(Default)]
pub(super) struct Limits {
    known: RefCell<HashMap<Text, Limit>>,
    /// Topics that were written to and are not known.
    unknown: RefCell<BTreeSet<Text>>,
    /// The least that any topic takes.
    least: Cell<Option<usize>>,
    /// When the cluster may be asked again, and how long that was after it had been asked in vain.
    again: Cell<Option<(Instant, Duration)>>,
    forgot: Cell<Option<Instant>>,
}

impl Limits {
    /// What this topic takes, where that is known. Where not, the cluster is to be asked.
    pub(super) fn of(&self, topic: &Text) -> Limit {
        if let Some(limit) = self.known.borrow().get(topic) {
            return *limit;
        }
        let mut unknown = self.unknown.borrow_mut();
        if unknown.len() < MOST {
            unknown.insert(topic.clone());
        }
        Limit::default()
    }

    /// The topic refused what it should have taken: the cluster is to be asked again, but not for each record.
    pub(super) fn forget(&self, topic: &Text) {
        if self.forgot.get().is_none_or(|forgot| forgot.elapsed() >= PAUSE) {
            self.forgot.set(Some(Instant::now()));
            self.known.borrow_mut().remove(topic);
            self.of(topic);
        }
    }

    /// Some topics that the cluster is to be asked for now.
    pub(super) fn unknown(&self) -> Vec<Text> {
        if self.again.get().is_some_and(|(at, _)| Instant::now() < at) {
            return Vec::new();
        }
        self.unknown.borrow().iter().take(100).cloned().collect()
    }

    /// The cluster does not answer.
    pub(super) fn not_now(&self) {
        let pause = self.again.get().map_or(PAUSE, |(_, pause)| (pause * 2).min(LONGEST));
        self.again.set(Some((Instant::now() + pause, pause)));
    }

    /// Remembers what a topic takes: whether batches must be smaller from now on.
    pub(super) fn learn(&self, topic: Text, limit: Limit) -> bool {
        self.again.set(None);
        self.unknown.borrow_mut().remove(&topic);
        let mut known = self.known.borrow_mut();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(topic, limit);
        let least = limit.max_batch.into_iter().chain(self.least.get()).min();
        self.least.replace(least) != least
    }

    /// The largest batch that every topic takes.
    pub(super) fn least(&self) -> Option<usize> {
        self.least.get()
    }
}

/// Headers of a record as they are written: how many, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    count: usize,
    bytes: usize,
}

impl Headers {
    pub(super) fn add(&mut self, name: &str, value: Option<&[u8]>) {
        self.count += 1;
        self.bytes += field(Some(name.as_bytes())) + field(value);
    }
}

/// Bytes of a batch of this one record, as it is written without compression.
pub(super) fn batch_of_one(key: Option<&[u8]>, value: Option<&[u8]>, headers: Headers) -> usize {
    // Attributes and the differences of time and offset are a byte each.
    let record = 3 + field(key) + field(value) + varint(headers.count) + headers.bytes;
    BATCH + varint(record) + record
}

fn field(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint(bytes.len()) + bytes.len())
}

/// Bytes of a length as it is written: seven bits in each, and one for the sign.
fn varint(number: usize) -> usize {
    let bits = usize::BITS - (number << 1 | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_with_seven_bits_in_each_byte() {
        let sizes = [0, 63, 64, 8_191, 8_192, 1_048_575, 1_048_576].map(varint);
        assert_eq!(sizes, [1, 1, 2, 2, 3, 3, 4]);
    }

    #[test]
    fn a_batch_counts_every_part_of_its_record() {
        let mut headers = Headers::default();
        let bare = batch_of_one(None, Some(b"abc"), headers);
        headers.add("a", Some(b"bc"));
        headers.add("b", None);
        assert_eq!(batch_of_one(None, Some(b"abc"), headers), bare + 5 + 3);
        assert_eq!(batch_of_one(Some(b"k"), None, headers), bare + 8 + 1 - 3);
    }

    #[test]
    fn the_least_of_all_topics_bounds_a_batch() {
        let limits = Limits::default();
        let of = |max_batch| Limit { max_batch, wants_key: false };
        assert!(!limits.learn("open".into(), of(None)) && limits.least().is_none());
        assert!(limits.learn("small".into(), of(Some(1_000))));
        assert!(!limits.learn("large".into(), of(Some(2_000))));
        let large: Text = "large".into();
        assert_eq!((limits.least(), limits.of(&large).max_batch), (Some(1_000), Some(2_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_is_asked_for_until_it_is_known_and_not_all_the_time() {
        let limits = Limits::default();
        let topic: Text = "new".into();
        assert_eq!((limits.of(&topic), limits.unknown()), (Limit::default(), vec![topic.clone()]));
        limits.not_now();
        assert!(limits.unknown().is_empty());
        tokio::time::advance(PAUSE).await;
        assert_eq!(limits.unknown(), std::slice::from_ref(&topic));
        limits.not_now();
        tokio::time::advance(PAUSE).await;
        assert!(limits.unknown().is_empty(), "it is asked less and less often");
        limits.learn(topic.clone(), Limit::default());
        assert!(limits.unknown().is_empty());
        limits.forget(&topic);
        assert_eq!(limits.unknown(), std::slice::from_ref(&topic));
        limits.learn(topic.clone(), Limit::default());
        limits.forget(&topic);
        assert!(limits.unknown().is_empty());
    }
}
