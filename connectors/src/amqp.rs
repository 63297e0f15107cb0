//! Queues and exchanges of AMQP 0-9-1 brokers, which in practice is RabbitMQ.
//!
//! [`Source`] consumes a queue, [`StreamSource`] reads a stream, [`Sink`] publishes. Each has a connection of its own, so
//! that a broker that blocks publishers blocks no consumer. A connection lives once: what breaks it ends the source, or
//! the client that the sink makes anew, and with it every delivery tag and every confirmation of it.

mod client;
mod declare;
mod decode;
mod encode;
mod names;
mod settling;
mod sink;
mod source;
mod table;

pub use sink::Sink;
pub use source::Source;
