//! The line that a run prints.

use serde::Serialize;

/// One strike.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// What was done.
    pub kind: &'static str,
    /// Messages in flight just before.
    pub in_flight: u64,
    /// Messages that waited at the source just before.
    pub backlog: u64,
}

/// What one run found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The route that was struck.
    pub route: &'static str,
    /// The seed of the run.
    pub seed: u64,
    /// Whether everything held.
    pub ok: bool,
    /// Events that were sent; every one was accepted in the end.
    pub sent: u64,
    /// Different events at the target.
    pub delivered: u64,
    /// Different events among the dead letters: those that the seed poisoned.
    pub dead_lettered: u64,
    /// Repeats at the target and among the dead letters.
    pub duplicates: u64,
    /// Most duplicates that the faults account for: what was uncommitted at each.
    pub duplicates_allowed: u64,
    /// Accepted events that are nowhere.
    pub lost: u64,
    /// Appearances out of the order of their key.
    pub order_violations: u64,
    /// Poisoned events at the target, healthy ones among the dead letters.
    pub misplaced: u64,
    /// The greatest difference that any route's ledger showed.
    pub ledger_difference: i64,
    /// Messages in flight when it was struck, all strikes together.
    pub in_flight_at_fault: u64,
    /// From the end of the last fault until nothing waited and nothing was in flight.
    pub recovery_ms: u64,
    /// Each strike.
    pub faults: Vec<Fault>,
    /// What did not hold.
    pub failures: Vec<String>,
}

impl Report {
    /// Notes a failure unless `holds`.
    pub fn expect(&mut self, holds: bool, failure: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(failure());
        }
        self.ok = self.failures.is_empty();
    }

    /// Its line.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| error.to_string())
    }
}
