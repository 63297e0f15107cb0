//! What talks to a broker, a cloud bus, a socket or the embedded log.
//!
//! Each connector is a module with a `Source`, a `Sink`, or both. [`source`] and [`sink`] make them
//! from what the routing-rule file says; nothing else asks which kind a connector is.

#[cfg(feature = "amqp")]
pub(crate) mod amqp;
#[cfg(feature = "file")]
pub(crate) mod file;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(all(feature = "nats", any(feature = "file", feature = "schedule")))]
mod leased;
#[cfg(any(feature = "file", feature = "stdio"))]
mod line_format;
#[cfg(any(feature = "file", feature = "stdio"))]
mod lines;
pub mod log;
mod make;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(any(feature = "amqp", feature = "file", feature = "schedule"))]
mod positions;
#[cfg(feature = "schedule")]
mod schedule;
#[cfg(feature = "stdio")]
pub mod stdio;
#[cfg(any(feature = "http", feature = "nats", feature = "amqp", feature = "kafka"))]
pub mod tls;

pub use make::{Limits, Local, sink, source};
