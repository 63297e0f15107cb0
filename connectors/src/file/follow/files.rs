//! Which files there are: found, cut, gone.

use std::collections::HashSet;
use std::sync::Arc;

use hybridge_core::{Assignment, Event, Place, Text};
use tokio::time::{Duration, Instant};

use super::super::identity::FileId;
use super::super::look::{Found, Fresh};
use super::super::tail::{NUMBERS, Tail, resume};
use super::{Follow, Started};

/// How long a file is read on after its name has gone: who writes to it may not have noticed.
const GRACE: Duration = Duration::from_secs(60);

impl Follow {
    pub(super) fn known(&self) -> HashSet<FileId> {
        self.tails.iter().map(|tail| tail.id).collect()
    }

    /// Takes over what a scan found.
    pub(super) fn scanned(&mut self, found: Vec<Found>) {
        let now = Instant::now();
        self.next_scan = (!self.setup.once).then(|| now + self.setup.poll);
        let present: HashSet<FileId> = found.iter().map(|found| found.id).collect();
        self.look_for_gone(&present, now);
        let mut assigned = Vec::new();
        for Found { path, id, length, fresh } in found {
            match (self.tails.iter_mut().find(|tail| tail.id == id), fresh) {
                (Some(tail), _) => {
                    tail.path = path;
                    tail.gone = None;
                    tail.length = length;
                    tail.at_end &= length == tail.tried;
                }
                (None, Some(fresh)) => {
                    let Some(tail) = self.found(path, id, length, fresh) else { continue };
                    assigned.push(tail.assignment.clone());
                    self.tails.push(tail);
                }
                // It went between two scans and came back; the next scan reads it.
                (None, None) => {}
            }
        }
        if !assigned.is_empty() {
            self.notices.push_back(Event::Assigned(assigned));
        }
        if self.start == Started::No {
            self.note_positions();
            self.keeper.set(self.setup.prefix.clone(), vec![1]);
            self.keeper.flush();
            self.start = Started::Saving;
        }
    }

    fn found(
        &mut self,
        path: std::path::PathBuf,
        id: FileId,
        length: u64,
        Fresh { head, last_line }: Fresh,
    ) -> Option<Tail> {
        let share = self.budget.as_ref()?.share();
        let saved = self.keeper.get(&self.setup.name(id), NUMBERS);
        let fresh = if self.start == Started::No { last_line } else { 0 };
        let (next, generation) = resume(&saved, &head, length, fresh);
        let assignment = self.assign(&path, id, generation, next);
        Some(Tail {
            path,
            id,
            generation,
            assignment,
            share,
            head,
            file: None,
            next,
            tried: next,
            length,
            at_end: length == next,
            starved: false,
            gone: None,
            saved,
            read: 0,
        })
    }

    fn assign(
        &mut self,
        path: &std::path::Path,
        id: FileId,
        generation: u64,
        position: u64,
    ) -> Assignment {
        let place = Place {
            connector: Text::from_static("file"),
            cluster: self.setup.cluster.clone(),
            topic: path.to_string_lossy().into_owned().into(),
            incarnation: format!("{}.{generation}", id.name(self.setup.shared)).into(),
            partition: 0,
        };
        let assignment = Assignment::new(Arc::new(place));
        self.watermark.assign(assignment.clone(), position);
        assignment
    }

    /// The file was cut and begins anew. What was read of it before is still delivered.
    pub(super) fn replaced(&mut self, index: usize) {
        let Some(tail) = self.tails.get(index) else { return };
        let (path, id, generation) = (tail.path.clone(), tail.id, tail.generation + 1);
        tracing::info!(path = %path.display(), "the file was cut; reading from its start");
        let assignment = self.assign(&path, id, generation, 0);
        let Some(tail) = self.tails.get_mut(index) else { return };
        let old = std::mem::replace(&mut tail.assignment, assignment.clone());
        tail.generation = generation;
        (tail.next, tail.tried, tail.at_end) = (0, 0, false);
        if let Some(budget) = &self.budget {
            tail.share = budget.share();
        }
        self.notices.push_back(Event::Assigned(vec![assignment]));
        if self.watermark.is_drained(old.id()) {
            old.end();
            self.watermark.remove(old.id());
            self.notices.push_back(Event::Lost(old));
        } else {
            self.retired.push(old);
        }
    }

    /// Reads on in files without a name, and forgets those that were read and settled to their end
    /// and have not grown for a while.
    fn look_for_gone(&mut self, present: &HashSet<FileId>, now: Instant) {
        let mut ended = Vec::new();
        for tail in self.tails.iter_mut().filter(|tail| !present.contains(&tail.id)) {
            let since = *tail.gone.get_or_insert(now);
            let is_done = tail.at_end && self.watermark.is_drained(tail.assignment.id());
            if is_done && now.duration_since(since) >= GRACE {
                ended.push((tail.assignment.clone(), tail.id));
            }
            tail.at_end &= tail.file.is_none();
        }
        for (assignment, id) in ended {
            self.keeper.set(self.setup.name(id), Vec::new());
            assignment.end();
            self.forget(assignment.id());
            self.notices.push_back(Event::Lost(assignment));
        }
    }
}
