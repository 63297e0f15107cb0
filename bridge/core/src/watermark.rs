//! The contiguous watermark: how far each assignment is resolved without a gap.
//!
//! A source that can only say "everything up to here" (Kafka offsets, the cursors of the embedded
//! log) registers each position as it reads it and settles it in any order; the committable
//! position never passes one that is not resolved. The idea of a queue per source partition whose
//! acknowledged prefix is committable is that of Kafka Connect's `SubmittedRecords`.

use std::collections::{BTreeMap, VecDeque};

use crate::{Assignment, AssignmentId, Outcome, Tag};

/// Watermarks of all assignments of one source.
///
/// Positions may be sparse (compaction, transaction markers): only what was registered counts.
/// State belongs to an assignment, not to a partition, so a late outcome of an earlier assignment
/// of the same partition changes nothing.
#[derive(Debug)]
pub struct Watermark {
    cap: usize,
    /// A tree: there are few, and every delivery asks for its own.
    tracks: BTreeMap<AssignmentId, Track>,
}

#[derive(Debug)]
struct Track {
    assignment: Assignment,
    /// Registered and not yet behind the watermark, in order of registration.
    open: VecDeque<Entry>,
    /// The number in the tag of the front of `open`.
    first: u64,
    /// Everything before this position is resolved.
    position: u64,
}

#[derive(Debug)]
struct Entry {
    /// The position that follows this one at the source.
    next: u64,
    resolved: bool,
}

impl Watermark {
    /// No assignments yet; at most `cap` deliveries of each are uncommitted at a time.
    pub fn new(cap: usize) -> Self {
        Self { cap, tracks: BTreeMap::new() }
    }

    /// Starts an assignment whose first unresolved position is `position`.
    pub fn assign(&mut self, assignment: Assignment, position: u64) {
        let track = Track { assignment, open: VecDeque::new(), first: 0, position };
        self.tracks.insert(track.assignment.id(), track);
    }

    /// Registers a message at `position`, the greatest so far of its assignment, and returns the
    /// tag to deliver it under; `None` when the assignment is not known or no longer live.
    pub fn register(&mut self, assignment: AssignmentId, position: u64) -> Option<Tag> {
        let track = self.tracks.get_mut(&assignment)?;
        if !track.assignment.is_live() {
            return None;
        }
        let number = track.first + track.open.len() as u64;
        track.open.push_back(Entry { next: position + 1, resolved: false });
        Some(Tag { assignment, number })
    }

    /// Records an outcome. What is abandoned, of an assignment that is over, or unknown moves
    /// nothing.
    pub fn settle(&mut self, tag: Tag, outcome: Outcome) {
        if !outcome.is_resolved() {
            return;
        }
        let Some(track) = self.tracks.get_mut(&tag.assignment) else { return };
        let Some(index) = tag.number.checked_sub(track.first) else { return };
        let Some(entry) = track.open.get_mut(index as usize) else { return };
        entry.resolved = true;
        while track.open.front().is_some_and(|entry| entry.resolved) {
            if let Some(entry) = track.open.pop_front() {
                track.position = entry.next;
                track.first += 1;
            }
        }
    }

    /// The position up to which everything is resolved (exclusive): what may be committed now.
    /// `None` when the assignment is over, whatever was settled: it belongs to somebody else.
    pub fn committable(&self, assignment: AssignmentId) -> Option<u64> {
        let track = self.tracks.get(&assignment)?;
        (track.assignment.phase() != crate::Phase::Over).then_some(track.position)
    }

    /// The committable position of every assignment that is not over.
    pub fn positions(&self) -> Vec<(Assignment, u64)> {
        let mut positions: Vec<_> = self
            .tracks
            .values()
            .filter_map(|track| {
                Some((track.assignment.clone(), self.committable(track.assignment.id())?))
            })
            .collect();
        positions.sort_by_key(|(assignment, _)| assignment.id());
        positions
    }

    /// Deliveries that a crash now would repeat: registered and not behind the watermark.
    pub fn uncommitted(&self, assignment: AssignmentId) -> usize {
        self.tracks.get(&assignment).map_or(0, |track| track.open.len())
    }

    /// Whether this assignment must not be read further for now.
    pub fn is_full(&self, assignment: AssignmentId) -> bool {
        self.uncommitted(assignment) >= self.cap
    }

    /// Whether everything registered of this assignment is resolved.
    pub fn is_drained(&self, assignment: AssignmentId) -> bool {
        self.uncommitted(assignment) == 0
    }

    /// Forgets an assignment that is over or released.
    pub fn remove(&mut self, assignment: AssignmentId) {
        self.tracks.remove(&assignment);
    }
}

#[cfg(test)]
mod tests;
