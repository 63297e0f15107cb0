//! Where the client's reports are waited for: a slot for each batch, which its records name by number.
//!
//! A slot is given up by its last report and by nothing else, so that a report which comes late, because the route was
//! dropped meanwhile, cannot be taken for that of a later batch.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::super::client::lock;
use super::verdict::Verdict;

/// Bits of the number of a record within its slot.
const INDEX_BITS: u32 = 24;

/// All slots of one producer.
#[derive(Default)]
pub(super) struct Reports(Mutex<Vec<Entry>>);

#[derive(Default)]
struct Entry {
    /// Records that the client holds.
    missing: usize,
    /// The batch is still being handed over, or waited for.
    is_open: bool,
    /// A record was not written and will be sent again.
    has_failed: bool,
    results: Vec<Option<Verdict>>,
    done: Arc<Notify>,
}

/// The slot of one batch.
pub(super) struct Slot<'a> {
    reports: &'a Reports,
    number: usize,
    done: Arc<Notify>,
    /// Records that the client is still to get.
    waiting: Cell<usize>,
}

impl Reports {
    /// A slot for a batch of `count` records, of which the client will get `handed`.
    pub(super) fn open(&self, count: usize, handed: usize) -> Slot<'_> {
        let mut entries = lock(&self.0);
        let free = entries.iter().position(|entry| !entry.is_open && entry.missing == 0);
        let number = free.unwrap_or(entries.len());
        if free.is_none() {
            entries.push(Entry::default());
        }
        let mut done = Arc::default();
        if let Some(entry) = entries.get_mut(number) {
            entry.is_open = true;
            entry.has_failed = false;
            entry.missing = handed;
            entry.results.clear();
            entry.results.resize(count, None);
            done = entry.done.clone();
        }
        Slot { reports: self, number, done, waiting: Cell::new(handed) }
    }

    /// A record is written or has failed.
    pub(super) fn report(&self, name: usize, verdict: Verdict) {
        let (number, index) = (name >> INDEX_BITS, name & ((1 << INDEX_BITS) - 1));
        let mut entries = lock(&self.0);
        let Some(entry) = entries.get_mut(number) else { return };
        let is_first_failure = !entry.has_failed && verdict.may_pass();
        entry.has_failed |= is_first_failure;
        if let Some(result) = entry.results.get_mut(index) {
            *result = Some(verdict);
        }
        entry.missing = entry.missing.saturating_sub(1);
        if entry.is_open && (entry.missing == 0 || is_first_failure) {
            entry.done.notify_one();
        }
    }
}

impl Slot<'_> {
    /// The name that a record goes by.
    pub(super) fn of(&self, index: usize) -> usize {
        (self.number << INDEX_BITS) | index
    }

    /// The client has got one of the records.
    pub(super) fn handed(&self) {
        self.waiting.set(self.waiting.get().saturating_sub(1));
    }

    /// One of the records is not handed to the client after all.
    pub(super) fn not_handed(&self) {
        self.handed();
        self.forget(1);
    }

    fn forget(&self, count: usize) {
        if let Some(entry) = lock(&self.reports.0).get_mut(self.number) {
            entry.missing = entry.missing.saturating_sub(count);
        }
    }

    /// Whether everything that the client took was reported.
    pub(super) fn is_done(&self) -> bool {
        self.is(|entry| entry.missing == 0)
    }

    /// Returns once that is so.
    pub(super) async fn done(&self) {
        self.until(|entry| entry.missing == 0).await;
    }

    /// Returns once everything was reported, or one that was not written and will be sent again.
    pub(super) async fn done_or_failed(&self) {
        self.until(|entry| entry.missing == 0 || entry.has_failed).await;
    }

    async fn until(&self, holds: impl Fn(&Entry) -> bool) {
        while !self.is(&holds) {
            self.done.notified().await;
        }
    }

    /// Whether one was not written and will be sent again.
    pub(super) fn has_failed(&self) -> bool {
        self.is(|entry| entry.has_failed)
    }

    fn is(&self, what: impl Fn(&Entry) -> bool) -> bool {
        lock(&self.reports.0).get(self.number).is_none_or(what)
    }

    /// Takes the results.
    pub(super) fn collect(&self, results: &mut [Option<Verdict>]) {
        let mut entries = lock(&self.reports.0);
        let Some(entry) = entries.get_mut(self.number) else { return };
        for (result, reported) in results.iter_mut().zip(&mut entry.results) {
            if let Some(verdict) = reported.take() {
                *result = Some(verdict);
            }
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.forget(self.waiting.get());
        if let Some(entry) = lock(&self.reports.0).get_mut(self.number) {
            entry.is_open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_late_report_is_not_that_of_a_later_batch() {
        let reports = Reports::default();
        let first = reports.open(3, 3);
        first.handed();
        first.handed();
        let late = first.of(1);
        reports.report(first.of(0), Verdict::Written(7));
        drop(first);
        let second = reports.open(1, 1);
        second.handed();
        reports.report(late, Verdict::Written(8));
        let mut results = [None];
        assert!(futures_util::poll!(std::pin::pin!(second.done())).is_pending());
        reports.report(second.of(0), Verdict::Held);
        second.done().await;
        second.collect(&mut results);
        assert_eq!(results, [Some(Verdict::Held)]);
        assert_eq!(reports.open(1, 0).number, 0, "the first slot is free after its last report");
    }
}
