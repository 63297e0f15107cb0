//! Reads chunks of files in turn and cuts them into lines.

use hybridge_core::{Assignment, AssignmentId, Delivery, Origin, Watermark};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::super::look::{Chunk, Read, scan};
use super::super::tail::Tail;
use super::{Active, Follow, Setup, Started, Work};
use crate::lines::{CHUNK, Line, Splitter, Step};

/// Most messages in one event.
const BATCH: usize = 512;
/// Most files that are kept open.
const OPEN: usize = 128;

impl Follow {
    /// Starts a scan if it is time for one, or else the next read; one at a time.
    pub(super) fn begin_work(&mut self) {
        if self.work.is_some() || self.stopped || self.start == Started::Saving {
            return;
        }
        if self.next_scan.is_some_and(|at| at <= Instant::now()) {
            let (pattern, known) = (self.setup.pattern.clone(), self.known());
            self.work = Some(Work::Scan(spawn_blocking(move || scan(&pattern, &known))));
            return;
        }
        if let Some(active) = &self.active {
            let (assignment, at) = (active.assignment, active.splitter.position());
            if !active.at_end && active.splitter.is_used_up() {
                self.begin_read(assignment, at);
            }
            return;
        }
        let readable = self.tails.iter().filter(|tail| is_readable(tail, &self.watermark));
        // The one whose turn is longest ago.
        if let Some(tail) = readable.min_by_key(|tail| tail.read) {
            self.begin_read(tail.assignment.id(), tail.next);
        }
    }

    fn begin_read(&mut self, assignment: AssignmentId, at: u64) {
        self.close_oldest();
        let buffer = match &mut self.active {
            Some(active) => active.splitter.take_buffer(),
            None => std::mem::take(&mut self.buffer),
        };
        let Some(tail) = tail_of(&mut self.tails, assignment) else { return };
        self.reads += 1;
        tail.read = self.reads;
        let read = Read {
            file: tail.file.clone(),
            path: tail.path.clone(),
            id: tail.id,
            head: tail.head.clone(),
            at,
            buffer,
        };
        self.work = Some(Work::Read(assignment, spawn_blocking(move || read.run())));
    }

    fn close_oldest(&mut self) {
        if self.tails.iter().filter(|tail| tail.file.is_some()).count() < OPEN {
            return;
        }
        let open = self.tails.iter_mut().filter(|tail| tail.file.is_some() && tail.gone.is_none());
        if let Some(tail) = open.min_by_key(|tail| tail.read) {
            tail.file = None;
        }
    }

    /// Takes over what a read came to.
    pub(super) fn read(&mut self, assignment: AssignmentId, chunk: Chunk) {
        let is_same = |tail: &Tail| tail.assignment.id() == assignment;
        let Some(index) = self.tails.iter().position(is_same) else { return };
        let tail = &mut self.tails[index];
        let (file, head, bytes) = match chunk {
            Chunk::Read { file, head, bytes } => (file, head, bytes),
            Chunk::Replaced { file, head } => {
                (tail.file, tail.head) = (Some(file), head);
                self.active = None;
                return self.replaced(index);
            }
            Chunk::Gone => {
                tail.gone = tail.gone.or(Some(Instant::now()));
                (tail.at_end, tail.tried) = (true, tail.next);
                self.active = None;
                return;
            }
        };
        (tail.file, tail.head) = (Some(file), head);
        if !bytes.is_empty() && tail.gone.is_some() {
            tail.gone = Some(Instant::now());
        }
        if self.stopped {
            return;
        }
        let active = self.active.get_or_insert_with(|| Active {
            assignment,
            splitter: Splitter::new(tail.next, self.setup.limit, tail.share.clone()),
            at_end: false,
        });
        active.at_end = bytes.len() < CHUNK;
        active.splitter.feed(bytes);
    }

    /// As many messages of the chunk as there are permits for.
    pub(super) fn deliveries(&mut self) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let Some(active) = &mut self.active else { return deliveries };
        let Some(tail) = tail_of(&mut self.tails, active.assignment) else {
            self.active = None;
            return deliveries;
        };
        while deliveries.len() < BATCH {
            if self.watermark.is_full(active.assignment) {
                // Settling makes it readable again; until then others may have the buffer.
                tail.next = active.splitter.line_start();
                self.put_away();
                break;
            }
            let line = match active.splitter.step() {
                Step::Line(line) => line,
                Step::NeedBudget => {
                    tail.starved = deliveries.is_empty();
                    break;
                }
                Step::NeedChunk if active.at_end => {
                    let rest = if self.setup.once { active.splitter.finish() } else { None };
                    match rest {
                        Some(line) => line,
                        None => {
                            tail.next = active.splitter.line_start();
                            (tail.tried, tail.at_end) = (active.splitter.position(), true);
                            self.put_away();
                            break;
                        }
                    }
                }
                Step::NeedChunk => {
                    if active.splitter.is_between_lines() {
                        tail.next = active.splitter.position();
                        self.put_away();
                    }
                    break;
                }
            };
            self.taken.0 += line.next - line.start;
            self.taken.1 += 1;
            if self.setup.format.skips(&line.bytes) {
                continue;
            }
            deliveries.extend(delivery(&self.setup, &mut self.watermark, &tail.assignment, line));
        }
        self.give_way();
        deliveries
    }

    /// Lets another file have its turn while this one has no permit. In the middle of a line that
    /// would begin it anew.
    fn give_way(&mut self) {
        let Some(active) = &self.active else { return };
        let (assignment, next) = (active.assignment, active.splitter.line_start());
        let is_between = active.splitter.is_between_lines();
        let others = self.tails.iter().any(|tail| is_readable(tail, &self.watermark));
        let Some(tail) = tail_of(&mut self.tails, assignment) else { return };
        if tail.starved && is_between && others {
            tail.next = next;
            self.put_away();
        }
    }

    fn put_away(&mut self) {
        if let Some(mut active) = self.active.take() {
            self.buffer = active.splitter.take_buffer();
        }
    }

    /// How many lines wait, as far as the files were seen to reach: their bytes, by the average
    /// length of the lines so far.
    pub(super) fn lines_left(&self) -> u64 {
        let left = |tail: &Tail| {
            let id = tail.assignment.id();
            let active = self.active.as_ref().filter(|active| active.assignment == id);
            let next = active.map_or(tail.next, |active| active.splitter.line_start());
            if tail.at_end { 0 } else { tail.length.saturating_sub(next) }
        };
        let bytes: u64 = self.tails.iter().map(left).sum();
        let (taken, lines) = self.taken;
        bytes.div_ceil(taken.checked_div(lines).unwrap_or(1).max(1))
    }

    /// Whether every file was read to its end and none will be looked for any more.
    pub(super) fn is_at_end(&self) -> bool {
        let is_idle = self.work.is_none() && self.active.is_none() && self.next_scan.is_none();
        self.setup.once && is_idle && self.tails.iter().all(|tail| tail.at_end)
    }
}

fn is_readable(tail: &Tail, watermark: &Watermark) -> bool {
    let id = tail.assignment.id();
    !tail.at_end && !tail.starved && tail.assignment.is_live() && !watermark.is_full(id)
}

fn tail_of(tails: &mut [Tail], assignment: AssignmentId) -> Option<&mut Tail> {
    tails.iter_mut().find(|tail| tail.assignment.id() == assignment)
}

fn delivery(
    setup: &Setup,
    watermark: &mut Watermark,
    assignment: &Assignment,
    line: Line,
) -> Option<Delivery> {
    let tag = watermark.register(assignment.id(), line.next - 1)?;
    let (mut message, fault) = setup.format.decode(line.bytes, line.too_long);
    let place = assignment.place().clone();
    message.origin = Origin { place, offset: line.start, child: 0 };
    let assignment = assignment.clone();
    Some(Delivery { tag, message, assignment, deadline: None, permit: line.permit, fault })
}
