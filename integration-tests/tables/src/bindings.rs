//! Suite `bindings`: events in the messages of protocols.

mod amqp;
pub(super) mod data;
pub(super) mod expect;
pub(super) mod http;
mod kafka;
mod mqtt;
mod nats;
mod pubsub;
mod rabbitmq;
mod webhook;
mod websocket;

use super::{Run, named};

/// The tables by file name and by a part of the title.
const TABLES: [(&str, &str, Run); 10] = [
    ("amqp10.json", "AMQP 1.0", |_, case| amqp::by_op(case)),
    ("header-values.json", "Percent-encoding", |_, case| http::header_value(case)),
    ("http.json", "HTTP protocol binding", |_, case| http::by_op(case)),
    ("kafka.json", "Kafka", |_, case| kafka::by_op(case)),
    ("mqtt.json", "MQTT", |_, case| mqtt::by_op(case)),
    ("nats.json", "NATS protocol binding", |_, case| nats::by_op(case)),
    ("pubsub.json", "Pub/Sub", |_, case| pubsub::by_op(case)),
    ("rabbitmq091.json", "RabbitMQ", |_, case| rabbitmq::by_op(case)),
    ("webhook.json", "Web Hooks", |_, case| webhook::by_op(case)),
    ("websocket.json", "WebSocket", |_, case| websocket::by_op(case)),
];

pub(super) fn runner(file: &str, title: &str) -> Option<Run> {
    named(&TABLES, file, title)
}
