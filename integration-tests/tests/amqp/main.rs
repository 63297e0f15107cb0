//! The AMQP connector on a real RabbitMQ.

mod outages;
mod prefetch;
mod rabbit;
mod sharing;
mod sink;
mod source;
mod stream;
mod whole;
