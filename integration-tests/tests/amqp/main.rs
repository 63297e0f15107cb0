//! The AMQP connector on a real RabbitMQ.

mod access;
mod outages;
mod prefetch;
mod rabbit;
mod sharing;
mod sink;
mod source;
mod stream;
mod whole;
