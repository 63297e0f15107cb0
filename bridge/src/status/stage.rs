//! Where the batches of a route are, and since when.

use std::fmt;
use std::sync::{Arc, Mutex};

use hybridge_core::{Origin, Text};
use tokio::time::Instant;

use super::lock;

/// A place where a message can be, or wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not yet taken from the source, or being connected to it.
    Source,
    /// In the transformers and rules.
    Transform,
    /// Being sent to the target of this name, attempts and waits included.
    Target(Text),
    /// Being written to the dead letters.
    DeadLetter,
    /// Ended, and being settled at the source.
    Settle,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("source"),
            Self::Transform => f.write_str("transform"),
            Self::Target(name) => write!(f, "target {name}"),
            Self::DeadLetter => f.write_str("dead letter"),
            Self::Settle => f.write_str("settle"),
        }
    }
}

/// The batches that are inside.
#[derive(Debug, Default)]
pub(super) struct Stages(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    open: Vec<Entry>,
}

/// One batch at one stage.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    id: u64,
    pub(super) stage: Stage,
    pub(super) messages: usize,
    /// When it came to this stage or last got on there.
    pub(super) since: Instant,
    /// The coordinates of its first message.
    pub(super) first: Origin,
    /// Why it can never get on, if it cannot.
    pub(super) held: Option<String>,
}

impl Stages {
    pub(super) fn enter(self: &Arc<Self>, stage: Stage, messages: usize, first: &Origin) -> Inside {
        let since = Instant::now();
        let mut entries = lock(&self.0);
        let id = entries.next;
        entries.next += 1;
        let first = first.clone();
        entries.open.push(Entry { id, stage, messages, since, first, held: None });
        Inside { stages: self.clone(), id }
    }

    /// The batches inside, oldest first, those that are held before all others.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut open = lock(&self.0).open.clone();
        open.sort_by_key(|entry| (entry.held.is_none(), entry.since));
        open
    }
}

/// Says that a batch is at a stage, until it is dropped.
#[must_use = "the batch leaves the stage when this is dropped"]
#[derive(Debug)]
pub struct Inside {
    stages: Arc<Stages>,
    id: u64,
}

impl Inside {
    /// The batch goes to the next stage.
    pub fn go(&self, stage: Stage) {
        self.change(|entry| {
            entry.stage = stage;
            entry.since = Instant::now();
            entry.held = None;
        });
    }

    /// Some of the batch got on: `messages` are left and `first` is the first of them.
    pub fn left(&self, messages: usize, first: &Origin) {
        self.change(|entry| {
            entry.messages = messages;
            entry.first = first.clone();
            entry.since = Instant::now();
            entry.held = None;
        });
    }

    /// The message at `origin` stops everything behind it until somebody acts: a permanent fault
    /// with nowhere to reject it to. The route is not ready from now on.
    pub fn hold(&self, origin: &Origin, reason: impl Into<String>) {
        let reason = reason.into();
        self.change(|entry| {
            entry.first = origin.clone();
            entry.held = Some(reason);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) {
        let mut entries = lock(&self.stages.0);
        if let Some(entry) = entries.open.iter_mut().find(|entry| entry.id == self.id) {
            change(entry);
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut entries = lock(&self.stages.0);
        if let Some(index) = entries.open.iter().position(|entry| entry.id == self.id) {
            entries.open.swap_remove(index);
        }
    }
}
