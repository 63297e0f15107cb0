//! CloudEvents 1.0 over [`Message`](hybridge_core::Message): attributes, the JSON format, the HTTP,
//! Kafka and AMQP bindings and the web hook handshake.
//!
//! An event is a message whose `attributes` are not empty. Its data is the payload, byte for byte;
//! `specversion` and `datacontenttype` are attributes like the others. Events of version 0.3 are
//! turned into 1.0 when they are decoded.
//!
//! Source of the rules: <https://github.com/cloudevents/spec>, `cloudevents/spec.md` (section
//! numbers refer to it), `formats/json-format.md`, `bindings/http-protocol-binding.md` and
//! `http-webhook.md`.

pub mod amqp;
pub mod attribute;
mod error;
pub mod http;
pub mod json;
pub mod kafka;
mod upgrade;
pub mod webhook;

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
