//! Compares what was sent with what arrived: the set model of Jepsen, and order per key.
//!
//! Every accepted event must be at the target, or among the dead letters if the seed poisoned it.
//! Per key, first appearances at the target come in the order of sending; repeats appear only as
//! a contiguous rewind, which runs on into new events.

use std::collections::HashMap;

use crate::event::Id;
use crate::journal::{Answer, Journal};

/// What the comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Events that were sent at least once.
    pub sent: u64,
    /// Of these, accepted for certain.
    pub accepted: u64,
    /// Different events at the target.
    pub delivered: u64,
    /// Different events among the dead letters.
    pub dead_lettered: u64,
    /// Appearances beyond the first, at the target and among the dead letters.
    pub duplicates: u64,
    /// Accepted, and neither at the target nor among the dead letters.
    pub lost: u64,
    /// Appearances at the target that skip an accepted event of their key which comes later.
    pub order_violations: u64,
    /// Events in the wrong place: poisoned at the target, healthy among the dead letters, or never sent.
    pub misplaced: u64,
}

/// Compares the journal with the target's and the dead letters' ids in order of arrival.
pub fn judge(journal: &Journal, target: &[Id], dead_letters: &[Id]) -> Verdict {
    let at_target = count(target);
    let dead = count(dead_letters);
    let mut verdict = Verdict {
        delivered: at_target.len() as u64,
        dead_lettered: dead.len() as u64,
        duplicates: (target.len() - at_target.len() + dead_letters.len() - dead.len()) as u64,
        ..Verdict::default()
    };
    let entries = journal.entries();
    for (key, answers) in entries.keys.iter().enumerate() {
        for (seq, answer) in answers.iter().enumerate() {
            let id = Id { key: key as u32, seq: seq as u32 };
            verdict.sent += 1;
            if *answer != Answer::Ok {
                continue;
            }
            verdict.accepted += 1;
            if !at_target.contains_key(&id) && !dead.contains_key(&id) {
                verdict.lost += 1;
            }
        }
    }
    let was_sent = |id: &Id| {
        entries.keys.get(id.key as usize).is_some_and(|key| (id.seq as usize) < key.len())
    };
    let wrong_at_target = |id: &&Id| !was_sent(id) || journal.is_poisoned(**id);
    let wrong_dead_letter = |id: &&Id| !was_sent(id) || !journal.is_poisoned(**id);
    verdict.misplaced = (at_target.keys().filter(wrong_at_target).count()
        + dead.keys().filter(wrong_dead_letter).count()) as u64;
    drop(entries);
    verdict.order_violations = order_violations(journal, target);
    verdict
}

fn count(ids: &[Id]) -> HashMap<Id, u32> {
    let mut counts = HashMap::with_capacity(ids.len());
    for id in ids {
        *counts.entry(*id).or_insert(0) += 1;
    }
    counts
}

/// An appearance is in order if it repeats or precedes the previous one of its key (a rewind
/// begins), or follows it with nothing owed in between.
fn order_violations(journal: &Journal, target: &[Id]) -> u64 {
    let entries = journal.entries();
    let owed = |id: Id| {
        let answer = entries.keys.get(id.key as usize).and_then(|key| key.get(id.seq as usize));
        answer == Some(&Answer::Ok) && !journal.is_poisoned(id)
    };
    let mut last: HashMap<u32, u32> = HashMap::new();
    let mut violations = 0;
    for id in target {
        let next = last.get(&id.key).map_or(0, |seq| seq + 1);
        if (next..id.seq).any(|seq| owed(Id { key: id.key, seq })) {
            violations += 1;
        }
        last.insert(id.key, id.seq);
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    const POISON: u64 = 100;

    /// One key of ten accepted events; gives the journal and the healthy ids.
    fn ten() -> (Journal, Vec<Id>, Vec<Id>) {
        let journal = Journal::new(3, 1, POISON);
        for _ in 0..10 {
            let id = journal.next(0);
            journal.accepted(id);
        }
        let all = (0..10).map(|seq| Id { key: 0, seq });
        let (poisoned, healthy) = all.partition(|id| journal.is_poisoned(*id));
        (journal, healthy, poisoned)
    }

    #[test]
    fn everything_once_and_in_order_is_clean() {
        let (journal, healthy, poisoned) = ten();
        let verdict = judge(&journal, &healthy, &poisoned);
        let clean = Verdict {
            sent: 10,
            accepted: 10,
            delivered: healthy.len() as u64,
            dead_lettered: poisoned.len() as u64,
            ..Verdict::default()
        };
        assert_eq!(verdict, clean);
    }

    #[test]
    fn a_missing_event_is_lost_and_breaks_the_order() {
        let (journal, mut healthy, poisoned) = ten();
        healthy.remove(2);
        let verdict = judge(&journal, &healthy, &poisoned);
        assert_eq!((verdict.lost, verdict.order_violations), (1, 1));
    }

    #[test]
    fn an_event_that_was_never_accepted_may_be_missing() {
        let (journal, healthy, poisoned) = ten();
        journal.next(0);
        let verdict = judge(&journal, &healthy, &poisoned);
        assert_eq!((verdict.lost, verdict.sent, verdict.accepted), (0, 11, 10));
    }

    #[test]
    fn a_contiguous_rewind_is_in_order_and_counted() {
        let (journal, healthy, poisoned) = ten();
        let mut target = healthy[..6].to_vec();
        target.extend(&healthy[3..]);
        let verdict = judge(&journal, &target, &poisoned);
        assert_eq!((verdict.duplicates, verdict.order_violations), (3, 0));
    }

    #[test]
    fn a_swap_and_a_rewind_with_a_hole_are_violations() {
        let (journal, mut healthy, poisoned) = ten();
        healthy.swap(4, 5);
        assert!(judge(&journal, &healthy, &poisoned).order_violations > 0);
        healthy.swap(4, 5);
        let mut target = healthy[..6].to_vec();
        target.push(healthy[3]);
        target.extend(&healthy[6..]);
        assert_eq!(judge(&journal, &target, &poisoned).order_violations, 1);
    }

    #[test]
    fn what_is_in_the_wrong_place_is_told() {
        let journal = Journal::new(3, 1, 1000);
        let poisoned = journal.next(0);
        journal.accepted(poisoned);
        assert_eq!(judge(&journal, &[poisoned], &[]).misplaced, 1);
        let stranger = Id { key: 9, seq: 9 };
        assert_eq!(judge(&journal, &[], &[poisoned, stranger]).misplaced, 1);
    }
}
