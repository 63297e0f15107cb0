//! The log as the rest of the process uses it.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hybridge_core::Message;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::cursors;
use super::disk::{Disk, Os};
use super::engine::{Commit, Engine, Registry, Request};
use super::error::{OpenError, WriteError};
use super::frame::{Frames, MAX_FRAME, frame_len};
use super::options::{Fsync, Options};
use super::queue::Queue;
use super::topic::{self, Topic};
use super::view::lock;

mod claim;
mod reader;
mod stat;

pub use claim::Claim;
pub use reader::{Read, Reader};
pub use stat::{GroupStat, PartitionStat, TopicStat};

/// Where a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The partition of the topic.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
}

/// An open log. A clone is the same log; it may be used from any runtime and thread.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Arc<Registry>,
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
    instance: Uuid,
    max_record: usize,
    read_only: bool,
}

impl Store {
    /// Opens a folder as a log, making it one if it is empty or missing. Recovers what is in it and starts the log
    /// thread. Blocks: call it before the runtimes start.
    ///
    /// # Errors
    /// [`OpenError`]; the folder is then as it was.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(Os), path, options)
    }

    /// Opens a folder of the given disk.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(disk: Arc<dyn Disk>, path: &Path, options: Options) -> Result<Self, OpenError> {
        let max_record = options.max_record.min(MAX_FRAME);
        let queue = Arc::new(Queue::new(options.queue_bytes));
        let engine = Engine::open(disk, path, options, false)?;
        let (registry, instance) = (engine.registry(), engine.instance());
        let waiting = queue.clone();
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || run(engine, &waiting))
            .map_err(|source| OpenError::Disk { path: path.to_path_buf(), source })?;
        let thread = Mutex::new(Some(thread));
        let inner = Inner { registry, queue, thread, instance, max_record, read_only: false };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens the folder of a stopped process for reading; nothing in it is changed, and appending fails.
    ///
    /// # Errors
    /// [`OpenError`]: [`Locked`](OpenError::Locked) while a process has it open.
    pub fn open_read_only(path: &Path) -> Result<Self, OpenError> {
        Self::open_read_only_on(Arc::new(Os), path)
    }

    /// Opens a folder of the given disk for reading.
    ///
    /// # Errors
    /// As [`open_read_only`](Self::open_read_only).
    pub fn open_read_only_on(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, OpenError> {
        let engine = Engine::open(disk, path, Options::default(), true)?;
        let queue = Arc::new(Queue::new(0));
        queue.close();
        let inner = Inner {
            registry: engine.registry(),
            queue,
            thread: Mutex::new(None),
            instance: engine.instance(),
            max_record: 0,
            read_only: true,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Tells this folder from every other one, for as long as it exists.
    #[must_use]
    pub fn instance_id(&self) -> Uuid {
        self.inner.instance
    }

    /// Whether the folder was opened for reading only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.inner.read_only
    }

    /// The largest record that is taken.
    #[must_use]
    pub fn max_record(&self) -> usize {
        self.inner.max_record
    }

    /// The names of all topics in order, without the log's own.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        let topics = lock(&self.inner.registry.topics);
        topics.keys().filter(|name| !name.starts_with("__")).cloned().collect()
    }

    /// The names of the topics that optional targets follow, in order, those that none follows any more too.
    #[must_use]
    pub fn backlogs(&self) -> Vec<String> {
        let topics = lock(&self.inner.registry.topics);
        topics.keys().filter(|name| topic::is_spilled(name)).cloned().collect()
    }

    /// The topic of this name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Topic> {
        lock(&self.inner.registry.topics).get(name).cloned()
    }

    /// The topic of this name; made as the options say if there is none.
    ///
    /// # Errors
    /// [`WriteError`]: for a name that no topic can have, and when it cannot be made durable.
    pub async fn topic(&self, name: &str) -> Result<Topic, WriteError> {
        if let Some(topic) = self.find(name) {
            return Ok(topic);
        }
        let name = name.to_owned();
        self.ask(0, |reply| Request::Topic { name, reply }).await?
    }

    /// Appends messages in order and returns once each is durable or refused: one result for each. Messages with the same
    /// key go to the same partition; those without one go together to any. The results of each partition are a prefix:
    /// positions, then errors, except that a record that is too large fails alone.
    ///
    /// Waits for room in the queue. When it is dropped the messages may be written all the same.
    pub async fn append(
        &self,
        topic: &Topic,
        messages: &[Message],
    ) -> Vec<Result<Position, WriteError>> {
        let partitions = topic.partitions().max(1);
        let keyless = fastrand::u32(..partitions);
        let place = |message: &Message, _| match &message.key {
            Some(key) if partitions > 1 => Ok(topic.partition_of(key)),
            _ => Ok(keyless),
        };
        self.append_to(topic, messages, place).await
    }

    /// Appends messages as [`append`](Self::append) does, each to the partition that `place` says, which is asked once
    /// for each message, in order, with its size as a record, and may refuse it.
    pub async fn append_to<E: From<WriteError>>(
        &self,
        topic: &Topic,
        messages: &[Message],
        mut place: impl FnMut(&Message, usize) -> Result<u32, E>,
    ) -> Vec<Result<Position, E>> {
        // Sizes first: room is taken before the bytes are copied.
        let mut sizes = vec![(0_usize, 0_usize); topic.partitions().max(1) as usize];
        let mut placed = Vec::with_capacity(messages.len());
        for message in messages {
            let size = frame_len(message);
            placed.push(place(message, size).and_then(|partition| {
                let limit = self.inner.max_record;
                if size > limit {
                    return Err(WriteError::TooLarge { size, limit }.into());
                }
                let (bytes, records) =
                    sizes.get_mut(partition as usize).ok_or(WriteError::Closed)?;
                let offset = *records as u64;
                *bytes += size;
                *records += 1;
                Ok(Position { partition, offset })
            }));
        }
        let total = sizes.iter().map(|(bytes, _)| bytes).sum();
        let written = match self.inner.queue.room(total).await {
            Ok(room) => self.write(topic, messages, &placed, &sizes, room).await,
            Err(error) => Err(error),
        };
        let result = |place: Result<Position, E>| {
            let Position { partition, offset } = place?;
            let firsts = written.as_ref().map_err(WriteError::clone)?;
            let (_, first) =
                firsts.iter().find(|(number, _)| *number == partition).ok_or(WriteError::Closed)?;
            Ok(Position { partition, offset: first.clone()? + offset })
        };
        placed.into_iter().map(result).collect()
    }

    /// Writes the messages that have a place and returns the first offset of each partition.
    async fn write<E>(
        &self,
        topic: &Topic,
        messages: &[Message],
        placed: &[Result<Position, E>],
        sizes: &[(usize, usize)],
        room: tokio::sync::OwnedSemaphorePermit,
    ) -> Result<Vec<(u32, Result<u64, WriteError>)>, WriteError> {
        let mut frames: Vec<Frames> =
            sizes.iter().map(|(bytes, records)| Frames::with_capacity(*bytes, *records)).collect();
        for (message, place) in messages.iter().zip(placed) {
            if let Ok(place) = place
                && let Some(frames) = frames.get_mut(place.partition as usize)
            {
                frames.push(message);
            }
        }
        let mut numbers = Vec::new();
        let mut parts = Vec::new();
        for (number, frames) in frames.into_iter().enumerate() {
            if !frames.is_empty() {
                numbers.push(number as u32);
                parts.push((topic.inner.first + number, frames));
            }
        }
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        self.inner.queue.push(Request::Append { parts, reply }, room)?;
        let firsts = answer.await.map_err(|_| WriteError::Closed)?;
        Ok(numbers.into_iter().zip(firsts).collect())
    }

    /// Sets the cursors of a group: for each partition the offset of the next record that it wants. Returns once they are
    /// durable. A cursor may also be set back.
    ///
    /// # Errors
    /// [`WriteError`]; the cursors are then as before.
    pub async fn commit(
        &self,
        group: &str,
        topic: &Topic,
        offsets: &[(u32, u64)],
    ) -> Result<(), WriteError> {
        let incarnation = topic.incarnation();
        let commits: Vec<Commit> = offsets
            .iter()
            .map(|(partition, offset)| {
                let position = cursors::Position { incarnation, offset: *offset };
                (key(group, topic, *partition), Some(position))
            })
            .collect();
        self.ask(0, |reply| Request::Commit { commits, reply }).await?
    }

    /// Forgets the cursors of a group.
    ///
    /// # Errors
    /// [`WriteError`]; the cursors are then as before.
    pub async fn forget(&self, group: &str, topic: &Topic) -> Result<(), WriteError> {
        let keys = lock(&self.inner.registry.cursors).of_group(topic.name(), group);
        let commits: Vec<Commit> = keys.into_iter().map(|key| (key, None)).collect();
        self.ask(0, |reply| Request::Commit { commits, reply }).await?
    }

    /// The offset of the next record that a group wants, if it ever committed one.
    #[must_use]
    pub fn cursor(&self, group: &str, topic: &Topic, partition: u32) -> Option<u64> {
        let key = key(group, topic, partition);
        lock(&self.inner.registry.cursors).get(&key, topic.incarnation())
    }

    /// Syncs what was written but not yet synced.
    ///
    /// # Errors
    /// [`WriteError`], the first of all partitions.
    pub async fn flush(&self) -> Result<(), WriteError> {
        self.ask(0, |reply| Request::Flush { reply }).await?
    }

    /// Keeps the log according to new options from now on. Existing topics keep their partitions; the size limits of
    /// records and queue stay as they were at the start.
    ///
    /// # Errors
    /// [`WriteError::Closed`].
    pub async fn configure(&self, options: Options) -> Result<(), WriteError> {
        let room = self.inner.queue.room(0).await?;
        self.inner.queue.push(Request::Configure(Box::new(options)), room)
    }

    /// Writes and syncs what waits, ends the log thread and gives the folder free. Blocks. Everything after it fails with
    /// [`WriteError::Closed`]; reading goes on.
    pub fn close(&self) {
        self.inner.close();
    }

    async fn ask<T>(
        &self,
        bytes: usize,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, WriteError> {
        let room = self.inner.queue.room(bytes).await?;
        let (reply, answer) = oneshot::channel();
        self.inner.queue.push(request(reply), room)?;
        answer.await.map_err(|_| WriteError::Closed)
    }
}

impl Inner {
    fn close(&self) {
        self.queue.close();
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the log thread ended in a panic");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("instance", &self.inner.instance).finish_non_exhaustive()
    }
}

fn key(group: &str, topic: &Topic, partition: u32) -> cursors::Key {
    cursors::Key { topic: topic.name().to_owned(), partition, group: group.to_owned() }
}

/// The log thread. Its clock is the real one: no test's paused clock reaches it.
fn run(mut engine: Engine, queue: &Queue) {
    let mut synced = Instant::now();
    let mut tidied = Instant::now();
    loop {
        let until_tidy = engine.options().retention_interval.saturating_sub(tidied.elapsed());
        let until_sync = sync_interval(&engine).map(|every| every.saturating_sub(synced.elapsed()));
        let limit = until_sync.map_or(until_tidy, |until| until.min(until_tidy));
        let Some((requests, room)) = queue.take(limit) else { break };
        engine.commit(requests, now());
        drop(room);
        if sync_interval(&engine).is_some_and(|every| synced.elapsed() >= every) {
            if let Err(error) = engine.sync() {
                tracing::error!(%error, "what was written in the last interval may be lost");
            }
            synced = Instant::now();
        }
        if tidied.elapsed() >= engine.options().retention_interval {
            engine.tidy(now());
            tidied = Instant::now();
        }
    }
    if let Err(error) = engine.sync() {
        tracing::error!(%error, "what was written last may be lost");
    }
}

/// How often to sync, while there is something to sync.
fn sync_interval(engine: &Engine) -> Option<Duration> {
    match engine.options().fsync {
        Fsync::Interval(interval) if engine.is_dirty() => Some(interval),
        Fsync::Always | Fsync::Interval(_) => None,
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
