//! One message, in the form in which every connector gives and takes it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Attributes, Headers, Text};

/// A message. Cheap to clone: everything in it is shared.
///
/// A message that is a CloudEvent has its context attributes in `attributes` and its data in
/// `payload`; the prefixes that protocols put before attribute names (`ce_`, `ce-`,
/// `cloudEvents:`) exist only on the wire.
#[derive(Clone, Default)]
pub struct Message {
    /// The key that order and partitions go by; the Kafka key, where it came from Kafka.
    pub key: Option<Bytes>,
    /// The body. `None` is a null body (a Kafka tombstone, an event without data), which is not
    /// the same as an empty one.
    pub payload: Option<Bytes>,
    /// The headers that are not context attributes.
    pub headers: Headers,
    /// The context attributes; empty when the message is not a CloudEvent.
    pub attributes: Attributes,
    /// Where it came from.
    pub origin: Origin,
    /// When it was produced, in milliseconds since 1970-01-01T00:00:00Z, where the source knows.
    pub time: Option<i64>,
}

impl Message {
    /// Fixed cost that is charged for each message beside its bytes.
    pub const OVERHEAD: usize = 128;

    /// Bytes to charge to the budget: key, body, headers, attributes and a fixed overhead.
    pub fn size(&self) -> usize {
        Self::OVERHEAD
            + self.key.as_ref().map_or(0, Bytes::len)
            + self.payload.as_ref().map_or(0, Bytes::len)
            + self.headers.size()
            + self.attributes.size()
    }

    /// Whether it is a CloudEvent.
    pub fn is_event(&self) -> bool {
        !self.attributes.is_empty()
    }
}

/// Shows sizes and coordinates, never content: this may reach a log.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("origin", &self.origin)
            .field("payload_bytes", &self.payload.as_ref().map(Bytes::len))
            .field("headers", &self.headers.len())
            .field("attributes", &self.attributes.len())
            .finish_non_exhaustive()
    }
}

/// The coordinates of a message at its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The partition, stream or queue that it came from.
    pub place: Arc<Place>,
    /// Its position there.
    pub offset: u64,
    /// Which of the messages that one source message was split into; 0 for the first and only.
    pub child: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        write!(f, "{}:{}/{}@{}", place.connector, place.topic, place.partition, self.offset)?;
        if self.child > 0 {
            write!(f, "#{}", self.child)?;
        }
        Ok(())
    }
}

/// One partition, stream, queue, file or listener: a sequence that positions count in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// The kind of connector, as in the routing-rule file: `kafka`, `http`, `log`.
    pub connector: Text,
    /// Which cluster, server or machine: the connection's name or the instance.
    pub cluster: Text,
    /// Topic, stream, queue, path.
    pub topic: Text,
    /// Changes when a topic of the same name is made anew, so that positions do not repeat.
    pub incarnation: Text,
    /// Number of the partition; 0 where there are none.
    pub partition: u32,
}
