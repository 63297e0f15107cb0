//! The embedded durable log: topics of append-only segments, consumer groups with durable cursors.
//!
//! A record is acknowledged once it is on the disk: everything that waits is written together, each touched file is
//! synced once, and then all of it is acknowledged. Readers see only what is acknowledged. One thread does all writing;
//! readers read the files themselves. It is for one machine; whoever outgrows it points the same route at a broker.

pub mod disk;

mod cursors;
mod engine;
mod error;
mod frame;
mod index;
mod meta;
mod options;
mod partition;
mod queue;
mod read;
mod recover;
mod segment;
mod sink;
mod source;
mod spilled;
mod store;
mod topic;
mod view;

#[cfg(test)]
mod tests;

pub use error::{OpenError, ReadError, WriteError};
pub use options::{Fsync, Options, Retention, TopicOptions};
pub use read::{Cause, Chunk, Gap, Record};
pub use sink::Sink;
pub use source::Source;
pub use store::{Claim, GroupStat, PartitionStat, Position, Read, Reader, Store, TopicStat};
pub use topic::{Topic, is_valid_name};
