//! An event-driven message bridge that never loses, reorders or leaks a message.

pub mod status;
pub mod telemetry;
