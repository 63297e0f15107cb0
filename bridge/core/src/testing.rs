//! Scripted sources and a recording sink, for tests of routes.
//!
//! The sources have the three shapes that brokers have: [`Partitions`] settles by watermark and is
//! revoked in mid-batch (Kafka), [`Leases`] settles each message before its lease expires
//! (JetStream), [`Tags`] settles by a tag that is worth nothing in another channel (AMQP). Each is
//! the broker, which outlives its clients: `source()` makes a client, a clone shares the broker and
//! is what a test steers and inspects it with. Time is tokio's, so a paused clock drives it.

mod leases;
mod partitions;
mod recording;
mod referee;
mod scripted;
mod tags;

pub use leases::Leases;
pub use partitions::{Commit, Partitions};
pub use recording::{Answer, Order, RecordingSink};
pub use tags::Tags;

use bytes::Bytes;

use crate::Message;

/// A message with this key (none if it is empty) and body.
pub fn message(key: &str, payload: &str) -> Message {
    Message {
        key: (!key.is_empty()).then(|| Bytes::copy_from_slice(key.as_bytes())),
        payload: Some(Bytes::copy_from_slice(payload.as_bytes())),
        ..Message::default()
    }
}

/// The key (empty for none) and body of a message, as text.
pub fn text(message: &Message) -> (String, String) {
    let text = |bytes: &Option<Bytes>| {
        bytes.as_deref().map_or_else(String::new, |b| String::from_utf8_lossy(b).into_owned())
    };
    (text(&message.key), text(&message.payload))
}

#[cfg(test)]
mod tests;
