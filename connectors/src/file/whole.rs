//! The source of format `whole`: each file is one message, read once.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hybridge_config::connector::file::{After, SourceConfig, Start};
use hybridge_core::{
    Assignment, Budget, Delivery, Error, ErrorKind, Event, Message, Origin, Outcome, Permit, Place,
    Share, Source, Tag, Text,
};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Duration, Instant};

use super::identity::FileId;
use super::pattern::Pattern;
use super::{joined, maybe};
use crate::positions::{Keeper, Positions, SAVE_WITHIN};

mod disk;

use disk::{Content, Found};

/// How soon a file that could not be put away is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Reads every file that matches, by name, and puts it away once it is settled.
///
/// One assignment for all of them; where a message came from is the file, as a place of its own
/// with the single position 0, so that its identity is the same after a restart.
pub(super) struct Whole {
    pattern: Arc<Pattern>,
    limit: u64,
    poll: Duration,
    start: Start,
    once: bool,
    after: After,
    cluster: Text,
    /// Other machines see the same files.
    shared: bool,
    /// The name under which it is saved that the route has started, and what the names of files
    /// begin with.
    prefix: String,
    path: String,
    keeper: Keeper,
    open: Option<Open>,
}

struct Open {
    assignment: Assignment,
    share: Share,
    notices: VecDeque<Event>,
    /// Every file that was found and is still there, and whether nothing is left to do with it.
    known: HashMap<FileId, bool>,
    queue: VecDeque<Found>,
    /// Given out, by number of the tag.
    unsettled: BTreeMap<u64, Found>,
    next_number: u64,
    /// Settled and to be put away.
    settled: Vec<Found>,
    settle_at: Option<Instant>,
    work: Option<Work>,
    next_scan: Option<Instant>,
    decided: Decided,
    asked: Asked,
    answering: Option<Asked>,
    /// When what was settled is saved, asked or not.
    save_at: Option<Instant>,
    starved: bool,
    stopped: bool,
    said_end: bool,
}

enum Work {
    Scan(JoinHandle<io::Result<Vec<Found>>>),
    Read(Found, Permit, JoinHandle<io::Result<Content>>),
    PutAway(JoinHandle<Vec<Found>>),
}

enum Done {
    Scan(io::Result<Vec<Found>>),
    Read(Found, Permit, io::Result<Content>),
    PutAway(Vec<Found>),
}

/// Whether the files of the first start are to be left out.
#[derive(Clone, Copy, PartialEq)]
enum Decided {
    No,
    Saving,
    Yes,
}

#[derive(Default)]
struct Asked {
    flush: bool,
    release: bool,
}

impl Whole {
    pub(super) fn new(
        config: &SourceConfig,
        route: &str,
        positions: Box<dyn Positions>,
        cluster: Text,
    ) -> Self {
        Self {
            pattern: Arc::new(Pattern::new(&config.path)),
            limit: config.max_message.get(),
            poll: config.poll.get(),
            start: config.start,
            once: config.once,
            after: config.after.clone(),
            cluster,
            shared: config.lease.is_some(),
            prefix: format!("file/{route}"),
            path: config.path.clone(),
            keeper: Keeper::new(positions),
            open: None,
        }
    }

    fn place(&self, topic: Text, incarnation: Text) -> Arc<Place> {
        let connector = Text::from_static("file");
        let cluster = self.cluster.clone();
        Arc::new(Place { connector, cluster, topic, incarnation, partition: 0 })
    }

    fn name(&self, id: FileId) -> String {
        format!("{}/{}", self.prefix, id.name(self.shared))
    }

    /// Starts what is to be done next; one thing at a time.
    fn begin(&mut self) {
        let Some(open) = &mut self.open else { return };
        if open.work.is_some() || open.decided == Decided::Saving {
            return;
        }
        let now = Instant::now();
        if !open.settled.is_empty() && open.settle_at.is_none_or(|at| at <= now) {
            let (settled, after) = (std::mem::take(&mut open.settled), self.after.clone());
            let work = spawn_blocking(move || disk::put_away(settled, &after));
            open.work = Some(Work::PutAway(work));
            return;
        }
        let is_asked = open.settled.is_empty() && (open.asked.flush || open.asked.release);
        let is_due = open.save_at.is_some_and(|at| at <= now);
        if open.answering.is_none() && is_asked {
            open.save_at = None;
            open.answering = Some(std::mem::take(&mut open.asked));
            self.keeper.flush();
        } else if open.answering.is_none() && is_due {
            open.save_at = None;
            open.answering = Some(Asked::default());
            self.keeper.flush();
        }
        if open.stopped || !open.assignment.is_live() {
            return;
        }
        if open.next_scan.is_some_and(|at| at <= now) {
            let pattern = self.pattern.clone();
            open.work = Some(Work::Scan(spawn_blocking(move || disk::scan(&pattern))));
            return;
        }
        let Some(found) = open.queue.front() else { return };
        let room = found.length.min(self.limit);
        let Some(permit) = open.share.try_take(room + Message::OVERHEAD as u64) else {
            open.starved = true;
            return;
        };
        let Some(found) = open.queue.pop_front() else { return };
        let (path, id, limit) = (found.path.clone(), found.id, self.limit);
        let read = spawn_blocking(move || disk::read(&path, id, room, limit));
        open.work = Some(Work::Read(found, permit, read));
    }

    fn apply(&mut self, done: Done) -> Result<Option<Event>, Error> {
        match done {
            Done::Scan(found) => {
                let found = found.map_err(|error| self.failed(error))?;
                self.scanned(found);
            }
            Done::Read(found, permit, content) => {
                let content = content.map_err(|error| self.failed(error))?;
                return Ok(self.read(found, permit, content));
            }
            Done::PutAway(failed) => {
                let Some(open) = &mut self.open else { return Ok(None) };
                open.settle_at = (!failed.is_empty()).then(|| Instant::now() + AGAIN);
                open.settled.extend(failed);
            }
        }
        Ok(None)
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::with_source(ErrorKind::Transient, format!("reading {}", self.path), error)
    }

    fn scanned(&mut self, found: Vec<Found>) {
        let (keep, once) = (self.after == After::Keep, self.once);
        let Some(mut open) = self.open.take() else { return };
        open.next_scan = (!once).then(|| Instant::now() + self.poll);
        let present: std::collections::HashSet<FileId> = found.iter().map(|f| f.id).collect();
        let is_gone = |id: &FileId, done: &mut bool| *done && !present.contains(id);
        for (id, _) in open.known.extract_if(is_gone) {
            if keep {
                self.keeper.set(self.name(id), Vec::new());
            }
        }
        for found in found {
            if open.known.contains_key(&found.id) {
                continue;
            }
            let name = self.name(found.id);
            let is_done = open.decided == Decided::No || !self.keeper.get(&name, 1).is_empty();
            open.known.insert(found.id, is_done);
            if open.decided == Decided::No {
                self.keeper.set(name, vec![1]);
            } else if !is_done {
                open.queue.push_back(found);
            }
        }
        if open.decided == Decided::No {
            self.keeper.set(self.prefix.clone(), vec![1]);
            self.keeper.flush();
            open.decided = Decided::Saving;
        }
        self.open = Some(open);
    }

    fn read(&mut self, mut found: Found, permit: Permit, content: Content) -> Option<Event> {
        let place = self.place(
            found.path.to_string_lossy().into_owned().into(),
            found.id.name(self.shared).into(),
        );
        let open = self.open.as_mut()?;
        let (bytes, fault) = match content {
            Content::Whole(bytes) => (bytes, None),
            Content::First { bytes, length } => {
                let shown = bytes.len();
                let fault = Error::rejected(format!(
                    "file of {length} bytes is longer than max_message; its first {shown} are kept"
                ));
                (bytes, Some(fault))
            }
            Content::Grown(length) => {
                found.length = length;
                open.queue.push_front(found);
                return None;
            }
            Content::Gone => {
                open.known.remove(&found.id);
                return None;
            }
        };
        if open.stopped || !open.assignment.is_live() {
            return None;
        }
        let message = Message {
            payload: Some(Bytes::from(bytes)),
            origin: Origin { place, offset: 0, child: 0 },
            ..Message::default()
        };
        let tag = Tag { assignment: open.assignment.id(), number: open.next_number };
        open.next_number += 1;
        open.unsettled.insert(tag.number, found);
        let assignment = open.assignment.clone();
        let delivery = Delivery { tag, message, assignment, deadline: None, permit, fault };
        Some(Event::Deliveries(vec![delivery]))
    }

    fn saved(&mut self) {
        let Some(open) = &mut self.open else { return };
        if open.decided == Decided::Saving {
            open.decided = Decided::Yes;
            return;
        }
        let Some(asked) = open.answering.take() else { return };
        if asked.flush {
            open.notices.push_back(Event::Flushed);
        }
        if asked.release {
            open.assignment.end();
            open.notices.push_back(Event::Released(open.assignment.clone()));
        }
    }
}

#[async_trait(?Send)]
impl Source for Whole {
    async fn connect(&mut self, budget: Budget) -> Result<(), Error> {
        self.keeper.open().await?;
        let is_first = self.keeper.get(&self.prefix, 1).is_empty();
        let decided = if is_first && self.start == Start::End { Decided::No } else { Decided::Yes };
        let place = self.place(self.path.as_str().into(), Text::default());
        let assignment = Assignment::new(place);
        self.open = Some(Open {
            share: budget.share(),
            notices: VecDeque::from([Event::Assigned(vec![assignment.clone()])]),
            assignment,
            known: HashMap::new(),
            queue: VecDeque::new(),
            unsettled: BTreeMap::new(),
            next_number: 0,
            settled: Vec::new(),
            settle_at: None,
            work: None,
            next_scan: Some(Instant::now()),
            decided,
            asked: Asked::default(),
            answering: None,
            save_at: None,
            starved: false,
            stopped: false,
            said_end: false,
        });
        Ok(())
    }

    async fn next(&mut self) -> Result<Event, Error> {
        loop {
            let released = self.open.as_ref().map(|open| open.share.released());
            self.begin();
            let Some(open) = &mut self.open else {
                return Err(Error::new(ErrorKind::Fatal, "the files are not connected"));
            };
            if let Some(event) = open.notices.pop_front() {
                return Ok(event);
            }
            let is_idle = open.work.is_none() && open.queue.is_empty() && open.next_scan.is_none();
            if self.once && is_idle && !std::mem::replace(&mut open.said_end, true) {
                return Ok(Event::End);
            }
            let released = released.filter(|_| open.starved);
            let save_at = open.save_at.filter(|_| open.answering.is_none());
            let scan_at = open.next_scan.filter(|_| !open.stopped);
            let wake_at = open.settle_at.into_iter().chain(scan_at).chain(save_at).min();
            let wake_at = wake_at.filter(|_| open.work.is_none());
            tokio::select! {
                () = self.keeper.flushed() => self.saved(),
                done = finished(&mut open.work) => {
                    if let Some(event) = self.apply(done)? {
                        return Ok(event);
                    }
                }
                () = maybe(released) => open.starved = false,
                () = maybe(wake_at.map(tokio::time::sleep_until)) => {}
            }
        }
    }

    fn settle(&mut self, settled: &[(Tag, Outcome)]) {
        for (tag, outcome) in settled {
            let Some(open) = &mut self.open else { return };
            if tag.assignment != open.assignment.id() {
                continue;
            }
            let Some(found) = open.unsettled.remove(&tag.number) else { continue };
            if !outcome.is_resolved() {
                open.queue.push_back(found);
                continue;
            }
            open.known.insert(found.id, true);
            if self.after == After::Keep {
                let name = format!("{}/{}", self.prefix, found.id.name(self.shared));
                self.keeper.set(name, vec![1]);
                open.save_at.get_or_insert_with(|| Instant::now() + SAVE_WITHIN);
            } else {
                open.settled.push(found);
            }
        }
    }

    fn flush(&mut self) {
        if let Some(open) = &mut self.open {
            open.asked.flush = true;
        }
    }

    fn release(&mut self, _assignment: &Assignment) {
        if let Some(open) = &mut self.open {
            open.asked.release = true;
        }
    }

    fn stop(&mut self) {
        if let Some(open) = &mut self.open {
            open.stopped = true;
        }
    }

    fn lag(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.queue.len() as u64)
    }

    async fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        open.assignment.end();
        if let Some(Work::PutAway(work)) = open.work {
            // Ends by itself; what it could not do is done again after the file comes again.
            let _ = work.await;
        }
        let (settled, after) = (open.settled, self.after.clone());
        if !settled.is_empty() {
            let _ = spawn_blocking(move || disk::put_away(settled, &after)).await;
        }
        self.keeper.close().await;
    }
}

/// What the blocking thread came to; never, when there is none. Cancel-safe.
async fn finished(work: &mut Option<Work>) -> Done {
    match work {
        Some(Work::Scan(scan)) => {
            let found = joined(scan.await);
            *work = None;
            Done::Scan(found)
        }
        Some(Work::PutAway(put)) => {
            let failed = put.await.unwrap_or_default();
            *work = None;
            Done::PutAway(failed)
        }
        Some(Work::Read(_, _, read)) => {
            let content = joined(read.await);
            match work.take() {
                Some(Work::Read(found, permit, _)) => Done::Read(found, permit, content),
                _ => std::future::pending().await,
            }
        }
        None => std::future::pending().await,
    }
}
