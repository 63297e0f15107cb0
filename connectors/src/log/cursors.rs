//! How far each consumer group has come: records of the log's own topic `__cursors`, and what they add up to.

use std::collections::BTreeMap;

use bytes::Bytes;
use hybridge_core::Message;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The topic that holds them.
pub(crate) const TOPIC: &str = "__cursors";

/// Whose cursor it is, and of what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) topic: String,
    pub(crate) partition: u32,
    pub(crate) group: String,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Of the topic; a topic that was made anew does not inherit cursors.
    pub(crate) incarnation: Uuid,
    /// The offset of the next record that the group wants.
    pub(crate) offset: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Cursors(BTreeMap<Key, Position>);

impl Cursors {
    pub(crate) fn get(&self, key: &Key, incarnation: Uuid) -> Option<u64> {
        let position = self.0.get(key)?;
        (position.incarnation == incarnation).then_some(position.offset)
    }

    pub(crate) fn set(&mut self, key: Key, position: Option<Position>) {
        match position {
            Some(position) => self.0.insert(key, position),
            None => self.0.remove(&key),
        };
    }

    /// Takes over what a record of the topic says. One that cannot be read says nothing.
    pub(crate) fn replay(&mut self, message: &Message) {
        let Some(Ok(key)) = message.key.as_deref().map(serde_json::from_slice) else { return };
        match message.payload.as_deref().map(serde_json::from_slice) {
            Some(Ok(position)) => self.set(key, Some(position)),
            Some(Err(_)) => {}
            None => self.set(key, None),
        }
    }

    /// The groups of a partition with their cursors.
    pub(crate) fn of(&self, topic: &str, partition: u32, incarnation: Uuid) -> Vec<(String, u64)> {
        let first = Key { topic: topic.to_owned(), partition, group: String::new() };
        self.0
            .range(first..)
            .take_while(|(key, _)| key.topic == topic && key.partition == partition)
            .filter(|(_, position)| position.incarnation == incarnation)
            .map(|(key, position)| (key.group.clone(), position.offset))
            .collect()
    }

    /// Where a group has cursors of a topic, also of partitions that the topic does not have.
    pub(crate) fn of_group(&self, topic: &str, group: &str) -> Vec<Key> {
        let first = Key { topic: topic.to_owned(), partition: 0, group: String::new() };
        let of_topic = self.0.range(first..).take_while(|(key, _)| key.topic == topic);
        of_topic.filter(|(key, _)| key.group == group).map(|(key, _)| key.clone()).collect()
    }

    /// The records that say the same as all that were written so far.
    pub(crate) fn records(&self) -> impl Iterator<Item = Message> {
        self.0.iter().map(|(key, position)| record(key, Some(position)))
    }
}

/// The record that sets or removes a cursor.
pub(crate) fn record(key: &Key, position: Option<&Position>) -> Message {
    // Maps of strings and numbers always serialize.
    let json = |text: serde_json::Result<Vec<u8>>| Bytes::from(text.unwrap_or_default());
    Message {
        key: Some(json(serde_json::to_vec(key))),
        payload: position.map(|position| json(serde_json::to_vec(position))),
        ..Message::default()
    }
}
