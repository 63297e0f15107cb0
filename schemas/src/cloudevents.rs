//! CloudEvents 1.0 over [`Message`](hybridge_core::Message): attributes, the JSON, Avro and Protobuf formats, the bindings
//! to protocols and web hooks.
//!
//! An event is a message whose `attributes` are not empty. Its data is the payload, byte for byte;
//! `specversion` and `datacontenttype` are attributes like the others. Events of version 0.3 are
//! turned into 1.0 when they are decoded.
//!
//! Source of the rules: <https://github.com/cloudevents/spec>, `cloudevents/spec.md` (section
//! numbers refer to it), `formats/*.md`, `bindings/*.md`, `extensions/*.md` and `http-webhook.md`.

pub mod amqp;
pub mod attribute;
pub mod avro;
mod binary;
mod data;
mod error;
pub mod extensions;
pub mod format;
pub mod http;
pub mod json;
pub mod kafka;
pub mod mqtt;
pub mod nats;
pub mod outgoing;
mod parts;
pub mod protobuf;
pub mod pubsub;
pub mod rabbitmq;
pub mod sdk;
pub mod structured;
mod upgrade;
pub mod webhook;
pub mod websocket;
mod wire;

pub use error::{DecodeError, NotAnEvent};

/// The version that every event inside hybridge has.
pub const SPECVERSION: &str = "1.0";

/// How much of what real producers get wrong is let through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Takes what can be carried on unchanged: sources that are not quite URIs, control characters
    /// in texts, broken percent escapes in headers.
    #[default]
    Lenient,
    /// Takes only what the specification allows.
    Strict,
}
