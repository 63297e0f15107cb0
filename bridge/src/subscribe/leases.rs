//! Which events of a group are with whom, and until when: plain state without input or output.
//!
//! A lease that ran out and an event that was released with a delay are the same thing: an event
//! that is due again at some time. What is acknowledged moves the group's position, by the same
//! contiguous watermark as everywhere: never past an event that is not acknowledged.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hybridge_core::{Assignment, Outcome, Place, Tag, Watermark};
use tokio::time::Instant;

/// An event of a group: partition and offset.
pub(super) type Key = (u32, u64);

/// What a consumer shows to acknowledge or release an event. It names one delivery of one event:
/// once the event was given out again, an earlier receipt is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Receipt {
    /// Differs between two lives of the process.
    epoch: u64,
    number: u64,
    key: Key,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (partition, offset) = self.key;
        write!(f, "{partition}-{offset}-{:x}-{:x}", self.number, self.epoch)
    }
}

/// Why a text is not a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAReceipt;

impl FromStr for Receipt {
    type Err = NotAReceipt;

    fn from_str(text: &str) -> Result<Self, NotAReceipt> {
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(NotAReceipt);
        let partition = part()?.parse().map_err(|_| NotAReceipt)?;
        let offset = part()?.parse().map_err(|_| NotAReceipt)?;
        let number = u64::from_str_radix(part()?, 16).map_err(|_| NotAReceipt)?;
        let epoch = u64::from_str_radix(part()?, 16).map_err(|_| NotAReceipt)?;
        if parts.next().is_some() {
            return Err(NotAReceipt);
        }
        Ok(Self { epoch, number, key: (partition, offset) })
    }
}

/// An event that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leased {
    pub(super) key: Key,
    pub(super) receipt: Receipt,
    /// How often it was given out, this time included.
    pub(super) deliveries: u32,
}

#[derive(Debug)]
struct Entry {
    tag: Tag,
    /// The number of the receipt that is good for it; none after a release.
    number: Option<u64>,
    deliveries: u32,
    /// When it may be given out again: the end of its lease, or of its delay.
    due: Instant,
}

/// The open events of one group.
#[derive(Debug)]
pub(super) struct Leases {
    epoch: u64,
    next: u64,
    cap: usize,
    watermark: Watermark,
    assignments: HashMap<u32, Assignment>,
    open: HashMap<Key, Entry>,
    due: BTreeSet<(Instant, Key)>,
}

impl Leases {
    /// No events; at most `cap` of each partition may be open or acknowledged behind an open one.
    pub(super) fn new(epoch: u64, cap: usize) -> Self {
        Self {
            epoch,
            next: 0,
            cap,
            watermark: Watermark::new(cap),
            assignments: HashMap::new(),
            open: HashMap::new(),
            due: BTreeSet::new(),
        }
    }

    /// Adds a partition whose first event not acknowledged is at `position`.
    pub(super) fn assign(&mut self, partition: u32, position: u64) {
        let place = Place { partition, ..Place::default() };
        let assignment = Assignment::new(Arc::new(place));
        self.watermark.assign(assignment.clone(), position);
        self.assignments.insert(partition, assignment);
    }

    /// How many new events of this partition may be given out now.
    pub(super) fn room(&self, partition: u32) -> usize {
        let of = |assignment: &Assignment| {
            self.cap.saturating_sub(self.watermark.uncommitted(assignment.id()))
        };
        self.assignments.get(&partition).map_or(0, of)
    }

    /// Gives out an event for the first time. `None` when the partition is not known or has no
    /// room.
    pub(super) fn lease(&mut self, key: Key, until: Instant) -> Option<Leased> {
        let (partition, offset) = key;
        if self.room(partition) == 0 {
            return None;
        }
        let assignment = self.assignments.get(&partition)?.id();
        let tag = self.watermark.register(assignment, offset)?;
        let number = self.number();
        self.open.insert(key, Entry { tag, number: Some(number), deliveries: 1, due: until });
        self.due.insert((until, key));
        let receipt = Receipt { epoch: self.epoch, number, key };
        Some(Leased { key, receipt, deliveries: 1 })
    }

    /// Gives out again the event that has been due for the longest time.
    pub(super) fn lease_again(&mut self, now: Instant, until: Instant) -> Option<Leased> {
        let (due, key) = *self.due.first()?;
        if due > now {
            return None;
        }
        let number = self.number();
        let entry = self.open.get_mut(&key)?;
        entry.number = Some(number);
        entry.deliveries = entry.deliveries.saturating_add(1);
        entry.due = until;
        let deliveries = entry.deliveries;
        self.due.remove(&(due, key));
        self.due.insert((until, key));
        Some(Leased { key, receipt: Receipt { epoch: self.epoch, number, key }, deliveries })
    }

    /// The event is done with. `false` when the receipt is not good: released, given out again, or
    /// of an earlier life of the process. A lease that ran out is still good while nobody else got
    /// the event.
    pub(super) fn acknowledge(&mut self, receipt: &Receipt) -> bool {
        if !self.is_good(receipt) {
            return false;
        }
        self.forget(receipt.key);
        true
    }

    /// Takes an event out that cannot be read any more.
    pub(super) fn forget(&mut self, key: Key) {
        if let Some(entry) = self.open.remove(&key) {
            self.due.remove(&(entry.due, key));
            self.watermark.settle(entry.tag, Outcome::Delivered);
        }
    }

    /// The event may be given out again at `due`. `false` as for [`acknowledge`](Self::acknowledge).
    pub(super) fn release(&mut self, receipt: &Receipt, due: Instant) -> bool {
        if !self.is_good(receipt) {
            return false;
        }
        let Some(entry) = self.open.get_mut(&receipt.key) else { return false };
        self.due.remove(&(entry.due, receipt.key));
        self.due.insert((due, receipt.key));
        entry.due = due;
        entry.number = None;
        true
    }

    /// Takes back what [`lease_again`](Self::lease_again) gave out: it could not be read, nobody
    /// got it, and it is due now.
    pub(super) fn take_back(&mut self, leased: &Leased, now: Instant) {
        if self.release(&leased.receipt, now)
            && let Some(entry) = self.open.get_mut(&leased.key)
        {
            entry.deliveries = entry.deliveries.saturating_sub(1);
        }
    }

    /// When the next event is due again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The position up to which everything of this partition is acknowledged.
    pub(super) fn position(&self, partition: u32) -> Option<u64> {
        self.watermark.committable(self.assignments.get(&partition)?.id())
    }

    /// How many events are given out or due again.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    fn is_good(&self, receipt: &Receipt) -> bool {
        receipt.epoch == self.epoch
            && self.open.get(&receipt.key).is_some_and(|entry| entry.number == Some(receipt.number))
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

#[cfg(test)]
mod tests;
