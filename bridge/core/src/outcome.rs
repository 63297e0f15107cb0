//! How the life of a delivery ended.

use std::fmt;

/// The one recorded end of a delivery. The order of the variants is the order of severity: a
/// delivery with several results (fan-out, split) gets the worst, which is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A rule or step selected it out.
    Filtered,
    /// It was past its time by a rule.
    Expired,
    /// Every required target confirmed it.
    Delivered,
    /// The dead-letter target confirmed it.
    DeadLettered,
    /// It can never be delivered, no dead letter is configured, and the source can say so to its
    /// producer (HTTP 422, AMQP reject).
    Rejected,
    /// Its assignment ended, its route stopped or its caller went: whoever sent it sends it again.
    Abandoned,
}

impl Outcome {
    /// All of them, in order of severity.
    pub const ALL: [Self; 6] = [
        Self::Filtered,
        Self::Expired,
        Self::Delivered,
        Self::DeadLettered,
        Self::Rejected,
        Self::Abandoned,
    ];

    /// Whether the source may forget the message: all but `Abandoned`, and `Rejected` only where
    /// the source can reject.
    pub fn is_resolved(self) -> bool {
        self != Self::Abandoned
    }

    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::Expired => "expired",
            Self::Delivered => "delivered",
            Self::DeadLettered => "dead_lettered",
            Self::Rejected => "rejected",
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
