//! What the suite must know about a system that hybridge connects to.

pub mod amqp;
pub mod file;
pub mod http;
pub mod jetstream;
pub mod kafka;
pub mod log;

use std::net::SocketAddr;

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;

use super::{Role, Stage};

/// What a connector can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// The system keeps messages while nobody takes them.
    Durable,
    /// Messages of a key stay in order.
    Ordered,
    /// A message has a key.
    Keys,
    /// A key may be any bytes, or none.
    BinaryKeys,
    /// A body may be any bytes.
    BinaryBodies,
    /// A message may have no body, which is not an empty one.
    NullBodies,
    /// A message has headers.
    Headers,
    /// A header may come several times.
    DuplicateHeaders,
    /// Headers of different names have an order among each other.
    HeaderOrder,
    /// The value of a header may be any bytes.
    BinaryHeaders,
    /// A header may have no value, which is not an empty one.
    NullHeaders,
    /// The system refuses messages over a size.
    SizeLimit,
    /// The source makes a dead letter of what is larger than `max_message`.
    SourceLimit,
    /// A message that was taken and not acknowledged comes again while the daemon runs.
    Redelivery,
    /// It asks for credentials.
    Credentials,
    /// Whoever sends waits for an answer.
    Answers,
    /// A message says when it was made.
    Times,
    /// A message is in one of several partitions.
    Partitions,
    /// A message says what kind of content its body is.
    ContentTypes,
    /// A message says where answers go.
    Replies,
    /// A message has a priority.
    Priorities,
    /// A message is gone after a time.
    Lifetimes,
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The daemon is killed and started again.
    DaemonKilled,
    /// The daemon is asked to stop, and started again.
    DaemonStopped,
    /// The daemon is frozen for some seconds.
    DaemonFrozen,
    /// The peer is killed and started again.
    PeerKilled,
    /// The peer is frozen for some seconds.
    PeerFrozen,
    /// Every connection to the peer is reset, for a second.
    Reset,
    /// The network swallows everything, for some seconds.
    BlackHole,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::DaemonKilled,
        Self::DaemonStopped,
        Self::DaemonFrozen,
        Self::PeerKilled,
        Self::PeerFrozen,
        Self::Reset,
        Self::BlackHole,
    ];

    /// Those of the daemon alone, for what has no peer that could fail.
    pub const OF_THE_DAEMON: [Self; 3] =
        [Self::DaemonKilled, Self::DaemonStopped, Self::DaemonFrozen];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::DaemonKilled => "the daemon is killed",
            Self::DaemonStopped => "the daemon is stopped",
            Self::DaemonFrozen => "the daemon is frozen",
            Self::PeerKilled => "the peer is killed",
            Self::PeerFrozen => "the peer is frozen",
            Self::Reset => "connections are reset",
            Self::BlackHole => "the network swallows everything",
        }
    }
}

/// A message as the peer's own client sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The key.
    pub key: Option<Bytes>,
    /// The body.
    pub payload: Option<Bytes>,
    /// The headers, without those that hybridge or the protocol adds.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// What else its system says of it.
    pub also: Also,
}

/// What a message has in some systems; each value as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Also {
    /// When it was made, in milliseconds since 1970.
    pub time: Option<String>,
    /// The number of its partition.
    pub partition: Option<String>,
    /// The media type of its body.
    pub content_type: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// From 0 to 9.
    pub priority: Option<String>,
    /// How long it may be kept, in milliseconds.
    pub lifetime: Option<String>,
}

impl Record {
    /// One with a key and a body.
    pub fn new(key: &str, payload: impl Into<Bytes>) -> Self {
        Self {
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            payload: Some(payload.into()),
            ..Self::default()
        }
    }
}

/// A system that hybridge connects to, with its own client.
#[async_trait(?Send)]
pub trait Peer {
    /// The connector, as in the table.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn features(&self) -> Vec<Feature>;

    /// Faults that it can be struck with in this role.
    fn faults(&self, role: Role) -> Vec<Fault>;

    /// What the configuration needs beside the route under test: connections, and lines of routes.
    fn sections(&self, place: &str) -> Sections;

    /// The source that reads `place`, as it is written after `from:`, with further settings:
    /// `, max_message: 1MiB`.
    fn from(&self, place: &str, more: &str) -> String;

    /// The sink that writes to `place`, as it is written after `to:`.
    fn to(&self, place: &str) -> String;

    /// Makes a place that has an order per key and more than one partition, where there are such.
    async fn create(&mut self, place: &str) -> Result<()>;

    /// Puts records there, in order; returns when they are safe.
    async fn put(&self, stage: &Stage, place: &str, records: &[Record]) -> Result<()>;

    /// Everything that is there from the beginning on, at least `least` records, in order per key.
    async fn take(&self, stage: &Stage, place: &str, least: usize) -> Result<Vec<Record>>;

    /// How many messages of `place` the system still owes to the route under test, by its own account: those that were
    /// given out and are not settled too. `None` where it keeps no such account.
    async fn owed(&self, stage: &Stage, place: &str) -> Result<Option<u64>>;

    /// Where the daemon under test listens for messages, if it does.
    fn listens(&self) -> Option<SocketAddr> {
        None
    }

    /// Strikes the peer and makes it well again. Faults of the daemon are not its affair.
    async fn strike(&mut self, fault: Fault) -> Result<()>;

    /// The largest body that the peer takes by itself, where it has such a limit.
    fn largest(&self) -> usize {
        1 << 20
    }
}

/// Parts of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Sections {
    /// Entries of `connections:`, each a line with two spaces before it.
    pub connections: String,
    /// Further routes, each a line with two spaces before it.
    pub routes: String,
}
