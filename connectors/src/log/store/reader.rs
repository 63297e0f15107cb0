//! Reading one partition from any runtime.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Store;
use crate::log::error::ReadError;
use crate::log::read::{self, Chunk, Cursor, Gap, Step};
use crate::log::topic::Topic;
use crate::log::view::View;

/// What a read gave.
#[derive(Debug)]
pub enum Read {
    /// Records, in order, without a gap before them.
    Records(Chunk),
    /// Records are missing here; the next read goes on behind them.
    Gap(Gap),
    /// The next record needs this many bytes, more than the read was given.
    TooSmall(usize),
    /// There is nothing more yet.
    End,
}

/// Reads the durable records of one partition in order.
pub struct Reader {
    view: Arc<View>,
    cursor: Cursor,
    next: watch::Receiver<u64>,
    busy: Option<JoinHandle<(Cursor, std::io::Result<Step>)>>,
}

impl Store {
    /// A reader of a partition whose first record is the one at `offset` or, if there is none, the next. `None` when the
    /// topic has no such partition.
    #[must_use]
    pub fn reader(&self, topic: &Topic, partition: u32, offset: u64) -> Option<Reader> {
        let view = topic.view(partition)?.clone();
        let next = view.watch();
        Some(Reader { view, cursor: Cursor::at(offset), next, busy: None })
    }

    /// The offset of the first record of a partition that was appended at `time` (milliseconds since
    /// 1970-01-01T00:00:00Z) or later; the next offset if there is none.
    ///
    /// # Errors
    /// [`ReadError`] when the disk fails.
    pub async fn offset_at_time(
        &self,
        topic: &Topic,
        partition: u32,
        time: i64,
    ) -> Result<u64, ReadError> {
        let Some(view) = topic.view(partition).cloned() else { return Ok(0) };
        let found = tokio::task::spawn_blocking(move || view.offset_at_time(time));
        match found.await {
            Ok(result) => result.map_err(|error| ReadError::Disk(Arc::new(error))),
            Err(_) => Err(ReadError::Cancelled),
        }
    }

    /// The first offset of a partition that is still there, and the one that its next record will have.
    #[must_use]
    pub fn range(&self, topic: &Topic, partition: u32) -> (u64, u64) {
        topic.view(partition).map_or((0, 0), |view| {
            let extent = view.extent();
            (extent.earliest, extent.next)
        })
    }
}

impl Reader {
    /// Offsets between what it will read next and the end of what is durable.
    #[must_use]
    pub fn behind(&self) -> u64 {
        self.next.borrow().saturating_sub(self.cursor.offset)
    }

    /// The offset of the next record that it will read.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.cursor.offset
    }

    /// Goes on at another offset. A read that was dropped unfinished is forgotten.
    pub fn seek(&mut self, offset: u64) {
        self.busy = None;
        self.cursor = Cursor::at(offset);
    }

    /// Whether there is something to read.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.busy.is_some() || self.cursor.offset < self.view.next()
    }

    /// Bytes that the next read could give, where that is known: what is left of the segment that it reads.
    #[must_use]
    pub fn available(&self) -> Option<u64> {
        self.cursor.available(&self.view)
    }

    /// Returns once there is something to read. Cancel-safe.
    pub async fn wait(&mut self) {
        while !self.has_more() {
            if self.next.changed().await.is_err() {
                // The log is gone, and nothing will come.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Reads on, at most `max` bytes. What is in memory anyway is read at once, the rest on the blocking pool.
    ///
    /// Cancel-safe: a read that was dropped goes on, and the next call returns what it gave (its `max` is then that of
    /// the first call).
    ///
    /// # Errors
    /// [`ReadError`]; the next call tries again at the same place.
    pub async fn read(&mut self, max: usize) -> Result<Read, ReadError> {
        if self.busy.is_none() {
            match read::step(&self.view, &mut self.cursor, max, true) {
                Ok(Step::Cold) => {}
                other => return outcome(other),
            }
            let (view, mut cursor) = (self.view.clone(), self.cursor.clone());
            self.busy = Some(tokio::task::spawn_blocking(move || {
                let step = read::step(&view, &mut cursor, max, false);
                (cursor, step)
            }));
        }
        let Some(busy) = &mut self.busy else { return Ok(Read::End) };
        let done = busy.await;
        self.busy = None;
        let (cursor, step) = done.map_err(|_| ReadError::Cancelled)?;
        if step.is_ok() {
            self.cursor = cursor;
        }
        outcome(step)
    }
}

fn outcome(step: std::io::Result<Step>) -> Result<Read, ReadError> {
    match step.map_err(|error| ReadError::Disk(Arc::new(error)))? {
        Step::Records(chunk) => Ok(Read::Records(chunk)),
        Step::Gap(gap) => Ok(Read::Gap(gap)),
        Step::TooSmall(needed) => Ok(Read::TooSmall(needed)),
        Step::End | Step::Cold => Ok(Read::End),
    }
}
