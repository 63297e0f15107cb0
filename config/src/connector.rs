//! What each connector can be told: one file per connector, sources and sinks of it together.

pub mod amqp;
pub mod file;
pub mod http;
pub mod kafka;
pub mod lease;
pub mod log;
pub mod nats;
pub mod schedule;
pub mod stdio;
