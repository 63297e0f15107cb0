//! The totals of one route.

use hybridge_core::Outcome;
use serde::Serialize;

/// How many deliveries a route received and how they ended, since the process started.
///
/// `received = delivered + dead_lettered + filtered + expired + rejected + abandoned + in_flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Taken from the source.
    pub received: u64,
    /// Confirmed by every required target.
    pub delivered: u64,
    /// Confirmed by the dead-letter target.
    pub dead_lettered: u64,
    /// Selected out by a rule or step.
    pub filtered: u64,
    /// Past their time by a rule.
    pub expired: u64,
    /// Refused for good to their producer.
    pub rejected: u64,
    /// Given back to be delivered again.
    pub abandoned: u64,
    /// Received and not ended.
    pub in_flight: u64,
}

impl Counts {
    /// How many ended with `outcome`.
    pub fn of(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Filtered => self.filtered,
            Outcome::Expired => self.expired,
            Outcome::Delivered => self.delivered,
            Outcome::DeadLettered => self.dead_lettered,
            Outcome::Rejected => self.rejected,
            Outcome::Abandoned => self.abandoned,
        }
    }

    /// How many came to an end that their source is told of.
    pub fn done(&self) -> u64 {
        self.ended().wrapping_sub(self.abandoned)
    }

    /// Received less all that is accounted for. Anything but 0 is a defect.
    pub fn difference(&self) -> i64 {
        self.received.wrapping_sub(self.ended()).wrapping_sub(self.in_flight).cast_signed()
    }

    fn ended(&self) -> u64 {
        Outcome::ALL.iter().map(|outcome| self.of(*outcome)).sum()
    }
}
