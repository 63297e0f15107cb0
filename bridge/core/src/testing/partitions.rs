//! The Kafka shape: partitions, watermark, commits, rebalances.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::scripted::{Broker, Scripted};
use crate::{
    Assignment, AssignmentId, Event, Message, Origin, Outcome, Phase, Place, Tag, Watermark,
};

/// A topic of several partitions. Settles by watermark: a commit says "everything up to here".
pub type Partitions = Scripted<Topic>;

/// One commit that the broker took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Of which partition.
    pub partition: u32,
    /// By which assignment of it.
    pub assignment: AssignmentId,
    /// The first position that is not resolved.
    pub position: u64,
    /// When, on tokio's clock.
    pub at: Instant,
}

/// The state of the broker behind [`Partitions`].
pub struct Topic {
    partitions: Vec<Partition>,
    watermark: Watermark,
    notices: VecDeque<Event>,
    commits: Vec<Commit>,
    violations: Vec<String>,
}

struct Partition {
    place: Arc<Place>,
    log: Vec<Message>,
    committed: u64,
    /// To be assigned as soon as the last assignment is over.
    wanted: bool,
    held: Option<Held>,
}

struct Held {
    assignment: Assignment,
    next: u64,
    deadline: Option<Instant>,
    /// The positions that were read, by number of the tag, and whether they are resolved: the check
    /// of the watermark's answer.
    read: BTreeMap<u64, (u64, bool)>,
}

impl Partitions {
    /// A topic with these messages in each partition; at most 100,000 of each are uncommitted.
    pub fn new(topic: &str, partitions: Vec<Vec<Message>>) -> Self {
        Self::with_cap(topic, partitions, 100_000)
    }

    /// The same with this cap on what is uncommitted in each partition.
    pub fn with_cap(topic: &str, partitions: Vec<Vec<Message>>, cap: usize) -> Self {
        let partitions = partitions.into_iter().enumerate().map(|(number, log)| {
            let place = Place {
                connector: "partitions".into(),
                topic: topic.into(),
                partition: number as u32,
                ..Place::default()
            };
            Partition { place: Arc::new(place), log, committed: 0, wanted: true, held: None }
        });
        Self::with(Topic {
            partitions: partitions.collect(),
            watermark: Watermark::new(cap),
            notices: VecDeque::new(),
            commits: Vec::new(),
            violations: Vec::new(),
        })
    }

    /// Appends a message to a partition.
    pub fn push(&self, partition: usize, message: Message) {
        self.steer(|topic| topic.partitions[partition].log.push(message));
    }

    /// Takes a partition away: it is over once it is released, and in any case after `notice`.
    /// It does not come back by itself.
    pub fn revoke(&self, partition: usize, notice: Duration) {
        self.steer(|topic| {
            let Some(held) = &mut topic.partitions[partition].held else { return };
            held.assignment.revoke();
            let deadline = Instant::now() + notice;
            held.deadline = Some(deadline);
            topic.notices.push_back(Event::Revoking(held.assignment.clone(), deadline));
        });
    }

    /// Takes a partition away at once: somebody else has it already.
    pub fn lose(&self, partition: usize) {
        self.steer(|topic| topic.lose(partition));
    }

    /// Assigns a partition again from its committed position, as soon as its last assignment is
    /// over.
    pub fn reassign(&self, partition: usize) {
        self.steer(|topic| topic.partitions[partition].wanted = true);
    }

    /// The committed position of each partition.
    pub fn committed(&self) -> Vec<u64> {
        self.broker(|topic| topic.partitions.iter().map(|partition| partition.committed).collect())
    }

    /// Every commit, in order.
    pub fn commits(&self) -> Vec<Commit> {
        self.broker(|topic| topic.commits.clone())
    }

    /// Messages of all partitions that are not committed: what a crash now would repeat or leave.
    pub fn uncommitted(&self) -> u64 {
        self.broker(|topic| topic.partitions.iter().map(|p| p.log.len() as u64 - p.committed).sum())
    }
}

impl Topic {
    fn lose(&mut self, partition: usize) {
        let Some(held) = self.partitions[partition].held.take() else { return };
        held.assignment.end();
        self.watermark.remove(held.assignment.id());
        self.notices.push_back(Event::Lost(held.assignment));
    }

    fn held(&mut self, assignment: AssignmentId) -> Option<(&mut Held, &[Message])> {
        self.partitions.iter_mut().find_map(|partition| {
            let held = partition.held.as_mut()?;
            (held.assignment.id() == assignment).then_some((held, partition.log.as_slice()))
        })
    }
}

impl Broker for Topic {
    fn connect(&mut self, _now: Instant) {
        self.notices.clear();
        for partition in &mut self.partitions {
            if let Some(held) = partition.held.take() {
                held.assignment.end();
                self.watermark.remove(held.assignment.id());
                partition.wanted = true;
            }
        }
    }

    fn notice(&mut self, now: Instant) -> Option<Event> {
        for number in 0..self.partitions.len() {
            let held = self.partitions[number].held.as_ref();
            if held.and_then(|held| held.deadline).is_some_and(|deadline| deadline <= now) {
                self.lose(number);
            }
        }
        if let Some(event) = self.notices.pop_front() {
            return Some(event);
        }
        let mut assigned = Vec::new();
        for partition in &mut self.partitions {
            if !partition.wanted || partition.held.is_some() {
                continue;
            }
            partition.wanted = false;
            let assignment = Assignment::new(partition.place.clone());
            self.watermark.assign(assignment.clone(), partition.committed);
            partition.held = Some(Held {
                assignment: assignment.clone(),
                next: partition.committed,
                deadline: None,
                read: BTreeMap::new(),
            });
            assigned.push(assignment);
        }
        (!assigned.is_empty()).then_some(Event::Assigned(assigned))
    }

    fn wake_at(&self) -> Option<Instant> {
        self.partitions.iter().filter_map(|partition| partition.held.as_ref()?.deadline).min()
    }

    fn readable(&self) -> Vec<Assignment> {
        let held = self.partitions.iter().filter_map(|partition| partition.held.as_ref());
        held.map(|held| held.assignment.clone())
            .filter(|assignment| assignment.is_live() && !self.watermark.is_full(assignment.id()))
            .collect()
    }

    fn front(&mut self, assignment: AssignmentId, _now: Instant) -> Option<Message> {
        if self.watermark.is_full(assignment) {
            return None;
        }
        let (held, log) = self.held(assignment)?;
        let mut message = log.get(held.next as usize)?.clone();
        let place = held.assignment.place().clone();
        message.origin = Origin { place, offset: held.next, child: 0 };
        Some(message)
    }

    fn take(&mut self, assignment: AssignmentId, _now: Instant) -> Option<Tag> {
        let next = self.held(assignment)?.0.next;
        let tag = self.watermark.register(assignment, next)?;
        let (held, _) = self.held(assignment)?;
        held.read.insert(tag.number, (next, false));
        held.next += 1;
        Some(tag)
    }

    fn settle(&mut self, tag: Tag, outcome: Outcome, _now: Instant) {
        self.watermark.settle(tag, outcome);
        if let Some((held, _)) = self.held(tag.assignment)
            && let Some((_, resolved)) = held.read.get_mut(&tag.number)
        {
            *resolved = outcome.is_resolved();
        }
    }

    fn commit(&mut self, now: Instant) {
        for (number, partition) in self.partitions.iter_mut().enumerate() {
            let Some(held) = &mut partition.held else { continue };
            let id = held.assignment.id();
            let Some(position) = self.watermark.committable(id) else { continue };
            if held.assignment.phase() == Phase::Over {
                self.violations.push(format!("commit of {position} for {:?}", held.assignment));
            }
            if position == partition.committed {
                continue;
            }
            let mut is_resolved = position > partition.committed;
            while let Some(entry) = held.read.first_entry() {
                if entry.get().0 >= position {
                    break;
                }
                is_resolved &= entry.remove().1;
            }
            if !is_resolved {
                self.violations.push(format!("commit of {position} in {number} is not resolved"));
            }
            partition.committed = position;
            let partition = number as u32;
            self.commits.push(Commit { partition, assignment: id, position, at: now });
        }
    }

    fn give_back(&mut self, assignment: &Assignment, _now: Instant) {
        assignment.end();
        self.watermark.remove(assignment.id());
        for partition in &mut self.partitions {
            partition.held.take_if(|held| held.assignment.id() == assignment.id());
        }
    }

    fn close(&mut self, now: Instant) {
        self.connect(now);
    }

    fn is_exhausted(&self) -> bool {
        self.partitions.iter().all(|partition| match &partition.held {
            Some(held) => held.next >= partition.log.len() as u64,
            None => !partition.wanted,
        })
    }

    fn violations(&self) -> Vec<String> {
        self.violations.clone()
    }

    fn positions(&self) -> Vec<(Assignment, u64)> {
        self.watermark.positions()
    }
}
