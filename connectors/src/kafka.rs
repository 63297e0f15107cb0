//! `kafka`: topics of a Kafka cluster, through librdkafka.
//!
//! The consumer of a source lives on a thread of its own, since its rebalances happen inside whoever polls it; it shares a
//! desk with the worker that the route runs on. The producer of a sink has a thread that takes delivery reports.

mod client;
mod ffi;
mod sink;
mod source;
mod token;

pub use sink::Sink;
pub use source::Source;
