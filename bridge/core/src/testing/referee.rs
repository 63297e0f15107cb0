//! Checks what every source expects of a route.

use std::collections::{HashMap, HashSet};

use crate::{Assignment, AssignmentId, Outcome, Tag};

/// Watches the outcomes of one broker and notes what no route may do.
#[derive(Default)]
pub(super) struct Referee {
    /// Given out and without an outcome.
    open: HashSet<Tag>,
    settled: HashMap<Tag, Outcome>,
    /// The route was told that these are gone.
    lost: HashSet<AssignmentId>,
    pub(super) violations: Vec<String>,
}

impl Referee {
    pub(super) fn given_out(&mut self, tag: Tag) {
        self.open.insert(tag);
    }

    pub(super) fn told_lost(&mut self, assignment: &Assignment) {
        self.lost.insert(assignment.id());
    }

    /// Notes an outcome and says whether it counts.
    pub(super) fn settle(&mut self, tag: Tag, outcome: Outcome, can_reject: bool) -> bool {
        if let Some(before) = self.settled.get(&tag) {
            self.violations.push(format!("settled twice: {tag:?} {before} then {outcome}"));
            return false;
        }
        if !self.open.remove(&tag) {
            self.violations.push(format!("settled but never given out: {tag:?}"));
            return false;
        }
        self.settled.insert(tag, outcome);
        if self.lost.contains(&tag.assignment) {
            if outcome.is_resolved() {
                self.violations.push(format!("stale tag: {tag:?} {outcome} after it was lost"));
            }
            return false;
        }
        if outcome == Outcome::Rejected && !can_reject {
            self.violations.push(format!("rejected, which the source cannot do: {tag:?}"));
            return false;
        }
        true
    }

    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let mut settled: Vec<_> = self.settled.iter().collect();
        settled.sort();
        settled.into_iter().map(|(_, outcome)| *outcome).collect()
    }
}
