//! `amqp`: queues and exchanges of RabbitMQ, by AMQP 0-9-1.

mod connection;
mod declare;
mod sink;
mod source;
mod uri;

pub use connection::{Auth, ConnectionConfig};
pub use declare::{
    Argument, Arguments, BindingConfig, ExchangeConfig, ExchangeType, QueueConfig, QueueType,
};
pub use sink::{AttributePrefix, Property, SinkConfig};
pub use source::{SourceConfig, Start, StreamConfig};
pub use uri::Uri;
