//! Random faults against one route, while an oracle watches.
//!
//! A run feeds a route with numbered events, strikes it several times while it has a backlog and
//! messages in flight, lets it recover and compares what was sent with what arrived. The seed
//! decides the faults, their times and which events are poisoned.

mod bridge;
mod feed;
mod fixture;
mod history;
mod report;
mod run;
mod strike;

pub use bridge::{Bridge, BridgeKind};
pub use fixture::RouteKind;
pub use report::{Fault, Report};
pub use run::run;

/// Least number of events of a run.
pub const EVENTS: u64 = 20_000;
/// Number of keys of a run.
pub const KEYS: u32 = 1_000;
/// Events of a thousand that no step or target takes.
pub const POISON_PER_MILLE: u64 = 2;
