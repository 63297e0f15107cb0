//! The lanes of a route: what runs one after the other, and what runs side by side.
//!
//! A lane belongs to one assignment and has one batch in flight (several where no order is kept);
//! what comes meanwhile collects and is the next batch. So a quiet route has batches of one and a
//! busy one large batches, with no timer. Lanes are futures of the route, not tasks: they share
//! its thread and its plain state.

use std::collections::{BTreeMap, VecDeque};
use std::hash::Hasher;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use hybridge_config::Ordering;
use hybridge_core::{Assignment, AssignmentId, Delivery, Error, Message, Permit, Place, Tag};
use tokio::time::Instant;

use super::batch::{Batch, Outbox, Settled};

/// A batch is closed at so many messages, so that one lane cannot hold up its thread for long.
const BATCH_MESSAGES: usize = 512;
/// Or at so many bytes, so that a batch of large messages does not become a huge request.
const BATCH_BYTES: usize = 4 << 20;

/// A batch on its way: what [`Lanes`] runs.
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// All lanes of one route.
pub(crate) struct Lanes {
    ordering: Ordering,
    /// Lanes of the whole route, shared out over its assignments.
    width: usize,
    lanes: Vec<Lane>,
    /// A tree: there are few, and every delivery asks for its own.
    assignments: BTreeMap<AssignmentId, Own>,
    running: FuturesUnordered<Run>,
    outbox: Outbox,
    /// Deliveries that are queued or in a batch.
    held: usize,
    /// What still runs of assignments that are over, where order is kept.
    leaving: Vec<Leaving>,
}

/// An assignment that is over and of which something is still being sent. What comes from its place
/// under a later assignment waits for that: the two would mix at the target.
struct Leaving {
    place: Arc<Place>,
    lanes: Vec<usize>,
}

/// The lanes of one assignment.
struct Own {
    assignment: Assignment,
    lanes: Vec<usize>,
}

struct Lane {
    assignment: AssignmentId,
    queue: VecDeque<(Delivery, Instant)>,
    /// Batches that may be in flight at once: one, unless no order is kept.
    depth: usize,
    batches: usize,
    /// Deliveries in those batches.
    in_flight: usize,
}

/// One running batch, which tells its lane's number when it ends.
struct Run {
    lane: usize,
    future: Running,
}

impl Future for Run {
    type Output = (usize, Result<(), Error>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let lane = self.lane;
        self.future.as_mut().poll(cx).map(|result| (lane, result))
    }
}

/// What running lanes have to say.
pub(crate) struct Progress {
    /// Deliveries that have their outcome.
    pub settled: Vec<Settled>,
    /// A lane that ended a batch and with what; it may start the next.
    pub ended: Option<(usize, Result<(), Error>)>,
    /// Lanes that had to wait for that end.
    pub freed: Vec<usize>,
}

impl Lanes {
    /// No assignments yet. `width` lanes are shared out over all assignments, one each at least.
    pub fn new(ordering: Ordering, width: usize) -> Self {
        Self {
            ordering,
            width: width.max(1),
            lanes: Vec::new(),
            assignments: BTreeMap::new(),
            running: FuturesUnordered::new(),
            outbox: Outbox::default(),
            held: 0,
            leaving: Vec::new(),
        }
    }

    /// Gives lanes to new assignments. Their number never changes later: it decides which lane a
    /// key is in.
    pub fn assign(&mut self, assignments: &[Assignment]) {
        let total = self.assignments.len() + assignments.len();
        let share = (self.width / total.max(1)).max(1);
        let (count, depth) = match self.ordering {
            Ordering::None => (1, share),
            Ordering::Key => (share, 1),
            Ordering::Total => (1, 1),
        };
        for assignment in assignments {
            if self.assignments.contains_key(&assignment.id()) {
                continue;
            }
            let lanes = (0..count).map(|_| self.add(assignment.id(), depth)).collect();
            let own = Own { assignment: assignment.clone(), lanes };
            self.assignments.insert(assignment.id(), own);
        }
    }

    fn add(&mut self, assignment: AssignmentId, depth: usize) -> usize {
        let lane = Lane { assignment, queue: VecDeque::new(), depth, batches: 0, in_flight: 0 };
        // A lane without an assignment is free: its assignment is gone and nothing runs in it.
        let free = self.lanes.iter().position(|lane| {
            lane.batches == 0
                && !self.assignments.contains_key(&lane.assignment)
                && lane.assignment != assignment
        });
        match free {
            Some(index) => {
                self.lanes[index] = lane;
                index
            }
            None => {
                self.lanes.push(lane);
                self.lanes.len() - 1
            }
        }
    }

    /// Queues deliveries and returns the lanes that got some, each once.
    pub fn push(&mut self, deliveries: Vec<Delivery>, touched: &mut Vec<usize>) {
        let now = Instant::now();
        self.held += deliveries.len();
        for delivery in deliveries {
            let id = delivery.assignment.id();
            if !self.assignments.contains_key(&id) {
                self.assign(std::slice::from_ref(&delivery.assignment));
            }
            let own = &self.assignments[&id];
            let lane = match own.lanes.as_slice() {
                [only] => *only,
                lanes => lanes[lane_of(&delivery.message, lanes.len())],
            };
            if self.lanes[lane].queue.is_empty() {
                touched.push(lane);
            }
            self.lanes[lane].queue.push_back((delivery, now));
        }
    }

    /// Starts what may be started of a lane: `process` makes a batch into its future.
    pub fn start(&mut self, lane: usize, process: impl Fn(Batch) -> Running) {
        loop {
            let state = &self.lanes[lane];
            if state.queue.is_empty() || state.batches >= state.depth {
                return;
            }
            let Some(own) = self.assignments.get(&state.assignment) else { return };
            if !own.assignment.is_live() || self.must_wait(own.assignment.place()) {
                return;
            }
            let state = &mut self.lanes[lane];
            let count = batch_len(&state.queue);
            state.batches += 1;
            state.in_flight += count;
            let deliveries = state.queue.drain(..count);
            let batch = Batch::new(lane, deliveries, own.assignment.clone(), self.outbox.clone());
            self.running.push(Run { lane, future: process(batch) });
        }
    }

    /// Whether something of an earlier assignment of this place is still being sent.
    fn must_wait(&self, place: &Place) -> bool {
        self.leaving.iter().any(|leaving| *leaving.place == *place)
    }

    /// Lanes of places of which nothing earlier is being sent any more, now that a batch has ended.
    fn freed(&mut self) -> Vec<usize> {
        let lanes = &self.lanes;
        let is_over =
            |leaving: &Leaving| leaving.lanes.iter().all(|lane| lanes[*lane].batches == 0);
        let over: Vec<Leaving> = self.leaving.extract_if(.., |leaving| is_over(leaving)).collect();
        let waited = self
            .assignments
            .values()
            .filter(|own| over.iter().any(|leaving| *leaving.place == **own.assignment.place()));
        waited.flat_map(|own| own.lanes.iter().copied()).collect()
    }

    /// Whether a batch is running.
    pub fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Deliveries that are queued or in a batch.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Waits until a delivery has its outcome or a batch has ended. Cancel-safe; pending for ever
    /// while nothing runs.
    pub async fn progress(&mut self) -> Progress {
        std::future::poll_fn(|cx| self.poll_progress(cx)).await
    }

    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        let ended = match Pin::new(&mut self.running).poll_next(cx) {
            Poll::Ready(Some(ended)) => Some(ended),
            Poll::Ready(None) | Poll::Pending => None,
        };
        let settled = std::mem::take(&mut *self.outbox.borrow_mut());
        for one in &settled {
            self.lanes[one.lane].in_flight -= 1;
        }
        self.held -= settled.len();
        let mut freed = Vec::new();
        if let Some((lane, _)) = &ended {
            self.lanes[*lane].batches -= 1;
            if !self.leaving.is_empty() {
                freed = self.freed();
            }
        }
        if ended.is_none() && settled.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(Progress { settled, ended, freed })
    }

    /// Takes back what was queued of an assignment and not started.
    pub fn unqueue(&mut self, assignment: AssignmentId) -> Vec<(Tag, Permit)> {
        let Some(own) = self.assignments.get(&assignment) else { return Vec::new() };
        let mut queued = Vec::new();
        for lane in &own.lanes {
            let queue = self.lanes[*lane].queue.drain(..);
            queued.extend(queue.map(|(delivery, _)| (delivery.tag, delivery.permit)));
        }
        self.held -= queued.len();
        queued
    }

    /// Whether nothing of this assignment is queued or running.
    pub fn is_idle(&self, assignment: AssignmentId) -> bool {
        let Some(own) = self.assignments.get(&assignment) else { return true };
        own.lanes.iter().all(|lane| {
            let lane = &self.lanes[*lane];
            lane.batches == 0 && lane.queue.is_empty()
        })
    }

    /// Whether this assignment has lanes: its outcomes may be settled.
    pub fn owns(&self, assignment: AssignmentId) -> bool {
        self.assignments.contains_key(&assignment)
    }

    /// Drops everything that is queued or running.
    pub fn clear(&mut self) {
        self.running.clear();
        self.outbox.borrow_mut().clear();
        self.assignments.clear();
        self.lanes.clear();
        self.leaving.clear();
        self.held = 0;
    }

    /// Forgets an assignment that is over or released; what still runs of it ends by itself.
    pub fn remove(&mut self, assignment: AssignmentId) {
        let Some(mut own) = self.assignments.remove(&assignment) else { return };
        own.lanes.retain(|lane| self.lanes[*lane].batches > 0);
        if self.ordering != Ordering::None && !own.lanes.is_empty() {
            let place = own.assignment.place().clone();
            self.leaving.push(Leaving { place, lanes: own.lanes });
        }
    }

    /// The assignments that have lanes.
    pub fn assignments(&self) -> Vec<Assignment> {
        self.assignments.values().map(|own| own.assignment.clone()).collect()
    }
}

/// The lane of a message among `count`: by its key, by the `partitionkey` of an event without a
/// key, and for one without either the first, so that these keep the order of their partition.
fn lane_of(message: &Message, count: usize) -> usize {
    let partition_key = || message.attributes.text("partitionkey").map(str::as_bytes);
    let Some(key) = message.key.as_deref().or_else(partition_key) else { return 0 };
    // Fixed keys: the same key must be in the same lane for as long as the assignment lasts, and
    // whoever can choose keys gains nothing by collisions but order.
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(key);
    (hasher.finish() % count as u64) as usize
}

fn batch_len(queue: &VecDeque<(Delivery, Instant)>) -> usize {
    let mut bytes = 0;
    for (index, (delivery, _)) in queue.iter().enumerate() {
        bytes += delivery.message.size();
        if index > 0 && bytes > BATCH_BYTES {
            return index;
        }
        if index + 1 == BATCH_MESSAGES {
            return index + 1;
        }
    }
    queue.len()
}
