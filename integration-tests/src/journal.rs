//! What the producer knows: which events it sent and which of them were accepted for certain.

use std::sync::{Mutex, MutexGuard};

use crate::event::Id;

/// How the one who took an event answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Accepted: from now on it may not be lost.
    Ok,
    /// Nobody knows: no answer, or one that promises nothing.
    Unknown,
}

/// The producer's log of one run.
#[derive(Debug)]
pub struct Journal {
    seed: u64,
    poison_per_mille: u64,
    entries: Mutex<Entries>,
}

/// What was sent, by key.
#[derive(Debug, Default)]
pub struct Entries {
    /// For each key the answers in the order of sequence numbers.
    pub keys: Vec<Vec<Answer>>,
    /// Attempts of which nobody knows how they ended; each may have left a copy.
    pub unknown_attempts: u64,
}

impl Journal {
    /// An empty journal for `keys` keys.
    pub fn new(seed: u64, keys: u32, poison_per_mille: u64) -> Self {
        let keys = vec![Vec::new(); keys as usize];
        let entries = Mutex::new(Entries { keys, unknown_attempts: 0 });
        Self { seed, poison_per_mille, entries }
    }

    /// Whether the seed of this run spoils `id`.
    pub fn is_poisoned(&self, id: Id) -> bool {
        id.is_poisoned(self.seed, self.poison_per_mille)
    }

    /// The next event of `key`, noted as unknown.
    pub fn next(&self, key: u32) -> Id {
        let mut entries = self.entries();
        let of_key = &mut entries.keys[key as usize];
        of_key.push(Answer::Unknown);
        Id { key, seq: of_key.len() as u32 - 1 }
    }

    /// `id` was accepted.
    pub fn accepted(&self, id: Id) {
        self.entries().keys[id.key as usize][id.seq as usize] = Answer::Ok;
    }

    /// `count` events were on their way and nobody knows how that ended.
    pub fn unknown(&self, count: u64) {
        self.entries().unknown_attempts += count;
    }

    /// Everything noted so far.
    pub fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How many events were sent, and how many of them were accepted.
    pub fn counts(&self) -> (u64, u64) {
        let entries = self.entries();
        let sent = entries.keys.iter().map(Vec::len).sum::<usize>();
        let ok = entries.keys.iter().flatten().filter(|answer| **answer == Answer::Ok).count();
        (sent as u64, ok as u64)
    }
}
