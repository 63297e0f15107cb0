//! An event-driven message bridge that never loses, reorders or leaks a message.

pub mod admin;
mod feed;
pub mod serve;
pub mod status;
pub mod subscribe;
pub mod telemetry;
mod topics;
