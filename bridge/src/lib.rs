//! An event-driven message bridge that never loses, reorders or leaks a message.

pub mod admin;
pub mod serve;
pub mod status;
pub mod telemetry;
