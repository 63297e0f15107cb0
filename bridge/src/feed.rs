//! All partitions of a topic, read as one: for subscribers, and for the commands that look at topics.

mod cursor;

use futures_util::future::select_all;
use hybridge_connectors::log::{Read, ReadError, Reader, Store, Topic};

pub(crate) use cursor::Cursor;

/// Where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the first record that is kept.
    Earliest,
    /// After the last record.
    Latest,
    /// At the first record appended at this time or later, in milliseconds since
    /// 1970-01-01T00:00:00Z.
    Time(i64),
    /// Where somebody left off. Partitions that it does not name begin at their first record.
    Cursor(Cursor),
}

/// Why a feed cannot begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The cursor is not one of this topic.
    #[error("partition {0} does not exist: topic `{1}` has {2}")]
    Partition(u32, String, u32),
    /// The cursor is of another log, or of a topic that was made anew.
    #[error("offset {offset} of partition {partition} was never reached: the next one is {next}")]
    Ahead {
        /// The partition.
        partition: u32,
        /// As asked for.
        offset: u64,
        /// The offset of the next record.
        next: u64,
    },
    /// The disk failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A reader of all partitions of a topic: in order within each, in turn among them.
pub(crate) struct Feed {
    readers: Vec<Reader>,
    turn: usize,
}

impl Feed {
    /// A feed that begins at `start`.
    pub(crate) async fn open(
        store: &Store,
        topic: &Topic,
        start: &Start,
    ) -> Result<Self, StartError> {
        if let Start::Cursor(cursor) = start {
            check(store, topic, cursor)?;
        }
        let mut readers = Vec::new();
        for partition in 0..topic.partitions() {
            let (earliest, next) = store.range(topic, partition);
            let offset = match start {
                Start::Earliest => earliest,
                Start::Latest => next,
                Start::Time(time) => store.offset_at_time(topic, partition, *time).await?,
                Start::Cursor(cursor) => cursor.get(partition).unwrap_or(earliest),
            };
            readers.extend(store.reader(topic, partition, offset));
        }
        Ok(Self { readers, turn: 0 })
    }

    /// A feed from these positions, unchecked. Only if they name every partition may it be read;
    /// otherwise it is for waiting.
    pub(crate) fn at(store: &Store, topic: &Topic, cursor: &Cursor) -> Self {
        let readers =
            cursor.iter().filter_map(|(partition, next)| store.reader(topic, partition, next));
        Self { readers: readers.collect(), turn: 0 }
    }

    /// The next offset of each partition.
    pub(crate) fn cursor(&self) -> Cursor {
        let mut cursor = Cursor::default();
        for (partition, reader) in (0..).zip(&self.readers) {
            cursor.set(partition, reader.offset());
        }
        cursor
    }

    /// Reads on from the next partition that has something and that `wanted` says yes to: at most
    /// `max` bytes. `None` when there is none. Never gives [`Read::End`]; after [`Read::TooSmall`]
    /// the same partition is next. Cancel-safe, as [`Reader::read`] is.
    pub(crate) async fn read(
        &mut self,
        max: usize,
        wanted: impl Fn(u32) -> bool,
    ) -> Result<Option<(u32, Read)>, ReadError> {
        let count = self.readers.len();
        for _ in 0..count {
            let index = self.turn % count;
            let partition = index as u32;
            let Some(reader) = self.readers.get_mut(index) else { break };
            if wanted(partition) && reader.has_more() {
                match reader.read(max).await? {
                    Read::End => {}
                    read @ Read::TooSmall(_) => return Ok(Some((partition, read))),
                    read => {
                        self.turn = index + 1;
                        return Ok(Some((partition, read)));
                    }
                }
            }
            self.turn = index + 1;
        }
        Ok(None)
    }

    /// Goes back, or on, to another offset of a partition.
    pub(crate) fn seek(&mut self, partition: u32, offset: u64) {
        if let Some(reader) = self.readers.get_mut(partition as usize) {
            reader.seek(offset);
        }
    }

    /// Returns once a partition has something. Cancel-safe.
    pub(crate) async fn wait(&mut self) {
        self.wait_for(|_| true).await;
    }

    /// Returns once a partition that `wanted` says yes to has something. Cancel-safe.
    pub(crate) async fn wait_for(&mut self, wanted: impl Fn(u32) -> bool) {
        let readers = (0..).zip(&mut self.readers).filter(|(partition, _)| wanted(*partition));
        let waits: Vec<_> = readers.map(|(_, reader)| Box::pin(reader.wait())).collect();
        if waits.is_empty() {
            std::future::pending::<()>().await;
        }
        select_all(waits).await;
    }
}

fn check(store: &Store, topic: &Topic, cursor: &Cursor) -> Result<(), StartError> {
    for (partition, offset) in cursor.iter() {
        if partition >= topic.partitions() {
            let name = topic.name().to_owned();
            return Err(StartError::Partition(partition, name, topic.partitions()));
        }
        let (_, next) = store.range(topic, partition);
        if offset > next {
            return Err(StartError::Ahead { partition, offset, next });
        }
    }
    Ok(())
}
