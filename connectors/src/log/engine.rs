//! Everything that changes the log, without threads or clocks: groups of requests go in, their results come out.
//!
//! Only the log thread has it; what readers and appenders share with it is in [`Registry`].

use std::any::Any;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::cursors::{self, Cursors};
use super::disk::{self, Disk};
use super::error::{OpenError, WriteError};
use super::frame::Frames;
use super::options::{Fsync, Options};
use super::partition::{Partition, Rules};
use super::topic::{self, Topic};
use super::view::lock;

mod folder;
mod load;
mod upkeep;

/// Requests of one partition are joined up to this size, so that many small ones cost one write.
const RUN_BYTES: usize = 256 << 10;
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
        let guard = folder::take_lock(&*disk, root, read_only)?;
        let instance = folder::identify(&*disk, root, read_only)?;
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

fn write_error(error: io::Error) -> WriteError {
    if disk::is_full(&error) { WriteError::Full } else { WriteError::Disk(Arc::new(error)) }
}
