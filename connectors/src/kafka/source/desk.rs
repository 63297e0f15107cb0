//! What the reader and the worker of a source share: under one lock the watermark, what the route has to hear, and what
//! the reader has to do. Positions are committed by who holds that lock's answer and ends assignments, the reader alone.

use std::collections::VecDeque;
use std::sync::Mutex;

use hybridge_core::{
    Assignment, AssignmentId, Delivery, Error, Event, Message, Outcome, Permit, Tag, Watermark,
};
use tokio::sync::Notify;

use super::super::client::lock;

/// The desk between the two threads.
pub(super) struct Desk {
    state: Mutex<State>,
    /// Wakes the worker: there is something to hear.
    heard: Notify,
    /// Wakes the reader: there is something to do.
    pub(super) ordered: Notify,
}

struct State {
    watermark: Watermark,
    /// Bounded: deliveries by their permits, everything else by the number of assignments.
    events: VecDeque<Event>,
    failure: Option<Error>,
    orders: Orders,
    lag: Option<u64>,
}

/// What the worker wants of the reader.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// Read no more.
    pub(super) stop: bool,
    /// Make durable what is settled, and say so.
    pub(super) flush: bool,
    /// Leave the group and end.
    pub(super) close: bool,
    /// Of these nothing will be settled any more.
    pub(super) released: Vec<AssignmentId>,
}

/// A message that was read and has no tag yet.
pub(super) struct Fresh {
    pub(super) message: Message,
    pub(super) permit: Permit,
}

impl Desk {
    pub(super) fn new(uncommitted: usize) -> Self {
        let state = State {
            watermark: Watermark::new(uncommitted),
            events: VecDeque::new(),
            failure: None,
            orders: Orders::default(),
            lag: None,
        };
        Self { state: Mutex::new(state), heard: Notify::new(), ordered: Notify::new() }
    }

    /// Waits for the next thing that the route must hear. Cancel-safe.
    pub(super) async fn next(&self) -> Result<Event, Error> {
        loop {
            {
                let mut state = lock(&self.state);
                if let Some(event) = state.events.pop_front() {
                    return Ok(event);
                }
                if let Some(failure) = state.failure.take() {
                    return Err(failure);
                }
            }
            self.heard.notified().await;
        }
    }

    /// Records outcomes, and lets the reader go on where that made room.
    pub(super) fn settle(&self, settled: &[(Tag, Outcome)]) {
        let mut state = lock(&self.state);
        for (tag, outcome) in settled {
            state.watermark.settle(*tag, *outcome);
        }
        drop(state);
        self.ordered.notify_one();
    }

    /// Tells the reader something.
    pub(super) fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut lock(&self.state).orders);
        self.ordered.notify_one();
    }

    /// What the worker wants; what is done once is taken out.
    pub(super) fn orders(&self) -> Orders {
        let mut state = lock(&self.state);
        let orders = &mut state.orders;
        Orders {
            stop: orders.stop,
            flush: std::mem::take(&mut orders.flush),
            close: orders.close,
            released: std::mem::take(&mut orders.released),
        }
    }

    pub(super) fn positions(&self) -> Vec<(Assignment, u64)> {
        lock(&self.state).watermark.positions()
    }

    pub(super) fn lag(&self) -> Option<u64> {
        lock(&self.state).lag
    }

    pub(super) fn set_lag(&self, lag: Option<u64>) {
        lock(&self.state).lag = lag;
    }

    /// Announces assignments with the positions that they begin at.
    pub(super) fn assign(&self, begun: Vec<(Assignment, u64)>) {
        if begun.is_empty() {
            return;
        }
        let mut state = lock(&self.state);
        let mut assignments = Vec::with_capacity(begun.len());
        for (assignment, position) in begun {
            state.watermark.assign(assignment.clone(), position);
            assignments.push(assignment);
        }
        state.events.push_back(Event::Assigned(assignments));
        drop(state);
        self.heard.notify_one();
    }

    /// Gives out messages of one assignment, in order.
    pub(super) fn deliver(&self, assignment: &Assignment, fresh: &mut Vec<Fresh>) {
        let mut deliveries = Vec::with_capacity(fresh.len());
        let mut state = lock(&self.state);
        for Fresh { message, permit } in fresh.drain(..) {
            let offset = message.origin.offset;
            let Some(tag) = state.watermark.register(assignment.id(), offset) else { continue };
            let assignment = assignment.clone();
            deliveries.push(Delivery {
                tag,
                message,
                assignment,
                deadline: None,
                permit,
                fault: None,
            });
        }
        if deliveries.is_empty() {
            return;
        }
        state.events.push_back(Event::Deliveries(deliveries));
        drop(state);
        self.heard.notify_one();
    }

    /// Whether an assignment must not be read further.
    pub(super) fn is_full(&self, assignment: AssignmentId) -> bool {
        lock(&self.state).watermark.is_full(assignment)
    }

    /// Deliveries of an assignment that are given out and not behind its watermark.
    pub(super) fn uncommitted(&self, assignment: AssignmentId) -> usize {
        lock(&self.state).watermark.uncommitted(assignment)
    }

    /// What may be committed of an assignment.
    pub(super) fn committable(&self, assignment: AssignmentId) -> Option<u64> {
        lock(&self.state).watermark.committable(assignment)
    }

    /// Says something about an assignment. What of it was not heard yet is taken back: it comes again.
    pub(super) fn end_reading(&self, assignment: &Assignment, say: Event) {
        let mut state = lock(&self.state);
        state.events.retain(|event| !is_of(event, assignment));
        state.events.push_back(say);
        drop(state);
        self.heard.notify_one();
    }

    /// Forgets an assignment, and says so.
    pub(super) fn forget(&self, assignment: &Assignment, say: Event) {
        assignment.end();
        lock(&self.state).watermark.remove(assignment.id());
        self.end_reading(assignment, say);
    }

    /// What was settled before the flush is durable.
    pub(super) fn flushed(&self) {
        lock(&self.state).events.push_back(Event::Flushed);
        self.heard.notify_one();
    }

    /// The reader cannot go on.
    pub(super) fn fail(&self, failure: Error) {
        lock(&self.state).failure = Some(failure);
        self.heard.notify_one();
    }
}

/// Whether these are deliveries of an assignment; all of one event are of the same.
fn is_of(event: &Event, assignment: &Assignment) -> bool {
    let Event::Deliveries(deliveries) = event else { return false };
    deliveries.first().is_some_and(|delivery| delivery.tag.assignment == assignment.id())
}
