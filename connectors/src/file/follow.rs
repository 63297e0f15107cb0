//! The source of formats with a message a line: follows files as they grow.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use hybridge_config::connector::file::{SourceConfig, Start};
use hybridge_core::{
    Assignment, AssignmentId, Budget, Error, ErrorKind, Event, Outcome, Source, Tag, Text,
    Watermark,
};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

use super::identity::FileId;
use super::look::{Chunk, Found};
use super::pattern::Pattern;
use super::tail::Tail;
use super::{joined, maybe};
use crate::line_format::LineFormat;
use crate::lines::Splitter;
use crate::positions::{Keeper, Positions, SAVE_WITHIN};

mod files;
mod reading;

/// Follows every file that matches. Each is an assignment of its own, and positions in it are
/// bytes: a line is registered at its last byte, so that what is committable is where the next
/// line starts.
pub(super) struct Follow {
    setup: Setup,
    keeper: Keeper,
    budget: Option<Budget>,
    watermark: Watermark,
    tails: Vec<Tail>,
    /// Assignments of contents that are gone, whose lines are not all settled.
    retired: Vec<Assignment>,
    notices: VecDeque<Event>,
    work: Option<Work>,
    active: Option<Active>,
    buffer: Vec<u8>,
    reads: u64,
    /// Bytes and lines that were given out.
    taken: (u64, u64),
    next_scan: Option<Instant>,
    start: Started,
    asked: Asked,
    answering: Option<Asked>,
    /// When what was settled is saved, asked or not.
    save_at: Option<Instant>,
    stopped: bool,
    said_end: bool,
}

struct Setup {
    pattern: Arc<Pattern>,
    path: String,
    format: LineFormat,
    limit: usize,
    poll: Duration,
    start: Start,
    once: bool,
    cluster: Text,
    /// Other machines see the same files.
    shared: bool,
    /// The name under which it is saved that the route has started, and what the names of files
    /// begin with.
    prefix: String,
}

impl Setup {
    /// The name under which the position of a file is saved.
    fn name(&self, id: FileId) -> String {
        format!("{}/{}", self.prefix, id.name(self.shared))
    }
}

/// The file whose chunk is being cut into lines.
struct Active {
    assignment: AssignmentId,
    splitter: Splitter,
    /// The chunk reached the end of the file.
    at_end: bool,
}

/// What a blocking thread is doing.
enum Work {
    Scan(JoinHandle<io::Result<Vec<Found>>>),
    Read(AssignmentId, JoinHandle<io::Result<Chunk>>),
}

enum Done {
    Scan(io::Result<Vec<Found>>),
    Read(AssignmentId, io::Result<Chunk>),
}

/// Where files start that have no position is decided by the first scan of the first start.
#[derive(Clone, Copy, PartialEq)]
enum Started {
    No,
    /// What was decided is being saved; nothing is read before, since a crash would decide anew.
    Saving,
    Yes,
}

/// What the route waits for.
#[derive(Default)]
struct Asked {
    flush: bool,
    release: Vec<Assignment>,
}

impl Follow {
    pub(super) fn new(
        config: &SourceConfig,
        format: LineFormat,
        route: &str,
        uncommitted: usize,
        positions: Box<dyn Positions>,
        cluster: Text,
    ) -> Self {
        let setup = Setup {
            pattern: Arc::new(Pattern::new(&config.path)),
            path: config.path.clone(),
            format,
            limit: usize::try_from(config.max_message.get()).unwrap_or(usize::MAX >> 1),
            poll: config.poll.get(),
            start: config.start,
            once: config.once,
            cluster,
            shared: config.lease.is_some(),
            prefix: format!("file/{route}"),
        };
        Self {
            setup,
            keeper: Keeper::new(positions),
            budget: None,
            watermark: Watermark::new(uncommitted),
            tails: Vec::new(),
            retired: Vec::new(),
            notices: VecDeque::new(),
            work: None,
            active: None,
            buffer: Vec::new(),
            reads: 0,
            taken: (0, 0),
            next_scan: None,
            start: Started::No,
            asked: Asked::default(),
            answering: None,
            save_at: None,
            stopped: false,
            said_end: false,
        }
    }

    /// Begins to save when it is time or the route has asked for it, and nothing is being saved.
    fn begin_save(&mut self) {
        let is_asked = self.asked.flush || !self.asked.release.is_empty();
        let is_due = self.save_at.is_some_and(|at| at <= Instant::now());
        if !(is_asked || is_due) || self.answering.is_some() || self.start == Started::Saving {
            return;
        }
        self.note_positions();
        self.keeper.flush();
        self.save_at = None;
        self.answering = Some(std::mem::take(&mut self.asked));
    }

    /// What was to be saved is durable.
    fn saved(&mut self) {
        if self.start == Started::Saving {
            self.start = Started::Yes;
            return;
        }
        let Some(asked) = self.answering.take() else { return };
        for assignment in asked.release {
            assignment.end();
            self.forget(assignment.id());
            self.notices.push_back(Event::Released(assignment));
        }
        if asked.flush {
            self.notices.push_back(Event::Flushed);
        }
    }

    fn note_positions(&mut self) {
        for tail in &mut self.tails {
            let Some(position) = self.watermark.committable(tail.assignment.id()) else { continue };
            let numbers = tail.numbers(position);
            if numbers != tail.saved && (position > 0 || !tail.saved.is_empty()) {
                self.keeper.set(self.setup.name(tail.id), numbers.clone());
                tail.saved = numbers;
            }
        }
    }

    /// Ends what belongs to an assignment, whichever way it went.
    fn forget(&mut self, assignment: AssignmentId) {
        self.watermark.remove(assignment);
        self.tails.retain(|tail| tail.assignment.id() != assignment);
        self.active.take_if(|active| active.assignment == assignment);
    }

    fn apply(&mut self, done: Done) -> Result<(), Error> {
        let failed = |error: io::Error| {
            let kind = ErrorKind::Transient;
            Error::with_source(kind, format!("reading {}", self.setup.path), error)
        };
        match done {
            Done::Scan(found) => {
                let found = found.map_err(failed)?;
                self.scanned(found);
            }
            Done::Read(assignment, chunk) => {
                let chunk = chunk.map_err(failed)?;
                self.read(assignment, chunk);
            }
        }
        Ok(())
    }
}

#[async_trait(?Send)]
impl Source for Follow {
    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        self.keeper.open().await?;
        let is_first = self.keeper.get(&self.setup.prefix, 1).is_empty();
        let must_decide = is_first && self.setup.start == Start::End;
        self.start = if must_decide { Started::No } else { Started::Yes };
        self.budget = Some(budget);
        self.next_scan = Some(Instant::now());
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        // What was given back between two calls woke nobody.
        self.tails.iter_mut().for_each(|tail| tail.starved = false);
        loop {
            if let Some(event) = self.notices.pop_front() {
                return Ok(event);
            }
            self.begin_save();
            // Made before permits are tried, so that no release is missed.
            let released = self.tails.first().map(|tail| tail.share.released());
            let deliveries = self.deliveries();
            if !deliveries.is_empty() {
                return Ok(Event::Deliveries(deliveries));
            }
            self.begin_work();
            if self.is_at_end() && !std::mem::replace(&mut self.said_end, true) {
                return Ok(Event::End);
            }
            let starved = self.tails.iter().any(|tail| tail.starved);
            let scan_at = self.next_scan.filter(|_| self.work.is_none() && !self.stopped);
            let save_at = self.save_at.filter(|_| self.answering.is_none());
            let wake_at = scan_at.into_iter().chain(save_at).min();
            tokio::select! {
                () = self.keeper.flushed() => self.saved(),
                done = finished(&mut self.work) => self.apply(done)?,
                () = maybe(released.filter(|_| starved)) => self.tails.iter_mut().for_each(|tail| tail.starved = false),
                () = maybe(wake_at.map(tokio::time::sleep_until)) => {}
            }
        }
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        for (tag, outcome) in settled {
            self.watermark.settle(*tag, *outcome);
        }
        self.save_at.get_or_insert_with(|| Instant::now() + SAVE_WITHIN);
        let is_drained = |assignment: &mut Assignment| self.watermark.is_drained(assignment.id());
        for assignment in self.retired.extract_if(.., is_drained).collect::<Vec<_>>() {
            assignment.end();
            self.watermark.remove(assignment.id());
            self.notices.push_back(Event::Lost(assignment));
        }
    }

    fn flush(&mut self) {
        self.asked.flush = true;
    }

    fn release(&mut self, assignment: &Assignment) {
        self.asked.release.push(assignment.clone());
    }

    fn stop(&mut self) {
        self.stopped = true;
        self.active = None;
    }

    fn position(&self) -> Vec<(Assignment, u64)> {
        self.watermark.positions()
    }

    /// Estimated from the length of the files.
    fn lag(&self) -> Option<u64> {
        Some(self.lines_left())
    }

    async fn close(&mut self) {
        if self.start == Started::Yes {
            self.note_positions();
        }
        self.keeper.close().await;
        for tail in &self.tails {
            tail.assignment.end();
        }
        self.tails.clear();
    }
}

/// What the blocking thread came to; never, when there is none. Cancel-safe.
async fn finished(work: &mut Option<Work>) -> Done {
    let done = match work {
        Some(Work::Scan(scan)) => Done::Scan(joined(scan.await)),
        Some(Work::Read(id, read)) => Done::Read(*id, joined(read.await)),
        None => std::future::pending().await,
    };
    *work = None;
    done
}
