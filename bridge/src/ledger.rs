//! The ledger: every delivery ends in exactly one recorded outcome.
//!
//! `received = delivered + dead_lettered + filtered + expired + rejected + abandoned + in_flight`.
//! The left side and the outcomes are counted where a delivery enters and leaves the route; what
//! is in flight is counted apart, by the lanes that hold it. So a delivery that vanishes inside
//! the route shows as a difference, which is a metric and must be 0.

use hybridge_core::Outcome;

use crate::status::Counts;

/// The counts of one route over its whole life, restarts included.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Counts);

impl Ledger {
    /// Goes on from earlier counts: a route that a reload started anew.
    pub fn continued(counts: Counts) -> Self {
        Self(counts)
    }

    /// The source gave `count` deliveries to the route.
    pub fn received(&mut self, count: usize) {
        self.0.received += count as u64;
    }

    /// `count` deliveries ended alike.
    pub fn settled(&mut self, outcome: Outcome, count: usize) {
        let total = match outcome {
            Outcome::Filtered => &mut self.0.filtered,
            Outcome::Expired => &mut self.0.expired,
            Outcome::Delivered => &mut self.0.delivered,
            Outcome::DeadLettered => &mut self.0.dead_lettered,
            Outcome::Rejected => &mut self.0.rejected,
            Outcome::Abandoned => &mut self.0.abandoned,
        };
        *total += count as u64;
    }

    /// The lanes were dropped with `held` deliveries in them: the source gives them again.
    pub fn abandoned(&mut self, held: usize) {
        self.settled(Outcome::Abandoned, held);
        self.0.in_flight = 0;
    }

    /// What the lanes hold now, as they count it.
    pub fn in_flight(&mut self, held: usize) {
        self.0.in_flight = held as u64;
    }

    /// The counts now.
    pub fn counts(&self) -> Counts {
        self.0
    }
}
