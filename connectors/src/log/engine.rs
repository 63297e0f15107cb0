//! Everything that changes the log, without threads or clocks: groups of requests go in, their results come out.
//!
//! Only the log thread has it; what readers and appenders share with it is in [`Registry`].

use std::any::Any;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::cursors::{self, Cursors};
use super::disk::{self, Disk, Mode};
use super::error::{OpenError, WriteError};
use super::frame::Frames;
use super::meta;
use super::options::{Fsync, Options};
use super::partition::{Partition, Rules};
use super::read::{self, Cursor, Step};
use super::recover;
use super::segment::VERSION;
use super::topic::{self, Topic};
use super::view::{View, lock};

/// Requests of one partition are joined up to this size, so that many small ones cost one write.
const RUN_BYTES: usize = 256 << 10;
/// Cursors are rewritten when their topic has grown to this, and to four times what they need.
const CURSOR_BYTES: u64 = 1 << 20;
const FORMAT: &str = "FORMAT";
const LOCK: &str = "LOCK";
const RESERVE: &str = "reserve";
const TOPICS: &str = "topics";

/// What the log thread is asked for.
pub(crate) enum Request {
    /// Write these frames, each to its partition; answered for each with its first offset.
    Append { parts: Vec<(usize, Frames)>, reply: oneshot::Sender<Vec<Result<u64, WriteError>>> },
    /// Set or remove cursors.
    Commit { commits: Vec<Commit>, reply: oneshot::Sender<Result<(), WriteError>> },
    /// Give the topic of this name; make it if there is none.
    Topic { name: String, reply: oneshot::Sender<Result<Topic, WriteError>> },
    /// Sync everything that was written.
    Flush { reply: oneshot::Sender<Result<(), WriteError>> },
    /// Keep the log like this from now on.
    Configure(Box<Options>),
}

pub(crate) type Commit = (cursors::Key, Option<cursors::Position>);

/// What the log thread shares with everybody else.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) topics: Mutex<BTreeMap<String, Topic>>,
    pub(crate) cursors: Mutex<Cursors>,
    /// Group and topic of everybody who reads as a group.
    pub(crate) claims: Mutex<HashSet<(String, String)>>,
}

#[derive(Serialize, Deserialize)]
struct Folder {
    version: u32,
    instance: Uuid,
}

pub(crate) struct Engine {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    options: Options,
    registry: Arc<Registry>,
    partitions: Vec<Partition>,
    /// The number of the partition that holds the cursors.
    cursors: usize,
    instance: Uuid,
    reserved: bool,
    read_only: bool,
    _lock: Option<Box<dyn Any + Send + Sync>>,
}

/// Frames that are written together, and whose they are.
struct Run {
    frames: Frames,
    /// Request, part of it, and the place of its first record in the run.
    members: Vec<(usize, usize, u64)>,
    first: u64,
    error: Option<WriteError>,
}

impl Engine {
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        root: &Path,
        options: Options,
        read_only: bool,
    ) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Disk { path: root.to_path_buf(), source };
        if !read_only {
            disk.create_dir(root).map_err(failed)?;
        }
        let guard = take_lock(&*disk, root, read_only)?;
        let instance = folder(&*disk, root, read_only)?;
        let mut engine = Self {
            disk,
            root: root.to_path_buf(),
            options,
            registry: Arc::default(),
            partitions: Vec::new(),
            cursors: 0,
            instance,
            reserved: false,
            read_only,
            _lock: guard,
        };
        engine.load_cursors()?;
        engine.load_topics()?;
        if !read_only {
            engine.reserved = engine.has_reserve() || engine.make_reserve();
        }
        Ok(engine)
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.registry.clone()
    }

    pub(crate) fn instance(&self) -> Uuid {
        self.instance
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Whether something was written that is not synced.
    pub(crate) fn is_dirty(&self) -> bool {
        self.partitions.iter().any(Partition::is_dirty)
    }

    fn load_cursors(&mut self) -> Result<(), OpenError> {
        let dir = self.topic_dir(cursors::TOPIC);
        let failed = |source| OpenError::Disk { path: dir.clone(), source };
        let fact = match topic::find(&*self.disk, &dir).map_err(failed)? {
            Some(fact) => fact,
            None if self.read_only => return Ok(()),
            None => topic::create(&*self.disk, &dir, 1).map_err(failed)?,
        };
        self.cursors = self.partitions.len();
        let topic = self.load_topic(cursors::TOPIC, fact)?;
        let Some(view) = topic.view(0) else { return Ok(()) };
        let mut cursor = Cursor::at(view.extent().earliest);
        let mut max = 1 << 20;
        loop {
            match read::step(view, &mut cursor, max, false).map_err(failed)? {
                Step::Records(chunk) => {
                    let mut cursors = lock(&self.registry.cursors);
                    chunk.into_records(()).for_each(|record| cursors.replay(&record.message));
                }
                Step::TooSmall(needed) => max = needed.max(max),
                Step::Gap(_) => {}
                Step::End | Step::Cold => return Ok(()),
            }
        }
    }

    fn load_topics(&mut self) -> Result<(), OpenError> {
        let dir = self.root.join(TOPICS);
        let failed = |source| OpenError::Disk { path: dir.clone(), source };
        let mut names = match self.disk.list(&dir) {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        names.sort_unstable();
        for name in names {
            if !topic::is_valid_name(&name) || name == cursors::TOPIC {
                continue;
            }
            if let Some(fact) = topic::find(&*self.disk, &dir.join(&name)).map_err(failed)? {
                self.load_topic(&name, fact)?;
            }
        }
        Ok(())
    }

    fn load_topic(&mut self, name: &str, fact: topic::Fact) -> Result<Topic, OpenError> {
        let dir = self.topic_dir(name);
        let failed = |source| OpenError::Disk { path: dir.clone(), source };
        let shared: Arc<str> = name.into();
        let first = self.partitions.len();
        let mut views = Vec::new();
        for number in 0..fact.partitions {
            let folder = topic::partition_dir(&dir, number);
            if !self.read_only {
                self.disk.create_dir(&folder).map_err(failed)?;
            }
            let view = View::new(
                self.disk.clone(),
                shared.clone(),
                fact.incarnation,
                number,
                folder,
                self.read_only,
            );
            let view = Arc::new(view);
            if let Some(recover::LaterVersion(found)) =
                recover::later_version(&view).map_err(failed)?
            {
                return Err(OpenError::Version { path: dir, found, known: VERSION });
            }
            let groups = lock(&self.registry.cursors).of(name, number, fact.incarnation);
            let floor = groups.iter().map(|(_, offset)| *offset).max().unwrap_or(0);
            let partition =
                recover::recover(view.clone(), self.rules(name), floor).map_err(failed)?;
            self.partitions.push(partition);
            views.push(view);
        }
        let inner =
            topic::Inner { name: shared, incarnation: fact.incarnation, partitions: views, first };
        let topic = Topic { inner: Arc::new(inner) };
        lock(&self.registry.topics).insert(name.to_owned(), topic.clone());
        Ok(topic)
    }

    fn topic_dir(&self, name: &str) -> PathBuf {
        self.root.join(TOPICS).join(name)
    }

    fn rules(&self, topic: &str) -> Rules {
        Rules {
            segment_bytes: self.options.segment_bytes_of(topic),
            sync_first: self.options.fsync == Fsync::Always,
        }
    }

    /// Does what a group of requests asks for and answers all of them. `now` is in milliseconds since 1970.
    pub(crate) fn commit(&mut self, requests: Vec<Request>, now: i64) {
        let mut appends = Vec::new();
        let mut commits = Vec::new();
        let mut flushes = Vec::new();
        for request in requests {
            // Who does not wait for the answer any more does not get less of it: all sends ignore a closed channel.
            match request {
                Request::Append { parts, reply } => appends.push((parts, reply)),
                Request::Commit { commits: asked, reply } => commits.push((asked, reply)),
                Request::Topic { name, reply } => drop(reply.send(self.topic(&name))),
                Request::Flush { reply } => flushes.push(reply),
                Request::Configure(options) => self.configure(*options),
            }
        }
        if !appends.is_empty() {
            self.append(appends, now);
        }
        if !commits.is_empty() {
            let asked = commits.iter_mut().flat_map(|(asked, _)| std::mem::take(asked)).collect();
            let result = self.commit_cursors(asked, now);
            commits.into_iter().for_each(|(_, reply)| drop(reply.send(result.clone())));
        }
        if !flushes.is_empty() {
            let result = self.sync();
            flushes.into_iter().for_each(|reply| drop(reply.send(result.clone())));
        }
    }

    fn append(&mut self, appends: Vec<Append>, now: i64) {
        if !self.reserved && !self.make_reserve() {
            for (parts, reply) in appends {
                drop(reply.send(vec![Err(WriteError::Full); parts.len()]));
            }
            return;
        }
        let mut replies = Vec::with_capacity(appends.len());
        let mut results = Vec::with_capacity(appends.len());
        let mut runs = BTreeMap::new();
        for (request, (parts, reply)) in appends.into_iter().enumerate() {
            results.push(vec![Err(WriteError::Closed); parts.len()]);
            replies.push(reply);
            for (part, (partition, frames)) in parts.into_iter().enumerate() {
                join(runs.entry(partition).or_default(), frames, (request, part));
            }
        }
        self.write_runs(&mut runs, now);
        self.settle_runs(runs, &mut results);
        for (reply, result) in replies.into_iter().zip(results) {
            drop(reply.send(result));
        }
    }

    /// Writes each partition's runs in order; the first that fails ends it, and those behind it are not tried.
    fn write_runs(&mut self, runs: &mut BTreeMap<usize, Vec<Run>>, now: i64) {
        for (number, runs) in runs {
            let Some(partition) = self.partitions.get_mut(*number) else { continue };
            for run in runs {
                match partition.write(&mut run.frames, now) {
                    Ok(first) => run.first = first,
                    Err(error) => {
                        run.error = Some(write_error(error));
                        break;
                    }
                }
            }
        }
    }

    /// Syncs what was written and says which requests it covers.
    fn settle_runs(
        &mut self,
        runs: BTreeMap<usize, Vec<Run>>,
        results: &mut [Vec<Result<u64, WriteError>>],
    ) {
        for (number, runs) in runs {
            let Some(partition) = self.partitions.get_mut(number) else { continue };
            let failure = partition.settle().err().map(write_error);
            let settled = partition.settled();
            let mut failure = failure;
            for run in runs {
                failure = run.error.or(failure);
                let end = run.first.saturating_add(run.frames.count() as u64);
                for (request, part, start) in run.members {
                    let Some(result) = results.get_mut(request).and_then(|r| r.get_mut(part))
                    else {
                        continue;
                    };
                    *result = if end <= settled {
                        Ok(run.first + start)
                    } else {
                        Err(failure.clone().unwrap_or(WriteError::Closed))
                    };
                }
            }
        }
    }

    /// Cursors get through when the disk is full, as long as the reserve lasts.
    fn commit_cursors(&mut self, commits: Vec<Commit>, now: i64) -> Result<(), WriteError> {
        let mut result = self.write_cursors(&commits, now);
        if matches!(result, Err(WriteError::Full)) && self.reserved {
            self.reserved = false;
            tracing::warn!("disk full: the reserve is given to cursors");
            if self.disk.remove(&self.root.join(RESERVE)).is_ok() {
                result = self.write_cursors(&commits, now);
            }
        }
        result?;
        let mut cursors = lock(&self.registry.cursors);
        commits.into_iter().for_each(|(key, position)| cursors.set(key, position));
        Ok(())
    }

    fn write_cursors(&mut self, commits: &[Commit], now: i64) -> Result<(), WriteError> {
        let mut frames = Frames::default();
        for (key, position) in commits {
            frames.push(&cursors::record(key, position.as_ref()));
        }
        if frames.is_empty() {
            return Ok(());
        }
        let partition = self.partitions.get_mut(self.cursors).ok_or(WriteError::Closed)?;
        partition.write(&mut frames, now).map_err(write_error)?;
        partition.settle().map_err(write_error)
    }

    fn topic(&mut self, name: &str) -> Result<Topic, WriteError> {
        if !topic::is_valid_name(name) {
            return Err(WriteError::Name(name.to_owned()));
        }
        if let Some(topic) = lock(&self.registry.topics).get(name) {
            return Ok(topic.clone());
        }
        let partitions = self.options.of(name).partitions;
        let fact =
            topic::create(&*self.disk, &self.topic_dir(name), partitions).map_err(write_error)?;
        let loaded = self.partitions.len();
        self.load_topic(name, fact).map_err(|error| {
            self.partitions.truncate(loaded);
            match error {
                OpenError::Disk { source, .. } => write_error(source),
                other => write_error(io::Error::other(other)),
            }
        })
    }

    fn configure(&mut self, options: Options) {
        self.options = options;
        for number in 0..self.partitions.len() {
            let Some(topic) = self.partitions.get(number).map(|p| p.view.topic.clone()) else {
                return;
            };
            let rules = self.rules(&topic);
            if let Some(partition) = self.partitions.get_mut(number) {
                partition.set_rules(rules);
            }
        }
    }

    /// Syncs everything that was written. All partitions are tried; the first error is returned.
    pub(crate) fn sync(&mut self) -> Result<(), WriteError> {
        let mut result = Ok(());
        for partition in self.partitions.iter_mut().filter(|partition| partition.is_dirty()) {
            result = result.and(partition.sync().map_err(write_error));
        }
        result
    }

    /// Applies retention, rewrites cursors that have grown, and refills the reserve.
    pub(crate) fn tidy(&mut self, now: i64) {
        for (number, partition) in self.partitions.iter_mut().enumerate() {
            if number == self.cursors {
                continue;
            }
            let retention = self.options.of(&partition.view.topic).retention;
            let oldest = retention.age.map(|age| now.saturating_sub(millis(age)));
            match partition.retain(oldest, retention.bytes) {
                Ok(0) => {}
                Ok(removed) => tracing::debug!(
                    topic = %partition.view.topic, partition = partition.view.number, removed,
                    "retention removed segments"
                ),
                Err(error) => {
                    tracing::warn!(topic = %partition.view.topic, %error, "retention failed");
                }
            }
        }
        if let Err(error) = self.compact_cursors(now) {
            tracing::warn!(%error, "cursors not compacted");
        }
        if !self.reserved {
            self.make_reserve();
        }
    }

    /// Writes all cursors anew into a segment of their own and then removes the segments before it. A crash in between
    /// leaves both, which say the same.
    fn compact_cursors(&mut self, now: i64) -> Result<(), WriteError> {
        let Some(partition) = self.partitions.get_mut(self.cursors) else { return Ok(()) };
        let extent = partition.view.extent();
        let mut frames = Frames::default();
        lock(&self.registry.cursors).records().for_each(|record| frames.push(&record));
        let live = frames.bytes().len() as u64;
        if extent.bytes < CURSOR_BYTES.max(4 * live) {
            return Ok(());
        }
        partition.roll().map_err(write_error)?;
        let first = partition.next();
        if !frames.is_empty() {
            partition.write(&mut frames, now).map_err(write_error)?;
            partition.sync().map_err(write_error)?;
            partition.remove_before(first).map_err(write_error)?;
        }
        Ok(())
    }

    fn has_reserve(&self) -> bool {
        let file = self.disk.open(&self.root.join(RESERVE), Mode::Read);
        file.and_then(|file| file.size()).is_ok_and(|len| len == self.options.reserve_bytes)
    }

    /// Takes the reserve from the free space of the disk; topics are written to only while it is there.
    fn make_reserve(&mut self) -> bool {
        self.reserved = match self.fill_reserve() {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "no room for the reserve");
                let _ = disk::remove_if_present(&*self.disk, &self.root.join(RESERVE));
                false
            }
        };
        self.reserved
    }

    fn fill_reserve(&self) -> io::Result<()> {
        let path = self.root.join(RESERVE);
        disk::remove_if_present(&*self.disk, &path)?;
        let file = self.disk.open(&path, Mode::Create)?;
        let block = vec![0_u8; 64 << 10];
        let mut at = 0;
        while at < self.options.reserve_bytes {
            let len = (self.options.reserve_bytes - at).min(block.len() as u64);
            file.write_at(block.get(..len as usize).unwrap_or_default(), at)?;
            at += len;
        }
        file.sync_data()
    }
}

type Append = (Vec<(usize, Frames)>, oneshot::Sender<Vec<Result<u64, WriteError>>>);

fn join(runs: &mut Vec<Run>, frames: Frames, (request, part): (usize, usize)) {
    if let Some(run) = runs.last_mut()
        && run.frames.bytes().len() + frames.bytes().len() <= RUN_BYTES
    {
        run.members.push((request, part, run.frames.count() as u64));
        run.frames.absorb(&frames);
        return;
    }
    runs.push(Run { frames, members: vec![(request, part, 0)], first: u64::MAX, error: None });
}

fn take_lock(
    disk: &dyn Disk,
    root: &Path,
    read_only: bool,
) -> Result<Option<Box<dyn Any + Send + Sync>>, OpenError> {
    match disk.lock(&root.join(LOCK)) {
        Ok(Some(guard)) => Ok(Some(guard)),
        Ok(None) => Err(OpenError::Locked(root.to_path_buf())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(OpenError::Missing(root.to_path_buf()))
        }
        // A folder that cannot be written to cannot be in use either.
        Err(_) if read_only => Ok(None),
        Err(source) => Err(OpenError::Disk { path: root.to_path_buf(), source }),
    }
}

/// Reads what the folder is, or makes it a log.
fn folder(disk: &dyn Disk, root: &Path, read_only: bool) -> Result<Uuid, OpenError> {
    let failed = |source| OpenError::Disk { path: root.to_path_buf(), source };
    let path = root.join(FORMAT);
    if let Some(folder) = meta::read::<Folder>(disk, &path).map_err(failed)? {
        if folder.version > VERSION {
            let path = root.to_path_buf();
            return Err(OpenError::Version { path, found: folder.version, known: VERSION });
        }
        return Ok(folder.instance);
    }
    let has_topics = disk.list(&root.join(TOPICS)).is_ok();
    if read_only && !has_topics {
        return Err(OpenError::Missing(root.to_path_buf()));
    }
    if has_topics {
        tracing::error!(folder = %root.display(), "the folder's format file is missing or damaged");
    }
    let folder = Folder { version: VERSION, instance: Uuid::new_v4() };
    if read_only {
        return Ok(folder.instance);
    }
    disk.create_dir(&root.join(TOPICS)).map_err(failed)?;
    if let Some(parent) = root.parent() {
        // A relative name of one part has the empty parent, which no file system knows.
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        disk.sync_dir(parent).map_err(failed)?;
    }
    meta::write(disk, &path, &folder).map_err(failed)?;
    Ok(folder.instance)
}

fn write_error(error: io::Error) -> WriteError {
    if disk::is_full(&error) { WriteError::Full } else { WriteError::Disk(Arc::new(error)) }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
