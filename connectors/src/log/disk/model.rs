//! A disk in memory that keeps the page cache and what is durable apart, crashes, fills up and fails.
//!
//! A write reaches the page cache at once and the platter with `sync_data`; a name in a directory becomes durable with
//! `sync_dir`. [`Model::crash`] keeps what is durable and, of each unsynced write, all, nothing or a torn beginning.
//! A failed `sync_data` or `sync_dir` drops the pending changes from the set that a later sync would write, as kernels do:
//! they stay readable until the crash and are then gone.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, File, Mode};

/// The modelled disk; clones share it.
#[derive(Clone)]
pub struct Model {
    state: Arc<Mutex<State>>,
}

/// What was done to the disk so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `write_at`.
    pub writes: u64,
    /// Calls of `sync_data`.
    pub syncs: u64,
    /// Calls of `read_at`.
    pub reads: u64,
}

struct State {
    nodes: BTreeMap<u64, Node>,
    next_node: u64,
    dirs: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, u64>,
    durable_dirs: BTreeSet<PathBuf>,
    durable_names: BTreeMap<PathBuf, u64>,
    pending_names: Vec<(PathBuf, NameChange)>,
    locks: BTreeSet<PathBuf>,
    epoch: u64,
    capacity: u64,
    failing_syncs: u32,
    failing_dir_syncs: u32,
    failing_writes: u32,
    failing_truncates: u32,
    failing_removes: u32,
    /// Changes that still reach the disk before the process is dead.
    calls_left: Option<u32>,
    counts: Counts,
    random: fastrand::Rng,
}

#[derive(Default)]
struct Node {
    cache: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    handles: usize,
}

enum Change {
    Write { at: usize, data: Vec<u8> },
    Truncate(usize),
}

enum NameChange {
    Link(PathBuf, u64),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf),
    MakeDir(PathBuf),
}

struct Handle {
    disk: Model,
    node: u64,
    epoch: u64,
    writable: bool,
}

struct Guard {
    disk: Model,
    path: PathBuf,
    epoch: u64,
}

impl Model {
    /// An empty disk without a size limit; `seed` decides what a crash keeps.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            nodes: BTreeMap::new(),
            next_node: 0,
            dirs: BTreeSet::new(),
            names: BTreeMap::new(),
            durable_dirs: BTreeSet::new(),
            durable_names: BTreeMap::new(),
            pending_names: Vec::new(),
            locks: BTreeSet::new(),
            epoch: 0,
            capacity: u64::MAX,
            failing_syncs: 0,
            failing_dir_syncs: 0,
            failing_writes: 0,
            failing_truncates: 0,
            failing_removes: 0,
            calls_left: None,
            counts: Counts::default(),
            random: fastrand::Rng::with_seed(seed),
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Loses power: unsynced changes survive wholly, in part or not at all, and every open handle is dead.
    pub fn crash(&self) {
        let mut state = self.state();
        let State { nodes, random, .. } = &mut *state;
        for node in nodes.values_mut() {
            for change in std::mem::take(&mut node.pending) {
                change.survive(&mut node.durable, random);
            }
            node.cache = node.durable.clone();
            node.handles = 0;
        }
        // A journal keeps the order of the changes to names: a beginning of them survives.
        let changes = state.pending_names.len();
        let kept = state.random.usize(..=changes);
        let pending: Vec<_> = state.pending_names.drain(..).take(kept).collect();
        for (_, change) in &pending {
            change.apply(&mut state.durable_dirs_and_names());
        }
        state.dirs = state.durable_dirs.clone();
        state.names = state.durable_names.clone();
        state.locks.clear();
        state.calls_left = None;
        state.epoch += 1;
        state.drop_unreachable();
    }

    /// Kills the process: open handles and locks are gone, the page cache stays.
    pub fn kill(&self) {
        let mut state = self.state();
        state.nodes.values_mut().for_each(|node| node.handles = 0);
        state.locks.clear();
        state.calls_left = None;
        state.epoch += 1;
    }

    /// After so many more changes the process counts as dead: what it does then reaches the disk no more. To be followed
    /// by [`kill`](Self::kill) or [`crash`](Self::crash). A sync that fails calls it off: the process lives to note that.
    pub fn stop_after(&self, calls: u32) {
        self.state().calls_left = Some(calls);
    }

    /// From now on the files may hold this many bytes together; a write beyond it is cut short and fails.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// Bytes that all files hold.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state().used()
    }

    /// The next `n` calls of `sync_data` fail.
    pub fn fail_syncs(&self, n: u32) {
        self.state().failing_syncs = n;
    }

    /// The next `n` calls of `sync_dir` fail.
    pub fn fail_dir_syncs(&self, n: u32) {
        self.state().failing_dir_syncs = n;
    }

    /// The next `n` calls of `write_at` fail with `EIO` after a random part of the data.
    pub fn fail_writes(&self, n: u32) {
        self.state().failing_writes = n;
    }

    /// The next `n` calls of `truncate` fail.
    pub fn fail_truncates(&self, n: u32) {
        self.state().failing_truncates = n;
    }

    /// The next `n` calls of `remove` fail.
    pub fn fail_removes(&self, n: u32) {
        self.state().failing_removes = n;
    }

    /// Ends every fault that was armed, and the size limit.
    pub fn heal(&self) {
        let mut state = self.state();
        state.capacity = u64::MAX;
        state.failing_syncs = 0;
        state.failing_dir_syncs = 0;
        state.failing_writes = 0;
        state.failing_truncates = 0;
        state.failing_removes = 0;
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// The files by name, with what a reader of the page cache sees.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let content = |node: &u64| state.nodes.get(node).map_or_else(Vec::new, |n| n.cache.clone());
        state.names.iter().map(|(path, node)| (path.clone(), content(node))).collect()
    }

    /// A disk on which exactly these files exist, durable.
    #[must_use]
    pub fn with_files(files: &BTreeMap<PathBuf, Vec<u8>>) -> Self {
        let disk = Self::new(0);
        let mut state = disk.state();
        for (path, content) in files {
            let node = state.next_node;
            state.next_node += 1;
            let durable = Node {
                cache: content.clone(),
                durable: content.clone(),
                pending: Vec::new(),
                handles: 0,
            };
            state.nodes.insert(node, durable);
            state.names.insert(path.clone(), node);
            let parents = path.ancestors().skip(1).map(Path::to_path_buf);
            state.dirs.extend(parents);
        }
        state.durable_names = state.names.clone();
        state.durable_dirs = state.dirs.clone();
        drop(state);
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The two views of the names that a change applies to.
struct Names<'a> {
    dirs: &'a mut BTreeSet<PathBuf>,
    names: &'a mut BTreeMap<PathBuf, u64>,
}

impl State {
    /// Counts one change; fails when the process is dead.
    fn change(&mut self) -> io::Result<()> {
        match &mut self.calls_left {
            Some(0) => Err(broken()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn durable_dirs_and_names(&mut self) -> Names<'_> {
        Names { dirs: &mut self.durable_dirs, names: &mut self.durable_names }
    }

    fn change_name(&mut self, dir: &Path, change: NameChange) {
        change.apply(&mut Names { dirs: &mut self.dirs, names: &mut self.names });
        self.pending_names.push((dir.to_path_buf(), change));
        self.drop_unreachable();
    }

    fn used(&self) -> u64 {
        self.nodes.values().map(|node| node.cache.len() as u64).sum()
    }

    fn drop_unreachable(&mut self) {
        let linked: BTreeSet<u64> = self.names.values().copied().collect();
        let mut durable: BTreeSet<u64> = self.durable_names.values().copied().collect();
        durable.extend(self.pending_names.iter().filter_map(|(_, change)| match change {
            NameChange::Link(_, node) => Some(*node),
            _ => None,
        }));
        for (id, node) in &mut self.nodes {
            if !linked.contains(id) && node.handles == 0 {
                node.cache = Vec::new();
            }
        }
        self.nodes
            .retain(|id, node| linked.contains(id) || durable.contains(id) || node.handles > 0);
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, data } => write_into(content, data, *at),
            Self::Truncate(len) => content.resize(*len, 0),
        }
    }

    fn survive(self, durable: &mut Vec<u8>, random: &mut fastrand::Rng) {
        match random.u8(..4) {
            0 => {}
            1 | 2 => self.apply(durable),
            _ => match self {
                Self::Write { at, data } => {
                    let torn = random.usize(..=data.len());
                    write_into(durable, &data[..torn], at);
                }
                Self::Truncate(_) => {}
            },
        }
    }
}

fn write_into(content: &mut Vec<u8>, data: &[u8], at: usize) {
    if data.is_empty() {
        return;
    }
    let end = at + data.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(data);
}

impl NameChange {
    fn apply(&self, on: &mut Names<'_>) {
        match self {
            Self::Link(path, node) => {
                on.names.insert(path.clone(), *node);
            }
            Self::Unlink(path) => {
                on.names.remove(path);
            }
            Self::Rename(from, to) => {
                if let Some(node) = on.names.remove(from) {
                    on.names.insert(to.clone(), node);
                }
            }
            Self::MakeDir(path) => {
                on.dirs.insert(path.clone());
            }
        }
    }
}

impl Disk for Model {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        let known = state.names.get(path).copied();
        let node = match (known, mode) {
            (Some(_), Mode::Create) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(node), _) => node,
            (None, Mode::Create) => {
                let dir = parent(path);
                if !state.dirs.contains(&dir) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                state.change()?;
                let node = state.next_node;
                state.next_node += 1;
                state.nodes.insert(node, Node::default());
                state.change_name(&dir, NameChange::Link(path.to_path_buf(), node));
                node
            }
            (None, _) => return Err(io::ErrorKind::NotFound.into()),
        };
        let epoch = state.epoch;
        if let Some(found) = state.nodes.get_mut(&node) {
            found.handles += 1;
        }
        Ok(Arc::new(Handle { disk: self.clone(), node, epoch, writable: mode != Mode::Read }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        if !state.dirs.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let children = state.dirs.iter().chain(state.names.keys());
        Ok(children
            .filter(|path| path.parent() == Some(dir))
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect())
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        let mut missing: Vec<_> = dir.ancestors().map(Path::to_path_buf).collect();
        missing.reverse();
        for path in missing {
            if !state.dirs.contains(&path) {
                state.change_name(&parent(&path), NameChange::MakeDir(path.clone()));
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change()?;
        state.change_name(&parent(from), NameChange::Rename(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change()?;
        if take(&mut state.failing_removes) {
            return Err(broken());
        }
        state.change_name(&parent(path), NameChange::Unlink(path.into()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        let failed = take(&mut state.failing_dir_syncs);
        state.calls_left = state.calls_left.filter(|_| !failed);
        let (synced, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.pending_names).into_iter().partition(|(at, _)| at == dir);
        state.pending_names = rest;
        if failed {
            return Err(broken());
        }
        for (_, change) in &synced {
            change.apply(&mut state.durable_dirs_and_names());
        }
        state.drop_unreachable();
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        let mut state = self.state();
        if !state.locks.insert(path.to_path_buf()) {
            return Ok(None);
        }
        let epoch = state.epoch;
        Ok(Some(Box::new(Guard { disk: self.clone(), path: path.to_path_buf(), epoch })))
    }
}

impl Handle {
    fn with<T>(&self, f: impl FnOnce(&mut State, u64) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.state();
        if state.epoch != self.epoch {
            return Err(broken());
        }
        f(&mut state, self.node)
    }
}

impl File for Handle {
    fn write_at(&self, data: &[u8], at: u64) -> io::Result<()> {
        self.with(|state, id| {
            state.counts.writes += 1;
            state.change()?;
            if !self.writable {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            let fails = take(&mut state.failing_writes);
            let at = usize::try_from(at).map_err(io::Error::other)?;
            let len = state.nodes.get(&id).map_or(0, |node| node.cache.len());
            let grows = (at + data.len()).saturating_sub(len) as u64;
            let room = state.capacity.saturating_sub(state.used());
            let fits = if grows <= room {
                data.len()
            } else {
                data.len() - usize::try_from(grows - room).unwrap_or(data.len()).min(data.len())
            };
            let written = if fails { state.random.usize(..=fits) } else { fits };
            let node = state.nodes.get_mut(&id).ok_or_else(broken)?;
            let change = Change::Write { at, data: data[..written].to_vec() };
            change.apply(&mut node.cache);
            node.pending.push(change);
            match (fails, fits < data.len()) {
                (true, _) => Err(broken()),
                (_, true) => Err(io::ErrorKind::StorageFull.into()),
                _ => Ok(()),
            }
        })
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.with(|state, id| {
            state.counts.reads += 1;
            let node = state.nodes.get(&id).ok_or_else(broken)?;
            let start = usize::try_from(at).map_err(io::Error::other)?.min(node.cache.len());
            let found = &node.cache[start..];
            let n = found.len().min(buffer.len());
            buffer[..n].copy_from_slice(&found[..n]);
            Ok(n)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|state, id| {
            state.counts.syncs += 1;
            state.change()?;
            let failed = take(&mut state.failing_syncs);
            state.calls_left = state.calls_left.filter(|_| !failed);
            let node = state.nodes.get_mut(&id).ok_or_else(broken)?;
            let pending = std::mem::take(&mut node.pending);
            if failed {
                return Err(broken());
            }
            pending.iter().for_each(|change| change.apply(&mut node.durable));
            Ok(())
        })
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.with(|state, id| {
            state.change()?;
            if take(&mut state.failing_truncates) {
                return Err(broken());
            }
            let node = state.nodes.get_mut(&id).ok_or_else(broken)?;
            let change = Change::Truncate(usize::try_from(len).map_err(io::Error::other)?);
            change.apply(&mut node.cache);
            node.pending.push(change);
            Ok(())
        })
    }

    fn size(&self) -> io::Result<u64> {
        self.with(|state, id| Ok(state.nodes.get(&id).ok_or_else(broken)?.cache.len() as u64))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.epoch != self.epoch {
            return;
        }
        if let Some(node) = state.nodes.get_mut(&self.node) {
            node.handles = node.handles.saturating_sub(1);
        }
        state.drop_unreachable();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.epoch == self.epoch {
            state.locks.remove(&self.path);
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

fn take(armed: &mut u32) -> bool {
    let fails = *armed > 0;
    *armed = armed.saturating_sub(1);
    fails
}

fn broken() -> io::Error {
    io::Error::from_raw_os_error(libc::EIO)
}
